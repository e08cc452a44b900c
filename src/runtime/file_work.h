#pragma once
// FileWork: a few threads for what would block a reactor (files, name resolution, large
// compression). Work runs on one of them, its completion runs on the shard that asked. The queue
// has a bound; beyond it submit() refuses.
//
// Thread safety: submit() from any thread. Destruction finishes what is queued, then joins;
// completions that come after their shard has stopped are dropped by it.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "runtime/shard.h"
#include "runtime/task.h"

namespace weir::runtime {

class FileWork {
 public:
  FileWork(size_t threads, size_t queue_max);
  ~FileWork();
  FileWork(const FileWork&) = delete;
  FileWork& operator=(const FileWork&) = delete;

  // Runs `work()` on a thread of the pool, then `done(result)` on `home`. Refuses with kOverloaded
  // when `queue_max` pieces wait; neither closure is called then.
  template <typename Work, typename Done>
  Result<> submit(Shard& home, Work work, Done done) {
    return enqueue([&home, w = std::move(work), d = std::move(done)]() mutable {
      home.post([d = std::move(d), result = w()]() mutable { std::move(d)(std::move(result)); });
    });
  }

 private:
  Result<> enqueue(Task task);
  void run();

  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::runtime
