#include "core/log/offset_set.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace weir::log {

namespace {

// The bits [first, end) of one word; 0 <= first < end <= 64.
constexpr uint64_t mask(uint32_t first, uint32_t end) {
  return (~uint64_t{0} << first) & (~uint64_t{0} >> (64 - end));
}

// Calls fn(word index, mask) for every word that [first, end) touches.
template <typename Fn>
void for_words(uint32_t first, uint32_t end, Fn fn) {
  while (first < end) {
    const uint32_t word = first / 64;
    const uint32_t stop = std::min(end, (word + 1) * 64);
    fn(word, mask(first % 64, stop - word * 64));
    first = stop;
  }
}

}  // namespace

uint32_t OffsetSet::Block::insert(uint32_t first, uint32_t end) {
  if (bitmap != nullptr) return insert_bits(first, end);
  auto begin = std::partition_point(runs.begin(), runs.end(),
                                    [first](const Run& run) { return run.end < first; });
  auto stop = begin;
  Run merged{first, end};
  uint32_t covered = 0;
  for (; stop != runs.end() && stop->first <= end; ++stop) {
    merged.first = std::min(merged.first, stop->first);
    merged.end = std::max(merged.end, stop->end);
    covered += stop->end - stop->first;
  }
  if (begin == stop) {
    runs.insert(begin, merged);
  } else {
    *begin = merged;
    runs.erase(begin + 1, stop);
  }
  const uint32_t added = (merged.end - merged.first) - covered;
  count += added;
  if (runs.size() > kRunsMax) to_bitmap();
  return added;
}

uint32_t OffsetSet::Block::insert_bits(uint32_t first, uint32_t end) {
  uint32_t added = 0;
  for_words(first, end, [&](uint32_t word, uint64_t bits) {
    added += static_cast<uint32_t>(std::popcount(bits & ~bitmap[word]));
    bitmap[word] |= bits;
  });
  count += added;
  if (count == kBlockOffsets) {
    bitmap.reset();
    runs.push_back({0, static_cast<uint32_t>(kBlockOffsets)});
  }
  return added;
}

void OffsetSet::Block::to_bitmap() {
  bitmap = std::make_unique<uint64_t[]>(kBitmapWords);
  for (const Run& run : runs) {
    for_words(run.first, run.end, [this](uint32_t word, uint64_t bits) { bitmap[word] |= bits; });
  }
  std::vector<Run>().swap(runs);
}

uint32_t OffsetSet::Block::count_in(uint32_t first, uint32_t end) const {
  if (first == 0 && end == kBlockOffsets) return count;
  uint32_t total = 0;
  if (bitmap != nullptr) {
    for_words(first, end, [&](uint32_t word, uint64_t bits) {
      total += static_cast<uint32_t>(std::popcount(bits & bitmap[word]));
    });
    return total;
  }
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [first](const Run& r) { return r.end <= first; });
  for (; run != runs.end() && run->first < end; ++run) {
    total += std::min(run->end, end) - std::max(run->first, first);
  }
  return total;
}

bool OffsetSet::Block::contains(uint32_t offset) const {
  if (bitmap != nullptr) return ((bitmap[offset / 64] >> (offset % 64)) & 1) != 0;
  const auto run = std::partition_point(runs.begin(), runs.end(),
                                        [offset](const Run& r) { return r.end <= offset; });
  return run != runs.end() && run->first <= offset;
}

uint32_t OffsetSet::Block::first_absent(uint32_t offset) const {
  if (bitmap == nullptr) {
    const auto run = std::partition_point(runs.begin(), runs.end(),
                                          [offset](const Run& r) { return r.end <= offset; });
    return run != runs.end() && run->first <= offset ? run->end : offset;
  }
  for (uint32_t word = offset / 64; word < kBitmapWords; ++word) {
    uint64_t absent = ~bitmap[word];
    if (word == offset / 64) absent &= ~uint64_t{0} << (offset % 64);
    if (absent != 0) return word * 64 + static_cast<uint32_t>(std::countr_zero(absent));
  }
  return kBlockOffsets;
}

