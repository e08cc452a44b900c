#include "net/address_counts.h"

namespace weir::net {

std::shared_ptr<void> AddressCounts::enter(const std::string& address, size_t most) {
  {
    const std::lock_guard lock(mutex_);
    size_t& count = counts_[address];
    if (count >= most) return nullptr;
    ++count;
  }
  return {static_cast<void*>(this),
          [self = shared_from_this(), address](void*) { self->leave(address); }};
}

size_t AddressCounts::addresses() const {
  const std::lock_guard lock(mutex_);
  return counts_.size();
}

void AddressCounts::leave(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(address);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace weir::net
