#pragma once
// RequestMemory: what large requests take while they arrive, over all connections together and of
// one client address. A request is counted from its announcement on, since its bytes are on their
// way; small ones are not counted, the number of connections bounds them. As Kafka's
// queued.max.request.bytes, but with a share for each address, so that one cannot take it all.
//
// Thread safety: any thread.

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <mutex>
#include <string>

#include "protocols/kafka/config.h"

namespace weir::kafka {

class RequestMemory {
 public:
  explicit RequestMemory(const RequestMemoryLimits& limits) : limits_(limits) {}

  bool counts(size_t bytes) const { return bytes > limits_.uncounted_bytes; }
  // False: there is no room now. Whoever gets it gives it back.
  bool take(const std::string& address, size_t bytes);
  void give_back(const std::string& address, size_t bytes);

 private:
  const RequestMemoryLimits limits_;
  std::mutex mutex_;
  size_t taken_ = 0;
  absl::flat_hash_map<std::string, size_t> by_address_;
};

}  // namespace weir::kafka
