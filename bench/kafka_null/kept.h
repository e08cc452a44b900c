#pragma once
// What a partition of the null server keeps: the batches that came first, up to kBytesMax, and how
// many records came in all. Reading goes round: behind the last kept batch the first comes again,
// with its offsets counted on, so that a consumer finds no end.
//
// Thread safety: none.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "protocols/wire/types.h"

namespace weir::bench {

class Kept {
 public:
  static constexpr size_t kBytesMax = size_t{8} << 20;

  // Counts the records of `batches` by their headers, which are believed, and keeps a copy while
  // there is room. The offset of the first; nothing when they cannot be told apart.
  std::optional<int64_t> add(ByteView batches);

  // Whole batches from the one with `offset` on, at least one, and no more than `bytes_max` beyond
  // that; nothing when nothing was kept.
  wire::Records read(int64_t offset, size_t bytes_max) const;

  int64_t end() const { return end_; }
  bool empty() const { return batches_.empty(); }

 private:
  struct Batch {
    int64_t first = 0;  // offset in the first round
    Bytes bytes;
  };

  std::vector<Batch> batches_;
  size_t bytes_ = 0;
  int64_t round_ = 0;  // records of the kept batches
  int64_t end_ = 0;    // records that came
};

}  // namespace weir::bench
