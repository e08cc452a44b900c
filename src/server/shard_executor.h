#pragma once
// The storage's executor over a shard: completions and timers run on its reactor, blocking steps in
// threads of their own.
//
// Thread: as storage/local/executor.h says; the shard is the reactor.

#include <absl/container/flat_hash_map.h>

#include <memory>

#include "runtime/shard.h"
#include "runtime/timer.h"
#include "storage/local/executor.h"
#include "storage/local/thread_executor.h"

namespace weir::server {

class ShardExecutor final : public storage::Executor {
 public:
  explicit ShardExecutor(runtime::Shard& shard) : shard_(shard) {}

  void post(storage::Task task) override { shard_.post(std::move(task)); }
  void defer(storage::Task task) override { shard_.defer(std::move(task)); }
  void run(storage::Lane lane, storage::Task step) override { lanes_.run(lane, std::move(step)); }
  uint64_t after(storage::Duration delay, storage::Task task) override;
  void cancel(uint64_t timer) override { timers_.erase(timer); }
  storage::Duration now() const override;

 private:
  struct Pending {
    std::unique_ptr<runtime::Timer> timer;
    storage::Task task;
  };

  void expired(uint64_t number);

  runtime::Shard& shard_;
  absl::flat_hash_map<uint64_t, Pending> timers_;
  uint64_t last_timer_ = 0;
  storage::LaneThreads lanes_;  // last: its threads post into the members above
};

}  // namespace weir::server
