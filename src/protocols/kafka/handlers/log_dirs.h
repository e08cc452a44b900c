#pragma once
#include "protocols/kafka/gen/log_dirs.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// One directory, called "weir", that holds everything; its path is nobody's business over the
// network.
struct DescribeLogDirsHandler {
  using Request = DescribeLogDirsRequest;
  static constexpr wire::VersionRange kVersions{1, 5};
  static void handle(Call call, Request request);
};

struct AlterReplicaLogDirsHandler {
  using Request = AlterReplicaLogDirsRequest;
  static constexpr wire::VersionRange kVersions{1, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
