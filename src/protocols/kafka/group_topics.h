#pragma once
// The broker's topics as consumer groups see them. A pattern finds only what its reader may
// describe. Thread: the state shard's.

#include "broker/broker.h"
#include "core/group/consumer_group.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/peer.h"

namespace weir::kafka {

class GroupTopics final : public group::TopicView {
 public:
  GroupTopics(const broker::Broker& broker, const Config& config)
      : broker_(broker), config_(config) {}

  uint64_t version() const override;
  std::optional<group::TopicInfo> find(const std::string& name) const override;
  std::vector<group::TopicInfo> matching(const std::string& pattern,
                                         const std::string& reader) const override;

 private:
  const broker::Broker& broker_;
  const Config& config_;
};

// A client as the reader of a pattern.
std::string reader_of(const Peer& peer);

// What a client owns or gets, by name; unknown topics and partitions below 0 are left out.
group::Partitions partitions_of(const broker::Broker& broker,
                                const std::vector<std::pair<std::string, int32_t>>& named);

}  // namespace weir::kafka
