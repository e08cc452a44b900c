#include "core/log/log.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::log {

namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

Result<void> check_timestamps(const BatchHeader& header,
                              Timestamp now,
                              const AppendLimits& limits) {
  if (limits.log_append_time) return {};
  if (header.log_append_time()) {
    return invalid("the batch claims log append time; the log keeps the producer's time");
  }
  if (header.max_timestamp != kNoTimestamp &&
      header.max_timestamp - now.ms() > limits.timestamp_after_max_ms) {
    return invalid("the timestamp lies too far in the future");
  }
  if (header.base_timestamp != kNoTimestamp &&
      now.ms() - header.base_timestamp > limits.timestamp_before_max_ms) {
    return invalid("the timestamp lies too far in the past");
  }
  return {};
}

int64_t offsets_of(const BatchHeader& header) {
  return int64_t{header.last_offset_delta} + 1;
}

}  // namespace

Log::Log(int32_t first_epoch) {
  epochs_.emplace_back(first_epoch, Offset(0));
}

// --- append ---

Result<StreamId> Log::next_id(const IdRequest& request, Timestamp now, int64_t count) const {
  using Kind = IdRequest::Kind;
  const auto steps = static_cast<uint64_t>(count);
  // The last ID after which `steps` more fit into the same millisecond.
  const uint64_t seq_max = UINT64_MAX - steps;
  if (request.kind == Kind::kExplicit) {
    if (request.id <= last_id_) return invalid("the ID is not above the last ID of the stream");
    if (request.id.seq > seq_max + 1) return invalid("the ID leaves no room for all records");
    return request.id;
  }
  const bool automatic = request.kind == Kind::kAuto;
  const uint64_t wanted =
      automatic ? static_cast<uint64_t>(std::max<int64_t>(now.ms(), 0)) : request.id.ms;
  if (wanted > last_id_.ms) return StreamId{wanted, 0};
  if (!automatic && wanted < last_id_.ms) {
    return invalid("the ID is not above the last ID of the stream");
  }
  if (last_id_.seq <= seq_max) return StreamId{last_id_.ms, last_id_.seq + 1};
  if (!automatic) return invalid("the ID is not above the last ID of the stream");
  if (last_id_.ms == UINT64_MAX) {
    return fail(ErrorCode::kLimitReached, "the stream has used its last ID");
  }
  return StreamId{last_id_.ms + 1, 0};
}

Result<AppendPlan> Log::decide_append(const BatchHeader& header,
                                      Timestamp now,
                                      const AppendLimits& limits,
                                      const IdRequest& id) const {
  if (header.size() > limits.batch_bytes_max) {
    return fail(ErrorCode::kTooLarge, "the record batch of " + std::to_string(header.size()) +
                                          " bytes is larger than the limit of " +
                                          std::to_string(limits.batch_bytes_max));
  }
  if (auto ok = check_timestamps(header, now, limits); !ok) return std::unexpected(ok.error());
  AppendPlan plan;
  if (header.producer_id != kNoProducerId && producers_ != nullptr) {
    const auto repeated = producers_->check(header, now);
    if (!repeated) return std::unexpected(repeated.error());
    if (*repeated) {
      plan.duplicate = true;
      plan.event.base_offset = Offset((*repeated)->base_offset);
      plan.event.appended = Timestamp((*repeated)->appended_ms);
      return plan;
    }
  }
  const int64_t count = offsets_of(header);
  if (end_.value() > INT64_MAX - count) {
    return fail(ErrorCode::kLimitReached, "the log has used its last offset");
  }
  const auto base_id = next_id(id, now, count);
  if (!base_id) return std::unexpected(base_id.error());
  plan.event = {end_, *base_id, now};
  return plan;
}

void Log::advance(const AppendEvent& event, const BatchHeader& header, Lsn lsn, Lsn durable) {
  WEIR_ASSERT(event.base_offset == end_, "{} at {}", event.base_offset.value(), end_.value());
  const int64_t count = offsets_of(header);
  WEIR_ASSERT(count > 0, "{} offsets", count);
  last_record_id_ = event.id_of(end_ + (count - 1));
  last_id_ = std::max(last_id_, last_record_id_);
  end_ = end_ + count;
  entries_added_ += std::min(count, INT64_MAX - entries_added_);  // XSETID may set it anywhere
  last_lsn_ = lsn;
  if (header.producer_id != kNoProducerId) {
    if (producers_ == nullptr) producers_ = std::make_unique<ProducerTable>();
    producers_->record(header, event.base_offset, event.appended);
  }
  forget_marks(durable);
  if (marks_begin_ < marks_.size() && marks_.back().lsn == lsn) {
    marks_.back().end = end_;
  } else {
    marks_.push_back({lsn, end_});
  }
}

