#include "simulation/storage/sim_executor.h"

#include <algorithm>
#include <memory>

namespace weir::storage {

bool SimExecutor::run_lane(size_t lane) {
  auto& waiting = lanes_[lane];
  if (waiting.empty()) return false;
  // Readers are several threads: any of their steps may be the first to finish.
  size_t which = 0;
  if (lane == static_cast<size_t>(Lane::kReader)) which = random_.below(waiting.size());
  Task task = std::move(waiting[which]);
  waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(which));
  task();
  return true;
}

bool SimExecutor::fire_timer() {
  if (timers_.empty()) return false;
  auto first = timers_.begin();
  now_ = std::max(now_, first->first);
  Task task = std::move(first->second.second);
  timers_.erase(first);
  task();
  return true;
}

bool SimExecutor::step() {
  now_ += Duration(random_.below(20'000));
  if (!timers_.empty() && timers_.begin()->first <= now_) return fire_timer();
  const size_t choice = random_.below(kLanes + 2);
  if (choice < kLanes && run_lane(choice)) return true;
  if (!posted_.empty()) {
    Task task = std::move(posted_.front());
    posted_.pop_front();
    task();
    return true;
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (run_lane((choice + lane) % kLanes)) return true;
  }
  return fire_timer();
}

void SimExecutor::die(const std::function<void()>& next) {
  for (auto& lane : lanes_) {
    if (!lane.empty() && random_.one_in(2)) {
      next();
      Task task = std::move(lane.front());
      task();
    }
    lane.clear();
  }
  posted_.clear();
  timers_.clear();
}

void SimExecutor::pass(Duration duration) {
  const auto reached = std::make_shared<bool>(false);
  after(duration, [reached] { *reached = true; });
  while (!*reached) step();
}

}  // namespace weir::storage
