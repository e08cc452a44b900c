#pragma once
// A set of offsets: the records of a log that were deleted one by one. Blocks of 64 Ki offsets,
// each a sorted list of runs or, when there are many runs, a bitmap of 8 KiB; so a deleted prefix
// or a long run costs a few bytes and a block never more than 8 KiB. Counting and selecting live
// offsets walks blocks, not offsets.

#include <absl/container/btree_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/wire.h"
#include "core/log/events.h"

namespace weir::log {

class OffsetSet {
 public:
  // Adds [run.first, run.end); returns how many were not in the set before.
  int64_t insert(OffsetRun run);
  // Forgets everything below `offset`.
  void erase_below(Offset offset);

  bool contains(Offset offset) const;
  bool empty() const { return size_ == 0; }
  int64_t size() const { return size_; }
  // How many members lie in [first, end).
  int64_t count(Offset first, Offset end) const;
  // The first offset >= `offset` that is not a member.
  Offset first_absent(Offset offset) const;
  // The n-th (from 0) offset in [first, end) that is not a member; `end` when there are not that
  // many.
  Offset select_absent(Offset first, Offset end, int64_t n) const;
  // The members in [first, end) as runs.
  std::vector<OffsetRun> runs(Offset first, Offset end) const;

  size_t memory_bytes() const;
  void serialize(Writer& writer) const;
  // False when the bytes are malformed.
  static bool load(Reader& reader, OffsetSet& set);

 private:
  static constexpr int64_t kBlockOffsets = int64_t{1} << 16;
  static constexpr size_t kBitmapWords = kBlockOffsets / 64;
  static constexpr size_t kRunsMax = 1024;  // of 8 bytes: as large as the bitmap

  struct Run {  // [first, end) inside the block
    uint32_t first;
    uint32_t end;
  };
  struct Block {
    std::vector<Run> runs;               // when there is no bitmap
    std::unique_ptr<uint64_t[]> bitmap;  // otherwise
    uint32_t count = 0;

    uint32_t insert(uint32_t first, uint32_t end);
    uint32_t insert_bits(uint32_t first, uint32_t end);
    void to_bitmap();
    uint32_t count_in(uint32_t first, uint32_t end) const;
    bool contains(uint32_t offset) const;
    uint32_t first_absent(uint32_t offset) const;  // kBlockOffsets when there is none
    bool load_bitmap(Reader& reader);
    bool load_runs(Reader& reader);
    void append_runs(uint32_t first, uint32_t end, int64_t base, std::vector<OffsetRun>& out) const;
  };

  absl::btree_map<int64_t, Block> blocks_;  // by offset / kBlockOffsets
  int64_t size_ = 0;
};

}  // namespace weir::log
