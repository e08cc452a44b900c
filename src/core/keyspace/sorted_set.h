#pragma once
// A sorted set: members with a score, ordered by (score, member). Member to score is a hash map;
// the order is a sequence of small sorted chunks, so that insert, erase and rank cost a binary
// search plus a walk over chunk sizes.
//
// Invariant: both sides hold the same pairs; no chunk is empty; a score is never NaN.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "core/keyspace/ordered_map.h"

namespace weir::keyspace {

class SortedSet {
 public:
  struct Item {
    double score;
    Text member;
  };

  size_t size() const { return scores_.size(); }
  bool empty() const { return scores_.empty(); }
  size_t bytes() const { return bytes_; }

  std::optional<double> score(ByteView member) const;
  // Sets the score of a member, new or not.
  void set(ByteView member, double score);
  bool erase(ByteView member);

  // How many items are ordered before (score, member).
  size_t rank(double score, ByteView member) const;
  const Item& at(size_t rank) const;
  // How many items come before the first for which `after(item)` holds; `after` must be false, then
  // true, along the order.
  template <typename F>
  size_t partition_rank(F&& after) const {
    size_t before = 0;
    for (const auto& chunk : chunks_) {
      if (!after(chunk.back())) {
        before += chunk.size();
        continue;
      }
      size_t low = 0;
      size_t high = chunk.size();
      while (low < high) {
        const size_t middle = (low + high) / 2;
        if (after(chunk[middle])) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      return before + low;
    }
    return before;
  }
  // Visits `count` items from `rank`, upwards or downwards.
  template <typename F>
  void walk(size_t rank, size_t count, bool downwards, F&& visit) const {
    if (count == 0 || rank >= size()) return;
    auto [chunk, index] = locate(rank);
    while (count-- > 0) {
      visit(chunks_[chunk][index]);
      if (downwards) {
        if (index > 0) {
          --index;
        } else {
          if (chunk == 0) return;
          index = chunks_[--chunk].size() - 1;
        }
      } else if (++index == chunks_[chunk].size()) {
        if (++chunk == chunks_.size()) return;
        index = 0;
      }
    }
  }

  const OrderedMap<double>& members() const { return scores_; }

 private:
  static constexpr size_t kChunkItemsMax = 256;

  struct Position {
    size_t chunk;
    size_t index;
  };
  Position locate(size_t rank) const;
  void insert_ordered(double score, ByteView member);
  void erase_ordered(double score, ByteView member);

  OrderedMap<double> scores_;
  std::vector<std::vector<Item>> chunks_;
  size_t bytes_ = 0;
};

}  // namespace weir::keyspace
