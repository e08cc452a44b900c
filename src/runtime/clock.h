#pragma once
// Clock: what time it is for the broker. now() never runs backwards, whatever the system's clock
// does; recovery raises the floor to the newest time found in the journal, so that it does not run
// backwards across a restart either.
//
// Thread safety: any thread.

#include <atomic>

#include "base/time.h"

namespace weir::runtime {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() = 0;
};

class WallClock final : public Clock {
 public:
  explicit WallClock(Timestamp floor = Timestamp(0)) : latest_ms_(floor.ms()) {}

  Timestamp now() override;
  // From here on now() >= floor.
  void raise_floor(Timestamp floor) { latest(floor.ms()); }

 private:
  int64_t latest(int64_t ms);

  std::atomic<int64_t> latest_ms_;
};

}  // namespace weir::runtime
