#pragma once
// Topologies and members of streams groups, as short as a test wants to write them.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/group/streams_group.h"
#include "tests/unit/core/group/known_topics.h"

namespace weir::group {

// Makes what it is asked for, unless it is told to fail.
class Making final : public TopicMaker {
 public:
  explicit Making(KnownTopics& topics) : topics_(topics) {}

  std::string make(const std::vector<InternalTopic>& topics) override {
    ++asked;
    if (!wrong.empty()) return wrong;
    for (const InternalTopic& topic : topics) topics_.put(topic.name, topic.partitions);
    return {};
  }

  std::string wrong;
  int asked = 0;

 private:
  KnownTopics& topics_;
};

inline InternalTopic internal(const std::string& name, uint32_t partitions = 0) {
  return {.name = name, .partitions = partitions};
}

// A word count: part 0 reads words and writes to a repartition topic, part 1 counts from there.
inline Topology word_count(int32_t epoch = 0) {
  Subtopology split{.id = "0", .sources = {"words"}, .sinks = {"by-word"}};
  Subtopology count{
      .id = "1", .repartitions = {internal("by-word")}, .changelogs = {internal("counts")}};
  return {.epoch = epoch, .parts = {split, count}};
}

// One part with state.
inline Topology counting() {
  return {.parts = {{.id = "0", .sources = {"words"}, .changelogs = {internal("counts")}}}};
}

inline StreamsHeartbeat joining(const std::string& id,
                                const std::string& process,
                                Topology topology = word_count()) {
  StreamsHeartbeat beat;
  beat.member_id = id;
  beat.rebalance_timeout = Milliseconds(30'000);
  beat.topology = std::move(topology);
  beat.owned.emplace();
  beat.process = process;
  return beat;
}

inline OwnedTasks named(const Assignment& tasks) {
  OwnedTasks owned;
  for (const Task& task : tasks.active) {
    owned.active.push_back({std::to_string(task.part), {static_cast<int32_t>(task.partition)}});
  }
  for (const Task& task : tasks.standby) {
    owned.standby.push_back({std::to_string(task.part), {static_cast<int32_t>(task.partition)}});
  }
  return owned;
}

inline StreamsHeartbeat beating(const std::string& id,
                                int32_t epoch,
                                const std::optional<Assignment>& owned = std::nullopt) {
  StreamsHeartbeat beat;
  beat.member_id = id;
  beat.epoch = epoch;
  if (owned) beat.owned = named(*owned);
  return beat;
}

}  // namespace weir::group
