#include "core/queue/offset_set.h"

#include <algorithm>
#include <bit>

namespace weir::queue {

// ---- one block

size_t OffsetSet::Block::run_at_or_after(uint32_t at) const {
  if (!runs_.empty() && runs_.back().last < at) return runs_.size();
  const auto it =
      std::ranges::lower_bound(runs_, at, {}, [](Run run) { return uint32_t{run.last}; });
  return static_cast<size_t>(it - runs_.begin());
}

bool OffsetSet::Block::contains(uint32_t at) const {
  if (bits_) return ((*bits_)[at / 64] >> (at % 64) & 1U) != 0;
  const size_t i = run_at_or_after(at);
  return i < runs_.size() && runs_[i].first <= at;
}

int OffsetSet::Block::next_present(uint32_t from) const {
  if (!bits_) {
    const size_t i = run_at_or_after(from);
    return i < runs_.size() ? std::max<int>(runs_[i].first, static_cast<int>(from)) : -1;
  }
  uint64_t word = (*bits_)[from / 64] & (~0ULL << (from % 64));
  for (size_t i = from / 64;;) {
    if (word != 0) return static_cast<int>(i * 64) + std::countr_zero(word);
    if (++i == kWords) return -1;
    word = (*bits_)[i];
  }
}

int OffsetSet::Block::next_absent(uint32_t from) const {
  if (!bits_) {
    const size_t i = run_at_or_after(from);
    return i < runs_.size() && runs_[i].first <= from ? runs_[i].last + 1 : static_cast<int>(from);
  }
  uint64_t word = ~(*bits_)[from / 64] & (~0ULL << (from % 64));
  for (size_t i = from / 64;;) {
    if (word != 0) return static_cast<int>(i * 64) + std::countr_zero(word);
    if (++i == kWords) return static_cast<int>(kBlockSize);
    word = ~(*bits_)[i];
  }
}

int OffsetSet::Block::max() const {
  if (!bits_) return runs_.back().last;
  size_t i = kWords - 1;
  while ((*bits_)[i] == 0) --i;
  return static_cast<int>(i * 64) + 63 - std::countl_zero((*bits_)[i]);
}

bool OffsetSet::Block::insert(uint32_t at) {
  const auto place = static_cast<uint16_t>(at);
  if (bits_) {
    uint64_t& word = (*bits_)[at / 64];
    const uint64_t bit = 1ULL << (at % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    if (++count_ == kBlockSize) to_runs();
    return true;
  }
  const size_t i = run_at_or_after(at);
  const bool has_next = i < runs_.size();
  if (has_next && runs_[i].first <= at) return false;
  const bool joins_before = i > 0 && runs_[i - 1].last + 1U == at;
  const bool joins_next = has_next && runs_[i].first == at + 1;
  if (joins_before && joins_next) {
    runs_[i - 1].last = runs_[i].last;
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(i));
  } else if (joins_before) {
    runs_[i - 1].last = place;
  } else if (joins_next) {
    runs_[i].first = place;
  } else {
    runs_.insert(runs_.begin() + static_cast<ptrdiff_t>(i), Run{place, place});
  }
  ++count_;
  if (runs_.size() > kRunsMax) to_bitmap();
  return true;
}

bool OffsetSet::Block::erase(uint32_t at) {
  if (bits_) {
    uint64_t& word = (*bits_)[at / 64];
    const uint64_t bit = 1ULL << (at % 64);
    if ((word & bit) == 0) return false;
    word &= ~bit;
    if (--count_ == kRunsAgain) to_runs();
    return true;
  }
  const size_t i = run_at_or_after(at);
  if (i == runs_.size() || runs_[i].first > at) return false;
  Run& run = runs_[i];
  if (run.first == run.last) {
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(i));
  } else if (run.first == at) {
    ++run.first;
  } else if (run.last == at) {
    --run.last;
  } else {
    const Run rest{static_cast<uint16_t>(at + 1), run.last};
    run.last = static_cast<uint16_t>(at - 1);
    runs_.insert(runs_.begin() + static_cast<ptrdiff_t>(i + 1), rest);
    if (runs_.size() > kRunsMax) {
      --count_;
      to_bitmap();
      return true;
    }
  }
  --count_;
  return true;
}

