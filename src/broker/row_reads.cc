#include "broker/row_reads.h"

#include <algorithm>
#include <utility>

#include "broker/row_entries.h"

namespace weir::broker {

RowEntries RowReads::kept(CellId log, const log::Row& row) {
  used_ = true;
  const auto found = std::ranges::find_if(kept_, [&](const Kept& kept) {
    return kept.log == log && kept.row.span.file == row.span.file &&
           kept.row.span.position == row.span.position;
  });
  if (found == kept_.end()) return nullptr;
  if (found->row != row && !extend(*found, row)) {
    kept_.erase(found);
    return nullptr;
  }
  std::rotate(kept_.begin(), found, found + 1);
  return kept_.front().entries;
}

// By what was appended to the row since it was read. False when that is not all that has changed,
// or is not in memory.
bool RowReads::extend(Kept& kept, const log::Row& row) {
  const Extent& before = kept.row.span;
  if (row.span.length <= before.length || row.first() != kept.row.first()) return false;
  const Extent rest{.file = before.file,
                    .frame = before.frame,
                    .position = before.position + before.length,
                    .length = row.span.length - before.length};
  auto found = journal_.read_cached(kept.log, rest);
  if (!found) return false;
  std::vector<StoredEntry> more = entries_of_row(std::move(*found), row);
  if (more.empty() || first_offset(more.front()) < kept.row.end()) return false;
  if (kept.entries.use_count() > 1)
    kept.entries = std::make_shared<std::vector<StoredEntry>>(*kept.entries);
  kept.entries->insert(kept.entries->end(), std::move_iterator(more.begin()),
                       std::move_iterator(more.end()));
  kept.row = row;
  return true;
}

RowEntries RowReads::find(CellId log, const log::Row& row) {
  if (RowEntries entries = kept(log, row)) return entries;
  auto found = journal_.read_cached(log, row.span);
  if (!found) return nullptr;
  return keep(log, row, entries_of_row(std::move(*found), row));
}

void RowReads::read(CellId log, const log::Row& row, Done done) {
  const Key key{log, row.span.file, row.span.position, row.span.length};
  std::vector<Done>& waiting = under_way_[key];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  journal_.read(log, row.span, [this, key, log, row](ReadResult result) {
    std::vector<Done> all = std::move(under_way_.extract(key).mapped());
    Result<RowEntries> entries;
    if (result) {
      entries = keep(log, row, entries_of_row(std::move(*result), row));
    } else {
      Error error = std::move(result.error());
      if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kStorageCorrupt;
      entries = std::unexpected(std::move(error));
    }
    for (Done& one : all) one(entries);
  });
}

RowEntries RowReads::keep(CellId log, const log::Row& row, std::vector<StoredEntry> entries) {
  auto shared = std::make_shared<std::vector<StoredEntry>>(std::move(entries));
  if (shared->size() < ReadCache::kRowBatchesMin) return shared;
  places_.put_places(log, row, *shared);
  if (kept_.size() == kRowsKept) kept_.pop_back();
  kept_.insert(kept_.begin(), {log, row, shared});
  return shared;
}

void RowReads::forget_when_idle() {
  if (!used_) kept_.clear();
  used_ = false;
}

}  // namespace weir::broker
