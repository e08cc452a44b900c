// Reading: rows say where, the journal has the bytes in memory or reads them off the reactor; the
// answer comes when the last piece is there. The state may have moved on meanwhile: what was
// trimmed is left out, a removed log is an error.

#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"
#include "broker/read_cache.h"
#include "broker/row_entries.h"
#include "broker/row_reads.h"

namespace weir::broker {
namespace {

constexpr size_t kRowsMax = 4096;
// A read of at most so many records takes single batches out of a row.
constexpr int64_t kNarrowMax = 64;

using Offsets = std::span<const Offset>;

// The part of `offsets` (ascending) that lies in the row.
Offsets within(const log::Row& row, Offsets offsets) {
  const auto first = std::lower_bound(offsets.begin(), offsets.end(), row.first());
  return {first, std::lower_bound(first, offsets.end(), row.end())};
}

}  // namespace

// One read of several rows.
struct Broker::ReadJob {
  CellId log;
  std::vector<log::Row> rows;
  std::vector<Offset> wanted;  // ascending; empty: the whole rows
  std::vector<std::vector<StoredEntry>> parts;
  size_t missing = 0;
  std::optional<Error> error;
  std::move_only_function<void(Result<std::vector<StoredEntry>>)> done;

  void finish() {
    // The rows are live, so their file must be there.
    if (error && error->code == ErrorCode::kNotFound) error->code = ErrorCode::kStorageCorrupt;
    if (error) return done(std::unexpected(*error));
    std::vector<StoredEntry> entries;
    for (auto& part : parts) {
      for (StoredEntry& entry : part) entries.push_back(std::move(entry));
    }
    done(std::move(entries));
  }
};

void Broker::run_read(const std::shared_ptr<ReadJob>& job) {
  job->parts.resize(job->rows.size());
  std::vector<size_t> cold;
  for (size_t i = 0; i < job->rows.size(); ++i) {
    if (auto cached = cached_entries(job->log, job->rows[i], job->wanted)) {
      job->parts[i] = std::move(*cached);
    } else {
      cold.push_back(i);
    }
  }
  job->missing = cold.size();
  if (cold.empty()) return job->finish();
  for (const size_t i : cold) {
    const auto finished = [job, i](const auto& result, auto take) {
      if (result) {
        job->parts[i] = take();
      } else if (!job->error) {
        job->error = result.error();
      }
      if (--job->missing == 0) job->finish();
    };
    if (job->wanted.empty()) {
      journal_.read(job->log, job->rows[i].span, [job, i, finished](ReadResult result) {
        finished(result, [&] { return entries_of_row(std::move(*result), job->rows[i]); });
      });
      continue;
    }
    row_reads_->read(job->log, job->rows[i], [job, i, finished](const Result<RowEntries>& result) {
      finished(result,
               [&] { return entries_holding(**result, within(job->rows[i], job->wanted)); });
    });
  }
}

// The entries of a row that hold one of `wanted` (none: all of them), if they are in memory. A few
// of many are fetched one by one: what a row costs to cut is paid once.
std::optional<std::vector<StoredEntry>> Broker::cached_entries(CellId id,
                                                               const log::Row& row,
                                                               Offsets wanted) const {
  if (wanted.empty()) {
    auto cached = journal_.read_cached(id, row.span);
    if (!cached) return std::nullopt;
    return entries_of_row(std::move(*cached), row);
  }
  const Offsets here = within(row, wanted);
  if (const RowEntries kept = row_reads_->kept(id, row)) return entries_holding(*kept, here);
  const auto* places = read_cache_->places(id, row);
  if (places == nullptr || here.size() > places->size() / 2) {
    const RowEntries entries = row_reads_->find(id, row);
    if (entries == nullptr) return std::nullopt;
    return entries_holding(*entries, here);
  }
  std::vector<StoredEntry> found;
  found.reserve(here.size());
  const ReadCache::Place* before = nullptr;
  for (const Offset offset : here) {
    const auto after = std::ranges::upper_bound(*places, offset, {}, &ReadCache::Place::first);
    if (after == places->begin()) continue;
    const ReadCache::Place* place = &*std::prev(after);
    if (place == before) continue;
    before = place;
    auto cached = journal_.read_cached(id, place->extent);
    if (!cached || cached->size() != 1) return std::nullopt;
    found.push_back(std::move(cached->front()));
    found.back().event = found.back().event.slice(1);
  }
  return found;
}

// Whole batches that hold something of [from, end).
std::vector<StoredEntry> Broker::select(const log::Log& log,
                                        std::vector<StoredEntry> entries,
                                        Offset from,
                                        Offset end) const {
  std::erase_if(entries, [&](const StoredEntry& entry) {
    const auto header = log::parse_header(entry.payload);
    return !header || header->end_offset() <= std::max(from, log.start()) ||
           header->first_offset() >= end;
  });
  return entries;
}

void Broker::read(const ReadRequest& request, ReadDone done) {
  const auto* cell = find<LogCell>(request.log);
  if (cell == nullptr) {
    return done(fail(ErrorCode::kNotFound, fmt::format("there is no log {}", request.log.value())));
  }
  const log::Log& log = cell->log;
  const Offset visible = visible_end(request.log, request.visibility);
  if (request.from < log.start() || request.from > visible) {
    return done(fail(ErrorCode::kOffsetOutOfRange,
                     fmt::format("offset {} is outside of {} to {}", request.from.value(),
                                 log.start().value(), visible.value())));
  }
  ReadAnswer answer{.start = log.start(), .end = visible, .batches = {}, .depends = {}};
  if (request.visibility == Visibility::kApplied) answer.depends = log_depends(request.log);
  const Offset end = request.end ? std::min(*request.end, visible) : visible;
  auto job = std::make_shared<ReadJob>();
  job->log = request.log;
  if (request.from < end) {
    log.rows_from(request.from, end, std::min(request.bytes_max, limits_.read_bytes_max), kRowsMax,
                  job->rows);
    if (request.end && end - request.from <= kNarrowMax) {
      job->wanted.reserve(static_cast<size_t>(end - request.from));
      for (Offset offset = request.from; offset < end; offset = offset + 1) {
        job->wanted.push_back(offset);
      }
    }
  }
  if (job->rows.empty()) {
    // Appended in this very turn: the rows come when it ends.
    if (request.from < end && depth_ > 0 && request.visibility == Visibility::kApplied) {
      after_turn_.push_back(
          [this, request, done = std::move(done)]() mutable { read(request, std::move(done)); });
      return;
    }
    return done(std::move(answer));
  }
  job->done = [this, request, end, answer = std::move(answer),
               done = std::move(done)](Result<std::vector<StoredEntry>> entries) mutable {
    if (!entries) return done(std::unexpected(entries.error()));
    const auto* still = find<LogCell>(request.log);
    if (still == nullptr) {
      return done(fail(ErrorCode::kNotFound, "the log was removed while it was read"));
    }
    answer.batches = select(still->log, std::move(*entries), request.from, end);
    // At least one whole batch, then up to the limit.
    size_t bytes = 0;
    size_t count = 0;
    for (const StoredEntry& batch : answer.batches) {
      bytes += batch.payload.size();
      if (count > 0 && bytes > request.bytes_max) break;
      ++count;
    }
    answer.batches.resize(count);
    done(std::move(answer));
  };
  run_read(job);
}

// ---- looking for a time or an ID, row by row

struct Broker::FindJob {
  CellId log;
  std::optional<Timestamp> time;
  log::StreamId id;
  Visibility visibility;
  Offset from;
  FindDone done;
  // When a row was asked for: behind it nothing is seen, and what the answer depends on.
  Offset end = {};
  Depends depends = {};

