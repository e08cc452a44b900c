#pragma once
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Long polls wait for the safe end of their logs to move; nothing polls. Limits are those of
// KIP-74: the first partition that has something gives at least one whole batch, then the limits
// hold. Fetch sessions (KIP-227): see fetch_sessions.h.
struct FetchHandler {
  using Request = FetchRequest;
  static constexpr wire::VersionRange kVersions{4, 18};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
