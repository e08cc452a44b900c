#pragma once
// What consumers of the classic protocol bring to their group and get from it, in Kafka's own
// encoding (ConsumerProtocolSubscription and ConsumerProtocolAssignment, versions 0 to 3): the one
// part of their bytes that the broker looks into. Newer versions add fields behind the older ones.

#include <absl/container/flat_hash_set.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "core/group/membership.h"

namespace weir::kafka {

inline constexpr std::string_view kConsumerProtocolType = "consumer";

using NamedPartitions = std::vector<std::pair<std::string, int32_t>>;

struct Subscription {
  int16_t version = 0;
  std::vector<std::string> topics;
  NamedPartitions owned;
};

// Nothing when it cannot be read.
std::optional<Subscription> read_subscription(ByteView metadata);
std::optional<NamedPartitions> read_assignment(ByteView assignment);
// Partitions of a topic must stand together.
std::string write_assignment(int16_t version, const NamedPartitions& partitions);

// The topics that the members of a consumer group subscribe to.
absl::flat_hash_set<std::string> subscribed_topics(const group::Membership& members);

}  // namespace weir::kafka
