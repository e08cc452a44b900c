// Logs: append, trim, delete, and what follows from them for the queues over a log.

#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"
#include "broker/event_store.h"

namespace weir::broker {
namespace {

template <typename EventType>
std::string encoded(const EventType& event) {
  std::string bytes(1, static_cast<char>(CellKind::kLog));
  log::encode(event, bytes);
  return bytes;
}

std::unexpected<Error> no_log(CellId id) {
  return fail(ErrorCode::kNotFound, fmt::format("there is no log {}", id.value()));
}

// A queue learns of a message's priority when it is sent to as a queue.
Result<void> check_no_priorities(const Thing& thing) {
  if (thing.kind != catalog::Kind::kQueue || thing.queue_policy.priorities == 1) return {};
  return fail(
      ErrorCode::kRefused,
      fmt::format("{} is a queue with priorities; send to it as to a queue", thing.name.name));
}

}  // namespace

const log::Log* Broker::find_log(CellId id) const {
  const auto* cell = find<LogCell>(id);
  return cell == nullptr ? nullptr : &cell->log;
}

Durability Broker::durability_of(CellId log) const {
  const Thing* thing = catalog_.owner_of(log);
  return thing == nullptr ? Durability::kFsync : thing->log_policy.durability;
}

Depends Broker::log_depends(CellId id) const {
  const auto* cell = find<LogCell>(id);
  return cell == nullptr ? Depends{} : Depends{cell->last_lsn, durability_of(id)};
}

Offset Broker::visible_end(CellId id, Visibility visibility) const {
  const auto* cell = find<LogCell>(id);
  if (cell == nullptr) return Offset(0);
  if (visibility == Visibility::kApplied) return cell->log.end();
  switch (durability_of(id)) {
    case Durability::kFsync: return cell->log.visible_end(journal_.durable());
    case Durability::kOs: return cell->log.visible_end(journal_.written());
    case Durability::kTransient: return cell->log.end();
  }
  return cell->log.end();
}

Result<PreparedBatch> Broker::prepare_batch(Bytes bytes, const log::DoorRules& rules) {
  const auto header = log::validate_batch(bytes, rules);
  if (!header) return std::unexpected(header.error());
  return PreparedBatch{*header, std::move(bytes)};
}

log::AppendLimits Broker::append_limits(const Thing& thing) const {
  log::AppendLimits limits;
  limits.batch_bytes_max = thing.log_policy.batch_bytes_max;
  limits.log_append_time = thing.log_policy.log_append_time;
  return limits;
}

// An append whose event ids say that it was done before. An idempotent producer's sequence goes on.
Appended Broker::repeated_events(CellId id,
                                 LogCell& cell,
                                 const log::BatchHeader& header,
                                 Offset first) {
  if (header.producer_id != log::kNoProducerId) {
    const log::RepeatedEvent event = log::Log::decide_repeated(header, first, now_);
    commit_.add(id, encoded(event));
    commit_.require(durability_of(id));
    cell.log.apply(event, journal_.next_lsn());
    touch(id, cell);
  }
  return {.base_offset = first,
          .base_id = cell.log.last_id(),
          .appended = now_,
          .duplicate = true,
          .log_start = cell.log.start(),
          .depends = log_depends(id)};
}

Result<Appended> Broker::append(CellId id,
                                const PreparedBatch& batch,
                                Timestamp now,
                                const log::IdRequest& request) {
  const Turn turn(*this, now, Admission::kData, batch.bytes.size());
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  const Thing* thing = catalog_.owner_of(id);
  if (cell == nullptr || thing == nullptr) return no_log(id);
  if (thing->kind == catalog::Kind::kQueue &&
      (thing->queue_policy.order != catalog::Order::kNone || thing->queue_policy.delay_ms != 0)) {
    return fail(ErrorCode::kRefused,
                fmt::format("{} is a queue with its own order or delay; send to it as to a queue",
                            thing->name.name));
  }
  if (const auto ok = check_no_priorities(*thing); !ok) return std::unexpected(ok.error());
  auto plan = cell->log.decide_append(batch.header, now_, append_limits(*thing), request);
  if (!plan) return std::unexpected(plan.error());
  if (!plan->duplicate) {
    const auto repeated = events_->check(id, batch.header, batch.bytes);
    if (!repeated) return std::unexpected(repeated.error());
    if (*repeated) return repeated_events(id, *cell, batch.header, **repeated);
  }
  if (!plan->duplicate && thing->log_policy.log_append_time) {
    log::BatchHeader header = batch.header;
    Bytes stamped = Bytes::take(log::with_append_time(batch.bytes, now_, header));
    const ByteView view = stamped;
    return append_checked(id, *cell, *plan, header, view, std::move(stamped));
  }
  return append_checked(id, *cell, *plan, batch.header, batch.bytes, batch.bytes);
}

Result<Appended> Broker::append_record(CellId id,
                                       const log::RecordInput& record,
                                       Timestamp now,
                                       const log::IdRequest& request) {
  std::string& bytes = commit_.draft();
  const log::BatchHeader header = log::build_batch(record, bytes);
  const Turn turn(*this, now, Admission::kData, bytes.size());
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  const Thing* thing = catalog_.owner_of(id);
  if (cell == nullptr || thing == nullptr) return no_log(id);
  if (thing->log_policy.compaction && !record.key) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is compacted by key: its records need one", thing->name.name));
  }
  if (const auto ok = check_no_priorities(*thing); !ok) return std::unexpected(ok.error());
  log::AppendLimits limits = append_limits(*thing);
  limits.log_append_time = false;  // the caller's timestamp is the broker's already
  limits.batch_bytes_max = kCommitBytesMax;
  auto plan = cell->log.decide_append(header, now_, limits, request);
  if (!plan) return std::unexpected(plan.error());
  const auto repeated = events_->check(id, header, bytes);
  if (!repeated) return std::unexpected(repeated.error());
  if (*repeated) return repeated_events(id, *cell, header, **repeated);
  commit_.keep_draft();
  return append_checked(id, *cell, *plan, header, bytes, {});
}

