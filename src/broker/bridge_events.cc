// What leaves a queue - acknowledged, dead, expired - as events of a topic, in the commit in which
// it leaves.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"

namespace weir::broker {
namespace {

using catalog::BridgeTrigger;

// Retention of a queue whose expired messages are recorded goes on in steps of so many messages,
// and of so many offsets looked at.
constexpr size_t kExpiredMax = 256;
constexpr int64_t kExpiredLookMax = 65'536;

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

ByteView type_of(BridgeTrigger trigger) {
  switch (trigger) {
    case BridgeTrigger::kAck: return "acknowledged";
    case BridgeTrigger::kDeadLetter: return "dead-lettered";
    case BridgeTrigger::kExpiry: return "expired";
    case BridgeTrigger::kRecord:
    case BridgeTrigger::kMessage: break;
  }
  return "moved";
}

}  // namespace

void Broker::each_bridge(CellId queue,
                         BridgeTrigger trigger,
                         const std::function<void(const catalog::Bridge&)>& visit) const {
  const auto found = bridges_from_.find(queue);
  if (found == bridges_from_.end()) return;
  for (const std::string& name : found->second) {
    const catalog::Bridge* bridge = catalog_.find_bridge(name);
    if (bridge != nullptr && bridge->trigger == trigger) visit(*bridge);
  }
}

bool Broker::has_bridge(CellId queue, BridgeTrigger trigger) const {
  bool found = false;
  each_bridge(queue, trigger, [&](const catalog::Bridge&) { found = true; });
  return found;
}

bool Broker::is_recorded(CellId queue, BridgeTrigger trigger) const {
  const auto found = bridges_from_.find(queue);
  if (found == bridges_from_.end()) return false;
  return std::ranges::any_of(found->second, [&](const std::string& name) {
    const catalog::Bridge* bridge = catalog_.find_bridge(name);
    return bridge != nullptr && bridge->trigger == trigger && !bridge->paused &&
           catalog_.find(bridge->to) != nullptr;
  });
}

void Broker::record_events(CellId queue,
                           BridgeTrigger trigger,
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
        ++position.counts.moved;
        position.counts.last_moved = now_;
        position.problem.clear();
      } else {
        missed_events(*bridge, 1);
        ++position.counts.failures;
        position.problem = recorded.error().message;
      }
    }
  }
}

Result<void> Broker::record_event(const catalog::Bridge& bridge,
                                  const Thing& from,
                                  const Thing& to,
                                  const Departed& message) {
  const std::string id = to_string(message.id);
  const std::string queue = json_escaped(from.name.name);
  std::string value = fmt::format(
      R"({{"specversion":"1.0","id":"{0}","source":"/queues/{1}","type":"weir.message.{2}",)"
      R"("time":"{3:%Y-%m-%dT%H:%M:%S}.{4:03}Z","datacontenttype":"application/json",)"
      R"("data":{{"queue":"{1}","message_id":"{0}","offset":{5},"deliveries":{6},"time_ms":{7})",
      id, queue, type_of(bridge.trigger), fmt::gmtime(now_.ms() / 1000), now_.ms() % 1000,
      message.offset.value(), message.deliveries, now_.ms());
  const auto out = std::back_inserter(value);
  if (!message.by.empty()) fmt::format_to(out, R"(,"by":"{}")", json_escaped(message.by));
  if (message.deliveries > 0) {
    fmt::format_to(out, R"(,"first_delivered_ms":{},"since_first_delivery_ms":{})",
                   message.first_delivered.ms(), (now_ - message.first_delivered).count());
  }
  if (message.last_delivered) {
    fmt::format_to(out, R"(,"held_ms":{})", (now_ - *message.last_delivered).count());
  }
  value += "}}";
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

Broker::Departed Broker::departed(const Thing& thing,
                                  const QueueCell& cell,
                                  Offset offset,
                                  ByteView by) const {
  const auto [deliveries, first] = cell.queue.deliveries_of(offset);
  const auto lease = cell.queue.lease_of(offset);
  return {.offset = offset,
          .deliveries = deliveries,
          .id = identity_of(thing, cell, offset),
          .first_delivered = first,
          .last_delivered = lease ? std::optional(lease->last_delivered) : std::nullopt,
          .by = by};
}

// ---- expiry

// The records are read first: a message that was moved here brings its identity along.
void Broker::expire_recorded(const Thing& thing, QueueCell& queue, Offset start) {
  const CellId id = thing.queue;
  if (queue.expiring) return;
  queue.queue.advance_time(now_);
  const Offset begin = find<LogCell>(queue.log)->log.start();
  const Offset limit = std::min(start, begin + kExpiredLookMax);
  std::vector<Offset> offsets;
  Offset stop = begin;
  for (; stop < limit && offsets.size() < kExpiredMax; stop = stop.next()) {
    if (!queue.queue.is_settled(stop)) offsets.push_back(stop);
  }
  queue.expiring = true;
  read_records(queue.log, std::move(offsets),
               [this, id, stop](Result<std::vector<Delivery>> records) {
                 auto* still = find<QueueCell>(id);
                 if (still == nullptr) return;
                 still->expiring = false;
                 if (records) return record_expired(id, stop, *records);
                 each_bridge(id, BridgeTrigger::kExpiry, [&](const catalog::Bridge& bridge) {
                   auto& position = cell<BridgeCell>(bridge.cell);
                   position.problem = records.error().message;
                   ++position.counts.failures;
                 });
               });
}

void Broker::record_expired(CellId id, Offset start, const std::vector<Delivery>& records) {
  const Turn turn(*this, now_, Admission::kData, records.size() * kBridgeEventBytes);
  if (!turn.ok()) return;  // a full disk: the next round tries again
  auto* queue = find<QueueCell>(id);
  auto* data = find<LogCell>(queue->log);
  const Thing thing = *catalog_.owner_of(id);
  if (start <= data->log.start()) return;
  queue->queue.advance_time(now_);
  std::vector<Departed> expired;
  for (const Delivery& one : records) {
    if (queue->queue.is_settled(one.record.offset)) continue;
    expired.push_back(departed(thing, *queue, one.record.offset, {}));
    expired.back().id = message_id_of(thing.uuid, one.record);
    expired.back().last_delivered.reset();
  }
  record_events(id, BridgeTrigger::kExpiry, expired);
  trimmed(queue->log, *data, log::TrimEvent{start});
  if (const auto event = queue->queue.decide_expire_below(start))
    apply_events(id, *queue, {*event});
  // There may be more: by the next tick, so that clients come in between.
  each_bridge(id, BridgeTrigger::kExpiry,
              [this](const catalog::Bridge& bridge) { bridges_due_.insert(bridge.name); });
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
