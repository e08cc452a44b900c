#pragma once
// Brokers and the keepers of the cluster's metadata. They are one: this broker, whose journal is
// the log, as with a combined broker of Apache Kafka whose one voter is in its configuration
// (kraft.version 0).

#include "protocols/kafka/gen/quorum.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct DescribeQuorumHandler {
  using Request = DescribeQuorumRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

struct AddRaftVoterHandler {
  using Request = AddRaftVoterRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

struct RemoveRaftVoterHandler {
  using Request = RemoveRaftVoterRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

struct UnregisterBrokerHandler {
  using Request = UnregisterBrokerRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
