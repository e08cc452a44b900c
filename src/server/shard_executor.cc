#include "server/shard_executor.h"

#include <chrono>
#include <utility>

namespace weir::server {

uint64_t ShardExecutor::after(storage::Duration delay, storage::Task task) {
  const uint64_t number = ++last_timer_;
  auto timer = std::make_unique<runtime::Timer>(shard_, [this, number] { expired(number); });
  timer->arm(std::chrono::ceil<Milliseconds>(delay));
  timers_.emplace(number, Pending{std::move(timer), std::move(task)});
  return number;
}

void ShardExecutor::expired(uint64_t number) {
  const auto found = timers_.find(number);
  if (found == timers_.end()) return;
  storage::Task task = std::move(found->second.task);
  // The timer lives until its own callback has returned.
  shard_.post([this, number] { timers_.erase(number); });
  if (task) task();
}

storage::Duration ShardExecutor::now() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace weir::server
