#include "bench/load/kafka_wire.h"

#include <bit>
#include <chrono>
#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"

namespace weir::load::kafka {
namespace {

constexpr size_t kBatchHeaderBytes = 61;
constexpr size_t kLengthAt = 8, kCrcAt = 17, kCoveredFrom = 21, kLastDeltaAt = 23,
                 kBaseTimestampAt = 27, kMaxTimestampAt = 35, kCountAt = 57;

template <typename Integer>
void append(std::string& out, Integer value) {
  using Unsigned = std::make_unsigned_t<Integer>;
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<Unsigned>(value) >> shift));
  }
}

template <typename Integer>
void put(std::string& out, size_t at, Integer value) {
  std::string bytes;
  append(bytes, value);
  out.replace(at, bytes.size(), bytes);
}

template <typename Integer>
Integer get(std::string_view in, size_t at) {
  if (at + sizeof(Integer) > in.size()) return 0;
  std::make_unsigned_t<Integer> value = 0;
  for (size_t i = 0; i < sizeof value; ++i)
    value = static_cast<std::make_unsigned_t<Integer>>((value << 8) |
                                                       static_cast<unsigned char>(in[at + i]));
  return static_cast<Integer>(value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<int16_t>(text.size()));
  out += text;
}

void append_varint(std::string& out, int64_t value) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; zigzag >= 0x80; zigzag >>= 7) out.push_back(static_cast<char>(zigzag | 0x80));
  out.push_back(static_cast<char>(zigzag));
}

// Skips a varint.
size_t after_varint(std::string_view in, size_t at) {
  while (at < in.size() && (static_cast<unsigned char>(in[at]) & 0x80) != 0) ++at;
  return at + 1;
}

std::string request(int16_t key, int16_t version, std::string_view body) {
  std::string out;
  append(out, static_cast<int32_t>(body.size() + 8 + 2 + 9));
  append(out, key);
  append(out, version);
  append(out, int32_t{1});
  append_text(out, "weir-load");
  out += body;
  return out;
}

uint64_t wall_clock_ms() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

BatchTemplate::BatchTemplate(uint32_t count, const std::string& payload)
    : count_(count), bytes_(kBatchHeaderBytes, '\0') {
  for (uint32_t i = 0; i < count; ++i) {
    std::string record(1, '\0');  // attributes
    append_varint(record, 0);     // timestamp delta
    append_varint(record, i);     // offset delta
    append_varint(record, -1);    // no key
    append_varint(record, static_cast<int64_t>(payload.size()));
    const size_t value_at = record.size();
    record += payload;
    append_varint(record, 0);  // no headers
    append_varint(bytes_, static_cast<int64_t>(record.size()));
    const auto position = static_cast<uint32_t>(bytes_.size() + value_at);
    values_at_.append(reinterpret_cast<const char*>(&position), sizeof position);
    bytes_ += record;
  }
  put(bytes_, kLengthAt, static_cast<int32_t>(bytes_.size() - kLengthAt - 4));
  put(bytes_, 12, int32_t{-1});  // leader epoch
  bytes_[16] = 2;                // magic
  put(bytes_, kLastDeltaAt, static_cast<int32_t>(count - 1));
  put(bytes_, 43, int64_t{-1});  // producer id, epoch, sequence: none
  put(bytes_, 51, int16_t{-1});
  put(bytes_, 53, int32_t{-1});
  put(bytes_, kCountAt, static_cast<int32_t>(count));
}

const std::string& BatchTemplate::stamped(uint64_t stamp) {
  const uint64_t now = wall_clock_ms();
  put(bytes_, kBaseTimestampAt, static_cast<int64_t>(now));
  put(bytes_, kMaxTimestampAt, static_cast<int64_t>(now));
  for (size_t i = 0; i < values_at_.size(); i += sizeof(uint32_t)) {
    uint32_t position = 0;
    std::memcpy(&position, values_at_.data() + i, sizeof position);
    std::memcpy(bytes_.data() + position, &stamp, sizeof stamp);
  }
  put(bytes_, kCrcAt, static_cast<int32_t>(crc32c(ByteView(bytes_).substr(kCoveredFrom))));
  return bytes_;
}

