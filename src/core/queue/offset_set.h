#pragma once
// OffsetSet: a set of offsets that lie close together, in blocks of 64 Ki offsets. A block is a
// list of runs (4 bytes a run) while that is small, and a bitmap of 8 KiB when it is not; a block
// that becomes empty is freed. So the cost is at most one bit and a little for each offset of the
// span, and next to nothing for long runs.

#include <absl/container/btree_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/wire.h"

namespace weir::queue {

class OffsetSet {
 public:
  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  bool contains(int64_t offset) const;
  std::optional<int64_t> min() const { return next_present(0); }
  std::optional<int64_t> max() const;
  // The lowest member that is not below `from`.
  std::optional<int64_t> next_present(int64_t from) const;
  // The lowest offset not below `from` that is not a member.
  int64_t next_absent(int64_t from) const;
  std::vector<int64_t> members() const;  // ascending

  bool insert(int64_t offset);  // false: was there
  bool erase(int64_t offset);   // false: was not there
  void insert_range(int64_t first, int64_t end);
  void erase_below(int64_t end);
  void clear();

  // The members as maximal runs in ascending order; equal sets have equal bytes.
  void save(Writer& out) const;
  // False, and the reader failed, when the bytes are no such list or reach outside [first, end).
  bool load(Reader& in, int64_t first, int64_t end);

  bool operator==(const OffsetSet& other) const;

 private:
  static constexpr int kBlockBits = 16;
  static constexpr int64_t kBlockSize = 1 << kBlockBits;
  static constexpr size_t kRunsMax = 1024;   // beyond: a bitmap
  static constexpr size_t kRunsAgain = 256;  // a bitmap whose count fell to this is made into runs
  static constexpr size_t kWords = kBlockSize / 64;

  struct Run {
    uint16_t first;
    uint16_t last;  // inclusive
  };
  using Bitmap = std::array<uint64_t, kWords>;

  class Block {
   public:
    uint32_t count() const { return count_; }
    bool contains(uint32_t at) const;
    int next_present(uint32_t from) const;  // -1: none
    int next_absent(uint32_t from) const;   // kBlockSize: none
    int max() const;
    bool insert(uint32_t at);
    bool erase(uint32_t at);
    uint32_t insert_range(uint32_t first, uint32_t last);  // returns how many are new
    uint32_t erase_below(uint32_t end);                    // returns how many went

   private:
    size_t run_at_or_after(uint32_t at) const;  // the first run whose last is not below `at`
    void to_bitmap();
    void to_runs();

    uint32_t count_ = 0;
    std::vector<Run> runs_;
    std::unique_ptr<Bitmap> bits_;
  };

  absl::btree_map<int64_t, Block> blocks_;
  uint64_t count_ = 0;
};

}  // namespace weir::queue