void OffsetSet::Block::append_runs(uint32_t first,
                                   uint32_t end,
                                   int64_t base,
                                   std::vector<OffsetRun>& out) const {
  const auto append = [&](uint32_t from, uint32_t to) {
    if (!out.empty() && out.back().end.value() == base + from) {
      out.back().end = Offset(base + to);
    } else {
      out.push_back({Offset(base + from), Offset(base + to)});
    }
  };
  if (bitmap == nullptr) {
    for (const Run& run : runs) {
      const uint32_t from = std::max(run.first, first);
      const uint32_t to = std::min(run.end, end);
      if (from < to) append(from, to);
    }
    return;
  }
  for_words(first, end, [&](uint32_t word, uint64_t bits) {
    uint64_t members = bitmap[word] & bits;
    while (members != 0) {
      const auto from = static_cast<uint32_t>(std::countr_zero(members));
      const auto length = static_cast<uint32_t>(std::countr_one(members >> from));
      append(word * 64 + from, word * 64 + from + length);
      members &= ~mask(from, from + length);
    }
  });
}

int64_t OffsetSet::insert(OffsetRun run) {
  int64_t added = 0;
  int64_t first = run.first.value();
  const int64_t end = run.end.value();
  WEIR_ASSERT(first >= 0, "offset {}", first);
  while (first < end) {
    const int64_t base = first / kBlockOffsets * kBlockOffsets;
    const int64_t stop = std::min(end - base, kBlockOffsets);
    added += blocks_[first / kBlockOffsets].insert(static_cast<uint32_t>(first - base),
                                                   static_cast<uint32_t>(stop));
    first = base + stop;
  }
  size_ += added;
  return added;
}

void OffsetSet::erase_below(Offset offset) {
  while (!blocks_.empty() && (blocks_.begin()->first + 1) * kBlockOffsets <= offset.value()) {
    size_ -= blocks_.begin()->second.count;
    blocks_.erase(blocks_.begin());
  }
  if (blocks_.empty() || blocks_.begin()->first * kBlockOffsets >= offset.value()) return;
  const int64_t base = blocks_.begin()->first * kBlockOffsets;
  Block& block = blocks_.begin()->second;
  std::vector<OffsetRun> kept;
  block.append_runs(static_cast<uint32_t>(offset.value() - base), kBlockOffsets, base, kept);
  size_ -= block.count;
  if (block.bitmap != nullptr) {
    for_words(0, static_cast<uint32_t>(offset.value() - base),
              [&](uint32_t word, uint64_t bits) { block.bitmap[word] &= ~bits; });
    block.count = 0;
    for (const OffsetRun& run : kept) block.count += static_cast<uint32_t>(run.end - run.first);
  } else {
    block.runs.clear();
    block.count = 0;
    for (const OffsetRun& run : kept) {
      block.insert(static_cast<uint32_t>(run.first.value() - base),
                   static_cast<uint32_t>(run.end.value() - base));
    }
  }
  size_ += block.count;
  if (block.count == 0) blocks_.erase(blocks_.begin());
}

bool OffsetSet::contains(Offset offset) const {
  const auto block = blocks_.find(offset.value() / kBlockOffsets);
  return block != blocks_.end() &&
         block->second.contains(static_cast<uint32_t>(offset.value() % kBlockOffsets));
}

int64_t OffsetSet::count(Offset first, Offset end) const {
  int64_t total = 0;
  for (auto it = blocks_.lower_bound(first.value() / kBlockOffsets); it != blocks_.end(); ++it) {
    const int64_t base = it->first * kBlockOffsets;
    if (base >= end.value()) break;
    total +=
        it->second.count_in(static_cast<uint32_t>(std::max(first.value() - base, int64_t{0})),
                            static_cast<uint32_t>(std::min(end.value() - base, kBlockOffsets)));
  }
  return total;
}

Offset OffsetSet::first_absent(Offset offset) const {
  while (true) {
    const auto block = blocks_.find(offset.value() / kBlockOffsets);
    if (block == blocks_.end()) return offset;
    const int64_t base = block->first * kBlockOffsets;
    const uint32_t found = block->second.first_absent(static_cast<uint32_t>(offset.value() - base));
    offset = Offset(base + found);
    if (found < kBlockOffsets) return offset;
  }
}

