#include "storage/local/region_pool.h"

#include <utility>

namespace weir::storage {

std::shared_ptr<char> RegionPool::take() {
  Buffer buffer;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      buffer = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (buffer.size() == 0) buffer = Buffer(kRegionBytes);
  // The last slice may outlive the journal.
  const auto held = std::shared_ptr<Buffer>(new Buffer(std::move(buffer)),
                                            [pool = weak_from_this()](Buffer* last) {
                                              const std::unique_ptr<Buffer> owned(last);
                                              const auto alive = pool.lock();
                                              if (alive) alive->give_back(std::move(*owned));
                                            });
  return {held, held->data()};
}

void RegionPool::clear() {
  std::vector<Buffer> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(free_);
}

void RegionPool::give_back(Buffer buffer) {
  const std::lock_guard lock(mutex_);
  if (free_.size() < kFreeMax) free_.push_back(std::move(buffer));
}

}  // namespace weir::storage
