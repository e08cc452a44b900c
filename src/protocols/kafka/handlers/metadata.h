#pragma once
// Metadata, DescribeTopicPartitions and DescribeCluster: one broker, which leads everything.

#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Topics that are asked for by name are made when both sides allow it.
struct MetadataHandler {
  using Request = MetadataRequest;
  static constexpr wire::VersionRange kVersions{0, 13};
  static void handle(Call call, Request request);
};

struct DescribeTopicPartitionsHandler {
  using Request = DescribeTopicPartitionsRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

struct DescribeClusterHandler {
  using Request = DescribeClusterRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
