#pragma once
// Leaders and replicas. There is one broker, so there is nothing to elect or to move: each request
// is answered as a cluster answers that is in order already.

#include "protocols/kafka/gen/replicas.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct ElectLeadersHandler {
  using Request = ElectLeadersRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

struct AlterPartitionReassignmentsHandler {
  using Request = AlterPartitionReassignmentsRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

struct ListPartitionReassignmentsHandler {
  using Request = ListPartitionReassignmentsRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
