// Queues: sending, settling, and the delivery state as front ends drive it.

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/checksum.h"
#include "broker/broker.h"

namespace weir::broker {
namespace {

std::string encoded(const queue::Event& event) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(CellKind::kQueue));
  queue::encode(event, writer);
  return std::move(writer.out());
}

std::unexpected<Error> no_queue(CellId id) {
  return fail(ErrorCode::kNotFound, fmt::format("there is no queue {}", id.value()));
}

queue::DedupId dedup_digest(ByteView id) {
  return std::bit_cast<queue::DedupId>(hash128(id));
}

}  // namespace

queue::GroupHash group_hash(ByteView group) {
  return hash64(group);
}

const queue::Queue* Broker::find_queue(CellId id, Timestamp now) {
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return nullptr;
  now_ = std::max(now_, now);
  cell->queue.advance_time(now_);
  return &cell->queue;
}

Depends Broker::queue_depends(CellId id) const {
  const auto* cell = find<QueueCell>(id);
  return cell == nullptr ? Depends{} : Depends{cell->last_lsn, durability_of(id)};
}

SettleCounts Broker::settles_of(CellId id) const {
  const auto* cell = find<QueueCell>(id);
  return cell == nullptr ? SettleCounts{} : cell->settles;
}

void Broker::apply_events(CellId id,
                          QueueCell& cell,
                          const queue::Events& events,
                          Durability durability) {
  for (const queue::Event& event : events) {
    commit_.add(id, encoded(event));
    cell.queue.apply(event);
    cell.forget_identities(event);
  }
  if (events.empty()) return;
  commit_.require(std::max(durability, durability_of(id)));
  touch(id, cell);
  if (cell.queue.may_deliver() && waiters_.waiting_for(applied_key(id))) signal(applied_key(id));
}

Result<Depends> Broker::apply(CellId id,
                              const queue::Events& events,
                              Timestamp now,
                              Durability durability) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  apply_events(id, *cell, events, durability);
  return queue_depends(id);
}

// ---- sending

Result<Sent> Broker::send(CellId id,
                          const log::RecordInput& record,
                          const SendOptions& options,
                          Timestamp now) {
  std::string& bytes = commit_.draft();
  const log::BatchHeader header = log::build_batch(record, bytes);
  const Turn turn(*this, now, Admission::kData, bytes.size());
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  const Thing* thing = catalog_.owner_of(id);
  if (cell == nullptr || thing == nullptr) return no_queue(id);
  auto* data = find<LogCell>(cell->log);
  WEIR_ASSERT(data != nullptr, "queue {} has lost its log", id.value());
  cell->queue.advance_time(now_);

  queue::NewMessage message;
  message.delay = options.delay;
  if (thing->queue_policy.order == catalog::Order::kPerGroup) {
    message.group = group_hash(record.key.value_or(ByteView{}));
  }
  if (thing->queue_policy.priorities > 1) message.priority = priority_of(record.headers);
  if (options.dedup_id) {
    message.dedup_id = dedup_digest(*options.dedup_id);
    if (const auto first = cell->queue.find_duplicate(*message.dedup_id)) {
      return Sent{.offset = *first, .duplicate = true, .sent = now_, .depends = queue_depends(id)};
    }
  }
  log::AppendLimits limits;
  limits.batch_bytes_max = kCommitBytesMax;
  const auto plan = data->log.decide_append(header, now_, limits);
  if (!plan) return std::unexpected(plan.error());
  if (cell->queue.needs_enqueue(message)) {
    auto event = cell->queue.decide_enqueue(plan->event.base_offset, {&message, 1});
    if (!event) return std::unexpected(event.error());
    apply_events(id, *cell, {std::move(*event)});
  }
  commit_.keep_draft();
  const auto appended = append_checked(cell->log, *data, *plan, header, bytes, {});
  if (!appended) return std::unexpected(appended.error());
  const ByteView group = record.key.value_or(ByteView{});
  cell->queue.note_group(appended->base_offset, group.empty() ? 0 : group_hash(group));
  return Sent{.offset = appended->base_offset,
              .duplicate = false,
              .sent = appended->appended,
              .depends = appended->depends};
}

// ---- settling

void Broker::settled(CellId id, QueueCell& cell) {
  if (cell.trim_due) return;
  cell.trim_due = true;
  trims_due_.push_back(id);
}

Result<Settled> Broker::settle(CellId id,
                               std::span<const queue::Handle> handles,
                               queue::Check check,
                               Timestamp now,
                               ByteView by) {
  // An acknowledgement that a bridge records brings new data: on a full disk it is refused whole,
  // never half done.
  const bool recorded = is_recorded(id, catalog::BridgeTrigger::kAck);
  const Turn turn(*this, now, recorded ? Admission::kData : Admission::kRelease,
                  recorded ? handles.size() * kBridgeEventBytes : 0);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  cell->queue.advance_time(now_);
  auto decision = cell->queue.decide_settle(handles, check);
  std::vector<Departed> done;
  if (bridges_from_.contains(id)) {
    const Thing& thing = *catalog_.owner_of(id);
    for (size_t i = 0; i < handles.size(); ++i) {
      if (decision.outcomes[i] != queue::Outcome::kDone) continue;
      done.push_back(departed(thing, *cell, handles[i].offset, by));
    }
  }
  apply_events(id, *cell, decision.events);
  cell->settles.done += decision.done;
  cell->settles.late += decision.late;
  if (decision.done > 0) settled(id, *cell);
  record_events(id, catalog::BridgeTrigger::kAck, done);
  return Settled{std::move(decision.outcomes), decision.done, queue_depends(id)};
}

template <typename Decide>
Result<Settled> Broker::change_leases(CellId id, Timestamp now, Decide decide) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  cell->queue.advance_time(now_);
  queue::HandlesDecision decision = decide(cell->queue);
  apply_events(id, *cell, decision.events);
  return Settled{std::move(decision.outcomes), decision.done, queue_depends(id)};
}

Result<Settled> Broker::release(CellId id,
                                std::span<const queue::Handle> handles,
                                queue::Check check,
                                Milliseconds delay,
                                Timestamp now) {
  return change_leases(id, now, [&](const queue::Queue& queue) {
    return queue.decide_release(handles, check, delay);
  });
}

Result<Settled> Broker::extend(CellId id,
                               std::span<const queue::Handle> handles,
                               queue::Check check,
                               Milliseconds duration,
                               Timestamp now) {
  return change_leases(id, now, [&](const queue::Queue& queue) {
    return queue.decide_extend(handles, check, duration);
  });
}

Result<Broker::Discarded> Broker::discard(CellId id,
                                          std::span<const Offset> offsets,
                                          Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  cell->queue.advance_time(now_);
  const auto decision = cell->queue.decide_discard(offsets);
  apply_events(id, *cell, decision.events);
  if (decision.done > 0) settled(id, *cell);
  return Discarded{decision.done, queue_depends(id)};
}

Result<Depends> Broker::purge(CellId id, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  cell->queue.advance_time(now_);
  apply_events(id, *cell, {cell->queue.decide_purge(false, true)});
  settled(id, *cell);
  return queue_depends(id);
}

Result<Depends> Broker::close_consumer(CellId id, queue::ConsumerId consumer, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return no_queue(id);
  cell->queue.advance_time(now_);
  if (const auto event = cell->queue.decide_consumer_closed(consumer)) {
    apply_events(id, *cell, {*event});
  }
  return queue_depends(id);
}

}  // namespace weir::broker
