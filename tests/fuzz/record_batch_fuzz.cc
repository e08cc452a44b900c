// rooms: base base/compression core/log
// Any bytes as a record batch of a client, once as they are and once with a CRC that matches: what
// the door lets in can be stamped, read and rewritten; what it refuses is refused with an error.
#include <cstdlib>
#include <string>

#include "base/checksum.h"
#include "base/wire.h"
#include "core/log/reader.h"

using namespace weir;       // NOLINT
using namespace weir::log;  // NOLINT

namespace {

constexpr DecompressLimits kLimits{
    .bytes_max = size_t{1} << 20, .ratio_max = 256, .ratio_free_bytes = size_t{1} << 16};

void require(bool truth) {
  if (!truth) abort();
}

void read_back(std::string batch, const BatchHeader& header, bool walked) {
  const auto head = stamped_head(header, Offset(1000), 3);
  batch.replace(0, head.size(), head.data(), head.size());
  std::string event;
  encode(AppendEvent{Offset(1000), {5, 0}, Timestamp(9)}, event);
  const StoredBatch stored{event, batch};
  RecordReader reader({&stored, 1}, Offset(1000), Offset(1001) + header.last_offset_delta, nullptr,
                      kLimits);
  ReadRecord record;
  int64_t count = 0;
  size_t bytes = 0;
  while (count < 100'000 && reader.next(record)) {
    require(record.offset.value() == 1000 + count++);
    require(!walked || !record.damaged);
    for (const RecordHeader& h : record.headers)
      bytes += h.key.size() + h.value.value_or("").size();
    bytes += record.key.value_or("").size() + record.value.value_or("").size();
  }
  require(!reader.error());
  require(count == std::min(header.count, 100'000));
  require(bytes <= kLimits.bytes_max + batch.size());
  BatchHeader rewritten = header;
  require(validate_batch(with_append_time(batch, Timestamp(77), rewritten),
                         {.walk = DoorRules::Walk::kNever, .decompress = kLimits})
              .has_value());
}

void at_the_door(const std::string& batch) {
  using Walk = DoorRules::Walk;
  for (const Walk walk : {Walk::kNever, Walk::kUncompressed, Walk::kAll}) {
    const auto header = validate_batch(batch, {.walk = walk, .decompress = kLimits});
    if (header) read_back(batch, *header, walk == Walk::kAll);
  }
  if (const auto parts = split_batches(batch)) {
    size_t bytes = 0;
    for (const ByteView part : *parts) bytes += part.size();
    require(bytes == batch.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string batch(reinterpret_cast<const char*>(data), size);
  at_the_door(batch);
  if (batch.size() < kBatchHeaderBytes) return 0;
  store_be(batch.data() + 8, static_cast<int32_t>(size - 12));
  batch[16] = 2;
  store_be(batch.data() + 17, crc32c(ByteView(batch).substr(21)));
  at_the_door(batch);
  return 0;
}
