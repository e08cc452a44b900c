#include "runtime/file_work.h"

#include <fmt/format.h>
#include <pthread.h>

namespace weir::runtime {

FileWork::FileWork(size_t threads, size_t queue_max) : queue_max_(queue_max) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "weir-files");
      run();
    });
  }
}

FileWork::~FileWork() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Result<> FileWork::enqueue(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_) {
      return fail(ErrorCode::kOverloaded,
                  fmt::format("{} file operations wait already; retry later", queue_.size()));
    }
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return {};
}

void FileWork::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it owns is freed without the lock
    lock.lock();
  }
}

}  // namespace weir::runtime
