#include "core/queue/priority_lanes.h"

#include <algorithm>

namespace weir::queue {

bool PriorityLanes::empty() const {
  return std::ranges::all_of(lanes_, [](const OffsetSet& lane) { return lane.empty(); });
}

uint8_t PriorityLanes::find(int64_t offset) const {
  for (uint8_t priority = kHighest; priority > 0; --priority) {
    const OffsetSet& lane = of(priority);
    if (!lane.empty() && lane.contains(offset)) return priority;
  }
  return 0;
}

uint8_t PriorityLanes::take(int64_t offset) {
  const uint8_t priority = find(offset);
  if (priority > 0) lanes_[priority - 1U].erase(offset);
  return priority;
}

void PriorityLanes::erase_below(int64_t end) {
  for (OffsetSet& lane : lanes_) lane.erase_below(end);
}

void PriorityLanes::save(Writer& out) const {
  for (const OffsetSet& lane : lanes_) lane.save(out);
}

bool PriorityLanes::load(Reader& in, int64_t first, int64_t end) {
  return std::ranges::all_of(lanes_, [&](OffsetSet& lane) { return lane.load(in, first, end); });
}

}  // namespace weir::queue
