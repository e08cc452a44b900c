// Queues: counts, policy, creation, purge, removal.

#include <fmt/format.h>

#include <utility>

#include "admin/api.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::QueuePolicy;
using catalog::Thing;

// As in SQS.
constexpr int64_t kLeaseMax = 12 * 3'600'000;
constexpr int64_t kReceivesMax = 1'000'000;
constexpr int64_t kHistoryMax = int64_t{3650} * 86'400'000;
constexpr std::string_view kFifoEnding = ".fifo";

// What keeps the queue from doing what its policy says.
std::string problem_of(const Broker& broker, const Thing& thing) {
  const QueuePolicy& policy = thing.queue_policy;
  if (policy.dead_letter.empty() || broker.dead_letter_queue(thing) != nullptr) return {};
  return fmt::format("the dead-letter queue {} does not exist: messages are delivered on",
                     policy.dead_letter);
}

std::string queue_json(Broker& broker, const Thing& thing, Timestamp now) {
  const queue::Queue* state = broker.find_queue(thing.queue, now);
  const log::Log* log = broker.find_log(thing.logs.front());
  const queue::Counts counts = state == nullptr ? queue::Counts{} : state->counts();
  const QueuePolicy& policy = thing.queue_policy;
  const broker::SettleCounts settles = broker.settles_of(thing.queue);
  JsonObject object;
  object.text("name", thing.name.name)
      .text("namespace", thing.name.space)
      .text("origin", word_of(thing.origin))
      .integer("created_ms", thing.created.ms())
      .integer("ready", static_cast<int64_t>(counts.ready))
      .integer("leased", static_cast<int64_t>(counts.leased))
      .integer("delayed", static_cast<int64_t>(counts.delayed))
      .integer("acknowledged", static_cast<int64_t>(settles.done))
      .integer("acknowledged_late", static_cast<int64_t>(settles.late))
      .integer("bytes", log == nullptr ? 0 : static_cast<int64_t>(log->bytes()))
      .integer("lease_ms", policy.lease_ms)
      .integer("delay_ms", policy.delay_ms)
      .integer("receives_max", policy.receives_max)
      .text("dead_letter", policy.dead_letter)
      .text("problem", problem_of(broker, thing))
      .flag("fifo", policy.order == catalog::Order::kPerGroup)
      .integer("priorities", policy.priorities)
      .integer("history_ms", policy.history_ms)
      .integer("message_bytes_max", policy.message_bytes_max);
  if (policy.priorities > 1 && state != nullptr) {
    JsonList ready;
    for (const uint64_t count : state->ready_by_priority()) ready.raw(std::to_string(count));
    object.raw("ready_by_priority", ready.done());
  }
  write_log_policy(object, thing.log_policy);
  return object.done();
}

broker::Depends depends_of(const Broker& broker, const Thing& thing) {
  return both(broker.catalog_depends(),
              both(broker.queue_depends(thing.queue), broker.log_depends(thing.logs.front())));
}

Answer described(Broker& broker, const Thing& thing, int status, Timestamp now) {
  std::string json = queue_json(broker, thing, now);
  return answered(status, std::move(json), depends_of(broker, thing));
}

void read_queue_policy(Fields& fields, const QueueBounds& bounds, QueuePolicy& policy) {
  if (const auto value = fields.integer("lease_ms", 0, kLeaseMax)) policy.lease_ms = *value;
  if (const auto value = fields.integer("delay_ms", 0, bounds.delay_ms)) policy.delay_ms = *value;
  if (const auto value = fields.integer("receives_max", 0, kReceivesMax)) {
    policy.receives_max = static_cast<uint32_t>(*value);
  }
  if (const std::string* name = fields.text("dead_letter")) policy.dead_letter = *name;
  if (const auto value = fields.integer("priorities", 1, catalog::kPrioritiesMax)) {
    policy.priorities = static_cast<uint8_t>(*value);
  }
  if (const auto value = fields.integer("history_ms", 0, kHistoryMax)) policy.history_ms = *value;
  if (const auto value = fields.integer("message_bytes_max", 1, bounds.message_bytes)) {
    policy.message_bytes_max = static_cast<uint32_t>(*value);
  }
}

