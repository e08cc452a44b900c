#pragma once
// KIP-848: groups whose partitions the broker shares out.

#include "protocols/kafka/gen/consumer_group.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Version 0 knows no patterns, and lets the broker make a member's id.
struct ConsumerGroupHeartbeatHandler {
  using Request = ConsumerGroupHeartbeatRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

// A group of another kind is not found; clients then ask DescribeGroups.
struct ConsumerGroupDescribeHandler {
  using Request = ConsumerGroupDescribeRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
