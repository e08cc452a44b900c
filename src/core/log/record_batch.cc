#include "core/log/record_batch.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "core/log/seal.h"

namespace weir::log {

namespace {

// A record is never shorter: length, attributes, timestamp and offset delta, key, value and header
// counts, one byte each.
constexpr size_t kRecordBytesMin = 7;
constexpr uint16_t kKnownAttributes = 0x7f;

std::unexpected<Error> corrupt(std::string message) {
  return fail(ErrorCode::kCorruptBatch, std::move(message));
}

// The bytes are as their client meant them: it need not send them again.
std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// Reads record bytes. As base's Reader, but with the one-byte numbers that most fields are done in
// place: the walk of a batch at the door is half of what it costs.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  int64_t svarint() {
    if (at_ != end_ && (*at_ & 0x80) == 0) return unzigzag(static_cast<uint8_t>(*at_++));
    // Of two bytes are the lengths of most records, and their offset deltas.
    if (end_ - at_ >= 2 && (at_[1] & 0x80) == 0) {
      const auto low = static_cast<uint8_t>(at_[0] & 0x7f);
      const auto high = static_cast<uint8_t>(at_[1]);
      at_ += 2;
      return unzigzag(static_cast<uint64_t>(high) << 7 | low);
    }
    return long_svarint();
  }
  ByteView raw(int64_t length) {
    if (length < 0 || length > end_ - at_) {
      fail();
      return {};
    }
    const ByteView bytes(at_, static_cast<size_t>(length));
    at_ += length;
    return bytes;
  }
  // A length, or -1 for null.
  std::optional<ByteView> nullable() {
    const int64_t length = svarint();
    if (length == -1) return std::nullopt;
    return raw(length);
  }
  ByteView rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }
  void fail() {
    failed_ = true;
    at_ = end_;
  }
  bool failed() const { return failed_; }

 private:
  int64_t long_svarint() {
    Reader reader(rest());
    const int64_t value = reader.svarint();
    if (reader.failed()) {
      fail();
      return 0;
    }
    at_ += reader.position();
    return value;
  }

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

void skip_headers(Cursor& cursor, int64_t count) {
  if (count < 0 || count > kRecordHeadersMax) return cursor.fail();
  for (int64_t i = 0; i < count && !cursor.failed(); ++i) {
    cursor.raw(cursor.svarint());
    cursor.nullable();
  }
}

Result<void> check_attributes(const BatchHeader& header, const DoorRules& rules) {
  if ((header.attributes & 7) > kCodecMax) {
    return fail(ErrorCode::kUnsupportedFormat,
                "compression codec " + std::to_string(header.attributes & 7) + " is not known");
  }
  if ((header.attributes & ~kKnownAttributes) != 0)
    return invalid("the batch has unknown attributes");
  if (header.control()) {
    return invalid("clients may not write control batches");
  }
  if (header.transactional() && !rules.allow_transactional) {
    return fail(ErrorCode::kUnsupported, "transactions are not supported");
  }
  return {};
}

Result<void> check_numbers(const BatchHeader& header) {
  if (header.count <= 0) return invalid("the batch has no records");
  if (header.last_offset_delta != header.count - 1) {
    return invalid("the last offset delta does not agree with the count");
  }
  if (header.producer_id < kNoProducerId) return invalid("the producer id is negative");
  if (header.producer_id != kNoProducerId &&
      (header.producer_epoch < 0 || header.base_sequence < 0)) {
    return invalid("a batch with a producer id needs its epoch and sequence");
  }
  if (header.base_timestamp < kNoTimestamp || header.max_timestamp < kNoTimestamp) {
    return invalid("the timestamp is negative");
  }
  return {};
}

Result<void> walk_records(const BatchHeader& header, ByteView records, bool keys_required) {
  RecordIterator iterator(records, header.count);
  RecordView record;
  int32_t expected = 0;
  while (iterator.next(record)) {
    if (record.offset_delta != expected++) return invalid("the offset deltas are not 0, 1, 2, …");
    if (keys_required && !record.key) {
      return invalid("records of a compacted topic need keys");
    }
  }
  if (!iterator.complete()) return invalid("the records do not agree with the count and length");
  return {};
}

Result<void> check_records(const BatchHeader& header, ByteView records, const DoorRules& rules) {
  using Walk = DoorRules::Walk;
  const bool plain = header.codec() == Codec::kNone;
  // A lie about the count costs offsets and readers' time even when nobody walks the records here.
  const size_t bytes_max = plain ? records.size() : rules.decompress.output_max(records.size());
  if (static_cast<size_t>(header.count) > bytes_max / kRecordBytesMin) {
    return invalid("more records than its bytes can hold");
  }
  const bool walk = rules.keys_required || rules.walk == Walk::kAll ||
                    (rules.walk == Walk::kUncompressed && plain);
  if (!walk) return {};
  if (plain) return walk_records(header, records, rules.keys_required);
  const auto opened = decompress(header.codec(), records, rules.decompress);
  if (!opened) return std::unexpected(opened.error());
  return walk_records(header, *opened, rules.keys_required);
}

}  // namespace

