#include "runtime/mailbox.h"

#include <utility>

namespace weir::runtime {

bool Mailbox::push(Task task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  return tasks_.size() == 1;
}

std::vector<Task> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

}  // namespace weir::runtime
