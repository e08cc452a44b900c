#include "core/group/assignor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir::group {
namespace {

constexpr uint32_t kNobody = UINT32_MAX;

// A topic while it is shared out.
struct Topic {
  TopicId id;
  std::vector<uint32_t> readers;  // subscribers, ascending
  std::vector<uint32_t> owner;    // by partition
};

bool subscribes(const Subscriber& subscriber, TopicId topic) {
  return std::ranges::binary_search(*subscriber.topics, topic);
}

std::vector<Topic> topics_with_readers(std::span<const Subscriber> subscribers,
                                       const TopicSizes& sizes) {
  std::vector<uint32_t> order(subscribers.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](uint32_t i) { return subscribers[i].order; });
  std::vector<Topic> topics;
  for (const auto& [id, partitions] : sizes) {
    Topic& topic = topics.emplace_back();
    topic.id = id;
    topic.owner.assign(partitions, kNobody);
    for (const uint32_t i : order) {
      if (subscribes(subscribers[i], id)) topic.readers.push_back(i);
    }
  }
  return topics;
}

std::vector<Partitions> shares_of(const std::vector<Topic>& topics, size_t subscribers) {
  std::vector<Partitions> shares(subscribers);
  for (const Topic& topic : topics) {
    for (uint32_t partition = 0; partition < topic.owner.size(); ++partition) {
      const uint32_t owner = topic.owner[partition];
      if (owner != kNobody) shares[owner].push_back({topic.id, partition});
    }
  }
  return shares;
}

class Uniform {
 public:
  Uniform(std::span<const Subscriber> subscribers, const TopicSizes& sizes)
      : subscribers_(subscribers),
        topics_(topics_with_readers(subscribers, sizes)),
        loads_(subscribers.size(), 0) {}

  std::vector<Partitions> run() {
    keep();
    give_out();
    // A move makes the sum of the squared loads smaller, so this comes to an end; the limit is for
    // the reader's peace.
    for (size_t pass = 0; pass < subscribers_.size() + topics_.size(); ++pass) {
      bool moved = false;
      for (Topic& topic : topics_) moved = even_out(topic) || moved;
      if (!moved) break;
    }
    return shares_of(topics_, subscribers_.size());
  }

 private:
  // What a member had and may still have stays where it is.
  void keep() {
    for (uint32_t i = 0; i < subscribers_.size(); ++i) {
      for (const TopicPartition& partition : *subscribers_[i].before) {
        const auto topic = std::ranges::lower_bound(topics_, partition.topic, {}, &Topic::id);
        if (topic == topics_.end() || topic->id != partition.topic) continue;
        if (partition.partition >= topic->owner.size()) continue;
        if (!subscribes(subscribers_[i], partition.topic)) continue;
        uint32_t& owner = topic->owner[partition.partition];
        if (owner != kNobody) continue;
        owner = i;
        ++loads_[i];
      }
    }
  }

  // Topics with few readers first, since the others can be given to more.
  void give_out() {
    std::vector<Topic*> order;
    order.reserve(topics_.size());
    for (Topic& topic : topics_) order.push_back(&topic);
    std::ranges::sort(
        order, {}, [](const Topic* topic) { return std::pair(topic->readers.size(), topic->id); });
    for (Topic* topic : order) {
      if (topic->readers.empty()) continue;
      for (uint32_t& owner : topic->owner) {
        if (owner != kNobody) continue;
        owner = least_loaded(*topic);
        ++loads_[owner];
      }
    }
  }

  uint32_t least_loaded(const Topic& topic) const {
    return *std::ranges::min_element(topic.readers, {}, [this](uint32_t i) { return loads_[i]; });
  }

  // Moves partitions of one topic from those with most to those with least, while that helps.
  bool even_out(Topic& topic) {
    if (topic.readers.size() < 2) return false;
    std::vector<std::vector<uint32_t>> owned(subscribers_.size());
    for (uint32_t partition = 0; partition < topic.owner.size(); ++partition) {
      owned[topic.owner[partition]].push_back(partition);
    }
    bool moved = false;
    while (true) {
      uint32_t most = kNobody;
      for (const uint32_t i : topic.readers) {
        if (!owned[i].empty() && (most == kNobody || loads_[i] > loads_[most])) most = i;
      }
      const uint32_t least = least_loaded(topic);
      if (most == kNobody || loads_[most] < loads_[least] + 2) return moved;
      const uint32_t partition = owned[most].back();
      owned[most].pop_back();
      owned[least].push_back(partition);
      topic.owner[partition] = least;
      --loads_[most];
      ++loads_[least];
      moved = true;
    }
  }

  std::span<const Subscriber> subscribers_;
  std::vector<Topic> topics_;
  std::vector<size_t> loads_;
};

std::vector<Partitions> share_by_range(std::span<const Subscriber> subscribers,
                                       const TopicSizes& sizes) {
  std::vector<Topic> topics = topics_with_readers(subscribers, sizes);
  for (Topic& topic : topics) {
    if (topic.readers.empty()) continue;
    const size_t each = topic.owner.size() / topic.readers.size();
    const size_t with_one_more = topic.owner.size() % topic.readers.size();
    size_t next = 0;
    for (size_t place = 0; place < topic.readers.size(); ++place) {
      const size_t count = each + (place < with_one_more ? 1 : 0);
      for (size_t i = 0; i < count; ++i) topic.owner[next++] = topic.readers[place];
    }
  }
  return shares_of(topics, subscribers.size());
}

}  // namespace

std::string_view to_string(Assignor assignor) {
  return assignor == Assignor::kUniform ? "uniform" : "range";
}

std::optional<Assignor> assignor_of(std::string_view name) {
  for (const Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    if (name == to_string(assignor)) return assignor;
  }
  return std::nullopt;
}

std::vector<Partitions> share_out(Assignor assignor,
                                  std::span<const Subscriber> subscribers,
                                  const TopicSizes& topics) {
  if (assignor == Assignor::kRange) return share_by_range(subscribers, topics);
  return Uniform(subscribers, topics).run();
}

}  // namespace weir::group
