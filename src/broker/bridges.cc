// Bridges: from a topic's records to a queue or topic, and from a queue's acknowledgements or dead
// letters to a topic.
//
// Exactly once: a record and the bridge's position become durable in one commit, and so do an
// acknowledgement and its event. A source record that was applied but is lost in a crash takes the
// bridge's later commit with it.

#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"

namespace weir::broker {
namespace {

// A JSON string's inside (RFC 8259): names may hold anything.
std::string json_escaped(ByteView text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<int>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// "key=ORDER*" or "header:type=paid"; a trailing * is a prefix. Empty passes everything.
bool matches(ByteView filter, const log::ReadRecord& record) {
  if (filter.empty()) return true;
  const size_t equals = filter.find('=');
  const ByteView field = filter.substr(0, equals);
  ByteView wanted = filter.substr(equals + 1);
  std::optional<ByteView> value;
  if (field == "key") {
    value = record.key;
  } else {
    value = record.headers.find(field.substr(ByteView("header:").size()));
  }
  if (!value) return false;
  if (!wanted.empty() && wanted.back() == '*') {
    wanted.remove_suffix(1);
    return value->starts_with(wanted);
  }
  return *value == wanted;
}

Result<void> check_filter(ByteView filter) {
  if (filter.empty()) return {};
  const size_t equals = filter.find('=');
  const ByteView field = filter.substr(0, equals == ByteView::npos ? 0 : equals);
  if (field == "key" || (field.starts_with("header:") && field.size() > 7)) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("filter {} is not of the form key=VALUE or header:NAME=VALUE "
                          "(a trailing * matches a prefix)",
                          filter));
}

}  // namespace

// ---- catalog

bool Broker::makes_loop(const catalog::Bridge& bridge) const {
  std::vector<Name> reached{bridge.to};
  for (size_t i = 0; i < reached.size(); ++i) {
    if (reached[i] == bridge.from) return true;
    for (const auto& [name, other] : catalog_.bridges()) {
      const bool new_end = std::find(reached.begin(), reached.end(), other.to) == reached.end();
      if (other.from == reached[i] && name != bridge.name && new_end) reached.push_back(other.to);
    }
  }
  return false;
}

Result<Depends> Broker::create_bridge(const catalog::Bridge& wanted, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* from = catalog_.find(wanted.from);
  const Thing* to = catalog_.find(wanted.to);
  if (from == nullptr || to == nullptr) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no topic or queue {}; create it first",
                            from == nullptr ? wanted.from.name : wanted.to.name));
  }
  const bool of_records = wanted.trigger == catalog::BridgeTrigger::kRecord;
  if (of_records != (from->kind == catalog::Kind::kTopic)) {
    return fail(
        ErrorCode::kInvalidArgument,
        of_records
            ? fmt::format("{} is a queue; say on what: --on ack or --on dead-letter",
                          wanted.from.name)
            : fmt::format("{} is a topic; only a queue has acknowledgements and dead letters",
                          wanted.from.name));
  }
  if (!of_records && to->kind != catalog::Kind::kTopic) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("acknowledgements are recorded in a topic, and {} is a queue", wanted.to.name));
  }
  if (const auto valid = check_filter(wanted.filter); !valid) return std::unexpected(valid.error());
  if (makes_loop(wanted)) {
    return fail(ErrorCode::kRefused,
                fmt::format("a bridge from {} to {} would close a loop of bridges",
                            wanted.from.name, wanted.to.name));
  }
  catalog::Bridge bridge = wanted;
  bridge.cell = allocate_cell();
  bridge.created = now_;
  auto event = catalog_.decide_put_bridge(bridge, true);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  cell<BridgeCell>(bridge.cell).last_lsn = catalog_lsn_;
  refresh_bridges();
  if (of_records) bridges_due_.insert(bridge.name);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::pause_bridge(const std::string& name, bool paused, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Bridge* known = catalog_.find_bridge(name);
  if (known == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", name));
  catalog::Bridge altered = *known;
  altered.paused = paused;
  auto event = catalog_.decide_put_bridge(altered, false);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  refresh_bridges();
  if (!paused) bridges_due_.insert(name);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::remove_bridge(const std::string& name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Bridge* known = catalog_.find_bridge(name);
  auto event = catalog_.decide_remove_bridge(name);
  if (!event) return std::unexpected(event.error());
  const CellId position = known->cell;
  apply_catalog(*event);
  remove_cell(position);
  refresh_bridges();
  return Depends{catalog_lsn_, Durability::kFsync};
}

void Broker::refresh_bridges() {
  const auto before = std::exchange(bridges_from_, {});
  for (const auto& [name, bridge] : catalog_.bridges()) {
    const Thing* from = catalog_.find(bridge.from);
    if (from == nullptr) continue;
    if (bridge.trigger == catalog::BridgeTrigger::kRecord) {
      if (bridge.paused) continue;
      for (const CellId log : from->logs) bridges_from_[log].push_back(name);
    } else if (from->kind == catalog::Kind::kQueue) {
      bridges_from_[from->queue].push_back(name);  // a paused one counts what it misses
      auto* queue = find<QueueCell>(from->queue);
      if (queue != nullptr && !queue->carried_known) learn_identities(from->queue, Offset(0));
    }
  }
  for (const auto& [source, names] : before) {
    auto* queue = find<QueueCell>(source);
    if (queue == nullptr || bridges_from_.contains(source)) continue;
    queue->carried.clear();
    queue->carried_known = false;
  }
}

void Broker::start_bridges() {
  refresh_bridges();
  for (const auto& [name, bridge] : catalog_.bridges()) {
    cell<BridgeCell>(bridge.cell);
    if (bridge.trigger == catalog::BridgeTrigger::kRecord) bridges_due_.insert(name);
  }
}

int64_t Broker::bridge_lag(const catalog::Bridge& bridge) const {
  const Thing* from = catalog_.find(bridge.from);
  const auto* position = find<BridgeCell>(bridge.cell);
  if (from == nullptr || position == nullptr) return 0;
  if (bridge.trigger != catalog::BridgeTrigger::kRecord) return 0;
  int64_t lag = 0;
  for (uint32_t i = 0; i < from->logs.size(); ++i) {
    const log::Log& log = find<LogCell>(from->logs[i])->log;
    lag += log.end() - std::max(log.start(), position->position(i));
  }
  return lag;
}

std::vector<Broker::BridgeStatus> Broker::bridges() const {
  std::vector<BridgeStatus> result;
  for (const auto& [name, bridge] : catalog_.bridges()) {
    const auto* position = find<BridgeCell>(bridge.cell);
    BridgeStatus status{.bridge = &bridge, .lag = bridge_lag(bridge), .problem = {}};
    if (position != nullptr) {
      status.moved = position->moved;
      status.missed = position->missed;
      status.problem = position->problem;
    }
    result.push_back(std::move(status));
  }
  return result;
}

// ---- records of a topic

void Broker::run_bridges(Timestamp now) {
  const auto due = std::exchange(bridges_due_, {});
  for (const std::string& name : due) run_bridge(name, now);
}

void Broker::run_bridge(const std::string& name, Timestamp /*now*/) {
  const catalog::Bridge* bridge = catalog_.find_bridge(name);
  if (bridge == nullptr || bridge->paused || stopped_) return;
  if (bridge->trigger != catalog::BridgeTrigger::kRecord) return;
  auto& position = cell<BridgeCell>(bridge->cell);
  const Thing* from = catalog_.find(bridge->from);
  if (position.running) return;
  if (from == nullptr || catalog_.find(bridge->to) == nullptr) {
    position.problem =
        fmt::format("{} does not exist", from == nullptr ? bridge->from.name : bridge->to.name);
    return;
  }
  for (uint32_t partition = 0; partition < from->logs.size(); ++partition) {
    const log::Log& log = find<LogCell>(from->logs[partition])->log;
    Offset next = position.position(partition);
    if (next < log.start()) {
      position.problem =
          fmt::format("offsets {} to {} of partition {} were deleted before they were moved",
                      next.value(), log.start().value() - 1, partition);
      next = log.start();
    }
    if (next >= log.end()) continue;
    position.running = true;
    ReadRequest request{from->logs[partition], next, size_t{1} << 20, std::nullopt,
                        Visibility::kApplied};
    read(request, [this, name, partition](Result<ReadAnswer> answer) {
      const catalog::Bridge* still = catalog_.find_bridge(name);
      auto* state = still == nullptr ? nullptr : find<BridgeCell>(still->cell);
      if (state == nullptr) return;
      state->running = false;
      if (!answer) {
        state->problem = answer.error().message;
        return;  // tried again by the next tick's maintenance
      }
      bridge_records(name, partition, *answer, now_);
    });
    return;  // one partition at a time; the others follow when this step is done
  }
}

void Broker::bridge_records(const std::string& name,
                            uint32_t partition,
                            const ReadAnswer& answer,
                            Timestamp now) {
  const Turn turn(*this, now);
  const catalog::Bridge bridge = *catalog_.find_bridge(name);
  auto& position = cell<BridgeCell>(bridge.cell);
  if (!turn.ok()) {
    position.problem = turn.status().error().message;
    return;
  }
  const Thing* from = catalog_.find(bridge.from);
  const Thing* to = catalog_.find(bridge.to);
  if (from == nullptr || to == nullptr || partition >= from->logs.size()) return;
  const log::Log& source = find<LogCell>(from->logs[partition])->log;
  std::vector<log::StoredBatch> batches;
  batches.reserve(answer.batches.size());
  for (const StoredEntry& entry : answer.batches) batches.push_back({entry.event, entry.payload});
  Offset next = std::max(position.position(partition), source.start());
  log::RecordReader reader(batches, next, source.end(), source.deletions());
  log::ReadRecord record;
  uint32_t moved = 0;
  bool drained = true;
  while (moved < limits_.bridge_batch && reader.next(record)) {
    next = record.offset.next();
    if (!matches(bridge.filter, record)) continue;
    const std::string origin =
        fmt::format("{}/{}/{}", bridge.from.name, partition, record.offset.value());
    std::vector<log::RecordHeader> headers;
    for (const log::RecordHeader& header : record.headers) headers.push_back(header);
    headers.push_back({kHeaderBridge, bridge.name});
    headers.push_back({kHeaderSource, origin});
    const log::RecordInput input{record.key, record.value, headers, now_};
    Result<void> done;
    if (to->kind == catalog::Kind::kQueue) {
      const auto sent = send(to->queue, input, {}, now_);
      if (!sent) done = std::unexpected(sent.error());
    } else {
      const uint64_t spread =
          record.key ? group_hash(*record.key) : static_cast<uint64_t>(record.offset.value());
      const auto appended = append_record(to->logs[spread % to->logs.size()], input, now_);
      if (!appended) done = std::unexpected(appended.error());
    }
    if (!done) {
      next = record.offset;  // stays; nothing of it was written
      drained = false;
      position.problem = done.error().message;
      break;
    }
    ++moved;
    position.problem.clear();
  }
  if (reader.error()) position.problem = reader.error()->message;
  // A compacted batch may end behind its last record.
  if (drained && moved < limits_.bridge_batch && !reader.error() && !batches.empty()) {
    const auto last = log::parse_header(batches.back().payload);
    if (last) next = std::max(next, last->end_offset());
  }
  if (answer.batches.empty()) next = std::max(next, source.end());  // deleted records only
  if (next <= position.position(partition)) return;
  const bool stuck = !position.problem.empty();
  position.apply(partition, next);
  position.moved += moved;
  commit_.add(bridge.cell, BridgeCell::advanced(partition, next));
  commit_.require(Durability::kFsync);
  touch(bridge.cell, position);
  if (!stuck) bridges_due_.insert(name);
}

// ---- acknowledgements and dead letters of a queue

bool Broker::is_recorded(CellId queue, catalog::BridgeTrigger trigger) const {
  const auto found = bridges_from_.find(queue);
  if (found == bridges_from_.end()) return false;
  return std::ranges::any_of(found->second, [&](const std::string& name) {
    const catalog::Bridge* bridge = catalog_.find_bridge(name);
    return bridge != nullptr && bridge->trigger == trigger && !bridge->paused &&
           catalog_.find(bridge->to) != nullptr;
  });
}

void Broker::record_events(CellId queue,
                           catalog::BridgeTrigger trigger,
                           std::span<const Departed> messages) {
  const auto found = bridges_from_.find(queue);
  if (found == bridges_from_.end() || messages.empty()) return;
  const Thing from = *catalog_.owner_of(queue);
  for (const std::string& name : found->second) {
    const catalog::Bridge* bridge = catalog_.find_bridge(name);
    if (bridge == nullptr || bridge->trigger != trigger) continue;
    auto& position = cell<BridgeCell>(bridge->cell);
    const Thing* to = catalog_.find(bridge->to);
    if (bridge->paused || to == nullptr) {
      missed_events(*bridge, messages.size());
      if (to == nullptr) position.problem = fmt::format("{} does not exist", bridge->to.name);
      continue;
    }
    for (const Departed& message : messages) {
      const auto recorded = record_event(*bridge, from, *to, message);
      if (recorded) {
        ++position.moved;
        position.problem.clear();
      } else {
        missed_events(*bridge, 1);
        position.problem = recorded.error().message;
      }
    }
  }
}

Result<void> Broker::record_event(const catalog::Bridge& bridge,
                                  const Thing& from,
                                  const Thing& to,
                                  const Departed& message) {
  const bool ack = bridge.trigger == catalog::BridgeTrigger::kAck;
  const std::string id = to_string(message.id);
  const std::string value = fmt::format(
      R"({{"specversion":"1.0","id":"{0}","source":"/queues/{1}","type":"weir.message.{2}",)"
      R"("datacontenttype":"application/json","data":{{"queue":"{1}","message_id":"{0}",)"
      R"("offset":{3},"deliveries":{4},"time_ms":{5}}}}})",
      id, json_escaped(from.name.name), ack ? "acknowledged" : "dead-lettered",
      message.offset.value(), message.deliveries, now_.ms());
  const log::RecordHeader header{kHeaderBridge, bridge.name};
  const log::RecordInput input{ByteView(id), ByteView(value), {&header, 1}, now_};
  const auto spread = static_cast<uint64_t>(message.offset.value());
  const auto appended = append_record(to.logs[spread % to.logs.size()], input, now_);
  if (!appended) return std::unexpected(appended.error());
  return {};
}

// In the commit of what was missed: the number is as exact as the events would have been.
void Broker::missed_events(const catalog::Bridge& bridge, uint64_t count) {
  auto& position = cell<BridgeCell>(bridge.cell);
  position.missed += count;
  commit_.add(bridge.cell, BridgeCell::missed_so_far(position.missed));
  commit_.require(Durability::kFsync);
  touch(bridge.cell, position);
}

// ---- identities

catalog::Uuid Broker::identity_of(const Thing& thing, const QueueCell& cell, Offset offset) const {
  const auto carried = cell.carried.find(offset);
  if (carried != cell.carried.end()) return carried->second;
  // Nobody need hold it: what was delivered once may be acknowledged after its lease.
  if (!cell.carried_known || !cell.queue.lease_of(offset)) {
    Records records;
    std::vector<Extent> missing;
    collect_cached(cell.log, {offset}, records, missing);
    const auto record = records.find(offset);
    if (record != records.end()) return message_id_of(thing.uuid, record->second.record);
  }
  return message_id(thing.uuid, offset);
}

void Broker::remember_identity(CellId queue, const log::ReadRecord& record) {
  if (!bridges_from_.contains(queue)) return;
  const auto text = record.headers.find(kHeaderMessageId);
  const auto identity = text ? parse_uuid(*text) : std::nullopt;
  if (identity) cell<QueueCell>(queue).carried[record.offset] = *identity;
}

// Who holds a message from before the bridge, or from before the start, may acknowledge it: a step
// looks at so many of them, from `from` on.
void Broker::learn_identities(CellId id, Offset from) {
  constexpr size_t kStep = 256;
  auto* queue = find<QueueCell>(id);
  if (queue == nullptr) return;
  queue::PendingQuery query;
  query.first = from;
  query.count = kStep;
  const queue::PendingPage page = queue->queue.pending(query);
  queue->carried_known = page.leases.empty() && !page.next;
  if (queue->carried_known) return;
  std::vector<Offset> offsets;
  offsets.reserve(page.leases.size());
  for (const queue::Lease& lease : page.leases) offsets.push_back(lease.offset);
  read_records(queue->log, std::move(offsets),
               [this, id, next = page.next](Result<std::vector<Delivery>> records) {
                 auto* still = find<QueueCell>(id);
                 if (!records || still == nullptr)
                   return;  // the next change of the bridges tries again
                 for (const Delivery& delivery : *records) remember_identity(id, delivery.record);
                 if (next) return learn_identities(id, *next);
                 still->carried_known = true;
               });
}

}  // namespace weir::broker
