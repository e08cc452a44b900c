#pragma once
// Mailbox: tasks on their way to a shard. Many senders, one receiver; the receiver takes everything
// at once, so that a burst costs one wake-up. Tasks of one sender run in the order in which it
// posted them.
//
// Thread safety: push from any thread; take from the receiver's thread only.

#include <mutex>
#include <vector>

#include "runtime/task.h"

namespace weir::runtime {

class Mailbox {
 public:
  // True when the mailbox was empty: the sender must wake the receiver. While it is not, a wake-up
  // is under way.
  [[nodiscard]] bool push(Task task);

  // Takes everything that was posted so far.
  std::vector<Task> take();

  // Nothing will be received any more: what waits is freed, and so is what comes later, by its
  // sender.
  void close();

 private:
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace weir::runtime
