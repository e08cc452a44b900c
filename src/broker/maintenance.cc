// What is due without anybody asking: deadlines, retention, and giving back what queues have
// settled.

#include <algorithm>

#include "broker/broker.h"
#include "broker/event_store.h"
#include "broker/read_cache.h"
#include "broker/row_reads.h"

namespace weir::broker {
namespace {

constexpr int64_t kBackfillMs = 300'000;

// Records that were past their time already when they came (a backfill) stay for a while: as long
// as a broker of Kafka may take until it looks (log.retention.check.interval.ms). Size is size.
log::TrimEvent spare_backfill(const log::Log& log,
                              const log::RetentionPolicy& policy,
                              Timestamp now,
                              Offset limit,
                              const log::TrimEvent& decided) {
  std::vector<log::Row> rows;
  log.rows_from(log.start(), decided.start, SIZE_MAX, log::kRetentionRowsMax, rows);
  Offset by_time = log.start();
  for (const log::Row& row : rows) {
    if (now.ms() - row.appended_ms <= std::min(policy.retention_ms, kBackfillMs)) break;
    by_time = row.end();
  }
  const auto by_size = log.decide_retention(now, {-1, policy.retention_bytes}, limit);
  return {std::max(std::min(by_time, decided.start), by_size.start)};
}

}  // namespace

Timestamp Broker::next_deadline() const {
  if (!bridges_due_.empty()) return now_;
  Timestamp due = std::min({waiters_.next_deadline(), maintain_at_, compactor_.next_deadline(),
                            events_->next_deadline()});
  if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
  return due;
}

void Broker::tick(Timestamp now) {
  if (stopped_) return;
  now_ = std::max(now_, now);
  announced_ = Timestamp::never();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    const CellId id = deadlines_.begin()->second;
    Cell& due = *cells_.find(id)->second;
    deadlines_.erase(deadlines_.begin());
    due.armed = Timestamp::never();
    due.expire(now_);
    if (due.worth_a_try() && waiters_.waiting_for(applied_key(id))) signal(applied_key(id));
    arm(id, due);
  }
  waiters_.expire(now_);
  if (maintain_at_ <= now_) {
    maintain(now_);
    maintain_at_ = now_ + limits_.maintenance_every;
  }
  compactor_.run();
  events_->run();
  wake_all();
  // What was announced on the way may lie behind: the caller asks for the next deadline anyway, and
  // one that comes before it later on has to be told.
  announced_ = Timestamp::never();
}

void Broker::maintain(Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return;  // the disk fails: nothing can be given back now
  const size_t trims = std::min<size_t>(trims_due_.size(), limits_.maintenance_logs);
  const std::vector<CellId> due(trims_due_.begin(),
                                trims_due_.begin() + static_cast<ptrdiff_t>(trims));
  trims_due_.erase(trims_due_.begin(), trims_due_.begin() + static_cast<ptrdiff_t>(trims));
  for (const CellId id : due) {
    if (auto* queue = find<QueueCell>(id)) trim_queue(id, *queue, now_);
  }
  // Retention goes round over all names, a bounded number of logs at a time.
  std::vector<std::pair<Name, CellId>> round;
  Name last;
  uint32_t looked_at = 0;
  const auto stop = [&] {
    return round.size() >= limits_.maintenance_logs || looked_at >= limits_.maintenance_things;
  };
  catalog_.each_thing_from(maintain_from_, [&](const Thing& thing) {
    last = thing.name;
    const bool kept = !thing.log_policy.retains() && !thing.log_policy.compaction &&
                      thing.queue_policy.history_ms == 0;
    if (!kept) {
      for (const CellId log : thing.logs) round.emplace_back(thing.name, log);
    }
    ++looked_at;
    return !stop();
  });
  const bool all = !stop();
  maintain_from_ = all ? Name{} : Name{last.space, last.name + '\0'};
  for (const auto& [name, log] : round) {
    if (const Thing* thing = catalog_.find(name)) retain_log(*thing, log, now_);
  }
  forget_places();
  read_cache_->forget_when_idle();
  row_reads_->forget_when_idle();
  tend_bridges();
}

void Broker::retain_log(const Thing& thing, CellId id, Timestamp now) {
  auto* cell = find<LogCell>(id);
  if (cell == nullptr || !check_unlocked(thing, now)) return;
  if (thing.log_policy.compaction) compactor_.consider(id, *thing.log_policy.compaction);
  log::RetentionPolicy policy;
  if (thing.log_policy.retains()) {
    policy = {thing.log_policy.retention_ms, thing.log_policy.retention_bytes};
  }
  const Offset limit = visible_end(id, Visibility::kSafe);
  log::TrimEvent event = cell->log.decide_retention(now, policy, limit);
  const bool by_time = event.start > cell->log.start() && policy.retention_ms >= 0;
  if (by_time && thing.kind == catalog::Kind::kTopic) {
    event = spare_backfill(cell->log, policy, now, limit, event);
  }
  if (event.start > cell->log.start()) {
    if (thing.queue != CellId{} && has_bridge(thing.queue, catalog::BridgeTrigger::kExpiry)) {
      expire_recorded(thing, *find<QueueCell>(thing.queue), event.start);
      return;
    }
    trimmed(id, *cell, event);
  }
  if (thing.queue == CellId{}) return;
  auto* queue = find<QueueCell>(thing.queue);
  queue->queue.advance_time(now_);
  if (const auto expired = queue->queue.decide_expire_below(cell->log.start())) {
    apply_events(thing.queue, *queue, {*expired});
  }
  if (thing.queue_policy.history_ms != 0) trim_queue(thing.queue, *queue, now);
}

// What a queue has settled is given back, or kept for its history.
void Broker::trim_queue(CellId id, QueueCell& cell, Timestamp now) {
  cell.trim_due = false;
  const Thing* thing = catalog_.owner_of(id);
  auto* data = find<LogCell>(cell.log);
  if (thing == nullptr || data == nullptr || thing->queue != id) return;
  const Offset floor = std::min(cell.queue.floor(), visible_end(cell.log, Visibility::kSafe));
  if (floor <= data->log.start()) return;
  log::TrimEvent event{floor};
  if (thing->queue_policy.history_ms != 0) {
    event = data->log.decide_retention(now, {thing->queue_policy.history_ms, -1}, floor);
  }
  if (event.start > data->log.start()) trimmed(cell.log, *data, event);
}

}  // namespace weir::broker
