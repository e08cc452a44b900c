#include "runtime/mailbox.h"

#include <utility>

namespace weir::runtime {

bool Mailbox::push(Task task) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  tasks_.push_back(std::move(task));
  return tasks_.size() == 1;
}

std::vector<Task> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

void Mailbox::close() {
  std::vector<Task>
      dropped;  // freed without the lock: a task may own something that posts when it goes
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

}  // namespace weir::runtime
