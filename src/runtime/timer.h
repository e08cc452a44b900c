#pragma once
// Timer: calls back once, on its shard, after a while. Rearming replaces the earlier deadline.
// After cancel() or destruction the callback is not called any more, even when the deadline has
// passed already.
//
// Thread: everything on the timer's shard.

#include <functional>
#include <memory>

#include "base/time.h"

namespace weir::runtime {

class Shard;

class Timer {
 public:
  Timer(Shard& shard, std::function<void()> on_expiry);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Measured on the monotonic clock. A negative or zero `delay` expires at once, yet never inside
  // this call.
  void arm(Milliseconds delay);
  void cancel();
  bool armed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::runtime
