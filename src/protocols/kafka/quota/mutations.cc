#include "protocols/kafka/quota/mutations.h"

#include <algorithm>

#include "protocols/kafka/quota/throttle.h"

namespace weir::kafka {

bool Mutations::take(size_t partitions) {
  const QuotaClient client = quota_client(call_);
  const Timestamp now = engine_.now();
  if (refusing_) {
    const Milliseconds owed = engine_.quotas.allowance(Metered::kMutated, client, now).owed;
    pause_ = std::max(pause_, owed);
    if (owed.count() > 0) return false;
  }
  const Milliseconds owed =
      engine_.quotas.charge(Metered::kMutated, client, static_cast<double>(partitions), now);
  // Who would be refused finds out with his next request.
  if (!refusing_) pause_ = std::max(pause_, owed);
  return true;
}

int32_t Mutations::finish() {
  return pause(engine_, call_, pause_);
}

}  // namespace weir::kafka