std::string create_topic(const std::string& topic, uint32_t partitions) {
  std::string body;
  append(body, int32_t{1});
  append_text(body, topic);
  append(body, static_cast<int32_t>(partitions));
  append(body, int16_t{1});
  append(body, int32_t{0});       // assignments
  append(body, int32_t{0});       // configuration
  append(body, int32_t{10'000});  // milliseconds
  body.push_back('\0');           // not only to validate
  return request(19, 2, body);
}

std::string produce(const std::string& topic, uint32_t partition, std::string_view batch) {
  std::string body;
  append(body, int16_t{-1});  // no transaction
  append(body, int16_t{-1});  // acks=all
  append(body, int32_t{30'000});
  append(body, int32_t{1});
  append_text(body, topic);
  append(body, int32_t{1});
  append(body, static_cast<int32_t>(partition));
  append(body, static_cast<int32_t>(batch.size()));
  body += batch;
  return request(0, 7, body);
}

std::string fetch(const std::string& topic, uint32_t partition, uint64_t offset, uint32_t wait_ms) {
  std::string body;
  append(body, int32_t{-1});
  append(body, static_cast<int32_t>(wait_ms));
  append(body, int32_t{1});  // at least a byte
  append(body, int32_t{50 * 1024 * 1024});
  body.push_back('\0');  // read uncommitted
  append(body, int32_t{1});
  append_text(body, topic);
  append(body, int32_t{1});
  append(body, static_cast<int32_t>(partition));
  append(body, static_cast<int64_t>(offset));
  append(body, int32_t{1024 * 1024});
  return request(1, 4, body);
}

size_t response_length(std::string_view in) {
  if (in.size() < 4) return 0;
  const size_t length = 4 + static_cast<size_t>(get<uint32_t>(in, 0));
  return in.size() < length ? 0 : length;
}

// Size, correlation and throttle time stand before the topics; each topic begins with its name.
int16_t create_topic_error(std::string_view response) {
  const size_t name_at = 4 + 4 + 4 + 4;
  return get<int16_t>(response, name_at + 2 + get<uint16_t>(response, name_at));
}

int16_t produce_error(std::string_view response) {
  const size_t name_at = 4 + 4 + 4;
  return get<int16_t>(response, name_at + 2 + get<uint16_t>(response, name_at) + 4 + 4);
}

Fetched parse_fetch(std::string_view response,
                    const std::function<void(uint64_t, uint64_t)>& stamps) {
  Fetched fetched;
  const size_t name_at = 4 + 4 + 4 + 4;
  size_t at = name_at + 2 + get<uint16_t>(response, name_at) + 4 + 4;
  fetched.error = get<int16_t>(response, at);
  fetched.high_watermark = get<uint64_t>(response, at + 2);
  at += 2 + 8 + 8;
  const auto aborted = get<int32_t>(response, at);
  at += 4 + (aborted > 0 ? static_cast<size_t>(aborted) * 16 : 0) + 4;
  while (at + kBatchHeaderBytes <= response.size()) {
    const std::string_view batch = response.substr(at);
    const size_t length = 12 + static_cast<size_t>(get<uint32_t>(batch, kLengthAt));
    if (batch.size() < length) break;
    const auto count = get<uint32_t>(batch, kCountAt);
    fetched.next_offset = get<uint64_t>(batch, 0) + get<uint32_t>(batch, kLastDeltaAt) + 1;
    fetched.records += count;
    if (stamps) {
      size_t value = after_varint(batch, kBatchHeaderBytes) + 1;
      for (int field = 0; field < 4; ++field) value = after_varint(batch, value);
      uint64_t stamp = 0;
      if (value + sizeof stamp <= batch.size())
        std::memcpy(&stamp, batch.data() + value, sizeof stamp);
      stamps(stamp, count);
    }
    at += length;
  }
  return fetched;
}

}  // namespace weir::load::kafka
