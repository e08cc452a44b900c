#include "protocols/kafka/quota/throttle.h"

namespace weir::kafka {

int32_t throttle(Engine& engine, const Call& call, Metered what, size_t bytes) {
  const Milliseconds time =
      engine.quotas.charge(what, quota_client(call), static_cast<double>(bytes), engine.now());
  return pause(engine, call, time);
}

int32_t pause(Engine& engine, const Call& call, Milliseconds time) {
  if (time.count() == 0) return 0;
  call.mute_until(engine.now() + time);
  return static_cast<int32_t>(time.count());
}

}  // namespace weir::kafka