// A dead-letter queue must exist, be another one, and keep the order that its source keeps.
Result<> check_dead_letter(const Broker& broker,
                           const catalog::Name& queue,
                           const QueuePolicy& policy) {
  if (policy.dead_letter.empty() != (policy.receives_max == 0)) {
    return fail(ErrorCode::kInvalidArgument,
                "dead_letter and receives_max go together: after how many receives, and where to");
  }
  if (policy.dead_letter.empty()) return {};
  if (policy.dead_letter == queue.name) {
    return fail(ErrorCode::kInvalidArgument, "a queue cannot be its own dead-letter queue");
  }
  const auto target = find_thing(broker, {queue.space, policy.dead_letter}, Kind::kQueue);
  if (!target) return std::unexpected(target.error());
  if ((*target)->queue_policy.order != policy.order) {
    return fail(ErrorCode::kInvalidArgument,
                "a FIFO queue's dead-letter queue must be FIFO, and the other way round");
  }
  return {};
}

Result<Answer> list(Broker& broker, const Ask& ask) {
  auto page = Page::of(broker, ask);
  if (!page) return std::unexpected(page.error());
  broker.catalog().each_queue(ask.space(), page->from(), [&](const Thing& thing) {
    if (!page->has_room(thing.name.name)) return false;
    page->looked_at(1);
    page->add(queue_json(broker, thing, ask.now), depends_of(broker, thing));
    return true;
  });
  return page->answer("queues");
}

Result<Answer> describe(Broker& broker, const Ask& ask) {
  const auto thing = find_thing(broker, ask.named(), Kind::kQueue);
  if (!thing) return std::unexpected(thing.error());
  return described(broker, **thing, 200, ask.now);
}

Result<Answer> create(Broker& broker, const Ask& ask) {
  Fields fields(ask.body);
  broker::QueueSpec spec;
  spec.name = {ask.space(), fields.required_text("name")};
  spec.origin = catalog::Origin::kAdmin;
  const bool named_fifo = spec.name.name.ends_with(kFifoEnding);
  // SQS knows a FIFO queue by its name.
  if (fields.flag("fifo").value_or(named_fifo) != named_fifo) {
    fields.mistake("the name of a FIFO queue ends in .fifo, and no other does");
  }
  if (named_fifo) {
    spec.queue.order = catalog::Order::kPerGroup;
    spec.queue.deduplicate = true;
  }
  read_queue_policy(fields, ask.bounds, spec.queue);
  read_log_policy(fields, spec.log);
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (const auto checked = check_dead_letter(broker, spec.name, spec.queue); !checked) {
    return std::unexpected(checked.error());
  }
  const auto created = broker.create_queue(spec, ask.now);
  if (!created) return std::unexpected(created.error());
  Answer answer = described(broker, *created->thing, 201, ask.now);
  answer.depends = both(answer.depends, created->depends);
  return answer;
}

Result<Answer> alter(Broker& broker, const Ask& ask) {
  const auto known = find_thing(broker, ask.named(), Kind::kQueue);
  if (!known) return std::unexpected(known.error());
  Thing altered = **known;
  Fields fields(ask.body);
  read_queue_policy(fields, ask.bounds, altered.queue_policy);
  read_log_policy(fields, altered.log_policy);
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  const bool letters = altered.queue_policy.dead_letter != (*known)->queue_policy.dead_letter ||
                       altered.queue_policy.receives_max != (*known)->queue_policy.receives_max;
  if (letters) {
    const auto checked = check_dead_letter(broker, altered.name, altered.queue_policy);
    if (!checked) return std::unexpected(checked.error());
  }
  const auto changed = broker.alter(altered, ask.now);
  if (!changed) return std::unexpected(changed.error());
  Answer answer = described(broker, *changed->thing, 200, ask.now);
  answer.depends = both(answer.depends, changed->depends);
  return answer;
}

Result<Answer> purge(Broker& broker, const Ask& ask) {
  const auto thing = find_thing(broker, ask.named(), Kind::kQueue);
  if (!thing) return std::unexpected(thing.error());
  const catalog::Name name = (*thing)->name;
  const auto purged = broker.purge((*thing)->queue, ask.now);
  if (!purged) return std::unexpected(purged.error());
  return answered(200, JsonObject().text("name", name.name).flag("purged", true).done(), *purged);
}

Result<Answer> remove(Broker& broker, const Ask& ask) {
  return remove_thing(broker, ask, Kind::kQueue);
}

}  // namespace

void add_queue_endpoints(const Api& api) {
  api.add("GET", "/api/v1/queues", list);
  api.add("POST", "/api/v1/queues", create);
  api.add("GET", "/api/v1/queues/{name}", describe);
  api.add("PATCH", "/api/v1/queues/{name}", alter);
  api.add("DELETE", "/api/v1/queues/{name}", remove);
  api.add("POST", "/api/v1/queues/{name}/purge", purge);
}

}  // namespace weir::admin
