#include "core/keyspace/sorted_set.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace weir::keyspace {
namespace {

bool before(const SortedSet::Item& item, double score, ByteView member) {
  if (item.score != score) return item.score < score;
  return item.member < member;
}

}  // namespace

std::optional<double> SortedSet::score(ByteView member) const {
  const double* found = scores_.find(member);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void SortedSet::set(ByteView member, double score) {
  WEIR_ASSERT(!std::isnan(score));
  const auto [slot, fresh] = scores_.insert(member);
  if (fresh) {
    bytes_ += member.size();
  } else {
    if (*slot == score) return;
    erase_ordered(*slot, member);
  }
  *slot = score;
  insert_ordered(score, member);
}

bool SortedSet::erase(ByteView member) {
  const double* found = scores_.find(member);
  if (found == nullptr) return false;
  const Text name(member);  // the view may be of the item that goes
  erase_ordered(*found, name);
  bytes_ -= name.size();
  return scores_.erase(name);
}

size_t SortedSet::rank(double score, ByteView member) const {
  return partition_rank([&](const Item& item) { return !before(item, score, member); });
}

SortedSet::Position SortedSet::locate(size_t rank) const {
  WEIR_ASSERT(rank < size());
  size_t chunk = 0;
  while (rank >= chunks_[chunk].size()) rank -= chunks_[chunk++].size();
  return {chunk, rank};
}

const SortedSet::Item& SortedSet::at(size_t rank) const {
  const auto [chunk, index] = locate(rank);
  return chunks_[chunk][index];
}

void SortedSet::insert_ordered(double score, ByteView member) {
  auto chunk = std::lower_bound(
      chunks_.begin(), chunks_.end(), 0,
      [&](const std::vector<Item>& c, int) { return before(c.back(), score, member); });
  if (chunk == chunks_.end()) {
    if (chunks_.empty()) chunks_.emplace_back();
    chunk = chunks_.end() - 1;
  }
  const auto at = std::lower_bound(chunk->begin(), chunk->end(), 0, [&](const Item& item, int) {
    return before(item, score, member);
  });
  chunk->insert(at, Item{score, Text(member)});
  if (chunk->size() <= kChunkItemsMax) return;
  const auto half = chunk->begin() + kChunkItemsMax / 2;
  std::vector<Item> upper(std::make_move_iterator(half), std::make_move_iterator(chunk->end()));
  chunk->erase(half, chunk->end());
  chunks_.insert(chunk + 1, std::move(upper));
}

void SortedSet::erase_ordered(double score, ByteView member) {
  const auto chunk = std::lower_bound(
      chunks_.begin(), chunks_.end(), 0,
      [&](const std::vector<Item>& c, int) { return before(c.back(), score, member); });
  WEIR_ASSERT(chunk != chunks_.end());
  const auto at = std::lower_bound(chunk->begin(), chunk->end(), 0, [&](const Item& item, int) {
    return before(item, score, member);
  });
  WEIR_ASSERT(at != chunk->end() && at->member == member);
  chunk->erase(at);
  if (chunk->empty()) chunks_.erase(chunk);
}

}  // namespace weir::keyspace
