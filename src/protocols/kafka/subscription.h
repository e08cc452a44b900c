#pragma once
// What consumers bring to their group: the one part of their bytes that the broker looks into.

#include <absl/container/flat_hash_set.h>

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "core/group/membership.h"

namespace weir::kafka {

inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics in a member's subscription (Kafka's ConsumerProtocolSubscription: version, then a list
// of names, then what later versions added). Nothing when it cannot be read.
absl::flat_hash_set<std::string> topics_in_subscription(ByteView metadata);
// Of all members of a consumer group.
absl::flat_hash_set<std::string> subscribed_topics(const group::Membership& members);

}  // namespace weir::kafka
