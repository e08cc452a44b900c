#pragma once
// The seeded scheduler: reactor, lanes and timers on one thread and in virtual time. Which of the
// things that could happen next does happen is drawn from the seed.

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "base/random.h"
#include "storage/local/executor.h"

namespace weir::storage {

class SimExecutor : public Executor {
 public:
  explicit SimExecutor(uint64_t seed) : random_(seed) {}

  void post(Task task) override { posted_.push_back(std::move(task)); }
  void run(Lane lane, Task step) override {
    lanes_[static_cast<size_t>(lane)].push_back(std::move(step));
  }
  uint64_t after(Duration delay, Task task) override {
    timers_.emplace(now_ + delay, std::pair(++last_timer_, std::move(task)));
    return last_timer_;
  }
  void cancel(uint64_t timer) override {
    std::erase_if(timers_, [timer](const auto& entry) { return entry.second.first == timer; });
  }
  Duration now() const override { return now_; }

  // One thing happens. False if nothing could: no task, no step, no timer.
  bool step();
  // The process is killed while steps are under way: some of them still reach the disk, nobody
  // hears of it. Before each of them `next` is called.
  void die(const std::function<void()>& next = [] {});
  // Runs until `done` or until nothing happens any more; returns done().
  template <typename Done>
  bool run_until(Done done, size_t steps_max = 100'000) {
    while (!done()) {
      if (steps_max-- == 0 || !step()) return done();
    }
    return true;
  }
  // Time goes on by at least this much, with everything that happens meanwhile.
  void pass(Duration duration);

 private:
  bool run_lane(size_t lane);
  bool fire_timer();

  Random random_;
  Duration now_{std::chrono::seconds(1)};
  std::deque<Task> posted_;
  std::array<std::deque<Task>, kLanes> lanes_;
  std::multimap<Duration, std::pair<uint64_t, Task>> timers_;
  uint64_t last_timer_ = 0;
};

}  // namespace weir::storage
