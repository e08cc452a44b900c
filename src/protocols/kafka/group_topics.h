#pragma once
// The broker's topics as consumer groups see them. Thread: the state shard's.

#include "broker/broker.h"
#include "core/group/consumer_group.h"

namespace weir::kafka {

class GroupTopics final : public group::TopicView {
 public:
  explicit GroupTopics(const broker::Broker& broker) : broker_(broker) {}

  uint64_t version() const override;
  std::optional<group::TopicInfo> find(const std::string& name) const override;
  std::vector<group::TopicInfo> matching(const std::string& pattern) const override;

 private:
  const broker::Broker& broker_;
};

// What a client owns or gets, by name; unknown topics and partitions below 0 are left out.
group::Partitions partitions_of(const broker::Broker& broker,
                                const std::vector<std::pair<std::string, int32_t>>& named);

}  // namespace weir::kafka