Result<Appended> Broker::append_checked(CellId id,
                                        LogCell& cell,
                                        const log::AppendPlan& plan,
                                        const log::BatchHeader& header,
                                        ByteView batch,
                                        Bytes owner) {
  const Thing& thing = *catalog_.owner_of(id);
  const Durability durability = thing.log_policy.durability;
  Appended answer{.base_offset = plan.event.base_offset,
                  .base_id = plan.event.base_id,
                  .appended = plan.event.appended,
                  .duplicate = plan.duplicate,
                  .log_start = cell.log.start(),
                  .depends = {}};
  if (plan.duplicate) {
    answer.depends = log_depends(id);
    return answer;
  }
  const Lsn lsn = journal_.next_lsn();
  const StampedHead head =
      log::stamped_head(header, plan.event.base_offset, cell.log.current_epoch());
  const size_t entry = commit_.add_batch(id, static_cast<char>(CellKind::kLog), plan.event, head,
                                         batch.substr(head.size()), std::move(owner));
  commit_.require(durability);
  cell.log.advance(plan.event, header, lsn, journal_.durable());
  unplaced_.push_back({id, entry, plan.event, header});
  touch(id, cell);
  events_->appended(id, plan.event.base_offset, header);
  ends_moved(id, thing);
  if (durability == Durability::kFsync) undurable_fsync_.push_back({lsn, id});
  if (durability == Durability::kOs) undurable_os_.push_back({lsn, id});
  if (durability == Durability::kTransient && waiters_.waiting_for(safe_key(id))) {
    signal(safe_key(id));
  }
  answer.depends = {lsn, durability};
  return answer;
}

// The queue and the groups over a log learn of its end with the append itself.
void Broker::ends_moved(CellId id, const Thing& thing) {
  const auto* log = find<LogCell>(id);
  const auto tell = [&](CellId queue) {
    auto& state = cell<QueueCell>(queue);
    state.log = id;
    state.queue.apply_end(log->log.end());
    if (waiters_.waiting_for(applied_key(queue))) signal(applied_key(queue));
  };
  if (id == thing.logs.front()) {
    if (thing.queue != CellId{}) tell(thing.queue);
    for (const auto& [group, queue] : thing.stream_groups) tell(queue);
  }
  if (waiters_.waiting_for(applied_key(id))) signal(applied_key(id));
  const auto bridges = bridges_from_.find(id);
  if (bridges != bridges_from_.end()) {
    for (const std::string& name : bridges->second) bridges_due_.insert(name);
  }
}

// ---- compaction

void Broker::compacted(CellId id,
                       LogCell& cell,
                       const log::CompactedEvent& event,
                       std::vector<RewrittenBatch> batches) {
  for (RewrittenBatch& batch : batches) {
    const StampedHead head =
        log::stamped_head(batch.header, batch.event.batch.base_offset, batch.header.leader_epoch);
    const ByteView rest = batch.bytes.view().substr(head.size());
    batch.entry = commit_.add_batch(id, static_cast<char>(CellKind::kLog), batch.event, head, rest,
                                    std::move(batch.bytes));
  }
  commit_.add(id, encoded(event));
  commit_.require(Durability::kFsync);
  touch(id, cell);
  compacted_.push_back({id, event, std::move(batches)});
}

