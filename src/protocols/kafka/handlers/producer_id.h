#pragma once
#include "protocols/kafka/gen/producer_id.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Ids for idempotent producers (KIP-98): random 63-bit numbers, so that none is given out twice and
// none must be remembered. Transactional producers are refused.
struct InitProducerIdHandler {
  using Request = InitProducerIdRequest;
  static constexpr wire::VersionRange kVersions{0, 5};
  static void handle(Call call, Request request);
};

// Whom a partition remembers (KIP-664). Of transactions there is nothing to tell.
struct DescribeProducersHandler {
  using Request = DescribeProducersRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
