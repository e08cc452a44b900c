#include "core/log/reader.h"

#include <algorithm>

namespace weir::log {

namespace {

std::unexpected<Error> corrupt() {
  return fail(ErrorCode::kStorageCorrupt, "a stored batch cannot be understood");
}

struct Opened {
  BatchHeader header;
  AppendEvent event;
};

Result<Opened> open_batch(const StoredBatch& batch) {
  const auto header = parse_header(batch.payload);
  const auto event = decode_append(batch.event);
  if (!header || !event || header->base_offset != event->base_offset.value() ||
      header->last_offset_delta < 0) {
    return corrupt();
  }
  return Opened{*header, *event};
}

// Passes over records by their lengths alone; false when the bytes end before.
bool pass_over(ByteView& records, int64_t count) {
  while (count-- > 0) {
    uint64_t encoded = 0;
    size_t at = 0;
    for (int shift = 0;; shift += 7) {
      if (at == records.size() || shift > 28) return false;
      const auto byte = static_cast<uint8_t>(records[at++]);
      encoded |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    const uint64_t length = encoded >> 1;  // zigzag of a number that is not negative
    if ((encoded & 1) != 0 || length > records.size() - at) return false;
    records.remove_prefix(at + length);
  }
  return true;
}

// Wraps instead of overflowing: the numbers come from clients.
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

Result<void> BatchReader::open(const StoredBatch& batch,
                               Offset from,
                               const DecompressLimits& limits) {
  const auto opened = open_batch(batch);
  if (!opened) return std::unexpected(opened.error());
  header_ = opened->header;
  event_ = opened->event;
  from_ = from;
  damaged_ = false;
  // Control batches take offsets and hold no records for readers.
  position_ = header_.control() || header_.last_offset() < from ? -1 : 0;
  if (position_ < 0) return {};
  ByteView records = batch.payload.substr(kBatchHeaderBytes, header_.size() - kBatchHeaderBytes);
  if (header_.codec() != Codec::kNone) {
    auto plain = decompress(header_.codec(), records, limits);
    damaged_ = !plain.has_value();
    decompressed_ = plain ? std::move(*plain) : std::string();
    records = decompressed_;
  }
  // A queue is received from the middle of large batches, again and again.
  const int64_t passed = std::clamp<int64_t>(from - event_.base_offset, 0, header_.count);
  if (!damaged_ && pass_over(records, passed)) {
    position_ = static_cast<int32_t>(passed);
  } else {
    damaged_ = true;
  }
  records_ = RecordIterator(records, header_.count - static_cast<int32_t>(passed));
  return {};
}

bool BatchReader::next(ReadRecord& record) {
  while (position_ >= 0) {
    const int32_t delta = position_;
    position_ = delta == header_.last_offset_delta ? -1 : delta + 1;
    RecordView view;
    if (!damaged_ && !records_.next(view)) damaged_ = true;
    record.offset = event_.base_offset + delta;
    if (record.offset < from_) continue;
    record.id = event_.id_of(record.offset);
    record.appended = event_.appended;
    record.damaged = damaged_;
    const bool header_time = damaged_ || header_.log_append_time();
    record.timestamp = Timestamp(header_time ? header_.max_timestamp
                                             : sum(header_.base_timestamp, view.timestamp_delta));
    record.key = damaged_ ? std::nullopt : view.key;
    record.value = damaged_ ? std::nullopt : view.value;
    record.headers = damaged_ ? HeaderList() : view.headers;
    return true;
  }
  return false;
}

RecordReader::RecordReader(std::span<const StoredBatch> batches,
                           Offset from,
                           Offset end,
                           const OffsetSet* deleted,
                           const DecompressLimits& limits)
    : batches_(batches), from_(from), end_(end), deleted_(deleted), limits_(limits) {}

bool RecordReader::open_next() {
  if (position_ == batches_.size()) return false;
  const auto opened = batch_.open(batches_[position_], from_, limits_);
  if (!opened) {
    error_ = opened.error();
    return false;
  }
  ++position_;
  open_ = true;
  return true;
}

bool RecordReader::next(ReadRecord& record) {
  while (!error_) {
    if (!open_ && !open_next()) return false;
    if (!batch_.next(record)) {
      open_ = false;
      continue;
    }
    if (record.offset >= end_) return false;
    if (deleted_ == nullptr || !deleted_->contains(record.offset)) return true;
  }
  return false;
}

Result<std::optional<FoundRecord>> find_by_time(std::span<const StoredBatch> batches,
                                                Timestamp t,
                                                Offset from,
                                                Offset end,
                                                const OffsetSet* deleted) {
  for (const StoredBatch& batch : batches) {
    const auto header = parse_header(batch.payload);
    if (!header) return corrupt();
    if (header->max_timestamp < t.ms()) continue;
    RecordReader reader({&batch, 1}, from, end, deleted);
    ReadRecord record;
    while (reader.next(record)) {
      if (record.timestamp >= t) return FoundRecord{record.offset, record.id, record.timestamp};
    }
    if (reader.error()) return std::unexpected(*reader.error());
  }
  return std::nullopt;
}

Result<std::optional<FoundRecord>> find_by_id(std::span<const StoredBatch> batches,
                                              StreamId id,
                                              Offset from,
                                              Offset end,
                                              const OffsetSet* deleted) {
  for (const StoredBatch& batch : batches) {
    const auto opened = open_batch(batch);
    if (!opened) return std::unexpected(opened.error());
    const auto& [header, event] = *opened;
    if (header.control() || event.id_of(header.last_offset()) < id) continue;
    // Its last ID is at or above `id`, so an ID above the base is one of the same millisecond.
    const uint64_t steps = id > event.base_id ? id.seq - event.base_id.seq : 0;
    Offset offset = std::max(from, event.base_offset + static_cast<int64_t>(steps));
    if (deleted != nullptr) offset = deleted->first_absent(offset);
    if (offset >= std::min(end, header.end_offset())) continue;
    return FoundRecord{offset, event.id_of(offset), event.appended};
  }
  return std::nullopt;
}

}  // namespace weir::log
