#include "runtime/timer.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "runtime/shard.h"

namespace weir::runtime {

// Shared with the pending wait, since the callback may destroy its own Timer.
struct Timer::State {
  State(Shard& shard, std::function<void()> callback)
      : timer(shard.reactor()), on_expiry(std::move(callback)) {}

  boost::asio::steady_timer timer;
  std::function<void()> on_expiry;
  uint64_t generation =
      0;  // a wait that completes with another generation was cancelled too late for Asio
  bool armed = false;
};

Timer::Timer(Shard& shard, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(shard, std::move(on_expiry))) {}

Timer::~Timer() {
  cancel();
}

void Timer::arm(Milliseconds delay) {
  State& state = *state_;
  state.armed = true;
  state.timer.expires_after(
      std::clamp<Milliseconds>(delay, Milliseconds(0), std::chrono::hours(24 * 365)));
  state.timer.async_wait(
      [shared = state_, generation = ++state.generation](boost::system::error_code) {
        if (!shared->armed || shared->generation != generation) return;
        shared->armed = false;
        shared->on_expiry();
      });
}

void Timer::cancel() {
  if (!state_->armed) return;
  state_->armed = false;
  ++state_->generation;
  state_->timer.cancel();
}

bool Timer::armed() const {
  return state_->armed;
}

}  // namespace weir::runtime