RepeatedEvent Log::decide_repeated(const BatchHeader& header, Offset first, Timestamp now) {
  return {.first = first,
          .at = now,
          .producer_id = header.producer_id,
          .producer_epoch = header.producer_epoch,
          .base_sequence = header.base_sequence,
          .last_offset_delta = header.last_offset_delta};
}

void Log::apply(const RepeatedEvent& event, Lsn lsn) {
  last_lsn_ = lsn;
  BatchHeader header;
  header.producer_id = event.producer_id;
  header.producer_epoch = event.producer_epoch;
  header.base_sequence = event.base_sequence;
  header.last_offset_delta = event.last_offset_delta;
  header.max_timestamp = event.at.ms();  // what it repeats may be gone
  if (producers_ == nullptr) producers_ = std::make_unique<ProducerTable>();
  producers_->record(header, event.first, event.at);
}

bool Log::place(const AppendEvent& event, const BatchHeader& header, const Location& location) {
  if (event.base_offset + offsets_of(header) <= start_) return false;
  rows_.append(row_of(event, header, location));
  bytes_ += location.length;
  return true;
}

void Log::apply_append(const AppendEvent& event,
                       const BatchHeader& header,
                       const Location& location,
                       Lsn lsn,
                       Lsn durable) {
  advance(event, header, lsn, durable);
  const bool placed = place(event, header, location);
  WEIR_ASSERT(placed, "an append at {} lies below the start", event.base_offset.value());
}

void Log::forget_marks(Lsn durable) {
  while (marks_begin_ < marks_.size() && marks_[marks_begin_].lsn <= durable) {
    settled_end_ = marks_[marks_begin_++].end;
  }
  // Amortized: each erase moves no more marks than were forgotten.
  if (marks_begin_ > 0 && marks_begin_ * 2 >= marks_.size()) {
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<ptrdiff_t>(marks_begin_));
    marks_begin_ = 0;
  }
}

// --- trimming ---

Result<TrimEvent> Log::decide_trim(Offset start, Offset end) const {
  if (start < Offset(0) || start > std::min(end, end_)) {
    return fail(ErrorCode::kOffsetOutOfRange, "offset " + std::to_string(start.value()) +
                                                  " is beyond the end " +
                                                  std::to_string(std::min(end, end_).value()));
  }
  return TrimEvent{std::max(start, start_)};
}

TrimEvent Log::decide_retention(Timestamp now, const RetentionPolicy& policy, Offset limit) const {
  Offset start = start_;
  uint64_t left = bytes_;
  const size_t rows = std::min(rows_.size(), kRetentionRowsMax);
  for (size_t i = 0; i < rows; ++i) {
    const Row& row = rows_.at(i);
    // A timestamp of the future may not keep a row for ever.
    const int64_t newest =
        row.max_timestamp < 0 ? row.appended_ms : std::min(row.max_timestamp, row.appended_ms);
    const bool old = policy.retention_ms >= 0 && now.ms() - newest > policy.retention_ms;
    const bool over = policy.retention_bytes >= 0 &&
                      left - row.bytes >= static_cast<uint64_t>(policy.retention_bytes);
    if ((!old && !over) || row.end() > limit) break;
    start = row.end();
    left -= row.bytes;
  }
  return TrimEvent{start};
}

int64_t Log::length() const {
  return live_below(end_);
}

int64_t Log::live_below(Offset start) const {
  if (start <= start_) return 0;
  const Offset stop = std::min(start, end_);
  return stop - start_ - (deleted_ == nullptr ? 0 : deleted_->count(start_, stop));
}

Offset Log::select_live(int64_t n) const {
  if (deleted_ == nullptr) return n < end_ - start_ ? start_ + n : end_;
  return deleted_->select_absent(start_, end_, n);
}

