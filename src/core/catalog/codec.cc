#include "core/catalog/codec.h"

namespace weir::catalog {
namespace {

constexpr unsigned kPrioritiesShift = 4;

void encode(Writer& writer, const LogPolicy& policy) {
  writer.svarint(policy.retention_ms);
  writer.svarint(policy.retention_bytes);
  writer.varint(policy.batch_bytes_max);
  // Bit 0: log append time; bit 1: a compaction policy follows; bit 2: a lock.
  const bool locked = policy.locked_until != Timestamp{};
  writer.u8(static_cast<uint8_t>((policy.log_append_time ? 1 : 0) | (policy.compaction ? 2 : 0) |
                                 (locked ? 4 : 0)));
  writer.u8(static_cast<uint8_t>(policy.durability));
  if (locked) writer.svarint(policy.locked_until.ms());
  if (!policy.compaction) return;
  const CompactionPolicy& compaction = *policy.compaction;
  writer.boolean(compaction.with_retention);
  writer.svarint(compaction.delete_retention_ms);
  writer.svarint(compaction.lag_min_ms);
  writer.svarint(compaction.lag_max_ms);
  writer.varint(compaction.dirty_permille);
}

CompactionPolicy decode_compaction_policy(Reader& reader) {
  CompactionPolicy policy;
  policy.with_retention = reader.boolean();
  policy.delete_retention_ms = reader.svarint();
  policy.lag_min_ms = reader.svarint();
  policy.lag_max_ms = reader.svarint();
  const uint64_t permille = reader.varint();
  if (permille > 1000) reader.fail();
  policy.dirty_permille = static_cast<uint32_t>(permille);
  return policy;
}

LogPolicy decode_log_policy(Reader& reader) {
  LogPolicy policy;
  policy.retention_ms = reader.svarint();
  policy.retention_bytes = reader.svarint();
  policy.batch_bytes_max = static_cast<uint32_t>(reader.varint());
  const uint8_t flags = reader.u8();
  if (flags > 7) reader.fail();
  policy.log_append_time = (flags & 1) != 0;
  const uint8_t durability = reader.u8();
  if (durability > static_cast<uint8_t>(Durability::kTransient)) reader.fail();
  policy.durability = static_cast<Durability>(durability);
  if ((flags & 4) != 0) policy.locked_until = Timestamp(reader.svarint());
  if ((flags & 2) != 0) policy.compaction = decode_compaction_policy(reader);
  return policy;
}

void encode(Writer& writer, const QueuePolicy& policy) {
  writer.svarint(policy.lease_ms);
  writer.svarint(policy.delay_ms);
  writer.varint(policy.receives_max);
  writer.bytes(policy.dead_letter);
  // Bits 0 to 3: the order; above them how many priorities there are, less one.
  writer.u8(static_cast<uint8_t>(static_cast<unsigned>(policy.order) | (policy.priorities - 1U)
                                                                           << kPrioritiesShift));
  writer.boolean(policy.deduplicate);
  writer.svarint(policy.history_ms);
  writer.varint(policy.message_bytes_max);
}

QueuePolicy decode_queue_policy(Reader& reader) {
  QueuePolicy policy;
  policy.lease_ms = reader.svarint();
  policy.delay_ms = reader.svarint();
  policy.receives_max = static_cast<uint32_t>(reader.varint());
  policy.dead_letter = reader.bytes();
  const uint8_t order_and_priorities = reader.u8();
  const unsigned order = order_and_priorities & ((1U << kPrioritiesShift) - 1);
  const unsigned priorities = (order_and_priorities >> kPrioritiesShift) + 1U;
  if (order > static_cast<unsigned>(Order::kPerGroup) || priorities > kPrioritiesMax) reader.fail();
  policy.order = static_cast<Order>(order);
  policy.priorities = static_cast<uint8_t>(priorities);
  policy.deduplicate = reader.boolean();
  policy.history_ms = reader.svarint();
  policy.message_bytes_max = static_cast<uint32_t>(reader.varint());
  return policy;
}

void encode_properties(Writer& writer, const Properties& properties) {
  writer.varint(properties.size());
  for (const auto& [key, value] : properties) {
    writer.bytes(key);
    writer.bytes(value);
  }
}

Properties decode_properties(Reader& reader) {
  Properties properties;
  for (uint64_t left = reader.count(2); left > 0; --left) {
    const ByteView key = reader.bytes();
    const ByteView value = reader.bytes();
    properties.emplace(key, value);
  }
  return properties;
}

}  // namespace

void encode(Writer& writer, const Name& name) {
  writer.bytes(name.space);
  writer.bytes(name.name);
}

Name decode_name(Reader& reader) {
  Name name;
  name.space = reader.bytes();
  name.name = reader.bytes();
  return name;
}

void encode(Writer& writer, const Thing& thing) {
  writer.u8(static_cast<uint8_t>(thing.kind));
  writer.u8(static_cast<uint8_t>(thing.origin));
  encode(writer, thing.name);
  writer.fixed(thing.uuid.high);
  writer.fixed(thing.uuid.low);
  writer.svarint(thing.created.ms());
  writer.svarint(thing.modified.ms());
  writer.varint(thing.logs.size());
  for (const CellId cell : thing.logs) writer.varint(cell.value());
  writer.varint(thing.queue.value());
  encode(writer, thing.log_policy);
  if (thing.kind == Kind::kQueue) encode(writer, thing.queue_policy);
  encode_properties(writer, thing.properties);
  writer.varint(thing.stream_groups.size());
  for (const auto& [group, cell] : thing.stream_groups) {
    writer.bytes(group);
    writer.varint(cell.value());
  }
}

Thing decode_thing(Reader& reader) {
  Thing thing;
  const uint8_t kind = reader.u8();
  if (kind != static_cast<uint8_t>(Kind::kTopic) && kind != static_cast<uint8_t>(Kind::kQueue)) {
    reader.fail();
  }
  thing.kind = static_cast<Kind>(kind);
  const uint8_t origin = reader.u8();
  if (origin > static_cast<uint8_t>(Origin::kAdmin)) reader.fail();
  thing.origin = static_cast<Origin>(origin);
  thing.name = decode_name(reader);
  thing.uuid.high = reader.fixed<uint64_t>();
  thing.uuid.low = reader.fixed<uint64_t>();
  thing.created = Timestamp(reader.svarint());
  thing.modified = Timestamp(reader.svarint());
  const uint64_t logs = reader.count();
  thing.logs.reserve(logs);
  for (uint64_t i = 0; i < logs; ++i) thing.logs.push_back(CellId(reader.varint()));
  thing.queue = CellId(reader.varint());
  thing.log_policy = decode_log_policy(reader);
  if (thing.kind == Kind::kQueue) thing.queue_policy = decode_queue_policy(reader);
  thing.properties = decode_properties(reader);
  const uint64_t groups = reader.count(2);
  for (uint64_t i = 0; i < groups; ++i) {
    const ByteView group = reader.bytes();
    thing.stream_groups.emplace(group, CellId(reader.varint()));
  }
  return thing;
}

void encode(Writer& writer, const Bridge& bridge) {
  writer.bytes(bridge.name);
  encode(writer, bridge.from);
  encode(writer, bridge.to);
  writer.u8(static_cast<uint8_t>(bridge.trigger));
  writer.bytes(bridge.filter);
  // Bit 0: paused; bit 1: fields of the target follow; bit 2: the priority follows.
  const bool fields =
      !bridge.group.empty() || !bridge.deduplication.empty() || !bridge.delay.empty();
  const bool priority = !bridge.priority.empty();
  writer.u8(static_cast<uint8_t>((bridge.paused ? 1 : 0) | (fields ? 2 : 0) | (priority ? 4 : 0)));
  if (fields) {
    writer.bytes(bridge.group);
    writer.bytes(bridge.deduplication);
    writer.bytes(bridge.delay);
  }
  if (priority) writer.bytes(bridge.priority);
  writer.varint(bridge.cell.value());
  writer.svarint(bridge.created.ms());
}

Bridge decode_bridge(Reader& reader) {
  Bridge bridge;
  bridge.name = reader.bytes();
  bridge.from = decode_name(reader);
  bridge.to = decode_name(reader);
  const uint8_t trigger = reader.u8();
  if (trigger > static_cast<uint8_t>(BridgeTrigger::kMessage)) reader.fail();
  bridge.trigger = static_cast<BridgeTrigger>(trigger);
  bridge.filter = reader.bytes();
  const uint8_t flags = reader.u8();
  if (flags > 7) reader.fail();
  bridge.paused = (flags & 1) != 0;
  if ((flags & 2) != 0) {
    bridge.group = reader.bytes();
    bridge.deduplication = reader.bytes();
    bridge.delay = reader.bytes();
  }
  if ((flags & 4) != 0) bridge.priority = reader.bytes();
  bridge.cell = CellId(reader.varint());
  bridge.created = Timestamp(reader.svarint());
  return bridge;
}

void encode(Writer& writer, const Connector& connector) {
  writer.bytes(connector.name);
  writer.bytes(connector.kind);
  encode_properties(writer, connector.properties);
  writer.boolean(connector.paused);
  writer.varint(connector.cell.value());
  writer.svarint(connector.created.ms());
}

Connector decode_connector(Reader& reader) {
  Connector connector;
  connector.name = reader.bytes();
  connector.kind = reader.bytes();
  connector.properties = decode_properties(reader);
  const uint8_t paused = reader.u8();
  if (paused > 1) reader.fail();
  connector.paused = paused == 1;
  connector.cell = CellId(reader.varint());
  connector.created = Timestamp(reader.svarint());
  return connector;
}

void encode(Writer& writer, const Keyspace& keyspace) {
  writer.varint(keyspace.database);
  writer.varint(keyspace.first.value());
  writer.varint(keyspace.cells);
}

Keyspace decode_keyspace(Reader& reader) {
  Keyspace keyspace;
  keyspace.database = static_cast<uint32_t>(reader.varint());
  keyspace.first = CellId(reader.varint());
  keyspace.cells = static_cast<uint32_t>(reader.varint());
  return keyspace;
}

}  // namespace weir::catalog
