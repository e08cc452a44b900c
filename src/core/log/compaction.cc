#include "core/log/compaction.h"

#include <algorithm>
#include <utility>

#include "base/canary.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "core/log/seal.h"

namespace weir::log {

namespace {

constexpr uint16_t kHorizonBit = 64;
constexpr ByteView kXerialMagic("\x82SNAPPY\0", 8);

// The records of a batch, opened.
struct OpenBatch {
  BatchHeader header;
  ByteView packed;    // as they are stored
  std::string plain;  // decompressed, if they are compressed

  RecordIterator walk() const {
    return {header.codec() == Codec::kNone ? packed : ByteView(plain), header.count};
  }
};

std::optional<OpenBatch> open_records(ByteView batch, const BatchHeader& header) {
  OpenBatch open;
  open.header = header;
  open.packed = batch.substr(kBatchHeaderBytes, header.size() - kBatchHeaderBytes);
  if (header.codec() != Codec::kNone) {
    auto plain = decompress(header.codec(), open.packed);
    if (!plain) return std::nullopt;
    open.plain = std::move(*plain);
  }
  return open;
}

// Nothing for what compaction leaves alone.
std::optional<OpenBatch> open_data(const StoredBatch& batch) {
  const auto header = parse_header(batch.payload);
  if (!header || header->control() || header->transactional()) return std::nullopt;
  auto open = open_records(batch.payload, *header);
  if (!open) return std::nullopt;
  RecordIterator records = open->walk();
  RecordView record;
  int32_t previous = -1;
  while (records.next(record)) {
    const bool rises = record.offset_delta > previous;
    if (!rises || record.offset_delta > header->last_offset_delta) return std::nullopt;
    previous = record.offset_delta;
  }
  if (!records.complete()) return std::nullopt;
  return open;
}

int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

// Gathers what stays of one batch.
class Rewriter {
 public:
  Rewriter(const BatchHeader& header, std::optional<int64_t> horizon_ms)
      : header_(header), old_base_(header.base_timestamp), horizon_ms_(horizon_ms) {
    if (horizon_ms_) {
      header_.attributes |= kHorizonBit;
      header_.base_timestamp = *horizon_ms_;
    }
    header_.count = 0;
    if (!header_.log_append_time()) header_.max_timestamp = kNoTimestamp;
  }

  // `raw`: the record's bytes with its length.
  void add(const RecordView& record, ByteView raw) {
    ++header_.count;
    const int64_t timestamp = sum(old_base_, record.timestamp_delta);
    if (!header_.log_append_time()) {
      header_.max_timestamp = std::max(header_.max_timestamp, timestamp);
    }
    if (!horizon_ms_) {
      records_.append(raw);
    } else {
      add_rebased(raw, difference(timestamp, *horizon_ms_));
    }
  }

  int32_t count() const { return header_.count; }

  BatchHeader finish(ByteView packed, std::string& out) {
    const Codec codec = header_.codec();
    if (codec == Codec::kSnappy && packed.starts_with(kXerialMagic)) {
      records_ = compress_snappy_xerial(records_);
    } else if (codec != Codec::kNone) {
      records_ = compress(codec, records_);
    }
    header_.length = static_cast<int32_t>(kBatchHeaderBytes - 12 + records_.size());
    out.assign(kBatchHeaderBytes, '\0');
    out.append(records_);
    seal(out.data(), out.size(), header_);
    return header_;
  }

 private:
  void add_rebased(ByteView raw, int64_t timestamp_delta) {
    Reader reader(raw);
    reader.svarint();  // the length
    const uint8_t attributes = reader.u8();
    reader.svarint();  // the old timestamp delta
    const ByteView rest = raw.substr(reader.position());
    std::string body;
    Writer writer(body);
    writer.u8(attributes);
    writer.svarint(timestamp_delta);
    writer.raw(rest);
    Writer records(records_);
    records.svarint(static_cast<int64_t>(body.size()));
    records.raw(body);
  }

