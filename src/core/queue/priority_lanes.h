#pragma once
// PriorityLanes: the ready messages of a queue whose priority is not the lowest, a set of offsets
// for each priority above it. What is in no lane has priority 0, or is not ready. At most one bit
// a lane for each offset that the lane spans, and next to nothing for long runs (offset_set.h).

#include <array>
#include <cstdint>

#include "base/wire.h"
#include "core/queue/offset_set.h"
#include "core/queue/policy.h"

namespace weir::queue {

class PriorityLanes {
 public:
  static constexpr uint8_t kHighest = kPrioritiesMax - 1;

  const OffsetSet& of(uint8_t priority) const { return lanes_[priority - 1U]; }  // 1 ... kHighest
  bool empty() const;

  void insert(int64_t offset, uint8_t priority) { lanes_[priority - 1U].insert(offset); }
  // The priority of what is in a lane, otherwise 0. take() takes it out.
  uint8_t find(int64_t offset) const;
  uint8_t take(int64_t offset);
  void erase_below(int64_t end);

  void save(Writer& out) const;
  // False, and the reader failed, when the bytes are no lanes, or reach outside [first, end).
  bool load(Reader& in, int64_t first, int64_t end);

 private:
  std::array<OffsetSet, kHighest> lanes_;
};

}  // namespace weir::queue
