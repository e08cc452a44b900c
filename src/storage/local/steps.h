#pragma once
// Work off the reactor whose completion must not outlive the journal: a completion or timer that
// comes after the journal is gone is dropped. A step itself owns whatever it touches.

#include <memory>
#include <utility>

#include "storage/local/executor.h"

namespace weir::storage {

class Steps {
 public:
  explicit Steps(Executor& executor) : executor_(executor) {}

  Executor& executor() const { return executor_; }
  Duration now() const { return executor_.now(); }

  void post(Task task) { executor_.post(guarded(std::move(task))); }
  void defer(Task task) { executor_.defer(guarded(std::move(task))); }
  uint64_t after(Duration delay, Task task) {
    return executor_.after(delay, guarded(std::move(task)));
  }
  void cancel(uint64_t timer) { executor_.cancel(timer); }

  // work() runs in `lane`; then(its result) on the reactor.
  template <typename Work, typename Then>
  void run(Lane lane, Work work, Then then) {
    executor_.run(lane, [executor = &executor_, alive = std::weak_ptr<void>(alive_),
                         work = std::move(work), then = std::move(then)]() mutable {
      auto result = work();
      executor->post(
          [alive = std::move(alive), then = std::move(then), result = std::move(result)]() mutable {
            if (!alive.expired()) then(std::move(result));
          });
    });
  }

 private:
  Task guarded(Task task) {
    return [alive = std::weak_ptr<void>(alive_), task = std::move(task)]() mutable {
      if (!alive.expired()) task();
    };
  }

  Executor& executor_;
  std::shared_ptr<void> alive_ = std::make_shared<int>();
};

}  // namespace weir::storage