  BatchHeader header_;
  int64_t old_base_;
  std::optional<int64_t> horizon_ms_;
  std::string records_;
};

// Which records of a batch stay.
struct Verdict {
  std::vector<bool> stays;
  bool all = true;
  bool tombstones = false;  // among those that stay
};

Verdict judge(const OpenBatch& batch, const KeyOffsets& keys, const CompactionRules& rules) {
  Verdict verdict;
  const BatchHeader& header = batch.header;
  const bool expired = header.has_delete_horizon() && rules.now.ms() >= header.base_timestamp;
  RecordIterator records = batch.walk();
  RecordView record;
  while (records.next(record)) {
    const Offset offset = header.first_offset() + record.offset_delta;
    bool stays = true;
    if (offset < rules.end) {
      const auto newest = record.key ? keys.newest(*record.key) : std::nullopt;
      const bool superseded = newest && *newest > offset;
      stays = record.key && !superseded && (record.value || !expired);
      if (canary(Canary::kCompactNewest) && newest && *newest == offset) stays = false;
    }
    verdict.stays.push_back(stays);
    verdict.all = verdict.all && stays;
    verdict.tombstones = verdict.tombstones || (stays && record.key && !record.value);
  }
  return verdict;
}

}  // namespace

bool KeyOffsets::put(ByteView key, Offset offset) {
  const Hash hash = hash128(key);
  const auto found = newest_.find(hash);
  if (found != newest_.end()) {
    found->second = std::max(found->second, offset.value());
    return true;
  }
  if (newest_.size() >= keys_max_) return false;
  newest_.emplace(hash, offset.value());
  return true;
}

std::optional<Offset> KeyOffsets::newest(ByteView key) const {
  const auto found = newest_.find(hash128(key));
  if (found == newest_.end()) return std::nullopt;
  return Offset(found->second);
}

Offset add_keys(const StoredBatch& batch, Offset from, Offset end, KeyOffsets& keys) {
  const auto header = parse_header(batch.payload);
  if (!header) return from;
  const auto open = open_data(batch);
  if (!open) return header->end_offset();
  RecordIterator records = open->walk();
  RecordView record;
  while (records.next(record)) {
    const Offset offset = header->first_offset() + record.offset_delta;
    if (offset >= end) return offset;
    if (offset < from || !record.key) continue;
    if (!keys.put(*record.key, offset)) return offset;
  }
  return header->end_offset();
}

CompactedBatch compact_batch(const StoredBatch& batch,
                             const KeyOffsets& keys,
                             const CompactionRules& rules) {
  CompactedBatch result;
  const auto open = open_data(batch);
  if (!open || open->header.first_offset() >= rules.end) return result;
  const BatchHeader& header = open->header;
  const Verdict verdict = judge(*open, keys, rules);
  // Only when everything before the tombstones was judged does their time begin.
  const bool dated = header.has_delete_horizon();
  const bool date = verdict.tombstones && !dated && header.end_offset() <= rules.end;
  std::optional<int64_t> horizon;
  if (date) {
    horizon = rules.now.ms() + std::min(rules.delete_retention_ms, INT64_MAX - rules.now.ms());
  }
  if (verdict.tombstones) result.horizon_ms = dated ? header.base_timestamp : horizon.value_or(-1);
  if (verdict.all && !date) return result;

  Rewriter rewriter(header, horizon);
  RecordIterator records = open->walk();
  RecordView record;
  for (const bool stays : verdict.stays) {
    const ByteView before = records.rest();
    if (!records.next(record)) break;
    if (stays) rewriter.add(record, before.substr(0, before.size() - records.rest().size()));
  }
  if (rewriter.count() == 0) {
    result.fate = BatchFate::kDropped;
    return result;
  }
  result.fate = BatchFate::kRewritten;
  result.header = rewriter.finish(open->packed, result.bytes);
  return result;
}

Result<std::vector<int32_t>> records_without_key(ByteView batch,
                                                 const BatchHeader& header,
                                                 size_t count_max,
                                                 const DecompressLimits& limits) {
  ByteView bytes = batch.substr(kBatchHeaderBytes);
  std::string plain;
  if (header.codec() != Codec::kNone) {
    auto opened = decompress(header.codec(), bytes, limits);
    if (!opened) return std::unexpected(opened.error());
    plain = std::move(*opened);
    bytes = plain;
  }
  RecordIterator records(bytes, header.count);
  RecordView record;
  std::vector<int32_t> without;
  while (records.next(record)) {
    if (!record.key && without.size() < count_max) without.push_back(record.offset_delta);
  }
  if (!records.complete()) {
    return fail(ErrorCode::kCorruptBatch, "the records do not agree with the count and length");
  }
  return without;
}

}  // namespace weir::log
