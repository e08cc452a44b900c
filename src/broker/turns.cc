// Turns: the outermost one submits what was staged, gives appends their places, and then lets the
// waiters try.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/event_store.h"
#include "broker/read_cache.h"
#include "broker/row_reads.h"

namespace weir::broker {

Broker::Broker(Journal& journal, Random random, Limits limits)
    : journal_(journal),
      random_(random),
      limits_(limits),
      read_cache_(std::make_unique<ReadCache>()),
      row_reads_(std::make_unique<RowReads>(journal, *read_cache_)),
      events_(std::make_unique<EventStore>(*this)) {}

Broker::~Broker() = default;

Broker::Turn::Turn(Broker& broker, Timestamp now, Admission admission, size_t bytes)
    : broker_(broker), status_(broker.begin(now, admission, bytes)) {}

Broker::Turn::~Turn() {
  if (status_) broker_.end();
}

Lsn Broker::Turn::lsn() const {
  return broker_.journal_.next_lsn();
}

Depends Broker::Turn::depends() const {
  if (broker_.commit_.empty()) return {};
  return {broker_.journal_.next_lsn(), broker_.commit_.durability()};
}

bool Broker::is_safe(const Depends& depends) const {
  switch (depends.durability) {
    case Durability::kFsync: return depends.lsn <= journal_.durable();
    case Durability::kOs: return depends.lsn <= journal_.written();
    case Durability::kTransient: return true;
  }
  return false;
}

Result<void> Broker::begin(Timestamp now, Admission admission, size_t bytes) {
  if (stopped_) return fail(ErrorCode::kShuttingDown, "the broker is stopping");
  if (commit_.bytes() + bytes > kCommitBytesMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("one commit holds at most {} bytes", kCommitBytesMax));
  }
  if (const auto admitted = journal_.admit(admission, bytes); !admitted) return admitted;
  now_ = std::max(now_, now);
  ++depth_;
  return {};
}

void Broker::end() {
  WEIR_ASSERT(depth_ > 0, "a turn ended twice");
  if (depth_ > 1) {
    --depth_;
    return;
  }
  submit();
  --depth_;
  wake_all();
}

void Broker::submit() {
  if (!commit_.empty()) {
    const Lsn lsn = journal_.next_lsn();
    const Lsn submitted = commit_.submit(journal_, now_);
    WEIR_ASSERT(submitted == lsn, "commit {} was expected to be {}", submitted.value(),
                lsn.value());
    for (const Unplaced& append : unplaced_) {
      auto* cell = find<LogCell>(append.log);
      const Extent& extent = commit_.extent(append.entry);
      // Appended and trimmed or removed in one turn: nobody refers to the bytes.
      if (cell == nullptr || !cell->log.place(append.event, append.header, extent)) {
        journal_.release(extent, lsn);
      } else {
        note_place(append.log, *cell, extent.file);
      }
    }
    place_compacted(lsn);
    for (const Extent& extent : released_) journal_.release(extent, lsn);
    unplaced_.clear();
    released_.clear();
  }
  for (const CellId id : touched_) {
    if (Cell* cell = find_cell(id)) arm(id, *cell);
  }
  touched_.clear();
}

// Rewritten batches have their places now.
void Broker::place_compacted(Lsn lsn) {
  for (const Compacted& compacted : compacted_) {
    auto* cell = find<LogCell>(compacted.log);
    WEIR_ASSERT(cell != nullptr, "log {} was compacted and removed in one turn",
                compacted.log.value());
    for (const RewrittenBatch& batch : compacted.batches) {
      const Extent& extent = commit_.extent(batch.entry);
      cell->log.stage(batch.event, batch.header, extent);
      note_place(compacted.log, *cell, extent.file);
    }
    std::vector<Extent> released;
    cell->log.apply(compacted.event, lsn, released);
    give_up(released);
  }
  compacted_.clear();
}