Result<BatchHeader> parse_header(ByteView bytes) {
  if (bytes.size() < kBatchHeaderBytes) return corrupt("a record batch has at least 61 bytes");
  const char* from = bytes.data();
  BatchHeader header;
  header.base_offset = load_be<int64_t>(from);
  header.length = load_be<int32_t>(from + 8);
  header.leader_epoch = load_be<int32_t>(from + 12);
  const auto magic = load_be<int8_t>(from + 16);
  if (magic < 0 || magic > 2) return corrupt("the magic of the record batch is nobody's");
  if (magic != 2) {
    return fail(ErrorCode::kUnsupportedFormat,
                "record batches of magic " + std::to_string(magic) + " are not accepted");
  }
  header.crc = load_be<uint32_t>(from + 17);
  header.attributes = load_be<uint16_t>(from + 21);
  header.last_offset_delta = load_be<int32_t>(from + 23);
  header.base_timestamp = load_be<int64_t>(from + 27);
  header.max_timestamp = load_be<int64_t>(from + 35);
  header.producer_id = load_be<int64_t>(from + 43);
  header.producer_epoch = load_be<int16_t>(from + 51);
  header.base_sequence = load_be<int32_t>(from + 53);
  header.count = load_be<int32_t>(from + 57);
  if (header.length < static_cast<int32_t>(kBatchHeaderBytes - 12) ||
      header.size() > bytes.size()) {
    return corrupt("the length of the record batch does not fit its bytes");
  }
  return header;
}

Result<BatchHeader> validate_batch(ByteView bytes, const DoorRules& rules) {
  auto header = parse_header(bytes);
  if (!header) return header;
  if (header->size() > rules.batch_bytes_max) {
    return fail(ErrorCode::kTooLarge, "the record batch of " + std::to_string(header->size()) +
                                          " bytes is larger than the limit of " +
                                          std::to_string(rules.batch_bytes_max));
  }
  if (header->size() != bytes.size()) return invalid("more than one record batch");
  if (crc32c(bytes.substr(kCrcFrom)) != header->crc) {
    return corrupt("the CRC of the record batch does not match its bytes");
  }
  if (auto ok = check_attributes(*header, rules); !ok) return std::unexpected(ok.error());
  if (auto ok = check_numbers(*header); !ok) return std::unexpected(ok.error());
  if (auto ok = check_records(*header, bytes.substr(kBatchHeaderBytes), rules); !ok) {
    return std::unexpected(ok.error());
  }
  return header;
}