TrimEvent Log::grained(Offset exact, bool approximate, int64_t removed_max) const {
  if (live_below(exact) > removed_max) {
    exact = select_live(removed_max);
  } else if (exact == end_) {
    return TrimEvent{end_};
  }
  if (approximate) {
    exact = Offset(exact.value() / kStreamNodeEntries * kStreamNodeEntries);
  }
  return TrimEvent{std::max(exact, start_)};
}

TrimEvent Log::decide_trim_to_length(int64_t kept, bool approximate, int64_t removed_max) const {
  const int64_t surplus = length() - std::max<int64_t>(kept, 0);
  if (surplus <= 0) return TrimEvent{start_};
  return grained(select_live(surplus), approximate, removed_max);
}

TrimEvent Log::decide_trim_to_offset(Offset start, bool approximate, int64_t removed_max) const {
  if (start <= start_) return TrimEvent{start_};
  return grained(std::min(start, end_), approximate, removed_max);
}

void Log::apply(const TrimEvent& event, Lsn lsn, std::vector<Location>& released) {
  WEIR_ASSERT(event.start <= end_, "{} of {}", event.start.value(), end_.value());
  last_lsn_ = lsn;
  raise_start(event.start, released);
}

void Log::raise_start(Offset start, std::vector<Location>& released) {
  start = std::max(start, start_);
  if (deleted_ != nullptr) start = std::min(deleted_->first_absent(start), end_);
  start_ = start;
  bytes_ -= rows_.drop_below(start_, released);
  if (deleted_ != nullptr) {
    deleted_->erase_below(start_);
    if (deleted_->empty()) deleted_.reset();
  }
  size_t past = 0;
  while (past + 1 < epochs_.size() && epochs_[past + 1].second <= start_) ++past;
  if (past > 0) epochs_.erase(epochs_.begin(), epochs_.begin() + static_cast<ptrdiff_t>(past));
}

// --- single deletes ---

Result<DeleteEvent> Log::decide_delete(std::vector<std::pair<Offset, StreamId>> records) const {
  std::sort(records.begin(), records.end());
  DeleteEvent event;
  event.max_deleted_id = max_deleted_id_;
  for (const auto& [offset, id] : records) {
    if (offset < start_ || offset >= end_ || deleted(offset)) continue;
    if (!event.runs.empty() && offset < event.runs.back().end) continue;  // named twice
    event.max_deleted_id = std::max(event.max_deleted_id, id);
    if (!event.runs.empty() && event.runs.back().end == offset) {
      event.runs.back().end = offset.next();
    } else {
      event.runs.push_back({offset, offset.next()});
    }
  }
  if (event.runs.size() > kDeleteRunsMax) {
    return fail(ErrorCode::kTooLarge, "too many records in one delete");
  }
  return event;
}

void Log::apply(const DeleteEvent& event, Lsn lsn, std::vector<Location>& released) {
  last_lsn_ = lsn;
  max_deleted_id_ = std::max(max_deleted_id_, event.max_deleted_id);
  if (deleted_ == nullptr) deleted_ = std::make_unique<OffsetSet>();
  for (const OffsetRun& run : event.runs) {
    WEIR_ASSERT(run.end <= end_, "{} of {}", run.end.value(), end_.value());
    if (run.end > start_) deleted_->insert({std::max(run.first, start_), run.end});
  }
  raise_start(start_, released);
}

// --- epochs, IDs, relocation ---

Result<EpochEvent> Log::decide_epoch(int32_t epoch) const {
  if (epoch <= current_epoch()) {
    return invalid("epoch " + std::to_string(epoch) + " does not rise above " +
                   std::to_string(current_epoch()));
  }
  return EpochEvent{epoch, end_};
}

void Log::apply(const EpochEvent& event, Lsn lsn) {
  last_lsn_ = lsn;
  if (epochs_.back().second == event.start) epochs_.pop_back();  // nothing was appended in it
  epochs_.emplace_back(event.epoch, event.start);
  if (epochs_.size() > kEpochsMax) epochs_.erase(epochs_.begin());
}

