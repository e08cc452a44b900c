#include "broker/compactor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "core/log/compaction.h"

namespace weir::broker {
namespace {

constexpr size_t kWaitingMax = 1024;
constexpr size_t kStepRows = 256;
constexpr size_t kManyRows = 100'000;
constexpr Milliseconds kRetry{1000};
constexpr Milliseconds kAfterChange{10'000};
constexpr Milliseconds kAfterFailure{60'000};

Timestamp minus(Timestamp now, int64_t ms) {
  return Timestamp(now.ms() - std::min(ms, now.ms()));
}

}  // namespace

struct Compactor::Pass {
  CellId log;
  catalog::CompactionPolicy policy;
  log::KeyOffsets keys;
  bool mapping = true;
  Offset dirty;  // keys are noted from here on
  Offset next;   // of the phase under way
  Offset end;    // of what may be compacted; once the keys are noted, of what they cover
  Timestamp now;
  int64_t horizon_ms = -1;
  bool busy = false;  // a step is being read or worked on
};

// Read on the shard, worked on beside it, committed on the shard.
struct Compactor::Step {
  std::shared_ptr<Pass> pass;
  std::vector<log::Row> rows;
  std::vector<StoredEntry> entries;

  // Of a step that notes keys.
  Offset reached;
  // Of a step that rewrites.
  struct Batch {
    log::RewrittenEvent event;
    log::BatchHeader header;
    Bytes bytes;
  };
  struct Range {
    log::CompactedEvent event;
    std::vector<Batch> batches;
  };
  std::vector<Range> ranges;
  size_t bytes = 0;  // of the batches
  int64_t horizon_ms = -1;

  size_t bytes_read() const {
    size_t sum = 0;
    for (const log::Row& row : rows) sum += row.bytes;
    return sum;
  }
  void note_keys();
  void rewrite();
  bool rewrite_row(const log::Row& row, size_t& entry, std::vector<Batch>& kept);
  void close(std::optional<Range>& open);
};

void Compactor::Step::note_keys() {
  reached = rows.back().end();
  for (const StoredEntry& entry : entries) {
    const auto header = log::parse_header(entry.payload);
    if (!header) continue;
    const Offset up_to =
        log::add_keys({entry.event, entry.payload}, pass->dirty, pass->end, pass->keys);
    if (up_to >= std::min(header->end_offset(), pass->end)) continue;
    reached = up_to;  // the memory is used up
    return;
  }
}

// What is left of one row. False when that is all of it.
bool Compactor::Step::rewrite_row(const log::Row& row, size_t& entry, std::vector<Batch>& kept) {
  const log::CompactionRules rules{pass->end, pass->now, pass->policy.delete_retention_ms};
  bool changed = false;
  for (; entry < entries.size(); ++entry) {
    const log::StoredBatch stored{entries[entry].event, entries[entry].payload};
    const auto header = log::parse_header(stored.payload);
    const auto event = log::decode_append(stored.event);
    if (!header || !event) continue;  // never: readers have met it before
    if (header->first_offset() >= row.end()) break;
    log::CompactedBatch left = log::compact_batch(stored, pass->keys, rules);
    if (left.horizon_ms >= 0 && (horizon_ms < 0 || left.horizon_ms < horizon_ms)) {
      horizon_ms = left.horizon_ms;
    }
    changed = changed || left.fate != log::BatchFate::kUnchanged;
    if (left.fate == log::BatchFate::kUnchanged) {
      kept.push_back({{*event}, *header, entries[entry].payload});
    } else if (left.fate == log::BatchFate::kRewritten) {
      kept.push_back({{*event}, left.header, Bytes::take(std::move(left.bytes))});
    }
  }
  return changed;
}

void Compactor::Step::close(std::optional<Range>& open) {
  if (!open) return;
  for (const Batch& batch : open->batches) bytes += batch.bytes.size();
  ranges.push_back(std::move(*open));
  open.reset();
}

// Rows that change lie together in ranges; those that do not are left where they are.
void Compactor::Step::rewrite() {
  std::optional<Range> open;
  size_t entry = 0;
  for (const log::Row& row : rows) {
    std::vector<Batch> kept;
    if (!rewrite_row(row, entry, kept)) {
      close(open);
      continue;
    }
    if (!open) open = Range{{row.first(), row.end()}, {}};
    open->event.end = row.end();
    for (Batch& batch : kept) open->batches.push_back(std::move(batch));
  }
  close(open);
}

Compactor::Compactor(Broker& broker) : broker_(broker) {}

Compactor::~Compactor() = default;

bool Compactor::is_due(CellId id, const catalog::CompactionPolicy& policy) const {
  const log::Log* log = broker_.find_log(id);
  if (log == nullptr) return false;
  const Timestamp now = broker_.now();
  const auto range = log->cleanable(broker_.visible_end(id, Visibility::kSafe),
                                    minus(now, policy.lag_min_ms).ms());
  const int64_t horizon = log->tombstone_horizon_ms();
  if (horizon >= 0 && horizon <= now.ms()) return true;
  if (range.dirty_bytes == 0) return false;
  const uint64_t whole = range.clean_bytes + range.dirty_bytes;
  const bool dirty = range.dirty_bytes * 1000 > whole * policy.dirty_permille;
  return dirty || now.ms() - range.oldest_ms > policy.lag_max_ms;
}

void Compactor::consider(CellId log, const catalog::CompactionPolicy& policy) {
  if (waiting_.size() >= kWaitingMax || in_waiting_.contains(log)) return;
  if (pass_ != nullptr && pass_->log == log) return;
  const auto pause = not_before_.find(log);
  if (pause != not_before_.end()) {
    if (broker_.now() < pause->second) return;
    not_before_.erase(pause);
  }
  if (!is_due(log, policy)) {
    // To look at a large log costs something: 10 us for a thousand rows.
    const log::Log* state = broker_.find_log(log);
    const size_t rows = state == nullptr ? 0 : state->row_count();
    if (rows > kManyRows) pause_log(log, Milliseconds(rows / 100));
    return;
  }
  waiting_.push_back(log);
  in_waiting_.insert(log);
  if (pass_ == nullptr) due_ = std::min(due_, broker_.now());
}

void Compactor::next_after(Milliseconds pause) {
  due_ = broker_.now() + pause;
  broker_.announce_deadline();
}

void Compactor::run() {
  if (due_ > broker_.now()) return;
  due_ = Timestamp::never();
  if (pass_ != nullptr) return step();
  if (waiting_.empty()) return;
  // Two rewrites of one batch never meet in a frame that is still open.
  if (broker_.journal_.durable() < last_commit_) return next_after(kRetry);
  const CellId log = waiting_.front();
  waiting_.pop_front();
  in_waiting_.erase(log);
  const Thing* thing = broker_.catalog().owner_of(log);
  const bool compacted = thing != nullptr && thing->log_policy.compaction.has_value();
  if (compacted && is_due(log, *thing->log_policy.compaction)) {
    begin(log, *thing->log_policy.compaction);
  }
  next_after(Milliseconds(0));
}

void Compactor::begin(CellId id, const catalog::CompactionPolicy& policy) {
  const log::Log& log = *broker_.find_log(id);
  const auto range = log.cleanable(broker_.visible_end(id, Visibility::kSafe),
                                   minus(broker_.now(), policy.lag_min_ms).ms());
  const Offset dirty = std::min(range.dirty, range.end);
  pass_ = std::make_shared<Pass>(Pass{.log = id,
                                      .policy = policy,
                                      .keys = log::KeyOffsets(broker_.limits_.compaction_keys),
                                      .dirty = dirty,
                                      .next = dirty,
                                      .end = range.end,
                                      .now = broker_.now()});
}

void Compactor::pause_log(CellId log, Milliseconds pause) {
  if (not_before_.size() >= kWaitingMax) not_before_.clear();
  not_before_[log] = broker_.now() + pause;
}

void Compactor::give_up(Milliseconds pause) {
  ++counts_.given_up;
  pause_log(pass_->log, pause);
  pass_.reset();
  next_after(Milliseconds(0));
}

// The policy may have changed in the midst: what is not compacted any more may be locked.
bool Compactor::still_wanted() const {
  const Thing* thing = broker_.catalog_.owner_of(pass_->log);
  return thing != nullptr && thing->log_policy.compaction.has_value();
}

void Compactor::step() {
  if (pass_->busy) return;
  const log::Log* log = broker_.find_log(pass_->log);
  if (log == nullptr || !still_wanted()) return give_up(kRetry);
  Pass& pass = *pass_;
  if (pass.mapping && pass.next >= pass.end) {
    pass.mapping = false;
    pass.next = log->start();
  }
  auto step = std::make_shared<Step>();
  step->pass = pass_;
  pass.next = std::max(pass.next, log->start());
  if (pass.next < pass.end) {
    log->rows_from(pass.next, pass.end, broker_.limits_.compaction_step_bytes, kStepRows,
                   step->rows);
  }
  if (!step->rows.empty()) return read(step);
  if (!commit_end()) return next_after(kRetry);
  pass_.reset();
  next_after(Milliseconds(0));
}

void Compactor::read(const std::shared_ptr<Step>& step) {
  pass_->busy = true;
  // Whole rows: the first may begin before what is next, if the tidier has joined it with the one
  // before.
  const log::Log& log = *broker_.find_log(pass_->log);
  const ReadRequest request{.log = pass_->log,
                            .from = std::max(step->rows.front().first(), log.start()),
                            .bytes_max = SIZE_MAX,
                            .end = step->rows.back().end(),
                            .visibility = Visibility::kApplied};
  broker_.read(request, [this, step, alive = std::weak_ptr(alive_)](Result<ReadAnswer> answer) {
    if (alive.expired() || pass_ != step->pass) return;
    pass_->busy = false;
    if (!answer) return give_up(kAfterFailure);
    step->entries = std::move(answer->batches);
    work(step);
  });
}

void Compactor::work(const std::shared_ptr<Step>& step) {
  pass_->busy = true;
  broker_.journal_.background(
      [step] {
        if (step->pass->mapping) {
          step->note_keys();
        } else {
          step->rewrite();
        }
      },
      [this, step, alive = std::weak_ptr(alive_)] {
        if (alive.expired() || pass_ != step->pass) return;
        pass_->busy = false;
        take(*step);
      });
}

void Compactor::take(Step& step) {
  const size_t bytes = step.bytes_read();
  counts_.bytes_read += bytes;
  if (pass_->mapping) {
    take_keys(step);
  } else if (!commit(step)) {
    return;
  }
  next_after(Milliseconds(bytes * 1000 / broker_.limits_.compaction_bytes_per_second));
}

void Compactor::take_keys(const Step& step) {
  pass_->next = step.reached;
  if (step.reached < step.rows.back().end()) pass_->end = step.reached;
}

// False when the step must be tried again, or the pass was given up.
bool Compactor::commit(Step& step) {
  auto* cell = broker_.find<LogCell>(pass_->log);
  if (cell == nullptr || !still_wanted()) {
    give_up(kRetry);
    return false;
  }
  for (const Step::Range& range : step.ranges) {
    if (cell->log.may_compact(range.event.first, range.event.end)) continue;
    give_up(kAfterChange);  // the tidier or a trim has changed the rows meanwhile
    return false;
  }
  if (!step.ranges.empty()) {
    const Broker::Turn turn(broker_, broker_.now(), Admission::kData, step.bytes);
    if (!turn.ok()) {
      // Too large: recompressed, a batch may be larger than what its producer made of it.
      const bool too_large = turn.status().error().code == ErrorCode::kTooLarge;
      if (too_large) {
        give_up(kAfterFailure);
      } else {
        next_after(kRetry);
      }
      return false;
    }
    for (Step::Range& range : step.ranges) {
      std::vector<Broker::RewrittenBatch> batches;
      for (Step::Batch& batch : range.batches) {
        batches.push_back({batch.event, batch.header, std::move(batch.bytes)});
      }
      broker_.compacted(pass_->log, *cell, range.event, std::move(batches));
    }
    last_commit_ = broker_.next_lsn();
    counts_.bytes_written += step.bytes;
  }
  if (step.horizon_ms >= 0 && (pass_->horizon_ms < 0 || step.horizon_ms < pass_->horizon_ms)) {
    pass_->horizon_ms = step.horizon_ms;
  }
  pass_->next = step.rows.back().end();
  return true;
}

bool Compactor::commit_end() {
  auto* cell = broker_.find<LogCell>(pass_->log);
  const Broker::Turn turn(broker_, broker_.now(), Admission::kData);
  if (!turn.ok()) return false;
  const Offset end = std::max(pass_->end, cell->log.clean_end());
  broker_.cleaned(pass_->log, *cell, {end, pass_->horizon_ms});
  last_commit_ = broker_.next_lsn();
  ++counts_.passes;
  return true;
}

}  // namespace weir::broker
