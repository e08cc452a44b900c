#pragma once
// Mutations: the quota controller_mutation_rate for one request (KIP-599), counted in partitions
// that are made or removed. Who still owes is refused, topic by topic, in versions that know the
// error for it; older ones are served. Both pause. Thread: the state shard's, before the call is
// answered.

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {

class Mutations {
 public:
  // `refusing_since`: the first version of the request that knows THROTTLING_QUOTA_EXCEEDED. Both
  // must outlive it.
  Mutations(Engine& engine, const Call& call, int16_t refusing_since)
      : engine_(engine), call_(call), refusing_(call.version() >= refusing_since) {}

  // Whether so many partitions may be made or removed now; counted if so.
  bool take(size_t partitions);
  // The answer's throttle_time_ms.
  int32_t finish();

 private:
  Engine& engine_;
  const Call& call_;
  const bool refusing_;
  Milliseconds pause_{0};
};

}  // namespace weir::kafka
