#pragma once
// KIP-1071: groups of Kafka Streams, whose tasks the broker shares out. As in Apache Kafka 4.3
// there are no static members, patterns of source topics or warm-up tasks: who brings them is told.

#include "protocols/kafka/gen/streams_group.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Internal topics that the topology asks for are made in the name of who beats.
struct StreamsGroupHeartbeatHandler {
  using Request = StreamsGroupHeartbeatRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

// Told of a group only to who may describe all topics of its topology.
struct StreamsGroupDescribeHandler {
  using Request = StreamsGroupDescribeRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
