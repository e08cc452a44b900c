#include "protocols/kafka/group_topics.h"

#include <algorithm>

#include "core/group/pattern.h"
#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

group::TopicInfo info_of(const broker::Thing& thing) {
  return {{thing.uuid.high, thing.uuid.low}, static_cast<uint32_t>(thing.logs.size())};
}

// A host is an address, and has no spaces.
Peer peer_of(std::string_view reader) {
  const size_t space = reader.find(' ');
  Peer peer;
  peer.host = reader.substr(0, space);
  if (space != std::string_view::npos) peer.principal = reader.substr(space + 1);
  return peer;
}

}  // namespace

std::string reader_of(const Peer& peer) {
  return peer.host + ' ' + peer.principal;
}

uint64_t GroupTopics::version() const {
  return broker_.catalog_depends().lsn.value();
}

std::optional<group::TopicInfo> GroupTopics::find(const std::string& name) const {
  const broker::Thing* thing = find_topic(broker_, name);
  return thing ? std::optional(info_of(*thing)) : std::nullopt;
}

std::vector<group::TopicInfo> GroupTopics::matching(const std::string& pattern,
                                                    const std::string& reader) const {
  const Peer peer = peer_of(reader);
  const Authorizer authorizer(broker_, config_, peer);
  std::vector<group::TopicInfo> found;
  const auto compiled = group::Pattern::compile(pattern);
  if (!compiled) return found;
  broker_.catalog().each_thing("", "", [&](const broker::Thing& thing) {
    const std::string& name = thing.name.name;
    if (is_valid_topic_name(name) && compiled->matches(name) &&
        authorizer.topic(Operation::kDescribe, name)) {
      found.push_back(info_of(thing));
    }
    return true;
  });
  return found;
}

group::Partitions partitions_of(const broker::Broker& broker,
                                const std::vector<std::pair<std::string, int32_t>>& named) {
  group::Partitions partitions;
  for (const auto& [name, partition] : named) {
    const broker::Thing* thing = find_topic(broker, name);
    if (!thing || partition < 0) continue;
    partitions.push_back({{thing->uuid.high, thing->uuid.low}, static_cast<uint32_t>(partition)});
  }
  std::ranges::sort(partitions);
  partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
  return partitions;
}

}  // namespace weir::kafka
