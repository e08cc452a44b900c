#pragma once
// Charges what a request moved to its client, and makes the client pause if that was too much: told
// by the answer, and kept by not reading the connection meanwhile (KIP-219). Thread: the state
// shard's, before the call is answered.

#include "protocols/kafka/call.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {

inline QuotaClient quota_client(const Call& call) {
  return {call.peer().user(), call.client_id().view()};
}

// The answer's throttle_time_ms.
int32_t throttle(Engine& engine, const Call& call, Metered what, size_t bytes);
int32_t pause(Engine& engine, const Call& call, Milliseconds time);

}  // namespace weir::kafka
