#include "core/group/topology.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace weir::group {
namespace {

constexpr size_t kNamesShown = 3;

template <typename Names>
std::string listed(const Names& names) {
  std::vector<std::string> shown;
  for (const auto& name : names) {
    if (shown.size() == kNamesShown) break;
    shown.push_back(name);
  }
  const std::string text = fmt::format("{}", fmt::join(shown, ", "));
  return names.size() <= kNamesShown
             ? text
             : fmt::format("{} and {} more", text, names.size() - kNamesShown);
}

class Planner {
 public:
  Planner(const Topology& topology, const TopicView& topics)
      : topology_(topology), topics_(topics) {}

  std::expected<TaskPlan, std::string> run(size_t tasks_max) {
    if (!find_sources()) return std::move(plan_);
    if (auto wrong = count_repartitions()) return std::unexpected(std::move(*wrong));
    for (const Subtopology& part : topology_.parts) {
      for (const auto& group : part.copartitioned) {
        if (!match(group)) return not_ready();
      }
    }
    for (const Subtopology& part : topology_.parts) {
      if (auto wrong = count_tasks(part)) return std::unexpected(std::move(*wrong));
    }
    if (!find_internal_topics()) return not_ready();
    uint64_t tasks = 0;
    for (const uint32_t count : plan_.tasks) tasks += count;
    if (tasks > tasks_max) {
      report(
          StreamsStatus::kIncorrectlyPartitionedTopics,
          fmt::format("The topology comes to {} tasks; a group has at most {}.", tasks, tasks_max));
      return not_ready();
    }
    for (auto& [name, count] : decided_) plan_.partitions.emplace(name, count);
    return std::move(plan_);
  }

 private:
  bool report(StreamsStatus status, std::string detail) {
    plan_.problem = StatusReport{status, std::move(detail)};
    return false;
  }
  TaskPlan not_ready() {
    plan_.tasks.clear();
    plan_.missing.clear();
    return std::move(plan_);
  }

  // What there is counts, and what was decided only where there is nothing yet.
  std::optional<uint32_t> count_of(const std::string& topic) const {
    if (const auto known = plan_.partitions.find(topic); known != plan_.partitions.end()) {
      return known->second;
    }
    const auto decided = decided_.find(topic);
    return decided == decided_.end() ? std::nullopt : std::optional(decided->second);
  }
  void look_up(const std::string& name) {
    if (const auto found = topics_.find(name)) plan_.partitions.emplace(name, found->partitions);
  }

  bool find_sources() {
    std::set<std::string> missing;
    for (const Subtopology& part : topology_.parts) {
      for (const std::string& source : part.sources) {
        look_up(source);
        if (!plan_.partitions.contains(source)) missing.insert(source);
      }
      for (const InternalTopic& topic : part.repartitions) look_up(topic.name);
      for (const InternalTopic& topic : part.changelogs) look_up(topic.name);
    }
    return missing.empty() || report(StreamsStatus::kMissingSourceTopics,
                                     fmt::format("There are no topics {}.", listed(missing)));
  }

  // From the sources on, as far as each round leads.
  std::optional<std::string> count_repartitions() {
    for (const Subtopology& part : topology_.parts) {
      for (const InternalTopic& topic : part.repartitions) {
        if (topic.partitions == 0) continue;
        decided_[topic.name] = topic.partitions;
        fixed_.insert(topic.name);
      }
    }
    absl::flat_hash_map<std::string, uint32_t>& counts = decided_;
    for (bool open = true; open;) {
      open = false;
      bool progress = false;
      for (const Subtopology& part : topology_.parts) {
        const std::optional<uint32_t> most = most_read(part, counts);
        for (const std::string& sink : part.sinks) {
          if (counts.contains(sink)) continue;
          if (most) {
            counts[sink] = *most;
            progress = true;
          } else {
            open = true;
          }
        }
      }
      if (open && !progress) return "its repartition topics go round in a circle";
    }
    for (const Subtopology& part : topology_.parts) {
      for (const InternalTopic& topic : part.repartitions) {
        repartitions_.insert(topic.name);
        if (!counts.contains(topic.name)) {
          return fmt::format("no part writes to the repartition topic {}", topic.name);
        }
      }
    }
    return std::nullopt;
  }
  std::optional<uint32_t> most_read(
      const Subtopology& part, const absl::flat_hash_map<std::string, uint32_t>& counts) const {
    std::optional<uint32_t> most;
    for (const InternalTopic& topic : part.repartitions) {
      const auto known = counts.find(topic.name);
      if (known != counts.end()) most = std::max(most.value_or(0), known->second);
    }
    for (const std::string& source : part.sources) {
      most = std::max(most.value_or(0), plan_.partitions.at(source));
    }
    return most;
  }