void Broker::cleaned(CellId id, LogCell& cell, const log::CleanedEvent& event) {
  commit_.add(id, encoded(event));
  commit_.require(Durability::kFsync);
  cell.log.apply(event, journal_.next_lsn());
  touch(id, cell);
}

// ---- trimming and deleting

void Broker::trimmed(CellId id, LogCell& cell, const log::TrimEvent& event) {
  std::vector<Extent> released;
  commit_.add(id, encoded(event));
  commit_.require(Durability::kFsync);
  cell.log.apply(event, journal_.next_lsn(), released);
  give_up(released);
  touch(id, cell);
}

Result<void> Broker::may_trim(CellId id, const log::Log& log, Offset start) const {
  if (start <= log.start()) return {};
  if (auto free = events_->may_delete(*catalog_.owner_of(id)); !free) return free;
  return check_unlocked(*catalog_.owner_of(id), now_);
}

Result<Broker::Trimmed> Broker::trim(CellId id, Offset start, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  if (cell == nullptr) return no_log(id);
  const auto event = cell->log.decide_trim(start, visible_end(id, Visibility::kSafe));
  if (!event) return std::unexpected(event.error());
  if (auto free = may_trim(id, cell->log, event->start); !free)
    return std::unexpected(free.error());
  const int64_t removed = cell->log.live_below(event->start);
  if (event->start > cell->log.start()) trimmed(id, *cell, *event);
  return Trimmed{cell->log.start(), removed, log_depends(id)};
}

Result<Broker::Trimmed> Broker::trim_to_length(
    CellId id, int64_t length, bool approximate, int64_t removed_max, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  if (cell == nullptr) return no_log(id);
  const log::TrimEvent event = cell->log.decide_trim_to_length(length, approximate, removed_max);
  if (auto free = may_trim(id, cell->log, event.start); !free) return std::unexpected(free.error());
  const int64_t removed = cell->log.live_below(event.start);
  if (event.start > cell->log.start()) trimmed(id, *cell, event);
  return Trimmed{cell->log.start(), removed, log_depends(id)};
}

Result<Broker::Trimmed> Broker::trim_to_offset(
    CellId id, Offset start, bool approximate, int64_t removed_max, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  if (cell == nullptr) return no_log(id);
  const log::TrimEvent event = cell->log.decide_trim_to_offset(start, approximate, removed_max);
  if (auto free = may_trim(id, cell->log, event.start); !free) return std::unexpected(free.error());
  const int64_t removed = cell->log.live_below(event.start);
  if (event.start > cell->log.start()) trimmed(id, *cell, event);
  return Trimmed{cell->log.start(), removed, log_depends(id)};
}

Result<Broker::Trimmed> Broker::delete_records(
    CellId id, std::vector<std::pair<Offset, log::StreamId>> records, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  if (cell == nullptr) return no_log(id);
  const auto event = cell->log.decide_delete(std::move(records));
  if (!event) return std::unexpected(event.error());
  int64_t removed = 0;
  for (const log::OffsetRun& run : event->runs) removed += run.end - run.first;
  if (removed > 0) {
    const Thing* thing = catalog_.owner_of(id);
    if (auto free = events_->may_delete(*thing); !free) return std::unexpected(free.error());
    if (auto free = check_unlocked(*thing, now_); !free) return std::unexpected(free.error());
    std::vector<Extent> released;
    commit_.add(id, encoded(*event));
    commit_.require(Durability::kFsync);
    cell->log.apply(*event, journal_.next_lsn(), released);
    give_up(released);
    touch(id, *cell);
  }
  return Trimmed{cell->log.start(), removed, log_depends(id)};
}

Result<Depends> Broker::set_ids(CellId id,
                                log::StreamId last_id,
                                std::optional<int64_t> entries_added,
                                std::optional<log::StreamId> max_deleted_id,
                                Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  auto* cell = find<LogCell>(id);
  if (cell == nullptr) return no_log(id);
  const auto event = cell->log.decide_set_ids(last_id, entries_added, max_deleted_id);
  if (!event) return std::unexpected(event.error());
  commit_.add(id, encoded(*event));
  commit_.require(Durability::kFsync);
  cell->log.apply(*event, journal_.next_lsn());
  touch(id, *cell);
  return log_depends(id);
}

}  // namespace weir::broker
