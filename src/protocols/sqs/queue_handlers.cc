#include <fmt/format.h>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

std::string url_json(const Call& call, const Account& account, std::string_view name) {
  JsonWriter json;
  json.begin_object();
  json.member("QueueUrl", queue_url(call.origin, account, name));
  json.end_object();
  return json.take();
}

Outcome<void> set_attributes(Thing& thing, const Value* attributes, const Setting& setting) {
  if (attributes == nullptr) return {};
  const Value* key = attributes->find("KmsMasterKeyId");
  const Value* managed = attributes->find("SqsManagedSseEnabled");
  if (key != nullptr && !key->text.empty() && managed != nullptr && managed->text == "true") {
    return two_kinds_of_encryption();
  }
  for (const Member& member : attributes->members) {
    const auto set = set_queue_attribute(thing, member.name, member.value.text, setting);
    if (!set) return set;
  }
  return {};
}

std::string flat_name(const catalog::Name& name) {
  return name.space + '\0' + name.name;
}

// Amazon's defaults for a queue that is made here.
Thing blank_queue(const catalog::Name& name) {
  Thing thing;
  thing.kind = catalog::Kind::kQueue;
  thing.name = name;
  thing.log_policy.retention_ms = kRetentionSecondsDefault * 1000;
  thing.queue_policy.message_bytes_max = kMessageBytesMax;
  if (is_fifo(thing)) {
    thing.queue_policy.order = catalog::Order::kPerGroup;
    thing.queue_policy.deduplicate = true;
  }
  return thing;
}

// An existing queue answers a second CreateQueue if what is given now equals what it has.
Outcome<void> check_same(const Thing& existing,
                         const Value* attributes,
                         const Bounds& bounds,
                         const Account& account) {
  if (attributes == nullptr) return {};
  for (const Member& member : attributes->members) {
    Thing copy = existing;
    const auto valid =
        set_queue_attribute(copy, member.name, member.value.text, {.bounds = bounds});
    if (!valid) return valid;
    const auto present = queue_attribute(existing, {}, account, member.name);
    const auto wanted = queue_attribute(copy, {}, account, member.name);
    if (*present != *wanted) return queue_name_exists(member.name);
  }
  return {};
}

// Pages of names: a token is the base64 of the last name of the page before.
struct Page {
  std::vector<std::string> names;
  std::optional<std::string> next;
};

// `walk` visits queues in the order of their names, from a name on, until it is told to stop.
template <typename Walk>
Outcome<Page> list(const Call& call, std::string_view prefix, Walk walk) {
  const bool paged = call.input.find("MaxResults") != nullptr;
  const auto limit = integer_or(call.input, "MaxResults", kListMax);
  if (!limit) return std::unexpected(limit.error());
  if (*limit < 1 || *limit > kListMax) {
    return invalid_parameter(
        fmt::format("Value {} for parameter MaxResults is invalid. Reason: Must be between 1 and "
                    "{}, if provided.",
                    *limit, kListMax));
  }
  const auto token = text_or(call.input, "NextToken", "");
  if (!token) return std::unexpected(token.error());
  std::string from(prefix);
  if (!token->empty()) {
    const auto last = from_base64(*token);
    if (!last) return invalid_parameter("Invalid or expired next token.");
    from = *last + '\0';
  }
  Page page;
  walk(from, [&](const Thing& thing) {
    if (!thing.name.name.starts_with(prefix)) return false;
    if (page.names.size() == static_cast<size_t>(*limit)) {
      if (paged) page.next = base64(page.names.back());
      return false;
    }
    page.names.push_back(thing.name.name);
    return true;
  });
  return page;
}

Answer page_answer(const Environment& environment,
                   const Call& call,
                   const Page& page,
                   std::string_view member) {
  JsonWriter json;
  json.begin_object();
  // Lists of queues are left out when empty; those of sources, which the model requires, are not.
  if (!page.names.empty() || member == "queueUrls") {
    json.begin_array(member);
    for (const std::string& name : page.names)
      json.element(queue_url(call.origin, call.account, name));
    json.end_array();
  }
  if (page.next) json.member("NextToken", *page.next);
  json.end_object();
  return Reply{json.take(), environment.broker.catalog_depends()};
}

}  // namespace