  // Of the entries of a row the first that may hold what is looked for: IDs rise with offsets.
  std::vector<StoredEntry>::const_iterator first_of(const std::vector<StoredEntry>& entries) const {
    if (time) return entries.begin();
    const auto after = std::ranges::upper_bound(entries, id, {}, [](const StoredEntry& entry) {
      const auto event = log::decode_append(entry.event);
      return event ? event->base_id : log::StreamId{};
    });
    return after == entries.begin() ? after : std::prev(after);
  }
};

void Broker::find_by_time(CellId log, Timestamp t, Visibility visibility, FindDone done) {
  run_find(std::make_shared<FindJob>(FindJob{log, t, {}, visibility, Offset(0), std::move(done)}));
}

void Broker::find_by_id(CellId log, log::StreamId id, Visibility visibility, FindDone done) {
  run_find(std::make_shared<FindJob>(
      FindJob{log, std::nullopt, id, visibility, Offset(0), std::move(done)}));
}

void Broker::run_find(const std::shared_ptr<FindJob>& job) {
  if (depth_ > 0 && !unplaced_.empty()) {
    after_turn_.push_back([this, job] { run_find(job); });
    return;
  }
  while (true) {
    const auto* cell = find<LogCell>(job->log);
    if (cell == nullptr) {
      return job->done(
          fail(ErrorCode::kNotFound, fmt::format("there is no log {}", job->log.value())));
    }
    const log::Log& log = cell->log;
    const std::optional<log::Row> row = job->time ? log.row_by_time(*job->time, job->from)
                                        : job->from == Offset(0) ? log.row_by_id(job->id)
                                                                 : log.row_at(job->from);
    job->end = visible_end(job->log, job->visibility);
    job->depends = job->visibility == Visibility::kApplied ? log_depends(job->log) : Depends{};
    if (!row || row->first() >= job->end) {
      return job->done(FoundOffset{std::nullopt, job->depends});
    }
    const RowEntries entries = row_reads_->find(job->log, *row);
    if (entries == nullptr) {
      row_reads_->read(job->log, *row, [this, job, row = *row](const Result<RowEntries>& read) {
        if (!read) return job->done(std::unexpected(read.error()));
        if (!find_in(job, row, **read)) run_find(job);
      });
      return;
    }
    if (find_in(job, *row, *entries)) return;
  }
}

// True when that was all: the answer was given.
bool Broker::find_in(const std::shared_ptr<FindJob>& job,
                     const log::Row& row,
                     const std::vector<StoredEntry>& entries) {
  const auto* still = find<LogCell>(job->log);
  if (still == nullptr) {
    job->done(FoundOffset{std::nullopt, job->depends});
    return true;
  }
  const Offset from = std::max(job->from, still->log.start());
  const auto* deleted = still->log.deletions();
  for (auto entry = job->first_of(entries); entry != entries.end(); ++entry) {
    const log::StoredBatch batch{entry->event, entry->payload};
    const auto found = job->time
                           ? log::find_by_time({&batch, 1}, *job->time, from, job->end, deleted)
                           : log::find_by_id({&batch, 1}, job->id, from, job->end, deleted);
    if (found && !*found) continue;
    if (found) {
      job->done(FoundOffset{*found, job->depends});
    } else {
      job->done(std::unexpected(found.error()));
    }
    return true;
  }
  job->from = row.end();
  return false;
}

// ---- single records

uint64_t Broker::batches_opened() const {
  return read_cache_->batches_opened();
}

void Broker::add_records(const std::vector<StoredEntry>& entries,
                         const std::vector<Offset>& wanted,
                         Records& records) const {
  for (const StoredEntry& entry : entries) {
    const auto header = log::parse_header(entry.payload);
    if (!header) continue;
    const auto first = std::lower_bound(wanted.begin(), wanted.end(), header->first_offset());
    if (first == wanted.end() || *first >= header->end_offset()) continue;
    Delivery delivery;
    const auto add = [&](const log::OpenedBatch& batch) {
      for (auto next = first; next != wanted.end() && *next < header->end_offset(); ++next) {
        if (!batch.read(entry.payload, *next, delivery.record)) continue;
        records.emplace(*next, delivery);
      }
    };
    delivery.holder = entry.payload;
    if (header->count == 1 && header->codec() == Codec::kNone) {
      if (const auto alone = log::OpenedBatch::open({entry.event, entry.payload})) add(*alone);
      continue;
    }
    const auto opened = read_cache_->open(entry);
    if (opened == nullptr) continue;
    if (opened->decompressed()) {
      // Views of its records point into what was decompressed.
      struct Holder {
        std::shared_ptr<const log::OpenedBatch> opened;
        Bytes payload;
      };
      delivery.holder = Bytes::of_owner(
          std::make_shared<const Holder>(Holder{opened, entry.payload}), entry.payload);
    }
    add(*opened);
  }
}

void Broker::collect_cached(CellId id,
                            const std::vector<Offset>& offsets,
                            Records& records,
                            std::vector<Extent>& missing) const {
  const auto* cell = find<LogCell>(id);
  if (cell == nullptr) return;
  Offset covered(0);
  for (const Offset offset : offsets) {
    if (offset < covered) continue;
    const auto row = cell->log.row_at(offset);
    if (!row) continue;
    covered = row->end();
    if (const auto cached = cached_entries(id, *row, offsets)) {
      add_records(*cached, offsets, records);
    } else {
      missing.push_back(row->span);
    }
  }
}

void Broker::read_records(CellId id, std::vector<Offset> offsets, RecordsDone done) {
  const auto* cell = find<LogCell>(id);
  if (cell == nullptr) {
    return done(fail(ErrorCode::kNotFound, fmt::format("there is no log {}", id.value())));
  }
  if (depth_ > 0 && !unplaced_.empty()) {
    after_turn_.push_back(
        [this, id, offsets = std::move(offsets), done = std::move(done)]() mutable {
          read_records(id, std::move(offsets), std::move(done));
        });
    return;
  }
  auto job = std::make_shared<ReadJob>();
  job->log = id;
  Offset covered(0);
  for (const Offset offset : offsets) {
    if (offset < covered || cell->log.deleted(offset)) continue;
    if (const auto row = cell->log.row_at(offset)) {
      covered = row->end();
      job->rows.push_back(*row);
    }
  }
  job->wanted = offsets;
  job->done = [this, id, offsets = std::move(offsets),
               done = std::move(done)](Result<std::vector<StoredEntry>> entries) mutable {
    if (!entries) return done(std::unexpected(entries.error()));
    Records records;
    add_records(*entries, offsets, records);
    const auto* still = find<LogCell>(id);
    std::vector<Delivery> found;
    found.reserve(offsets.size());
    for (const Offset offset : offsets) {
      const auto record = records.find(offset);
      if (record == records.end() || still == nullptr || offset < still->log.start()) continue;
      if (still->log.deleted(offset)) continue;
      found.push_back(std::move(record->second));
    }
    done(std::move(found));
  };
  run_read(job);
}

}  // namespace weir::broker