uint32_t OffsetSet::Block::insert_range(uint32_t first, uint32_t last) {
  const uint32_t before = count_;
  if (bits_) {
    for (uint32_t at = first; at <= last; ++at) {
      if (!contains(at)) insert(at);  // the last one may turn the block into a run
    }
    return count_ - before;
  }
  // Everything that touches [first, last] becomes one run.
  const size_t begin = run_at_or_after(first == 0 ? 0 : first - 1);
  size_t end = begin;
  uint32_t covered = 0;
  Run merged{static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
  for (; end < runs_.size() && runs_[end].first <= last + 1; ++end) {
    covered += runs_[end].last - runs_[end].first + 1U;
    merged.first = std::min(merged.first, runs_[end].first);
    merged.last = std::max(merged.last, runs_[end].last);
  }
  if (begin == end) {
    runs_.insert(runs_.begin() + static_cast<ptrdiff_t>(begin), merged);
  } else {
    runs_[begin] = merged;
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(begin + 1),
                runs_.begin() + static_cast<ptrdiff_t>(end));
  }
  count_ += merged.last - merged.first + 1U - covered;
  if (runs_.size() > kRunsMax) to_bitmap();
  return count_ - before;
}

uint32_t OffsetSet::Block::erase_below(uint32_t end) {
  const uint32_t before = count_;
  if (bits_) {
    for (size_t i = 0; i * 64 < end; ++i) {
      uint64_t& word = (*bits_)[i];
      const uint64_t mask = end - i * 64 >= 64 ? ~0ULL : (1ULL << (end - i * 64)) - 1;
      count_ -= static_cast<uint32_t>(std::popcount(word & mask));
      word &= ~mask;
    }
    if (count_ <= kRunsAgain) to_runs();
    return before - count_;
  }
  const size_t keep = run_at_or_after(end);
  for (size_t i = 0; i < keep; ++i) count_ -= runs_[i].last - runs_[i].first + 1U;
  runs_.erase(runs_.begin(), runs_.begin() + static_cast<ptrdiff_t>(keep));
  if (!runs_.empty() && runs_.front().first < end) {
    count_ -= end - runs_.front().first;
    runs_.front().first = static_cast<uint16_t>(end);
  }
  return before - count_;
}

void OffsetSet::Block::to_bitmap() {
  bits_ = std::make_unique<Bitmap>();
  for (const Run run : runs_) {
    for (uint32_t at = run.first; at <= run.last; ++at) (*bits_)[at / 64] |= 1ULL << (at % 64);
  }
  runs_ = {};
}

void OffsetSet::Block::to_runs() {
  std::vector<Run> runs;
  for (int at = next_present(0); at >= 0;) {
    const int end = next_absent(static_cast<uint32_t>(at));
    runs.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(end - 1)});
    at = end < kBlockSize ? next_present(static_cast<uint32_t>(end)) : -1;
  }
  runs_ = std::move(runs);
  bits_.reset();
}

// ---- the set

bool OffsetSet::contains(int64_t offset) const {
  if (count_ == 0) return false;
  const auto it = blocks_.find(offset >> kBlockBits);
  return it != blocks_.end() &&
         it->second.contains(static_cast<uint32_t>(offset & (kBlockSize - 1)));
}

std::optional<int64_t> OffsetSet::max() const {
  if (blocks_.empty()) return std::nullopt;
  const auto& [number, block] = *blocks_.rbegin();
  return number * kBlockSize + block.max();
}

std::optional<int64_t> OffsetSet::next_present(int64_t from) const {
  auto it = blocks_.lower_bound(from >> kBlockBits);
  if (it == blocks_.end()) return std::nullopt;
  if (it->first == from >> kBlockBits) {
    const int at = it->second.next_present(static_cast<uint32_t>(from & (kBlockSize - 1)));
    if (at >= 0) return it->first * kBlockSize + at;
    if (++it == blocks_.end()) return std::nullopt;
  }
  return it->first * kBlockSize + it->second.next_present(0);
}

