#pragma once
// Metrics of clients (KIP-714). Nobody collects them here: clients are told that none are wanted,
// and ask again now and then.

#include "protocols/kafka/gen/telemetry.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct GetTelemetrySubscriptionsHandler {
  using Request = GetTelemetrySubscriptionsRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

// Refused: there is no subscription that it could belong to.
struct PushTelemetryHandler {
  using Request = PushTelemetryRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