Result<SetIdsEvent> Log::decide_set_ids(StreamId last_id,
                                        std::optional<int64_t> entries_added,
                                        std::optional<StreamId> max_deleted_id) const {
  const SetIdsEvent event{last_id, entries_added.value_or(entries_added_),
                          max_deleted_id.value_or(max_deleted_id_)};
  if (!empty() && last_id < last_record_id_) return invalid("the ID is below the last record's");
  if (last_id < event.max_deleted_id) return invalid("the ID is below the largest deleted ID");
  if (event.entries_added < length()) {
    return invalid("the count of entries added is below the length of the stream");
  }
  return event;
}

void Log::apply(const SetIdsEvent& event, Lsn lsn) {
  last_lsn_ = lsn;
  last_id_ = event.last_id;
  entries_added_ = event.entries_added;
  max_deleted_id_ = event.max_deleted_id;
}

MovedEvent Log::decide_moved(std::vector<Relocation> relocations,
                             std::vector<Location>& dead) const {
  const auto place = [](const Location& l) { return std::pair(l.file, l.position); };
  std::sort(relocations.begin(), relocations.end(),
            [&](const auto& a, const auto& b) { return place(a.from) < place(b.from); });
  std::vector<Row> rows;
  for (size_t i = 0; i < relocations.size(); ++i) {
    const FileId file = relocations[i].from.file;
    if (i == 0 || relocations[i - 1].from.file != file) rows_.rows_in_file(file, rows);
  }
  std::sort(rows.begin(), rows.end(),
            [&](const Row& a, const Row& b) { return place(a.span) < place(b.span); });
  MovedEvent event;
  auto row = rows.begin();
  for (const Relocation& relocation : relocations) {
    while (row != rows.end() && place(row->span) < place(relocation.from)) ++row;
    const Location copies{relocation.to.file, relocation.to.frame, relocation.to.position,
                          relocation.bytes};
    if (row == rows.end() || row->span != relocation.from) {
      dead.push_back(copies);
      continue;
    }
    event.rows.push_back({row->first(), relocation.to, relocation.bytes});
    ++row;
  }
  std::sort(event.rows.begin(), event.rows.end(),
            [](const MovedRow& a, const MovedRow& b) { return a.first < b.first; });
  return event;
}

void Log::apply(const MovedEvent& event, Lsn lsn, std::vector<Location>& released) {
  last_lsn_ = lsn;
  bytes_ += static_cast<uint64_t>(rows_.move(event.rows, released));
}

// --- replay ---

Result<void> Log::check_replay(const Event& event) const {
  bool fits = true;
  if (const auto* append = std::get_if<AppendEvent>(&event)) {
    fits = append->base_offset == end_ && append->base_id > last_id_;
  } else if (const auto* compacted = std::get_if<CompactedEvent>(&event)) {
    fits = this->fits(*compacted);
  } else if (const auto* cleaned = std::get_if<CleanedEvent>(&event)) {
    fits = cleaned->end <= end_;
  } else if (const auto* trim = std::get_if<TrimEvent>(&event)) {
    fits = trim->start <= end_;
  } else if (const auto* epoch = std::get_if<EpochEvent>(&event)) {
    fits = epoch->start == end_ && epoch->epoch > current_epoch();
  } else if (const auto* deletion = std::get_if<DeleteEvent>(&event)) {
    fits = deletion->runs.empty() || deletion->runs.back().end <= end_;
  } else if (const auto* repeated = std::get_if<RepeatedEvent>(&event)) {
    fits = repeated->first < end_ && repeated->last_offset_delta < end_ - repeated->first &&
           repeated->producer_id >= 0;
  } else if (const auto* ids = std::get_if<SetIdsEvent>(&event)) {
    fits = ids->last_id >= last_record_id_ || empty();
  }
  if (fits) return {};
  return fail(ErrorCode::kStorageCorrupt, "an event of a log does not fit its state");
}

