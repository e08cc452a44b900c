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

void fill(const BatchHeader& header,
          const AppendEvent& event,
          Offset offset,
          const RecordView& view,
          bool damaged,
          ReadRecord& record) {
  record.offset = offset;
  record.id = event.id_of(offset);
  record.appended = event.appended;
  record.damaged = damaged;
  const bool header_time = damaged || header.log_append_time();
  record.timestamp = Timestamp(header_time ? header.max_timestamp
                                           : sum(header.base_timestamp, view.timestamp_delta));
  record.key = damaged ? std::nullopt : view.key;
  record.value = damaged ? std::nullopt : view.value;
  record.headers = damaged ? HeaderList() : view.headers;
}

ByteView record_bytes(const BatchHeader& header, ByteView payload) {
  return payload.substr(kBatchHeaderBytes, header.size() - kBatchHeaderBytes);
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
  ByteView records = record_bytes(header_, batch.payload);
  if (header_.codec() != Codec::kNone) {
    auto plain = decompress(header_.codec(), records, limits);
    damaged_ = !plain.has_value();
    decompressed_ = plain ? std::move(*plain) : std::string();
    records = decompressed_;
  }
  const int64_t passed =
      header_.sparse() ? 0 : std::clamp<int64_t>(from - event_.base_offset, 0, header_.count);
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
    int32_t delta = position_;
    RecordView view;
    if (!damaged_ && !records_.next(view)) {
      if (header_.sparse() && records_.complete()) {
        position_ = -1;
        return false;
      }
      damaged_ = true;
    }
    if (!damaged_ && header_.sparse()) delta = std::max(delta, view.offset_delta);
    position_ = delta >= header_.last_offset_delta ? -1 : delta + 1;
    const Offset offset = event_.base_offset + delta;
    record.offset = offset;
    if (offset < from_) continue;
    fill(header_, event_, offset, view, damaged_, record);
    return true;
  }
  return false;
}

Result<OpenedBatch> OpenedBatch::open(const StoredBatch& batch, const DecompressLimits& limits) {
  const auto opened = open_batch(batch);
  if (!opened) return std::unexpected(opened.error());
  OpenedBatch result;
  result.header_ = opened->header;
  result.event_ = opened->event;
  const BatchHeader& header = result.header_;
  if (header.control()) return result;
  ByteView records = record_bytes(header, batch.payload);
  if (header.codec() != Codec::kNone) {
    auto plain = decompress(header.codec(), records, limits);
    result.damaged_ = !plain.has_value();
    result.decompressed_ = plain ? std::move(*plain) : std::string();
    records = result.decompressed_;
  }
  const size_t total = records.size();
  const auto begin = [&] { return static_cast<uint32_t>(total - records.size()); };
  if (result.dense()) {
    for (int32_t passed = 1; passed < header.count && pass_over(records, 1); ++passed) {
      result.begins_.push_back(begin());
    }
    return result;
  }
  for (int32_t left = header.count; left > 0; --left) {
    RecordView view;
    if (!RecordIterator(records, 1).next(view)) break;
    const bool rises = result.places_.empty() || result.places_.back().delta < view.offset_delta;
    if (rises) result.places_.push_back({view.offset_delta, begin()});
    pass_over(records, 1);
  }
  return result;
}

bool OpenedBatch::read(ByteView payload, Offset offset, ReadRecord& record) const {
  const int64_t delta = offset - event_.base_offset;
  if (header_.control() || delta < 0 || delta > header_.last_offset_delta) return false;
  bool damaged = damaged_;
  size_t begin = 0;
  if (!dense()) {
    const auto place = std::ranges::lower_bound(places_, delta, {}, &Place::delta);
    if (place == places_.end() || place->delta != delta) return false;
    begin = place->begin;
  } else if (delta > 0) {
    const auto index = static_cast<size_t>(delta) - 1;
    if (index < begins_.size()) {
      begin = begins_[index];
    } else {
      damaged = true;
    }
  }
  RecordView view;
  if (!damaged) {
    const ByteView records =
        decompressed() ? ByteView(decompressed_) : record_bytes(header_, payload);
    damaged = !RecordIterator(records.substr(begin), 1).next(view);
  }
  fill(header_, event_, offset, view, damaged, record);
  return true;
}

size_t OpenedBatch::memory_bytes() const {
  return sizeof(*this) + decompressed_.capacity() + begins_.capacity() * sizeof(uint32_t) +
         places_.capacity() * sizeof(Place);
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
    if (header.sparse()) {
      RecordReader reader({&batch, 1}, offset, end, deleted);
      ReadRecord record;
      if (!reader.next(record)) continue;
      offset = record.offset;
    }
    if (deleted != nullptr) offset = deleted->first_absent(offset);
    if (offset >= std::min(end, header.end_offset())) continue;
    return FoundRecord{offset, event.id_of(offset), event.appended};
  }
  return std::nullopt;
}

}  // namespace weir::log
