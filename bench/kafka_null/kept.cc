#include "bench/kafka_null/kept.h"

#include <algorithm>
#include <string>

#include "base/wire.h"
#include "core/log/record_batch.h"

namespace weir::bench {
namespace {

constexpr size_t kOffsetBytes = 8;

}  // namespace

std::optional<int64_t> Kept::add(ByteView batches) {
  const int64_t first = end_;
  const auto parts = log::split_batches(batches);
  if (!parts) return std::nullopt;
  for (const ByteView batch : *parts) {
    const auto header = log::parse_header(batch);
    if (!header || header->last_offset_delta < 0) return std::nullopt;
    const int64_t records = int64_t{header->last_offset_delta} + 1;
    // Those that are kept follow each other without a gap.
    if (end_ == round_ && bytes_ + batch.size() <= kBytesMax) {
      batches_.push_back({round_, Bytes::copy_of(batch)});
      bytes_ += batch.size();
      round_ += records;
    }
    end_ += records;
  }
  return first;
}

wire::Records Kept::read(int64_t offset, size_t bytes_max) const {
  wire::Records records;
  if (batches_.empty() || offset < 0) return records;
  int64_t base = offset - offset % round_;
  auto batch = std::prev(std::ranges::upper_bound(batches_, offset % round_, {}, &Batch::first));
  for (size_t bytes = 0; bytes == 0 || bytes + batch->bytes.size() <= bytes_max;) {
    // The CRC does not cover the offset.
    std::string head(kOffsetBytes, '\0');
    store_be(head.data(), base + batch->first);
    records.append(Bytes::take(std::move(head)));
    records.append(batch->bytes.slice(kOffsetBytes));
    bytes += batch->bytes.size();
    if (++batch == batches_.end()) {
      batch = batches_.begin();
      base += round_;
    }
  }
  return records;
}

}  // namespace weir::bench
