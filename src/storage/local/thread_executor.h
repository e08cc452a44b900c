#pragma once
// The lanes as threads, and an executor for programs without a reactor of their own (tests,
// benchmarks): the thread that calls poll() is the reactor.
//
// A program with a reactor derives from Executor, forwards run() to LaneThreads and implements the
// rest with its reactor.

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/local/executor.h"

namespace weir::storage {

// Threads are started when their lane is first used. The destructor lets the steps that run finish,
// drops those that wait, and joins.
class LaneThreads {
 public:
  explicit LaneThreads(size_t readers = 4);
  ~LaneThreads();

  void run(Lane lane, Task step);

 private:
  class Crew;

  std::array<std::unique_ptr<Crew>, kLanes> crews_;
};

class PollingExecutor : public Executor {
 public:
  explicit PollingExecutor(size_t readers = 4);
  ~PollingExecutor() override;

  void post(Task task) override;
  void run(Lane lane, Task step) override;
  uint64_t after(Duration delay, Task task) override;
  void cancel(uint64_t timer) override;
  Duration now() const override;

  // Runs what is due; waits up to `wait` for something if nothing is. Returns whether anything ran.
  bool poll(Duration wait = {});

 private:
  struct Timer {
    uint64_t number;
    Task task;
  };

  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<Task> posted_;
  std::multimap<Duration, Timer> timers_;
  uint64_t next_timer_ = 1;
  LaneThreads lanes_;  // last: its threads post into the members above
};

}  // namespace weir::storage