Result<std::vector<ByteView>> split_batches(ByteView bytes, size_t batches_max) {
  std::vector<ByteView> batches;
  while (!bytes.empty()) {
    if (bytes.size() < kBatchHeaderBytes) return corrupt("a record batch has at least 61 bytes");
    const auto length = load_be<int32_t>(bytes.data() + 8);
    const size_t size = static_cast<size_t>(std::max(length, 0)) + 12;
    if (size < kBatchHeaderBytes || size > bytes.size()) {
      return corrupt("the length of the record batch does not fit its bytes");
    }
    if (batches.size() == batches_max) {
      return fail(ErrorCode::kLimitReached, "too many record batches in one piece");
    }
    batches.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return batches;
}

std::array<char, kPayloadHeadBytes> stamped_head(const BatchHeader& header,
                                                 Offset base_offset,
                                                 int32_t leader_epoch) {
  std::array<char, kPayloadHeadBytes> head;
  store_be(head.data(), base_offset.value());
  store_be(head.data() + 8, header.length);
  store_be(head.data() + 12, leader_epoch);
  return head;
}

std::string with_append_time(ByteView batch, Timestamp now, BatchHeader& header) {
  WEIR_ASSERT(batch.size() >= kBatchHeaderBytes, "{} bytes", batch.size());
  std::string copy(batch);
  header.attributes |= 8;
  header.max_timestamp = now.ms();
  store_be(copy.data() + 21, header.attributes);
  store_be(copy.data() + 35, header.max_timestamp);
  header.crc = crc32c(ByteView(copy).substr(kCrcFrom));
  store_be(copy.data() + 17, header.crc);
  return copy;
}

// --- records ---

HeaderList::Iterator::Iterator(ByteView rest, int32_t left) : rest_(rest), left_(left) {
  if (left_ > 0) parse();
}

HeaderList::Iterator& HeaderList::Iterator::operator++() {
  if (--left_ > 0) parse();
  return *this;
}

void HeaderList::Iterator::parse() {
  Cursor cursor(rest_);
  current_.key = cursor.raw(cursor.svarint());
  current_.value = cursor.nullable();
  if (cursor.failed()) left_ = 0;  // bytes that no RecordIterator has checked
  rest_ = cursor.rest();
}

std::optional<ByteView> HeaderList::find(ByteView key) const {
  std::optional<ByteView> found;
  for (const RecordHeader& header : *this) {
    if (header.key == key) found = header.value;
  }
  return found;
}

bool RecordIterator::next(RecordView& record) {
  if (failed_ || left_ == 0) return false;
  failed_ = true;
  Cursor outer(rest_);
  Cursor cursor(outer.raw(outer.svarint()));
  if (outer.failed()) return false;
  cursor.raw(1);  // attributes, unused
  record.timestamp_delta = cursor.svarint();
  const int64_t offset_delta = cursor.svarint();
  record.key = cursor.nullable();
  record.value = cursor.nullable();
  const int64_t header_count = cursor.svarint();
  const ByteView headers = cursor.rest();
  skip_headers(cursor, header_count);
  if (cursor.failed() || !cursor.rest().empty() || offset_delta < 0 || offset_delta > INT32_MAX) {
    return false;
  }
  record.offset_delta = static_cast<int32_t>(offset_delta);
  record.headers = HeaderList(headers, static_cast<int32_t>(header_count));
  rest_ = outer.rest();
  --left_;
  failed_ = false;
  return true;
}

// --- building ---

namespace {

size_t varint_bytes(uint64_t value) {
  return value == 0 ? 1 : (70 - static_cast<size_t>(__builtin_clzll(value))) / 7;
}
size_t svarint_bytes(int64_t value) {
  return varint_bytes(zigzag(value));
}

size_t nullable_size(const std::optional<ByteView>& value) {
  if (!value) return 1;
  return svarint_bytes(static_cast<int64_t>(value->size())) + value->size();
}

char* put_svarint(char* to, int64_t signed_value) {
  uint64_t value = zigzag(signed_value);
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

char* put_nullable(char* to, const std::optional<ByteView>& value) {
  if (!value) return put_svarint(to, -1);
  to = put_svarint(to, static_cast<int64_t>(value->size()));
  if (!value->empty()) std::memcpy(to, value->data(), value->size());
  return to + value->size();
}

}  // namespace

BatchBuilder::BatchBuilder(std::string& out) : out_(out), begin_(out.size()) {
  out_.append(kBatchHeaderBytes, '\0');
}

void BatchBuilder::add(const RecordInput& record) {
  WEIR_ASSERT(record.headers.size() <= static_cast<size_t>(kRecordHeadersMax));
  const int64_t timestamp = record.timestamp.ms();
  if (count_ == 0) {
    base_timestamp_ = timestamp;
    max_timestamp_ = timestamp;
  }
  max_timestamp_ = std::max(max_timestamp_, timestamp);
  const int64_t timestamp_delta = timestamp - base_timestamp_;
  size_t body = 1 + svarint_bytes(timestamp_delta) + svarint_bytes(count_) +
                nullable_size(record.key) + nullable_size(record.value) +
                svarint_bytes(static_cast<int64_t>(record.headers.size()));
  for (const RecordHeader& header : record.headers) {
    body += nullable_size(header.key) + nullable_size(header.value);
  }
  const size_t total = body + svarint_bytes(static_cast<int64_t>(body));
  WEIR_ASSERT(bytes() + total <= INT32_MAX, "a batch of {} bytes", bytes() + total);
  const size_t at = out_.size();
  out_.resize(at + total);
  char* to = put_svarint(out_.data() + at, static_cast<int64_t>(body));
  *to++ = 0;
  to = put_svarint(to, timestamp_delta);
  to = put_svarint(to, count_);
  to = put_nullable(to, record.key);
  to = put_nullable(to, record.value);
  to = put_svarint(to, static_cast<int64_t>(record.headers.size()));
  for (const RecordHeader& header : record.headers) {
    to = put_nullable(to, header.key);
    to = put_nullable(to, header.value);
  }
  WEIR_ASSERT(to == out_.data() + out_.size());
  ++count_;
}

BatchHeader BatchBuilder::finish(Codec codec) {
  return finish_for(kNoProducerId, -1, -1, codec);
}

BatchHeader BatchBuilder::finish_for(int64_t producer_id,
                                     int16_t producer_epoch,
                                     int32_t base_sequence,
                                     Codec codec) {
  WEIR_ASSERT(count_ > 0);
  if (codec != Codec::kNone) {
    const std::string packed = compress(codec, ByteView(out_).substr(begin_ + kBatchHeaderBytes));
    out_.resize(begin_ + kBatchHeaderBytes);
    out_.append(packed);
  }
  BatchHeader header;
  header.length = static_cast<int32_t>(bytes() - 12);
  header.attributes = static_cast<uint16_t>(codec);
  header.last_offset_delta = count_ - 1;
  header.base_timestamp = base_timestamp_;
  header.max_timestamp = max_timestamp_;
  header.producer_id = producer_id;
  header.producer_epoch = producer_epoch;
  header.base_sequence = base_sequence;
  header.count = count_;
  seal(out_.data() + begin_, out_.size() - begin_, header);
  return header;
}

BatchHeader build_batch(const RecordInput& record, std::string& out) {
  out.clear();
  BatchBuilder builder(out);
  builder.add(record);
  return builder.finish();
}

}  // namespace weir::log
