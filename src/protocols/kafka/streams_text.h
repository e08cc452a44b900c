#pragma once
// Between streams groups (core/group/streams_group.h) and Kafka's words for them (KIP-1071).

#include <expected>
#include <set>
#include <string>

#include "core/group/streams_group.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/streams_group.h"

namespace weir::kafka {

struct StreamsRefused {
  KafkaError error = KafkaError::kNone;
  std::string message;
};

// What the request says, checked: INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY. The
// client's name and address are not in it. `bytes_max`: of what a member brings.
std::expected<group::StreamsHeartbeat, StreamsRefused> to_group(
    const StreamsGroupHeartbeatRequest& request, size_t bytes_max);

// All that a topology names.
std::set<std::string> topics_of(const group::Topology& topology);

// Tasks of one part stand together.
template <typename TaskIds>
std::vector<TaskIds> to_wire(const group::Tasks& tasks, const group::Topology& topology) {
  std::vector<TaskIds> parts;
  std::optional<uint32_t> current;
  for (const group::Task& task : tasks) {
    if (task.part != current) {
      current = task.part;
      parts.emplace_back().subtopology_id = Bytes::copy_of(topology.parts[task.part].id);
    }
    parts.back().partitions.push_back(static_cast<int32_t>(task.partition));
  }
  return parts;
}

// A member's row in the list of endpoints.
StreamsGroupHeartbeatResponse::EndpointToPartitions endpoint_row(
    const group::StreamsGroup& group, const group::StreamsGroup::Member& member);

// The topology and the members.
void describe(const group::StreamsGroup& streams, StreamsGroupDescribeResponse::Group& group);

}  // namespace weir::kafka
