#pragma once
// AddressCounts: how many connections each client's address has on a listener. Bounded by the
// number of connections. Any thread.

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace weir::net {

class AddressCounts : public std::enable_shared_from_this<AddressCounts> {
 public:
  // A place of that address, until the last copy of what is returned is gone; null when the address
  // has `most` of them.
  std::shared_ptr<void> enter(const std::string& address, size_t most);
  size_t addresses() const;

 private:
  void leave(const std::string& address);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, size_t> counts_;
};

}  // namespace weir::net
