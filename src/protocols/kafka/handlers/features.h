#pragma once
#include "protocols/kafka/gen/features.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Each feature has one level (protocols/kafka/features.h): asking for that one succeeds.
struct UpdateFeaturesHandler {
  using Request = UpdateFeaturesRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