Answer create_queue(const Environment& environment, const Call& call) {
  const auto name = required_text(call, "QueueName");
  if (!name) return std::unexpected(name.error());
  if (!is_valid_queue_name(*name)) {
    return invalid_parameter(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  const auto attributes = text_map(call.input, "Attributes");
  if (!attributes) return std::unexpected(attributes.error());
  const auto tags = text_map(call.input, "tags");
  if (!tags) return std::unexpected(tags.error());
  const Value* fifo = *attributes == nullptr ? nullptr : (*attributes)->find("FifoQueue");
  const bool wants_fifo = fifo != nullptr && fifo->text == "true";
  if (wants_fifo != name->ends_with(".fifo")) {
    return invalid_parameter(
        wants_fifo
            ? "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
              "underscores, must end with .fifo suffix and be 1 to 80 in length."
            : "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
              "length");
  }
  const catalog::Name full{call.account.space(), *name};
  if (const Thing* existing = environment.broker.catalog().find(full)) {
    if (existing->kind != catalog::Kind::kQueue) {
      return invalid_parameter(
          fmt::format("{} exists already as a topic; choose another name", *name));
    }
    if (const auto same =
            check_same(*existing, *attributes, environment.state.options.bounds, call.account);
        !same)
      return std::unexpected(same.error());
    return Reply{url_json(call, call.account, *name), environment.broker.catalog_depends()};
  }
  FrontState& state = environment.state;
  if (state.options.strict && state.deleted.find(flat_name(full), environment.now) != nullptr) {
    return queue_deleted_recently();
  }
  Thing wanted = blank_queue(full);
  if (const auto set = set_attributes(wanted, *attributes, {true, state.options.bounds}); !set)
    return std::unexpected(set.error());
  if (const auto redrive = check_redrive(environment, wanted, *attributes); !redrive)
    return std::unexpected(redrive.error());
  if (*tags != nullptr) {
    for (const Member& tag : (*tags)->members) {
      if (const auto set = set_tag(wanted, tag.name, tag.value.text); !set)
        return std::unexpected(set.error());
    }
  }
  const auto created = environment.broker.create_queue({.name = full,
                                                        .origin = catalog::Origin::kSqs,
                                                        .log = wanted.log_policy,
                                                        .queue = wanted.queue_policy,
                                                        .properties = wanted.properties},
                                                       environment.now);
  if (!created) return std::unexpected(to_fault(created.error()));
  return Reply{url_json(call, call.account, *name), created->depends};
}

Answer get_queue_url(const Environment& environment, const Call& call) {
  const auto name = required_text(call, "QueueName");
  if (!name) return std::unexpected(name.error());
  Account account = call.account;
  const auto owner = text_or(call.input, "QueueOwnerAWSAccountId", account.account);
  if (!owner) return std::unexpected(owner.error());
  account.account = *owner;
  const Thing* thing = environment.broker.catalog().find({account.space(), *name});
  if (thing == nullptr || thing->kind != catalog::Kind::kQueue) return queue_does_not_exist();
  if (const auto allowed = check_access(call, *thing, account); !allowed)
    return std::unexpected(allowed.error());
  return Reply{url_json(call, account, *name), environment.broker.catalog_depends()};
}

Answer list_queues(const Environment& environment, const Call& call) {
  const auto prefix = text_or(call.input, "QueueNamePrefix", "");
  if (!prefix) return std::unexpected(prefix.error());
  const auto page = list(call, *prefix, [&](const std::string& from, const auto& visit) {
    environment.broker.catalog().each_queue(call.account.space(), from, visit);
  });
  if (!page) return std::unexpected(page.error());
  return page_answer(environment, call, *page, "QueueUrls");
}

Answer list_dead_letter_source_queues(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto page = list(call, "", [&](const std::string& from, const auto& visit) {
    environment.broker.catalog().each_source(queue->thing->name, from, visit);
  });
  if (!page) return std::unexpected(page.error());
  return page_answer(environment, call, *page, "queueUrls");
}

Answer delete_queue(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const catalog::Name name = queue->thing->name;
  const auto removed = environment.broker.remove(name, environment.now);
  if (!removed) return std::unexpected(to_fault(removed.error()));
  if (environment.state.options.strict) {
    environment.state.deleted.put(flat_name(name), true, environment.now);
  }
  return Reply{"{}", *removed};
}

Answer purge_queue(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  FrontState& state = environment.state;
  if (state.options.strict) {
    const auto key = FrontState::key(queue->thing->uuid, {});
    if (state.purged.find(key, environment.now) != nullptr) {
      return purge_queue_in_progress(queue->thing->name.name);
    }
    state.purged.put(key, true, environment.now);
  }
  const auto purged = environment.broker.purge(queue->thing->queue, environment.now);
  if (!purged) return std::unexpected(to_fault(purged.error()));
  return Reply{"{}", *purged};
}

Answer get_queue_attributes(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  auto wanted = texts(call.input, "AttributeNames");
  if (!wanted) return std::unexpected(wanted.error());
  for (const std::string& name : *wanted) {
    if (name != "All") continue;
    wanted->assign(queue_attribute_names().begin(), queue_attribute_names().end());
    break;
  }
  const CellId cell = queue->thing->queue;
  const queue::Counts counts = environment.broker.find_queue(cell, environment.now)->counts();
  JsonWriter json;
  json.begin_object();
  bool any = false;
  for (const std::string& name : *wanted) {
    const auto value = queue_attribute(*queue->thing, counts, queue->account, name);
    if (!value) return std::unexpected(value.error());
    if (!*value) continue;
    if (!any) json.begin_object("Attributes");
    any = true;
    json.member(name, **value);
  }
  if (any) json.end_object();
  json.end_object();
  // A plain send changes the log only, and with it the number of messages.
  broker::Depends depends = environment.broker.catalog_depends();
  for (const broker::Depends& state :
       {environment.broker.queue_depends(cell),
        environment.broker.log_depends(queue->thing->logs.front())}) {
    if (state.lsn > depends.lsn) depends = state;
  }
  return Reply{json.take(), depends};
}

Answer set_queue_attributes(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto attributes = text_map(call.input, "Attributes");
  if (!attributes) return std::unexpected(attributes.error());
  if (*attributes == nullptr) return missing_parameter("Attributes");
  Thing altered = *queue->thing;
  if (const auto set =
          set_attributes(altered, *attributes, {false, environment.state.options.bounds});
      !set)
    return std::unexpected(set.error());
  if (const auto redrive = check_redrive(environment, altered, *attributes); !redrive)
    return std::unexpected(redrive.error());
  const auto changed = environment.broker.alter(altered, environment.now);
  if (!changed) return std::unexpected(to_fault(changed.error()));
  return Reply{"{}", changed->depends};
}

}  // namespace weir::sqs
