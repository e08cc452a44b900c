#include "protocols/redis/id_cache.h"

#include <algorithm>
#include <cstdint>

namespace weir::redis {
namespace {

// The finalizer of SplitMix64: every bit of `value` moves every bit of the result.
uint64_t mixed(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
  value = (value ^ value >> 27) * 0x94d049bb133111ebU;
  return value ^ value >> 31;
}

}  // namespace

size_t IdCache::set_of(CellId log, StreamId id) {
  return mixed(mixed(mixed(log.value()) ^ id.ms) ^ id.seq) % kSets;
}

// Neighbours fall into the same set, or the next: memory that is at hand.
size_t IdCache::set_of(CellId log, Offset offset) {
  return (mixed(log.value()) + static_cast<uint64_t>(offset.value()) / kWays) % kSets;
}

void IdCache::push(Set& set, const Slot& slot) {
  auto place = std::ranges::find_if(set, [&](const Slot& other) {
    return !other.used() || (other.log == slot.log && other.offset == slot.offset);
  });
  if (place == set.end()) --place;
  std::move_backward(set.begin(), place, place + 1);
  set.front() = slot;
}

void IdCache::put(CellId log, StreamId id, Offset offset) {
  if (by_id_.empty()) {
    by_id_.resize(kSets);
    by_offset_.resize(kSets);
  }
  const Slot slot{log, id, offset};
  push(by_id_[set_of(log, id)], slot);
  push(by_offset_[set_of(log, offset)], slot);
}

std::optional<Offset> IdCache::offset_of(CellId log, StreamId id) const {
  if (!by_id_.empty()) {
    for (const Slot& slot : by_id_[set_of(log, id)]) {
      if (slot.used() && slot.log == log && slot.id == id) return slot.offset;
    }
  }
  const auto kept = kept_by_id_.find({log, id});
  return kept == kept_by_id_.end() ? std::nullopt : std::optional(kept->second);
}

std::optional<StreamId> IdCache::id_of(CellId log, Offset offset) const {
  if (!by_offset_.empty()) {
    for (const Slot& slot : by_offset_[set_of(log, offset)]) {
      if (slot.used() && slot.log == log && slot.offset == offset) return slot.id;
    }
  }
  const auto kept = kept_by_offset_.find({log, offset});
  return kept == kept_by_offset_.end() ? std::nullopt : std::optional(kept->second);
}

bool IdCache::keep(CellId log, Offset offset, StreamId id) {
  if (kept(log, offset)) return true;
  if (kept_by_offset_.size() >= kKeptMax) return false;
  kept_by_offset_.emplace(std::pair(log, offset), id);
  kept_by_id_.emplace(std::pair(log, id), offset);
  return true;
}

void IdCache::let_go(CellId log, Offset offset) {
  const auto kept = kept_by_offset_.find({log, offset});
  if (kept == kept_by_offset_.end()) return;
  kept_by_id_.erase({log, kept->second});
  kept_by_offset_.erase(kept);
}

void IdCache::forget(CellId log) {
  const auto first = kept_by_offset_.lower_bound({log, Offset(0)});
  const auto last = kept_by_offset_.lower_bound({log.next(), Offset(0)});
  for (auto kept = first; kept != last; ++kept) kept_by_id_.erase({log, kept->second});
  kept_by_offset_.erase(first, last);
}

}  // namespace weir::redis
