// Producing: records into a topic, messages into a queue. All records of one request become one
// commit.

#include <fmt/format.h>

#include <utility>

#include "admin/api.h"
#include "admin/record_json.h"
#include "base/partition.h"

namespace weir::admin {
namespace {

using broker::Broker;
using catalog::Kind;
using catalog::Thing;

constexpr size_t kRecordsMax = 1000;

struct Placed {
  uint32_t partition = 0;
  Offset offset;
  std::string message_id;  // of a queue's message
  bool duplicate = false;
  broker::Depends depends;
};

// One record, or {"records":[...]}.
Result<std::vector<SentRecord>> parse_records(const Json& body) {
  std::vector<SentRecord> records;
  if (body.find("records") == nullptr) {
    auto record = parse_record(body);
    if (!record) return std::unexpected(record.error());
    records.push_back(std::move(*record));
    return records;
  }
  Fields fields(body);
  const std::vector<Json>* items = fields.list("records");
  if (const auto read = fields.finish(); !read) return std::unexpected(read.error());
  if (items == nullptr || items->empty() || items->size() > kRecordsMax) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("records must hold 1 to {} records", kRecordsMax));
  }
  for (const Json& item : *items) {
    auto record = parse_record(item);
    if (!record) return std::unexpected(record.error());
    records.push_back(std::move(*record));
  }
  return records;
}

// What can be known before the first is written, so that either all are written or none.
Result<> check(const Thing& thing, const SentRecord& record, const QueueBounds& bounds) {
  const auto refuse = [](std::string message) {
    return fail(ErrorCode::kInvalidArgument, std::move(message));
  };
  if (thing.kind == Kind::kTopic) {
    if (record.delay_ms || record.dedup_id || record.priority) {
      return refuse("delay_ms, dedup_id and priority belong to the messages of a queue");
    }
    if (record.partition && static_cast<size_t>(*record.partition) >= thing.logs.size()) {
      return refuse(
          fmt::format("{} has the partitions 0 to {}", thing.name.name, thing.logs.size() - 1));
    }
    if (record.bytes() > thing.log_policy.batch_bytes_max) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("a record of {} has at most {} bytes", thing.name.name,
                              thing.log_policy.batch_bytes_max));
    }
    return {};
  }
  if (record.partition.value_or(0) != 0) return refuse("a queue has partition 0 alone");
  const bool fifo = thing.queue_policy.order == catalog::Order::kPerGroup;
  if (fifo && !record.key) return refuse("a message of a FIFO queue needs a key: its group");
  if (fifo && record.delay_ms) return refuse("a FIFO queue has one delay for all its messages");
  if (record.delay_ms.value_or(0) > bounds.delay_ms) {
    return refuse(fmt::format("delay_ms must be from 0 to {}", bounds.delay_ms));
  }
  if (record.dedup_id && !thing.queue_policy.deduplicate) {
    return refuse(fmt::format("{} does not deduplicate", thing.name.name));
  }
  const uint8_t priorities = thing.queue_policy.priorities;
  if (record.priority && priorities == 1) {
    return refuse(fmt::format("{} has no priorities", thing.name.name));
  }
  if (record.priority.value_or(0) >= priorities) {
    return refuse(fmt::format("{} has the priorities 0 to {}", thing.name.name, priorities - 1));
  }
  if (record.bytes() > thing.queue_policy.message_bytes_max) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a message of {} has at most {} bytes", thing.name.name,
                            thing.queue_policy.message_bytes_max));
  }
  return {};
}

Result<Placed> append(Broker& broker, const Thing& thing, const SentRecord& record, Timestamp now) {
  const std::vector<log::RecordHeader> headers = header_views(record);
  const log::RecordInput input{record.key, record.value, headers, now};
  const auto partitions = static_cast<uint32_t>(thing.logs.size());
  const uint32_t partition = record.partition ? static_cast<uint32_t>(*record.partition)
                             : record.key
                                 ? partition_of(*record.key, partitions)
                                 : static_cast<uint32_t>(broker.random().below(partitions));
  std::string bytes;
  const log::BatchHeader header = log::build_batch(input, bytes);
  const auto appended =
      broker.append(thing.logs[partition], {header, Bytes::take(std::move(bytes))}, now);
  if (!appended) return std::unexpected(appended.error());
  return Placed{partition, appended->base_offset, {}, false, appended->depends};
}

Result<Placed> send(Broker& broker, const Thing& thing, const SentRecord& record, Timestamp now) {
  const std::vector<log::RecordHeader> headers = header_views(record);
  const log::RecordInput input{record.key, record.value, headers, now};
  broker::SendOptions options;
  if (record.delay_ms) options.delay = Milliseconds(*record.delay_ms);
  if (record.dedup_id) options.dedup_id = *record.dedup_id;
  const auto sent = broker.send(thing.queue, input, options, now);
  if (!sent) return std::unexpected(sent.error());
  return Placed{0, sent->offset, broker::to_string(broker::message_id(thing.uuid, sent->offset)),
                sent->duplicate, sent->depends};
}

std::string placed_json(const Placed& placed) {
  JsonObject object;
  object.integer("partition", placed.partition).integer("offset", placed.offset.value());
  if (!placed.message_id.empty()) object.text("message_id", placed.message_id);
  if (placed.duplicate) object.flag("duplicate", true);
  return object.done();
}

Result<Answer> produce(Broker& broker, const Ask& ask, const Thing& target) {
  const auto records = parse_records(ask.body);
  if (!records) return std::unexpected(records.error());
  size_t bytes = 0;
  for (const SentRecord& record : *records) {
    if (const auto checked = check(target, record, ask.bounds); !checked) {
      return std::unexpected(checked.error());
    }
    bytes += record.bytes();
  }
  const Broker::Turn turn(broker, ask.now, broker::Admission::kData, bytes);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  JsonList items;
  Answer answer;
  size_t written = 0;
  for (const SentRecord& record : *records) {
    const auto placed = target.kind == Kind::kQueue ? send(broker, target, record, ask.now)
                                                    : append(broker, target, record, ask.now);
    if (!placed) {
      return fail(placed.error().code,
                  fmt::format("{} ({} of {} records were written)", placed.error().message, written,
                              records->size()));
    }
    ++written;
    answer.depends = written == 1 ? placed->depends : both(answer.depends, placed->depends);
    items.raw(placed_json(*placed));
  }
  const broker::Depends names = broker.catalog_depends();
  if (!broker.is_safe(names)) answer.depends = both(answer.depends, names);
  return answered(201, JsonObject().raw("records", items.done()).done(), answer.depends);
}

Result<Answer> produce_records(Broker& broker, const Ask& ask) {
  const auto thing = find_any(broker, ask.named());
  if (!thing) return std::unexpected(thing.error());
  return produce(broker, ask, **thing);
}

Result<Answer> send_messages(Broker& broker, const Ask& ask) {
  const auto thing = find_thing(broker, ask.named(), Kind::kQueue);
  if (!thing) return std::unexpected(thing.error());
  return produce(broker, ask, **thing);
}

}  // namespace

void add_produce_endpoints(const Api& api) {
  api.add("POST", "/api/v1/topics/{name}/records", produce_records, true);
  api.add("POST", "/api/v1/queues/{name}/messages", send_messages, true);
}

}  // namespace weir::admin
