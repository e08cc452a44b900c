#include "core/group/topology.h"

#include <gtest/gtest.h>

#include "tests/unit/core/group/streams_world.h"

namespace weir::group {
namespace {

constexpr size_t kTasksMax = 1'000;

class TopologyPlan : public testing::Test {
 protected:
  TopologyPlan() { topics.put("words", 4); }

  TaskPlan plan(const Topology& topology) {
    auto made = plan_tasks(topology, topics, kTasksMax);
    EXPECT_TRUE(made.has_value()) << made.error();
    return made.value_or(TaskPlan{});
  }
  StreamsStatus problem(const Topology& topology) {
    const TaskPlan made = plan(topology);
    EXPECT_TRUE(made.problem.has_value());
    EXPECT_TRUE(made.tasks.empty());
    return made.problem ? made.problem->status : StreamsStatus::kStaleTopology;
  }
  std::string wrong(const Topology& topology) {
    const auto made = plan_tasks(topology, topics, kTasksMax);
    return made ? "" : made.error();
  }

  KnownTopics topics;
};

TEST_F(TopologyPlan, RepartitionTopicsAndChangelogsFollowWhatIsRead) {
  const TaskPlan made = plan(word_count());
  ASSERT_TRUE(made.problem.has_value());
  EXPECT_EQ(made.problem->status, StreamsStatus::kMissingInternalTopics);
  EXPECT_EQ(made.tasks, (std::vector<uint32_t>{4, 4}));
  ASSERT_EQ(made.missing.size(), 2U);
  EXPECT_EQ(made.missing[0], internal("by-word", 4));
  EXPECT_EQ(made.missing[1], internal("counts", 4));
}

TEST_F(TopologyPlan, IsReadyWhenAllTopicsAreThere) {
  topics.put("by-word", 4);
  topics.put("counts", 4);
  const TaskPlan made = plan(word_count());
  EXPECT_FALSE(made.problem.has_value());
  EXPECT_TRUE(made.missing.empty());
  EXPECT_EQ(made.partitions.at("by-word"), 4U);
}

TEST_F(TopologyPlan, NumbersTravelThroughChainsOfRepartitionTopics) {
  topics.put("more", 6);
  Topology chain;
  chain.parts = {{.id = "0", .repartitions = {internal("b")}, .changelogs = {internal("state")}},
                 {.id = "1", .sinks = {"b"}, .repartitions = {internal("a")}},
                 {.id = "2", .sources = {"more", "words"}, .sinks = {"a"}}};
  const TaskPlan made = plan(chain);
  EXPECT_EQ(made.tasks, (std::vector<uint32_t>{6, 6, 6}));
}

TEST_F(TopologyPlan, MissingSourcesAreNamed) {
  Topology topology = word_count();
  topology.parts[0].sources = {"a", "b", "c", "d", "words"};
  EXPECT_EQ(problem(topology), StreamsStatus::kMissingSourceTopics);
  EXPECT_EQ(plan(topology).problem->detail, "There are no topics a, b, c and 1 more.");
}

TEST_F(TopologyPlan, InternalTopicsOfAnotherSizeAreAProblem) {
  topics.put("by-word", 3);
  EXPECT_EQ(problem(word_count()), StreamsStatus::kIncorrectlyPartitionedTopics);
}

TEST_F(TopologyPlan, TooManyTasksAreAProblem) {
  topics.put("words", kTasksMax / 2 + 1);
  EXPECT_EQ(problem(word_count()), StreamsStatus::kIncorrectlyPartitionedTopics);
}

TEST_F(TopologyPlan, WhatIsReadTogetherHasTheSameNumberOfPartitions) {
  topics.put("tables", 3);
  Topology join{.parts = {{.id = "0", .sources = {"tables", "words"}}}};
  EXPECT_FALSE(plan(join).problem.has_value());
  EXPECT_EQ(plan(join).tasks, std::vector<uint32_t>{4});
  join.parts[0].copartitioned = {{"tables", "words"}};
  EXPECT_EQ(problem(join), StreamsStatus::kIncorrectlyPartitionedTopics);
  topics.put("tables", 4);
  EXPECT_FALSE(plan(join).problem.has_value());
}

TEST_F(TopologyPlan, RepartitionTopicsFollowTopicsThatAreReadWithThem) {
  topics.put("tables", 9);
  Topology join = word_count();
  join.parts[1].sources = {"tables"};
  join.parts[1].copartitioned = {{"by-word", "tables"}};
  EXPECT_EQ(plan(join).missing[0], internal("by-word", 9));
  // One with a number of its own cannot follow.
  join.parts[1].repartitions[0].partitions = 5;
  EXPECT_EQ(problem(join), StreamsStatus::kIncorrectlyPartitionedTopics);
}

TEST_F(TopologyPlan, RepartitionTopicsAmongThemselvesTakeTheNumberOfOneOrTheLargest) {
  topics.put("more", 7);
  Topology merge;
  merge.parts = {
      {.id = "0", .sources = {"words"}, .sinks = {"a"}},
      {.id = "1", .sources = {"more"}, .sinks = {"b"}},
      {.id = "2", .repartitions = {internal("a"), internal("b")}, .copartitioned = {{"a", "b"}}}};
  EXPECT_EQ(plan(merge).missing[0], internal("a", 7));
  merge.parts[2].repartitions[0].partitions = 2;
  EXPECT_EQ(plan(merge).missing[0], internal("a", 2));
  EXPECT_EQ(plan(merge).missing[1], internal("b", 2));
}

TEST_F(TopologyPlan, WhatCanNeverWorkIsWrong) {
  Topology nobody_writes = word_count();
  nobody_writes.parts[0].sinks.clear();
  EXPECT_NE(wrong(nobody_writes), "");
  Topology circle{.parts = {{.id = "0", .sinks = {"a"}, .repartitions = {internal("a")}}}};
  EXPECT_NE(wrong(circle), "");
  const Topology reads_nothing{.parts = {{.id = "0", .changelogs = {internal("state")}}}};
  EXPECT_NE(wrong(reads_nothing), "");
  EXPECT_EQ(wrong(word_count()), "");
}

TEST(Topology, KnowsWhoReadsATopic) {
  const Topology topology = word_count();
  EXPECT_EQ(topology.reader_of("words"), 0U);
  EXPECT_EQ(topology.reader_of("by-word"), 1U);
  EXPECT_EQ(topology.reader_of("counts"), std::nullopt);
  EXPECT_EQ(topology.find("1"), 1U);
  EXPECT_EQ(topology.find("2"), std::nullopt);
}

TEST(Topology, IsReadAsItWasWritten) {
  Topology topology = word_count(7);
  topology.parts[1].copartitioned = {{"a", "b"}, {"c"}};
  topology.parts[1].changelogs[0].copies = -1;
  topology.parts[1].changelogs[0].settings = {{"cleanup.policy", "compact"}};
  for (const auto& event : {std::optional(topology), std::optional<Topology>()}) {
    std::string bytes;
    encode(event, bytes);
    const auto again = decode_topology_event(bytes);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, event);
    EXPECT_FALSE(decode_topology_event(bytes + "x").has_value());
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_topology_event(std::string_view(bytes).substr(0, size)).has_value());
    }
  }
}

}  // namespace
}  // namespace weir::group
