#pragma once
// Topology: what an application of Kafka Streams does, as its members tell it (KIP-1071): its parts
// (subtopologies), what each reads, and the internal topics that it asks the broker to make. What
// comes of it depends on the topics that there are: how many tasks each part has, how many
// partitions the internal topics get, or what is wrong.
//
// A part has as many tasks as the largest topic that it reads has partitions. Repartition topics
// without a number of their own get the most partitions of what the parts writing to them read, and
// those of a copartition group the number of the others in it; a changelog has one partition a
// task.
//
// The topology of a group is durable, for whoever asks about the group when nobody is in it: an
// event of the group's cell carries all of it.
//   4 topology    1, then the topology; or 0: there is none any more
//   topology      epoch (signed), parts: count, then per part: id, sources, sinks, repartition
//   topics, changelogs, copartition groups; each a count and as many names, topics or lists of
//   names topic         name, partitions, copies (signed), settings: count, then names and values
// Image: the topology, behind the settings, and only when there is one.
//
// Pure: the topics are an argument.

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/wire.h"
#include "core/group/topic_view.h"

namespace weir::group {

struct InternalTopic {
  std::string name;
  uint32_t partitions = 0;  // 0: to be found out
  int16_t copies = 0;       // 0: the broker's default
  std::vector<std::pair<std::string, std::string>> settings{};

  bool operator==(const InternalTopic&) const = default;
};

struct Subtopology {
  std::string id;
  std::vector<std::string> sources{};         // topics of others
  std::vector<std::string> sinks{};           // repartition topics that it writes to
  std::vector<InternalTopic> repartitions{};  // read, too
  std::vector<InternalTopic> changelogs{};    // never with a number of partitions
  std::vector<std::vector<std::string>> copartitioned{};

  bool is_stateful() const { return !changelogs.empty(); }
  bool operator==(const Subtopology&) const = default;
};

struct Topology {
  static constexpr size_t kPartsMax = 1'000;
  static constexpr size_t kTopicsMax = 10'000;  // names, each time that one is named

  int32_t epoch = 0;
  std::vector<Subtopology> parts{};  // by id, each once; what is in them sorted, too

  // The part that reads a topic.
  std::optional<uint32_t> reader_of(const std::string& topic) const;
  std::optional<uint32_t> find(const std::string& part) const;
  bool operator==(const Topology&) const = default;
};

// What members are told about their group, by Kafka's numbers.
enum class StreamsStatus : uint8_t {
  kStaleTopology = 0,
  kMissingSourceTopics = 1,
  kIncorrectlyPartitionedTopics = 2,
  kMissingInternalTopics = 3,
  kShutdownApplication = 4,
  kAssignmentDelayed = 5,
};

struct StatusReport {
  StreamsStatus status;
  std::string detail;

  bool operator==(const StatusReport&) const = default;
};

// A topology over the topics that there are.
struct TaskPlan {
  std::optional<StatusReport> problem;  // nobody works while there is one
  std::vector<uint32_t> tasks;          // of each part
  // Of every topic of the topology, as it is or shall be.
  std::map<std::string, uint32_t> partitions;
  std::vector<InternalTopic> missing;  // to be made

  bool operator==(const TaskPlan&) const = default;
};

inline constexpr uint8_t kTopologyEvent = 4;

void save(const Topology& topology, Writer& writer);
// Fails the reader when it cannot be read.
Topology load_topology(Reader& reader);

void encode(const std::optional<Topology>& topology, std::string& out);
// kStorageCorrupt for an unknown kind, a cut-off event or bytes that are left over.
Result<std::optional<Topology>> decode_topology_event(ByteView bytes);

// Unexpected: why no topics whatever would make something of it.
std::expected<TaskPlan, std::string> plan_tasks(const Topology& topology,
                                                const TopicView& topics,
                                                size_t tasks_max);

}  // namespace weir::group