  // Topics of others decide, then repartition topics with a number of their own, then the largest.
  bool match(const std::vector<std::string>& group) {
    std::optional<uint32_t> number;
    uint32_t largest = 0;
    const auto demand = [&](const std::string& topic) {
      const uint32_t count = count_of(topic).value_or(0);
      if (!number) number = count;
      return *number == count ||
             report(StreamsStatus::kIncorrectlyPartitionedTopics,
                    fmt::format("Topics that are read together have different numbers of "
                                "partitions: {} has {}, others have {}.",
                                topic, count, *number));
    };
    for (const std::string& topic : group) {
      largest = std::max(largest, count_of(topic).value_or(0));
      if (!repartitions_.contains(topic) && !demand(topic)) return false;
    }
    for (const std::string& topic : group) {
      if (fixed_.contains(topic) && !demand(topic)) return false;
    }
    for (const std::string& topic : group) {
      if (repartitions_.contains(topic)) decided_[topic] = number.value_or(largest);
    }
    return true;
  }

  std::optional<std::string> count_tasks(const Subtopology& part) {
    uint32_t tasks = 0;
    for (const std::string& source : part.sources) {
      tasks = std::max(tasks, count_of(source).value_or(0));
    }
    for (const InternalTopic& topic : part.repartitions) {
      tasks = std::max(tasks, count_of(topic.name).value_or(0));
    }
    if (tasks == 0) return fmt::format("its part {} reads nothing", part.id);
    for (const InternalTopic& topic : part.changelogs) decided_[topic.name] = tasks;
    plan_.tasks.push_back(tasks);
    return std::nullopt;
  }

  bool find_internal_topics() {
    std::set<std::string> names;
    const auto find = [&](const InternalTopic& topic) {
      const uint32_t count = topic.partitions != 0 ? topic.partitions : decided_.at(topic.name);
      const auto present = plan_.partitions.find(topic.name);
      if (present != plan_.partitions.end()) {
        return present->second == count ||
               report(StreamsStatus::kIncorrectlyPartitionedTopics,
                      fmt::format("The topic {} has {} partitions, and the topology needs {}.",
                                  topic.name, present->second, count));
      }
      if (!names.insert(topic.name).second) return true;
      plan_.missing.push_back(topic);
      plan_.missing.back().partitions = count;
      return true;
    };
    for (const Subtopology& part : topology_.parts) {
      for (const InternalTopic& topic : part.repartitions) {
        if (!find(topic)) return false;
      }
      for (const InternalTopic& topic : part.changelogs) {
        if (!find(topic)) return false;
      }
    }
    if (!names.empty()) {
      report(StreamsStatus::kMissingInternalTopics,
             fmt::format("There are no internal topics {}.", listed(names)));
    }
    return true;
  }

  const Topology& topology_;
  const TopicView& topics_;
  TaskPlan plan_;
  absl::flat_hash_map<std::string, uint32_t> decided_;
  absl::flat_hash_set<std::string> repartitions_;
  absl::flat_hash_set<std::string> fixed_;  // those of them that came with a number
};

}  // namespace

std::optional<uint32_t> Topology::reader_of(const std::string& topic) const {
  for (uint32_t i = 0; i < parts.size(); ++i) {
    const auto reads = [&](const InternalTopic& one) { return one.name == topic; };
    if (std::ranges::binary_search(parts[i].sources, topic) ||
        std::ranges::any_of(parts[i].repartitions, reads)) {
      return i;
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> Topology::find(const std::string& part) const {
  const auto found = std::ranges::lower_bound(parts, part, {}, &Subtopology::id);
  if (found == parts.end() || found->id != part) return std::nullopt;
  return static_cast<uint32_t>(found - parts.begin());
}

std::expected<TaskPlan, std::string> plan_tasks(const Topology& topology,
                                                const TopicView& topics,
                                                size_t tasks_max) {
  return Planner(topology, topics).run(tasks_max);
}

}  // namespace weir::group
