#pragma once
// Topics that a test makes and removes.

#include <map>
#include <string>

#include "core/group/consumer_group.h"
#include "core/group/pattern.h"

namespace weir::group {

class KnownTopics final : public TopicView {
 public:
  // Made, or grown.
  void put(const std::string& name, uint32_t partitions) {
    auto [place, fresh] = topics_.try_emplace(name, TopicInfo{{last_ + 1, last_ + 1}, partitions});
    if (fresh) ++last_;
    place->second.partitions = partitions;
    ++version_;
  }
  void remove(const std::string& name) {
    topics_.erase(name);
    ++version_;
  }
  const std::map<std::string, TopicInfo>& all() const { return topics_; }

  uint64_t version() const override { return version_; }
  std::optional<TopicInfo> find(const std::string& name) const override {
    const auto found = topics_.find(name);
    return found == topics_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<TopicInfo> matching(const std::string& pattern,
                                  const std::string& /*reader*/) const override {
    std::vector<TopicInfo> found;
    const auto compiled = Pattern::compile(pattern);
    for (const auto& [name, info] : topics_) {
      if (compiled && compiled->matches(name)) found.push_back(info);
    }
    return found;
  }

 private:
  std::map<std::string, TopicInfo> topics_;
  uint64_t last_ = 0;
  uint64_t version_ = 1;
};

}  // namespace weir::group
