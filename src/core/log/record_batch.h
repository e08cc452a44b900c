#pragma once
// Kafka's RecordBatch v2 (magic 2), the form in which every batch is stored and served. A batch is
// checked once, at the door; afterwards only its first 16 bytes are stamped (base offset, leader
// epoch) and the rest stays verbatim. The CRC covers everything from the attributes on, so stamping
// does not touch it. Source: KIP-98 and Kafka's message format page.
//
//   0 base offset i64 | 8 length i32 (of what follows) | 12 leader epoch i32 | 16 magic i8 = 2 | 17
//   CRC-32C u32 | 21 attributes i16 (0-2 codec, 3 log append time, 4 transactional, 5 control, 6
//   base timestamp is the delete horizon) | 23 last offset delta i32 | 27 base timestamp i64 | 35
//   max timestamp i64 | 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57
//   count i32 | 61 records (one compressed blob when the codec is not none)
//
// Thread safety: no state. Views refer to the bytes that were handed in.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/compression/compression.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace weir::log {

inline constexpr size_t kBatchHeaderBytes = 61;
inline constexpr size_t kPayloadHeadBytes = 16;
inline constexpr int64_t kNoProducerId = -1;
inline constexpr int64_t kNoTimestamp = -1;
// A record with more headers than this is malformed.
inline constexpr int32_t kRecordHeadersMax = 4096;

struct BatchHeader {
  int64_t base_offset = 0;
  int32_t length = 0;  // bytes after this field
  int32_t leader_epoch = -1;
  uint32_t crc = 0;
  uint16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp = kNoTimestamp;
  int64_t max_timestamp = kNoTimestamp;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = -1;
  int32_t base_sequence = -1;
  int32_t count = 0;

  size_t size() const { return static_cast<size_t>(length) + 12; }
  Codec codec() const { return static_cast<Codec>(attributes & 7); }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool transactional() const { return (attributes & 16) != 0; }
  bool control() const { return (attributes & 32) != 0; }
  // base_timestamp says until when the tombstones of the batch stay (compaction).
  bool has_delete_horizon() const { return (attributes & 64) != 0; }
  // Compaction has taken records out of it: offsets are missing.
  bool sparse() const { return count != last_offset_delta + 1; }
  Offset first_offset() const { return Offset(base_offset); }
  Offset last_offset() const { return Offset(base_offset + last_offset_delta); }
  Offset end_offset() const { return Offset(base_offset + last_offset_delta + 1); }
};

// What a client's batch must satisfy.
struct DoorRules {
  size_t batch_bytes_max = size_t{64} << 20;
  bool allow_transactional = false;
  // Walk the inner records: of uncompressed batches (cheap), of compressed ones too (costs the
  // decompression), or not.
  enum class Walk : uint8_t { kNever, kUncompressed, kAll } walk = Walk::kUncompressed;
  bool keys_required = false;  // a compacted topic: implies walking, also of compressed batches
  DecompressLimits decompress = {};
};

// The header of one batch at the start of `bytes`; checks that the header and all of `length` are
// there and that the magic is 2, nothing else. For stored batches, and first step of the others.
// kCorruptBatch, kUnsupportedFormat (old magic).
Result<BatchHeader> parse_header(ByteView bytes);

// Checks exactly one batch as a client sent it: length, magic, CRC, codec, count, sequence,
// attributes, records. kCorruptBatch: not the bytes that were sent; kInvalidArgument: bytes that
// make no sense, a control batch, a missing key; kUnsupportedFormat, kTooLarge, kUnsupported.
Result<BatchHeader> validate_batch(ByteView bytes, const DoorRules& rules = {});

// Cuts concatenated batches apart by their lengths, without further checks. kCorruptBatch when the
// lengths do not add up, kLimitReached beyond `batches_max`.
Result<std::vector<ByteView>> split_batches(ByteView bytes, size_t batches_max = 4096);

// The stamped first 16 bytes of the stored payload; the rest is the client's bytes from
// kPayloadHeadBytes on.
std::array<char, kPayloadHeadBytes> stamped_head(const BatchHeader& header,
                                                 Offset base_offset,
                                                 int32_t leader_epoch);

// A copy of the batch under log append time: attribute, max timestamp and CRC rewritten. `header`
// follows.
std::string with_append_time(ByteView batch, Timestamp now, BatchHeader& header);

// --- records ---

struct RecordHeader {
  ByteView key;
  std::optional<ByteView> value;
};

// The headers of a record, parsed while they are walked; their bytes were checked with the record.
class HeaderList {
 public:
  class Iterator {
   public:
    using value_type = RecordHeader;
    using difference_type = std::ptrdiff_t;
    const RecordHeader& operator*() const { return current_; }
    const RecordHeader* operator->() const { return &current_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    friend class HeaderList;
    Iterator(ByteView rest, int32_t left);
    void parse();
    ByteView rest_;
    int32_t left_;
    RecordHeader current_;
  };

  HeaderList() = default;
  HeaderList(ByteView raw, int32_t count) : raw_(raw), count_(count) {}

  int32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return Iterator(raw_, count_); }
  Iterator end() const { return Iterator({}, 0); }
  // The value of the last header of that name; nothing when there is none or its value is null.
  std::optional<ByteView> find(ByteView key) const;

 private:
  ByteView raw_;
  int32_t count_ = 0;
};

struct RecordView {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  HeaderList headers;
};

// Walks uncompressed record bytes (batch bytes from 61 on, or what decompress() made of them).
class RecordIterator {
 public:
  RecordIterator(ByteView records, int32_t count) : rest_(records), left_(count) {}

  // True and the next record; false at the end or at a malformed record (then failed()).
  bool next(RecordView& record);
  bool failed() const { return failed_; }
  ByteView rest() const { return rest_; }  // the bytes of the records that were not walked yet
  // Every counted record was walked and nothing follows.
  bool complete() const { return !failed_ && left_ == 0 && rest_.empty(); }

 private:
  ByteView rest_;
  int32_t left_;
  bool failed_ = false;
};

// --- building ---

struct RecordInput {
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  std::span<const RecordHeader> headers;
  Timestamp timestamp;
};

// Encodes records into one batch, appended to a string of the caller (whose capacity may be
// reused). No allocation of its own. Usage: add() at least once, then finish().
class BatchBuilder {
 public:
  explicit BatchBuilder(std::string& out);

  void add(const RecordInput& record);
  size_t bytes() const { return out_.size() - begin_; }
  int32_t count() const { return count_; }
  // Writes the header (base offset 0, no producer) and returns it. With a codec the records are
  // compressed.
  BatchHeader finish(Codec codec = Codec::kNone);
  // The same for a producer of its own (tests, bridges).
  BatchHeader finish_for(int64_t producer_id,
                         int16_t producer_epoch,
                         int32_t base_sequence,
                         Codec codec = Codec::kNone);

  BatchBuilder(const BatchBuilder&) = delete;
  BatchBuilder& operator=(const BatchBuilder&) = delete;

 private:
  std::string& out_;
  size_t begin_;
  int32_t count_ = 0;
  int64_t base_timestamp_ = 0;
  int64_t max_timestamp_ = 0;
};

// One record as one batch, into `out` (replaced).
BatchHeader build_batch(const RecordInput& record, std::string& out);

}  // namespace weir::log