Offset OffsetSet::select_absent(Offset first, Offset end, int64_t n) const {
  int64_t cursor = first.value();
  for (auto it = blocks_.lower_bound(cursor / kBlockOffsets);
       it != blocks_.end() && cursor < end.value(); ++it) {
    const int64_t base = it->first * kBlockOffsets;
    const int64_t gap = std::max(base - cursor, int64_t{0});
    if (n < gap) break;
    n -= gap;
    cursor += gap;
    const int64_t absent = base + kBlockOffsets - cursor -
                           it->second.count_in(static_cast<uint32_t>(cursor - base), kBlockOffsets);
    if (n >= absent) {
      n -= absent;
      cursor = base + kBlockOffsets;
      continue;
    }
    std::vector<OffsetRun> members;
    it->second.append_runs(static_cast<uint32_t>(cursor - base), kBlockOffsets, base, members);
    for (const OffsetRun& run : members) {
      const int64_t before = run.first.value() - cursor;
      if (n < before) break;
      n -= before;
      cursor = run.end.value();
    }
    break;
  }
  return Offset(n >= end.value() - cursor ? end.value() : cursor + n);
}

std::vector<OffsetRun> OffsetSet::runs(Offset first, Offset end) const {
  std::vector<OffsetRun> out;
  for (auto it = blocks_.lower_bound(first.value() / kBlockOffsets); it != blocks_.end(); ++it) {
    const int64_t base = it->first * kBlockOffsets;
    if (base >= end.value()) break;
    it->second.append_runs(static_cast<uint32_t>(std::max(first.value() - base, int64_t{0})),
                           static_cast<uint32_t>(std::min(end.value() - base, kBlockOffsets)), base,
                           out);
  }
  return out;
}

size_t OffsetSet::memory_bytes() const {
  size_t total = sizeof *this + blocks_.size() * (sizeof(Block) + sizeof(int64_t));
  for (const auto& [index, block] : blocks_) {
    total += block.runs.capacity() * sizeof(Run);
    if (block.bitmap != nullptr) total += kBitmapWords * sizeof(uint64_t);
  }
  return total;
}

// varint blocks; per block: varint gap of the index, u8 kind; 0: varint runs, per run varint gap
// from the end of the run before and varint length; 1: the bitmap.
void OffsetSet::serialize(Writer& writer) const {
  writer.varint(blocks_.size());
  int64_t previous = 0;
  for (const auto& [index, block] : blocks_) {
    writer.varint(static_cast<uint64_t>(index - previous));
    previous = index;
    writer.boolean(block.bitmap != nullptr);
    if (block.bitmap != nullptr) {
      writer.raw({reinterpret_cast<const char*>(block.bitmap.get()), kBitmapWords * 8});
      continue;
    }
    writer.varint(block.runs.size());
    uint32_t end = 0;
    for (const Run& run : block.runs) {
      writer.varint(run.first - end);
      writer.varint(run.end - run.first);
      end = run.end;
    }
  }
}

bool OffsetSet::Block::load_bitmap(Reader& reader) {
  const ByteView words = reader.raw(kBitmapWords * 8);
  if (reader.failed()) return false;
  bitmap = std::make_unique<uint64_t[]>(kBitmapWords);
  std::copy(words.begin(), words.end(), reinterpret_cast<char*>(bitmap.get()));
  for (size_t w = 0; w < kBitmapWords; ++w) {
    count += static_cast<uint32_t>(std::popcount(bitmap[w]));
  }
  return true;
}

bool OffsetSet::Block::load_runs(Reader& reader) {
  uint64_t end = 0;
  const uint64_t stored = reader.count(2);
  for (uint64_t r = 0; r < stored && !reader.failed(); ++r) {
    const uint64_t first = end + std::min<uint64_t>(reader.varint(), kBlockOffsets);
    const uint64_t length = std::min<uint64_t>(reader.varint(), kBlockOffsets);
    if (length == 0 || (r > 0 && first == end)) return false;
    end = first + length;
    if (end > kBlockOffsets || runs.size() >= kRunsMax) return false;
    runs.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(end)});
    count += static_cast<uint32_t>(length);
  }
  return !reader.failed();
}

bool OffsetSet::load(Reader& reader, OffsetSet& set) {
  const uint64_t blocks = reader.count(4);
  int64_t index = 0;
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t gap = reader.varint();
    if (gap > static_cast<uint64_t>(INT64_MAX / kBlockOffsets - 1 - index)) return false;
    if (i > 0 && gap == 0) return false;
    index += static_cast<int64_t>(gap);
    Block& block = set.blocks_[index];
    const bool loaded = reader.boolean() ? block.load_bitmap(reader) : block.load_runs(reader);
    if (!loaded || block.count == 0) return false;
    set.size_ += block.count;
  }
  return !reader.failed();
}

}  // namespace weir::log