int64_t OffsetSet::next_absent(int64_t from) const {
  auto it = blocks_.find(from >> kBlockBits);
  for (; it != blocks_.end() && it->first == from >> kBlockBits; ++it) {
    const int at = it->second.next_absent(static_cast<uint32_t>(from & (kBlockSize - 1)));
    from = it->first * kBlockSize + at;
    if (at < kBlockSize) break;
  }
  return from;
}

std::vector<int64_t> OffsetSet::members() const {
  std::vector<int64_t> members;
  members.reserve(count_);
  for (auto at = min(); at; at = next_present(*at + 1)) members.push_back(*at);
  return members;
}

bool OffsetSet::insert(int64_t offset) {
  if (!blocks_[offset >> kBlockBits].insert(static_cast<uint32_t>(offset & (kBlockSize - 1))))
    return false;
  ++count_;
  return true;
}

bool OffsetSet::erase(int64_t offset) {
  if (count_ == 0) return false;
  const auto it = blocks_.find(offset >> kBlockBits);
  if (it == blocks_.end() || !it->second.erase(static_cast<uint32_t>(offset & (kBlockSize - 1))))
    return false;
  if (it->second.count() == 0) blocks_.erase(it);
  --count_;
  return true;
}

void OffsetSet::insert_range(int64_t first, int64_t end) {
  while (first < end) {
    const int64_t number = first >> kBlockBits;
    const int64_t last = std::min(end, (number + 1) * kBlockSize) - 1;
    count_ += blocks_[number].insert_range(static_cast<uint32_t>(first & (kBlockSize - 1)),
                                           static_cast<uint32_t>(last & (kBlockSize - 1)));
    first = last + 1;
  }
}

void OffsetSet::erase_below(int64_t end) {
  const int64_t number = end >> kBlockBits;
  while (!blocks_.empty() && blocks_.begin()->first < number) {
    count_ -= blocks_.begin()->second.count();
    blocks_.erase(blocks_.begin());
  }
  if (blocks_.empty() || blocks_.begin()->first != number) return;
  Block& block = blocks_.begin()->second;
  count_ -= block.erase_below(static_cast<uint32_t>(end & (kBlockSize - 1)));
  if (block.count() == 0) blocks_.erase(blocks_.begin());
}

void OffsetSet::clear() {
  blocks_.clear();
  count_ = 0;
}

// (gap v, length v) for each run, the gap counted from the end of the one before; a length of 0
// ends the list.
void OffsetSet::save(Writer& out) const {
  int64_t end = 0;
  for (std::optional<int64_t> first = min(); first; first = next_present(end)) {
    out.varint(static_cast<uint64_t>(*first - end));
    end = next_absent(*first);
    out.varint(static_cast<uint64_t>(end - *first));
  }
  out.varint(0);
  out.varint(0);
}

bool OffsetSet::load(Reader& in, int64_t first, int64_t end) {
  // A span that no queue reaches; without it a few bytes could name a run of 2^62 and take its
  // blocks in memory.
  constexpr int64_t kBlocksMax = 1 << 20;
  clear();
  int64_t at = 0;
  while (true) {
    const uint64_t gap = in.varint();
    const uint64_t length = in.varint();
    if (in.failed()) break;
    if (length == 0) return true;
    if (gap > static_cast<uint64_t>(end - at) || length > static_cast<uint64_t>(end - at) - gap)
      break;
    const int64_t begin = at + static_cast<int64_t>(gap);
    at = begin + static_cast<int64_t>(length);
    if (begin < first || (at - first) >> kBlockBits > kBlocksMax) break;
    insert_range(begin, at);
  }
  clear();
  in.fail();
  return false;
}

bool OffsetSet::operator==(const OffsetSet& other) const {
  if (count_ != other.count_) return false;
  Writer mine;
  Writer others;
  save(mine);
  other.save(others);
  return mine.out() == others.out();
}

}  // namespace weir::queue