Result<void> Log::replay(ByteView event,
                         ByteView payload,
                         const Location& location,
                         Lsn lsn,
                         std::vector<Location>& released) {
  auto decoded = decode_event(event);
  if (!decoded) return std::unexpected(decoded.error());
  if (auto ok = check_replay(*decoded); !ok) return ok;
  if (std::holds_alternative<AppendEvent>(*decoded) ||
      std::holds_alternative<RewrittenEvent>(*decoded)) {
    if (auto ok = replay_batch(*decoded, payload, location, lsn); !ok) return ok;
  } else if (const auto* trim = std::get_if<TrimEvent>(&*decoded)) {
    apply(*trim, lsn, released);
  } else if (const auto* epoch = std::get_if<EpochEvent>(&*decoded)) {
    apply(*epoch, lsn);
  } else if (const auto* deletion = std::get_if<DeleteEvent>(&*decoded)) {
    apply(*deletion, lsn, released);
  } else if (const auto* ids = std::get_if<SetIdsEvent>(&*decoded)) {
    apply(*ids, lsn);
  } else if (const auto* moved = std::get_if<MovedEvent>(&*decoded)) {
    apply(*moved, lsn, released);
  } else if (const auto* compacted = std::get_if<CompactedEvent>(&*decoded)) {
    apply(*compacted, lsn, released);
  } else if (const auto* cleaned = std::get_if<CleanedEvent>(&*decoded)) {
    apply(*cleaned, lsn);
  } else if (const auto* repeated = std::get_if<RepeatedEvent>(&*decoded)) {
    apply(*repeated, lsn);
  }
  forget_marks(lsn);
  return {};
}

void Log::release_all(std::vector<Location>& released) const {
  for (size_t i = 0; i < rows_.size(); ++i) released.push_back(rows_.at(i).held());
}

// --- offsets and rows ---

Offset Log::visible_end(Lsn watermark) const {
  const auto begin = marks_.begin() + static_cast<ptrdiff_t>(marks_begin_);
  const auto beyond = std::partition_point(
      begin, marks_.end(), [watermark](const TailMark& mark) { return mark.lsn <= watermark; });
  return std::max(start_, beyond == begin ? settled_end_ : std::prev(beyond)->end);
}

Offset Log::durable_end(Lsn durable) {
  forget_marks(durable);
  return std::max(start_, settled_end_);
}

EpochEnd Log::end_of_epoch(int32_t epoch) const {
  if (epoch < 0 || epoch > current_epoch()) return {-1, Offset(-1)};
  const auto above = std::upper_bound(epochs_.begin(), epochs_.end(), epoch,
                                      [](int32_t e, const auto& known) { return e < known.first; });
  const int32_t found = above == epochs_.begin() ? epoch : std::prev(above)->first;
  return {found, above == epochs_.end() ? end_ : std::max(above->second, start_)};
}

int32_t Log::epoch_at(Offset offset) const {
  const auto above = std::upper_bound(epochs_.begin(), epochs_.end(), offset,
                                      [](Offset o, const auto& known) { return o < known.second; });
  return above == epochs_.begin() ? above->first : std::prev(above)->first;
}

void Log::rows_from(
    Offset from, Offset end, size_t bytes_max, size_t rows_max, std::vector<Row>& out) const {
  size_t index = rows_.find_offset(std::max(from, start_));
  size_t bytes = 0;
  for (size_t n = 0; index < rows_.size() && n < rows_max; ++index, ++n) {
    const Row& row = rows_.at(index);
    if (row.first() >= end || (n > 0 && bytes + row.bytes > bytes_max)) break;
    bytes += row.bytes;
    out.push_back(row);
  }
}

std::optional<Row> Log::row_at(Offset offset) const {
  if (offset < start_ || offset >= end_) return std::nullopt;
  const size_t index = rows_.find_offset(offset);
  if (index == rows_.size()) return std::nullopt;
  return rows_.at(index);
}

std::optional<Row> Log::row_before(Offset offset) const {
  const size_t index = offset >= end_ ? rows_.size() : rows_.find_offset(std::max(offset, start_));
  if (index == 0) return std::nullopt;
  return rows_.at(index - 1);
}

std::optional<Row> Log::row_by_time(Timestamp t, Offset from) const {
  if (from >= end_) return std::nullopt;
  const size_t begin = rows_.find_offset(std::max(from, start_));
  const size_t index = rows_.find_timestamp(t.ms(), begin);
  if (index == rows_.size()) return std::nullopt;
  return rows_.at(index);
}

std::optional<Row> Log::row_by_id(StreamId id) const {
  const size_t index = rows_.find_id(id);
  if (index == rows_.size()) return std::nullopt;
  return rows_.at(index);
}

}  // namespace weir::log
