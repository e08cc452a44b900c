#include "storage/local/span_batch.h"

#include <algorithm>

#include "storage/local/tail.h"

namespace weir::storage {
namespace {

// Less than this is not worth a whole region of memory.
constexpr size_t kSmallBytes = kRegionBytes / 4;

uint64_t end_of(const broker::Extent& span) {
  return uint64_t{span.position} + span.length;
}

// Pieces [first, last) lie in bytes [begin, end) of the slot, which they cover.
struct Stretch {
  size_t first = 0;
  size_t last = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
};

std::vector<Stretch> stretches_of(std::span<const Piece> pieces) {
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const broker::Extent& span = pieces[i].span;
    if (stretches.empty() || span.position > stretches.back().end) {
      stretches.push_back({i, i, span.position, span.position});
    }
    stretches.back().last = i + 1;
    stretches.back().end = std::max(stretches.back().end, end_of(span));
  }
  return stretches;
}

std::shared_ptr<char> memory_for(size_t bytes, RegionPool& pool) {
  if (bytes < kSmallBytes) {
    auto small = std::make_shared_for_overwrite<char[]>(bytes);
    return {small, small.get()};
  }
  if (bytes <= kRegionBytes) return pool.take();
  const auto large = std::make_shared<Buffer>(bytes);
  return {large, large->data()};
}

}  // namespace

std::vector<std::optional<std::vector<broker::StoredEntry>>> read_pieces(
    Disk& disk,
    RegionPool& pool,
    std::shared_ptr<File>& handle,
    const std::string& path,
    uint32_t salt,
    std::span<const Piece> pieces) {
  std::vector<std::optional<std::vector<broker::StoredEntry>>> found(pieces.size());
  const std::vector<Stretch> stretches = stretches_of(pieces);
  size_t bytes = 0;
  for (const Stretch& stretch : stretches) bytes += stretch.end - stretch.begin;
  const std::shared_ptr<char> memory = memory_for(bytes, pool);
  char* to = memory.get();
  for (const Stretch& stretch : stretches) {
    const std::span<char> into(to, stretch.end - stretch.begin);
    to += into.size();
    if (!read_slot(disk, handle, path, OpenMode::kCached, stretch.begin, into)) continue;
    const ByteView read(into.data(), into.size());
    if (damaged_at(read, salt)) continue;
    for (size_t i = stretch.first; i < stretch.last; ++i) {
      const broker::Extent& span = pieces[i].span;
      found[i] = collect_entries(pieces[i].cell, span,
                                 read.substr(span.position - stretch.begin, span.length), memory);
    }
  }
  return found;
}

}  // namespace weir::storage
