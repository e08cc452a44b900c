#include "runtime/clock.h"

#include <chrono>

namespace weir::runtime {

Timestamp WallClock::now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp(latest(std::chrono::duration_cast<Milliseconds>(since_epoch).count()));
}

int64_t WallClock::latest(int64_t ms) {
  int64_t seen = latest_ms_.load(std::memory_order_relaxed);
  while (seen < ms && !latest_ms_.compare_exchange_weak(seen, ms, std::memory_order_relaxed)) {
  }
  return seen < ms ? ms : seen;
}

}  // namespace weir::runtime
