#include "storage/local/thread_executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/this_thread.h"

namespace weir::storage {
namespace {

// Commits and readers wait for these threads, which run for tens of microseconds at a time: they
// should not wait for the end of somebody's slice.
constexpr std::chrono::microseconds kSlice(100);

const char* name_of(Lane lane) {
  switch (lane) {
    case Lane::kWriterA: return "weir-writer-a";
    case Lane::kWriterB: return "weir-writer-b";
    case Lane::kReader: return "weir-reader";
    case Lane::kBackground: return "weir-background";
  }
  return "weir-storage";
}

}  // namespace

class LaneThreads::Crew {
 public:
  Crew(Lane lane, size_t threads_max) : lane_(lane), threads_max_(threads_max) {}

  ~Crew() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      waiting_.clear();
    }
    woken_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(Task step) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(step));
      if (idle_ < waiting_.size() && threads_.size() < threads_max_) {
        threads_.emplace_back([this] { work(); });
        return;
      }
    }
    woken_.notify_one();
  }

 private:
  void work() {
    runtime::name_this_thread(name_of(lane_));
    if (lane_ != Lane::kBackground) runtime::set_time_slice(kSlice);
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      woken_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      --idle_;
      if (stopping_) return;
      Task step = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      step();
      step = nullptr;
      lock.lock();
    }
  }

  const Lane lane_;
  const size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<Task> waiting_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

LaneThreads::LaneThreads(size_t readers) {
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const bool is_reader = lane == static_cast<size_t>(Lane::kReader);
    crews_[lane] = std::make_unique<Crew>(static_cast<Lane>(lane), is_reader ? readers : 1);
  }
}

LaneThreads::~LaneThreads() = default;

void LaneThreads::run(Lane lane, Task step) {
  crews_[static_cast<size_t>(lane)]->run(std::move(step));
}

PollingExecutor::PollingExecutor(size_t readers) : lanes_(readers) {}

PollingExecutor::~PollingExecutor() = default;

void PollingExecutor::post(Task task) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (was_empty) woken_.notify_one();
}

void PollingExecutor::run(Lane lane, Task step) {
  lanes_.run(lane, std::move(step));
}

uint64_t PollingExecutor::after(Duration delay, Task task) {
  const uint64_t number = next_timer_++;
  timers_.emplace(now() + delay, Timer{number, std::move(task)});
  return number;
}

void PollingExecutor::cancel(uint64_t timer) {
  std::erase_if(timers_, [timer](const auto& entry) { return entry.second.number == timer; });
}

Duration PollingExecutor::now() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

bool PollingExecutor::poll(Duration wait) {
  std::deque<Task> due;
  {
    std::unique_lock lock(mutex_);
    if (posted_.empty()) {
      if (!timers_.empty()) wait = std::min(wait, timers_.begin()->first - now());
      if (wait > Duration::zero()) {
        woken_.wait_for(lock, wait, [this] { return !posted_.empty(); });
      }
    }
    due.swap(posted_);
  }
  bool worked = !due.empty();
  for (Task& task : due) task();
  while (!timers_.empty() && timers_.begin()->first <= now()) {
    Task task = std::move(timers_.begin()->second.task);
    timers_.erase(timers_.begin());
    task();
    worked = true;
  }
  return worked;
}

}  // namespace weir::storage