void Broker::wake_all() {
  if (waking_) return;
  waking_ = true;
  const auto settle_down = [this] {
    while (!signals_.empty() || !after_turn_.empty()) {
      auto later = std::exchange(after_turn_, {});
      for (auto& run : later) run();
      for (const WaitKey key : std::exchange(signals_, {})) waiters_.wake(key);
    }
  };
  settle_down();
  // One bounded step of each bridge; what is left is due at once, by the next tick, so that clients
  // get their turn.
  if (!bridges_due_.empty()) {
    run_bridges(now_);
    settle_down();
  }
  waking_ = false;
  announce_deadline();
}

void Broker::announce_deadline() {
  if (!deadline_listener_) return;
  const Timestamp due = next_deadline();
  if (due >= announced_) return;
  announced_ = due;
  deadline_listener_(due);
}

void Broker::touch(CellId id, Cell& cell) {
  cell.last_lsn = journal_.next_lsn();
  touched_.push_back(id);
}

void Broker::arm(CellId id, Cell& cell) {
  const Timestamp due = cell.next_deadline();
  if (due == cell.armed) return;
  if (cell.armed != Timestamp::never()) deadlines_.erase({cell.armed, id});
  cell.armed = due;
  if (due != Timestamp::never()) deadlines_.insert({due, id});
}

void Broker::give_up(std::vector<Extent>& released) {
  released_.insert(released_.end(), released.begin(), released.end());
  released.clear();
}

void Broker::journal_event(CellId id, Cell& cell, ByteView event) {
  WEIR_ASSERT(depth_ > 0, "an event outside of a turn");
  commit_.add(id, static_cast<char>(cell.kind()), event);
  commit_.require(Durability::kFsync);
  cell.last_lsn = journal_.next_lsn();
}

void Broker::journal_event(CellId id, ByteView event, Durability durability) {
  WEIR_ASSERT(depth_ > 0, "an event outside of a turn");
  commit_.add(id, event);
  commit_.require(durability);
  if (Cell* cell = find_cell(id)) touch(id, *cell);
}

Depends Broker::cell_depends(CellId id) const {
  const Cell* cell = find_cell(id);
  return cell == nullptr ? Depends{} : Depends{cell->last_lsn, Durability::kFsync};
}

WaiterId Broker::wait(std::span<const WaitKey> keys, Timestamp deadline, WaitMode mode, Wake wake) {
  if (stopped_) {
    wake(WakeReason::kStopping);
    return {};
  }
  const WaiterId id = waiters_.add(keys, deadline, mode, std::move(wake));
  announce_deadline();
  return id;
}

void Broker::stop() {
  waiters_.stop_all();
  stopped_ = true;
}

catalog::Uuid Broker::new_uuid() {
  // Version 4, variant 1 (RFC 9562), so that tools which look at the bits are content.
  const uint64_t high = (random_.next() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (random_.next() >> 2) | (uint64_t{1} << 63);
  return {high, low};
}

// ---- watermarks

void Broker::progressed(Lsn written, Lsn durable) {
  const auto release = [&](std::deque<Undurable>& waiting, Lsn reached) {
    while (!waiting.empty() && waiting.front().lsn <= reached) {
      const CellId log = waiting.front().log;
      // Many appends to one log become safe together.
      do waiting.pop_front();
      while (!waiting.empty() && waiting.front().log == log && waiting.front().lsn <= reached);
      if (auto* cell = find<LogCell>(log)) cell->log.durable_end(durable);
      if (waiters_.waiting_for(safe_key(log))) signal(safe_key(log));
    }
  };
  release(undurable_os_, written);
  release(undurable_fsync_, durable);
  if (listener_) listener_(written, durable);
  wake_all();
}

void Broker::pressed(bool on) {
  if (pressure_listener_) pressure_listener_(on);
}

void Broker::storage_health(std::optional<Error> problem) {
  problem_ = std::move(problem);
}

}  // namespace weir::broker
