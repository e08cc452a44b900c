#pragma once
// Assignors: how the partitions of a consumer group's topics are shared out (KIP-848). Kafka's two:
//  - uniform keeps what members have and shares the rest out evenly, over all topics together;
//  - range gives each member the next few partitions of every topic, so that members that read the
//    same topics get the same numbers of each.
//
// Both are deterministic: the same members, topics and earlier shares give the same answer. Each
// partition goes to exactly one member that subscribes to its topic, if there is one.
//
// Pure functions.

#include <absl/container/btree_map.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/group/offsets.h"

namespace weir::group {

// Sorted, each once.
using Partitions = std::vector<TopicPartition>;
using TopicIds = std::vector<TopicId>;
// How many partitions each topic has.
using TopicSizes = absl::btree_map<TopicId, uint32_t>;

enum class Assignor : uint8_t { kUniform, kRange };

std::string_view to_string(Assignor assignor);
std::optional<Assignor> assignor_of(std::string_view name);

// The views must outlive the call.
struct Subscriber {
  std::string_view order;              // members stand in the order of these, which are unique
  const TopicIds* topics = nullptr;    // subscribed to
  const Partitions* before = nullptr;  // what it was given last
};

// One share for each subscriber, in their order.
std::vector<Partitions> share_out(Assignor assignor,
                                  std::span<const Subscriber> subscribers,
                                  const TopicSizes& topics);

}  // namespace weir::group
