#include "protocols/kafka/topics.h"

#include <algorithm>

#include "base/wire.h"

namespace weir::kafka {

bool is_valid_topic_name(std::string_view name) {
  if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

wire::Uuid to_wire(const catalog::Uuid& uuid) {
  wire::Uuid wire;
  store_be(reinterpret_cast<char*>(wire.bytes.data()), uuid.high);
  store_be(reinterpret_cast<char*>(wire.bytes.data()) + 8, uuid.low);
  return wire;
}

catalog::Uuid from_wire(const wire::Uuid& uuid) {
  const char* bytes = reinterpret_cast<const char*>(uuid.bytes.data());
  return {load_be<uint64_t>(bytes), load_be<uint64_t>(bytes + 8)};
}

const broker::Thing* find_topic(const broker::Broker& broker, std::string_view name) {
  if (!is_valid_topic_name(name)) return nullptr;
  return broker.catalog().find({"", std::string(name)});
}

const broker::Thing* find_topic(const broker::Broker& broker, const wire::Uuid& id) {
  const broker::Thing* thing = broker.catalog().find(from_wire(id));
  if (!thing || !thing->name.space.empty() || !is_valid_topic_name(thing->name.name))
    return nullptr;
  return thing;
}

TopicRef resolve(const broker::Broker& broker,
                 bool by_id,
                 std::string_view name,
                 const wire::Uuid& id) {
  const broker::Thing* thing = by_id ? find_topic(broker, id) : find_topic(broker, name);
  if (thing) return {thing};
  return {nullptr, by_id ? KafkaError::kUnknownTopicId : KafkaError::kUnknownTopicOrPartition};
}

std::optional<CellId> partition_log(const broker::Thing& thing, int32_t partition) {
  if (partition < 0 || static_cast<size_t>(partition) >= thing.logs.size()) return std::nullopt;
  return thing.logs[static_cast<size_t>(partition)];
}

KafkaError check_leader_epoch(const log::Log& log, int32_t epoch_of_client) {
  if (epoch_of_client < 0 || epoch_of_client == log.current_epoch()) return KafkaError::kNone;
  return epoch_of_client < log.current_epoch() ? KafkaError::kFencedLeaderEpoch
                                               : KafkaError::kUnknownLeaderEpoch;
}

}  // namespace weir::kafka
