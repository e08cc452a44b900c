#pragma once
// Finding topics by what Kafka calls them. Thread: the state shard's.
//
// Kafka sees the default namespace. A name that it cannot spell (KIP-32's rules: 1 to 249 of
// [a-zA-Z0-9._-], not "." or
// "..") is hidden. A queue shows as a topic with one partition.

#include <string_view>

#include "base/ids.h"
#include "broker/broker.h"
#include "protocols/kafka/errors.h"
#include "protocols/wire/types.h"

namespace weir::kafka {

bool is_valid_topic_name(std::string_view name);
inline constexpr std::string_view kTopicNameRule =
    "a topic name has 1 to 249 letters, digits, dots, underscores and hyphens, and is neither . "
    "nor ..";

wire::Uuid to_wire(const catalog::Uuid& uuid);
catalog::Uuid from_wire(const wire::Uuid& uuid);

// Null when there is none that Kafka may see.
const broker::Thing* find_topic(const broker::Broker& broker, std::string_view name);
const broker::Thing* find_topic(const broker::Broker& broker, const wire::Uuid& id);

// A topic as a request names it: by id where the version has ids, else by name.
struct TopicRef {
  const broker::Thing* thing = nullptr;
  KafkaError error = KafkaError::kNone;  // why there is none
};
TopicRef resolve(const broker::Broker& broker,
                 bool by_id,
                 std::string_view name,
                 const wire::Uuid& id);

// The log of a partition, if there is one.
std::optional<CellId> partition_log(const broker::Thing& thing, int32_t partition);

// kNone when the epoch is the present one or none was given.
KafkaError check_leader_epoch(const log::Log& log, int32_t epoch_of_client);

}  // namespace weir::kafka
