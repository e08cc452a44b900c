// How a log takes what compaction has made of its batches; see compaction.h for what that is.

#include <algorithm>

#include "base/assert.h"
#include "core/log/log.h"

namespace weir::log {

namespace {

int64_t offsets_of(const BatchHeader& header) {
  return int64_t{header.last_offset_delta} + 1;
}

}  // namespace

// What the door and decide_append() have made sure of.
bool Log::batch_fits(const BatchHeader& header, const AppendEvent& event) {
  const bool producer =
      header.producer_id == kNoProducerId ||
      (header.producer_id >= 0 && header.producer_epoch >= 0 && header.base_sequence >= 0);
  return producer && header.last_offset_delta >= 0 && header.max_timestamp >= kNoTimestamp &&
         header.base_offset == event.base_offset.value() &&
         header.base_offset <= INT64_MAX - offsets_of(header) &&
         event.base_id.seq <= UINT64_MAX - static_cast<uint64_t>(header.last_offset_delta);
}

Row Log::row_of(const AppendEvent& event, const BatchHeader& header, const Location& location) {
  const int64_t count = offsets_of(header);
  Row row;
  row.first_offset = event.base_offset.value();
  row.span = location;
  row.bytes = location.length;
  row.count = static_cast<uint32_t>(count);
  row.max_timestamp = header.max_timestamp;
  row.appended_ms = event.appended.ms();
  row.last_id = event.id_of(event.base_offset + (count - 1));
  return row;
}

CleanableRange Log::cleanable(Offset limit, int64_t newest_ms) const {
  CleanableRange range{.start = start_, .dirty = std::max(clean_end_, start_), .end = {}};
  // The last row is left alone: the log never becomes empty, and what is taken away always has
  // something behind it.
  if (!rows_.empty()) range.dirty = std::min(range.dirty, rows_.back().first());
  range.dirty = std::max(range.dirty, start_);
  range.end = range.dirty;
  range.clean_bytes = bytes_;
  size_t index = rows_.find_offset(range.dirty);
  for (; index + 1 < rows_.size(); ++index) {
    const Row& row = rows_.at(index);
    if (row.end() > limit || row.appended_ms > newest_ms) break;
    range.dirty_bytes += row.bytes;
    if (range.oldest_ms < 0 || row.appended_ms < range.oldest_ms) range.oldest_ms = row.appended_ms;
    range.end = row.end();
  }
  range.clean_bytes -= range.dirty_bytes;
  for (; index < rows_.size(); ++index) range.clean_bytes -= rows_.at(index).bytes;
  return range;
}

bool Log::fits(const RewrittenEvent& event, const BatchHeader& header) const {
  const Offset after = staged_.empty() ? Offset(0) : staged_.back().end();
  return batch_fits(header, event.batch) && event.batch.base_offset >= after &&
         header.end_offset() <= end_ && header.last_offset_delta < INT32_MAX;
}

bool Log::fits(const CompactedEvent& event) const {
  if (!rows_.may_replace(event.first, event.end)) return false;
  // In the order of IDs, too, and between those of the rows around.
  const size_t first = rows_.find_offset(event.first);
  StreamId last = first == 0 ? StreamId{} : rows_.at(first - 1).last_id;
  for (const Row& row : staged_) {
    if (row.first() < event.first || row.end() > event.end || row.last_id <= last) return false;
    last = row.last_id;
  }
  return rows_.at(rows_.find_offset(event.end)).last_id > last;
}

void Log::stage(const RewrittenEvent& event, const BatchHeader& header, const Location& location) {
  WEIR_ASSERT(fits(event, header), "a rewritten batch at {}", header.base_offset);
  staged_.push_back(row_of(event.batch, header, location));
}

void Log::apply(const CompactedEvent& event, Lsn lsn, std::vector<Location>& released) {
  WEIR_ASSERT(fits(event), "{} to {}", event.first.value(), event.end.value());
  last_lsn_ = lsn;
  bytes_ += static_cast<uint64_t>(rows_.replace(event.first, event.end, staged_, released));
  staged_.clear();
  // A row that held the start may have become several.
  bytes_ -= rows_.drop_below(start_, released);
}

void Log::apply(const CleanedEvent& event, Lsn lsn) {
  last_lsn_ = lsn;
  clean_end_ = event.end;
  horizon_ms_ = event.horizon_ms;
}

Result<void> Log::replay_batch(const Event& event,
                               ByteView payload,
                               const Location& location,
                               Lsn lsn) {
  const auto header = parse_header(payload);
  const auto* append = std::get_if<AppendEvent>(&event);
  const auto* rewritten = std::get_if<RewrittenEvent>(&event);
  const bool fit = header && header->size() == payload.size() &&
                   (append != nullptr ? batch_fits(*header, *append) : fits(*rewritten, *header));
  if (!fit) return fail(ErrorCode::kStorageCorrupt, "a stored batch does not fit its event");
  if (append != nullptr) {
    apply_append(*append, *header, location, lsn, lsn);  // what is replayed is durable
  } else {
    stage(*rewritten, *header, location);
  }
  return {};
}

}  // namespace weir::log
