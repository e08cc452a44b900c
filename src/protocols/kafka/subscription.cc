#include "protocols/kafka/subscription.h"

#include "base/wire.h"

namespace weir::kafka {

absl::flat_hash_set<std::string> topics_in_subscription(ByteView metadata) {
  absl::flat_hash_set<std::string> topics;
  Reader reader(metadata);
  const auto version = reader.fixed_be<int16_t>();
  const auto count = reader.fixed_be<int32_t>();
  if (version < 0 || count < 0) return {};
  for (int32_t i = 0; i < count && !reader.failed(); ++i) {
    const auto size = reader.fixed_be<int16_t>();
    if (size < 0) return {};
    topics.emplace(reader.raw(static_cast<uint64_t>(size)));
  }
  if (reader.failed()) topics.clear();
  return topics;
}

absl::flat_hash_set<std::string> subscribed_topics(const group::Membership& members) {
  absl::flat_hash_set<std::string> topics;
  if (members.protocol_type() != kConsumerProtocolType) return topics;
  for (const auto& [id, member] : members.members()) {
    for (const group::Protocol& protocol : member.protocols) {
      topics.merge(topics_in_subscription(protocol.metadata.view()));
    }
  }
  return topics;
}

}  // namespace weir::kafka
