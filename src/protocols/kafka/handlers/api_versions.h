#pragma once
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct ApiVersionsHandler {
  using Request = ApiVersionsRequest;
  static constexpr wire::VersionRange kVersions{0, 4};
  static void handle(Call call, Request request);
  // A version that we do not know is answered in version 0, with error 35 and what we do know
  // (KIP-511).
  static void refuse_version(Call call);
};

}  // namespace weir::kafka
