#include "protocols/sqs/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocols/sqs/access.h"
#include "protocols/sqs/attributes.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

bool is_valid_entry_id(std::string_view id) {
  return !id.empty() && id.size() <= kEntryIdBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
         });
}

// A FIFO queue that is not set to high throughput.
bool has_call_limit(const Thing& queue) {
  const auto limit = queue.properties.find("sqs.FifoThroughputLimit");
  return is_fifo(queue) &&
         (limit == queue.properties.end() || limit->second != "perMessageGroupId");
}

std::unexpected<Fault> wrong_type(std::string_view name, std::string_view wanted) {
  return serialization_exception(fmt::format("{} must be {}", name, wanted));
}

}  // namespace

Outcome<std::string> required_text(const Call& call, std::string_view name) {
  const Value* value = call.input.find(name);
  if (value == nullptr) return missing_parameter(name);
  if (!value->is(Value::Kind::kText)) return wrong_type(name, "a string");
  return value->text;
}

Outcome<std::string> text_or(const Value& input,
                             std::string_view name,
                             std::string_view otherwise) {
  const Value* value = input.find(name);
  if (value == nullptr) return std::string(otherwise);
  if (!value->is(Value::Kind::kText)) return wrong_type(name, "a string");
  return value->text;
}

Outcome<int64_t> integer_or(const Value& input, std::string_view name, int64_t otherwise) {
  const Value* value = input.find(name);
  if (value == nullptr) return otherwise;
  if (!value->is(Value::Kind::kInteger)) return wrong_type(name, "an integer");
  return value->integer;
}

Outcome<std::vector<std::string>> texts(const Value& input, std::string_view name) {
  std::vector<std::string> result;
  const Value* value = input.find(name);
  if (value == nullptr) return result;
  if (!value->is(Value::Kind::kList)) return wrong_type(name, "a list of strings");
  for (const Value& item : value->items) {
    if (!item.is(Value::Kind::kText)) return wrong_type(name, "a list of strings");
    result.push_back(item.text);
  }
  return result;
}

Outcome<const Value*> text_map(const Value& input, std::string_view name) {
  const Value* value = input.find(name);
  if (value == nullptr) return value;
  const bool texts_only =
      std::all_of(value->members.begin(), value->members.end(),
                  [](const Member& member) { return member.value.is(Value::Kind::kText); });
  if (!value->is(Value::Kind::kMap) || !texts_only) return wrong_type(name, "a map of strings");
  return value;
}

broker::Depends depends_of(const broker::Broker& broker, const Answer& answer) {
  if (answer) return answer->depends;
  if (!answer.error().senders()) return {};
  return {std::max(answer.error().lsn, broker.catalog_depends().lsn), Durability::kFsync};
}

Outcome<Queue> find_queue(const Environment& environment, const Call& call) {
  const auto url = required_text(call, "QueueUrl");
  if (!url) return std::unexpected(url.error());
  const QueueName name = parse_queue_url(*url, call.account);
  const broker::Thing* thing = environment.broker.catalog().find(name.full());
  if (thing == nullptr || thing->kind != catalog::Kind::kQueue) return queue_does_not_exist();
  if (const auto allowed = check_access(call, *thing, name.account); !allowed)
    return std::unexpected(allowed.error());
  if (environment.state.options.strict && has_call_limit(*thing) &&
      !environment.state.admit(thing->uuid, call.action, environment.now)) {
    return request_throttled();
  }
  return Queue{thing, name.account};
}

Outcome<void> check_access(const Call& call, const Thing& queue, const Account& owner) {
  if (!call.principal || may(*call.principal, call.action, queue, owner)) return {};
  return access_denied(queue_url(call.origin, owner, queue.name.name));
}

Outcome<std::vector<Entry>> batch_entries(const Call& call) {
  const Value* given = call.input.find("Entries");
  if (given != nullptr && !given->is(Value::Kind::kList)) return wrong_type("Entries", "a list");
  if (given == nullptr ||
      given->items.empty()) {  // the Query protocol cannot tell one from the other
    return batch_fault(
        "EmptyBatchRequest",
        fmt::format("There should be at least one {}RequestEntry in the request.", call.action));
  }
  if (given->items.size() > kBatchEntriesMax) {
    return batch_fault(
        "TooManyEntriesInBatchRequest",
        fmt::format("Maximum number of entries per request are {}. You have sent {}.",
                    kBatchEntriesMax, given->items.size()));
  }
  std::vector<Entry> entries;
  std::set<std::string> seen;
  for (const Value& item : given->items) {
    const auto id = text_or(item, "Id", "");
    if (!id) return std::unexpected(id.error());
    if (!is_valid_entry_id(*id)) {
      return batch_fault(
          "InvalidBatchEntryId",
          "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
          "It can be at most 80 letters long.");
    }
    if (!seen.insert(*id).second) {
      return batch_fault("BatchEntryIdsNotDistinct", fmt::format("Id {} repeated.", *id));
    }
    entries.push_back({*id, &item});
  }
  return entries;
}

void write_failed(JsonWriter& json, const std::vector<FailedEntry>& failed) {
  if (failed.empty()) return;
  json.begin_array("Failed");
  for (const FailedEntry& entry : failed) {
    json.begin_object();
    json.member("Id", entry.id);
    json.member("SenderFault", entry.fault.senders());
    json.member("Code", entry.fault.query_code);
    json.member("Message", entry.fault.message);
    json.end_object();
  }
  json.end_array();
}

}  // namespace weir::sqs
