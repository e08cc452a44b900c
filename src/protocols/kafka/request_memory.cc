#include "protocols/kafka/request_memory.h"

#include "base/assert.h"

namespace weir::kafka {

bool RequestMemory::take(const std::string& address, size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(address);
  const size_t own = found == by_address_.end() ? 0 : found->second;
  // A request larger than the limits goes when nothing else does.
  if (taken_ > 0 && taken_ + bytes > limits_.bytes_max) return false;
  if (own > 0 && own + bytes > limits_.address_bytes_max) return false;
  taken_ += bytes;
  by_address_[address] = own + bytes;
  return true;
}

void RequestMemory::give_back(const std::string& address, size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(address);
  WEIR_ASSERT(found != by_address_.end() && found->second >= bytes && taken_ >= bytes);
  taken_ -= bytes;
  found->second -= bytes;
  if (found->second == 0) by_address_.erase(found);
}

}  // namespace weir::kafka
