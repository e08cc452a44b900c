// KIP-1071 over a real socket: an application of Kafka Streams joins, its internal topics are made,
// its tasks are shared out, described and committed for.

#include <algorithm>

#include "core/group/topology.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/consumer_group.h"
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/streams_group.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using Beat = StreamsGroupHeartbeatResponse;
using Request = StreamsGroupHeartbeatRequest;

class StreamsGroupPort : public testing::Test {
 protected:
  static constexpr int8_t kMissingInternalTopics = 3;

  StreamsGroupPort() { create("words", 2); }

  void create(const std::string& name, int32_t partitions) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    ASSERT_EQ(client.call<CreateTopicsResponse>(7, request).topics.at(0).error_code, 0);
  }
  // Splits words in part 0, counts them in part 1.
  static Request joining(const std::string& member, const std::string& process = "p") {
    Request request;
    request.group_id = wire::literal("count");
    request.member_id = Bytes::copy_of(member);
    request.rebalance_timeout_ms = 20'000;
    request.process_id = Bytes::copy_of(process);
    request.active_tasks.emplace();
    request.standby_tasks.emplace();
    request.warmup_tasks.emplace();
    auto& parts = request.topology.emplace().subtopologies;
    auto& split = parts.emplace_back();
    split.subtopology_id = wire::literal("0");
    split.source_topics.push_back(wire::literal("words"));
    split.repartition_sink_topics.push_back(wire::literal("by-word"));
    auto& count = parts.emplace_back();
    count.subtopology_id = wire::literal("1");
    count.repartition_source_topics.emplace_back().name = wire::literal("by-word");
    auto& changelog = count.state_changelog_topics.emplace_back();
    changelog.name = wire::literal("counts");
    changelog.topic_configs.push_back({wire::literal("cleanup.policy"), wire::literal("compact")});
    return request;
  }
  static Request beating(const std::string& member, int32_t epoch) {
    Request request;
    request.group_id = wire::literal("count");
    request.member_id = Bytes::copy_of(member);
    request.member_epoch = epoch;
    return request;
  }
  Beat beat(const Request& request) { return client.call<Beat>(0, request); }
  KafkaError refused(const Request& request) {
    return static_cast<KafkaError>(beat(request).error_code);
  }
  KafkaError commit(const std::string& member, int32_t epoch, int32_t partition = 0) {
    OffsetCommitRequest request;
    request.group_id = wire::literal("count");
    request.member_id = Bytes::copy_of(member);
    request.generation_id_or_member_epoch = epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = wire::literal("words");
    auto& one = topic.partitions.emplace_back();
    one.partition_index = partition;
    one.committed_offset = 7;
    return static_cast<KafkaError>(
        client.call<OffsetCommitResponse>(9, request).topics.at(0).partitions.at(0).error_code);
  }
  StreamsGroupDescribeResponse::Group described() {
    StreamsGroupDescribeRequest request;
    request.group_ids.push_back(wire::literal("count"));
    return client.call<StreamsGroupDescribeResponse>(0, request).groups.at(0);
  }
  bool exists() {
    bool found = false;
    port.on_broker([&](broker::Broker& broker) {
      found = broker.catalog().find_group({"", "count"}).has_value();
    });
    return found;
  }
  int16_t set(const std::string& name, const std::string& value) {
    IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 32;
    resource.resource_name = wire::literal("count");
    resource.configs.push_back({Bytes::copy_of(name), 0, Bytes::copy_of(value)});
    return client.call<IncrementalAlterConfigsResponse>(1, request).responses.at(0).error_code;
  }

  Port port;
  Client client{port};
};

TEST_F(StreamsGroupPort, AMemberJoinsWorksAndLeaves) {
  const Beat joined = beat(joining("m1"));
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(joined.member_epoch, 1);
  EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
  EXPECT_TRUE(joined.status && joined.status->empty());
  ASSERT_TRUE(joined.active_tasks && joined.standby_tasks && joined.warmup_tasks);
  ASSERT_EQ(joined.active_tasks->size(), 2U);
  EXPECT_EQ(joined.active_tasks->at(0).subtopology_id.view(), "0");
  EXPECT_EQ(joined.active_tasks->at(1).partitions, (std::vector<int32_t>{0, 1}));
  EXPECT_FALSE(beat(beating("m1", 1)).active_tasks.has_value());
  EXPECT_EQ(commit("m1", 1), KafkaError::kNone);
  EXPECT_EQ(commit("m1", 2), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(commit("m2", 1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(commit("", -1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(beat(beating("m1", -1)).member_epoch, -1);
  EXPECT_EQ(commit("", -1), KafkaError::kNone);
  EXPECT_EQ(refused(beating("m1", 1)), KafkaError::kUnknownMemberId);
}

TEST_F(StreamsGroupPort, InternalTopicsAreMadeWithTheirSettings) {
  beat(joining("m1"));
  port.on_broker([](broker::Broker& broker) {
    const broker::Thing* counts = broker.catalog().find({"", "counts"});
    ASSERT_NE(counts, nullptr);
    EXPECT_EQ(counts->logs.size(), 2U);
    EXPECT_TRUE(counts->log_policy.compaction.has_value());
    ASSERT_NE(broker.catalog().find({"", "by-word"}), nullptr);
  });
}

TEST_F(StreamsGroupPort, ATopicThatCannotBeMadeIsTold) {
  Request request = joining("m1");
  request.topology->subtopologies[1].state_changelog_topics[0].topic_configs = {
      {wire::literal("retention.ms"), wire::literal("soon")}};
  const Beat answer = beat(request);
  ASSERT_EQ(answer.status->size(), 1U);
  EXPECT_EQ(answer.status->at(0).status_code, kMissingInternalTopics);
  EXPECT_NE(answer.status->at(0).status_detail.view().find("retention.ms"), ByteView::npos);
  EXPECT_TRUE(answer.active_tasks->empty());
  EXPECT_EQ(described().group_state.view(), "NotReady");
}

TEST_F(StreamsGroupPort, WhatIsNotThereIsRefused) {
  Request request = joining("m1");
  request.instance_id = wire::literal("i");
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.topology->subtopologies[0].source_topic_regex.push_back(wire::literal("w.*"));
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.warmup_tasks->emplace_back();
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.task_offsets.emplace();
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
}

TEST_F(StreamsGroupPort, WhatMakesNoSenseIsRefused) {
  Request request = joining("");
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.topology.reset();
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.active_tasks->push_back({wire::literal("0"), {0}});
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = joining("m1");
  request.rebalance_timeout_ms = -1;
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  ASSERT_EQ(beat(joining("m1")).error_code, 0);
  request = beating("m1", 1);
  request.topology = joining("m1").topology;
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  request = beating("m1", 1);
  request.active_tasks.emplace();
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
  EXPECT_EQ(refused(beating("m1", -2)), KafkaError::kInvalidRequest);
  EXPECT_EQ(refused(beating("m1", -3)), KafkaError::kInvalidRequest);
  request = joining("m2");
  request.topology->epoch = 1;
  EXPECT_EQ(refused(request), KafkaError::kInvalidRequest);
}

TEST_F(StreamsGroupPort, TopologiesThatCannotBeAreRefused) {
  const auto wrong = [&](const auto& change) {
    Request request = joining("m1");
    change(request.topology->subtopologies);
    return refused(request);
  };
  constexpr auto kWrong = KafkaError::kStreamsInvalidTopology;
  EXPECT_EQ(wrong([](auto& parts) { parts[1].subtopology_id = wire::literal("0"); }), kWrong);
  EXPECT_EQ(wrong([](auto& parts) { parts[0].source_topics[0] = wire::literal("a b"); }), kWrong);
  EXPECT_EQ(wrong([](auto& parts) { parts[0].repartition_sink_topics.clear(); }), kWrong);
  EXPECT_EQ(wrong([](auto& parts) { parts[1].state_changelog_topics[0].partitions = 2; }), kWrong);
  EXPECT_EQ(wrong([](auto& parts) { parts[1].repartition_source_topics[0].partitions = -1; }),
            kWrong);
  EXPECT_EQ(
      wrong([](auto& parts) { parts[0].copartition_groups.emplace_back().source_topics = {1}; }),
      kWrong);
  EXPECT_EQ(wrong([](auto& parts) { parts.resize(group::Topology::kPartsMax + 1); }), kWrong);
  EXPECT_EQ(wrong([](auto& parts) {
              parts[0].source_topics.resize(group::Topology::kTopicsMax + 1, wire::literal("w"));
            }),
            kWrong);
}

TEST_F(StreamsGroupPort, ARefusedFirstJoinLeavesNoGroup) {
  Request request = joining("m1");
  request.topology->subtopologies[0].repartition_sink_topics.clear();  // nobody writes by-word
  EXPECT_EQ(refused(request), KafkaError::kStreamsInvalidTopology);
  EXPECT_FALSE(exists());
  EXPECT_EQ(set("streams.heartbeat.interval.ms", "700"), 0);
  EXPECT_EQ(refused(request), KafkaError::kStreamsInvalidTopology);
  EXPECT_TRUE(exists()) << "it has settings";
  EXPECT_EQ(beat(joining("m1")).error_code, 0);
}

// KIP-599: as if the member had asked for them itself.
TEST_F(StreamsGroupPort, InternalTopicsCountAgainstTheQuotaOfMutations) {
  port.on_engine([](Engine& engine) {
    const catalog::Quota quota{{{catalog::QuotaKind::kClientId, false, "test"}},
                               {{"controller_mutation_rate", 1}}};
    ASSERT_TRUE(engine.broker.put_quota(quota, engine.now()));
    engine.quotas.refresh();
  });
  create("spent", 12);
  const Beat waiting = beat(joining("m1"));
  ASSERT_EQ(waiting.error_code, 0);
  EXPECT_EQ(waiting.throttle_time_ms, 2'000) << "two partitions are owed";
  ASSERT_EQ(waiting.status->size(), 1U);
  EXPECT_EQ(waiting.status->at(0).status_code, kMissingInternalTopics);
  EXPECT_NE(waiting.status->at(0).status_detail.view().find("controller_mutation_rate"),
            ByteView::npos);
  EXPECT_TRUE(waiting.active_tasks->empty());
  port.on_broker([](broker::Broker& broker) {
    EXPECT_EQ(broker.catalog().find({"", "by-word"}), nullptr);
    EXPECT_EQ(broker.catalog().find({"", "counts"}), nullptr);
  });

  port.advance(Milliseconds(waiting.throttle_time_ms));
  const Beat working = beat(beating("m1", 1));
  EXPECT_EQ(working.throttle_time_ms, 0);
  ASSERT_TRUE(working.active_tasks.has_value());
  EXPECT_EQ(working.active_tasks->size(), 2U);
  CreateTopicsRequest more;
  more.topics.emplace_back().name = wire::literal("more");
  more.topics.back().num_partitions = more.topics.back().replication_factor = 1;
  const auto refused = client.call<CreateTopicsResponse>(7, more);
  EXPECT_EQ(refused.topics.at(0).error_code, wire_code(KafkaError::kThrottlingQuotaExceeded));
  EXPECT_EQ(refused.throttle_time_ms, 4'000) << "what was made is owed";
}

TEST_F(StreamsGroupPort, SettingsOfTheGroupHold) {
  EXPECT_EQ(set("streams.heartbeat.interval.ms", "700"), 0);
  EXPECT_EQ(set("streams.num.standby.replicas", "1"), 0);
  EXPECT_EQ(set("streams.assignment.interval.ms", "0"), 0);
  EXPECT_NE(set("streams.num.standby.replicas", "3"), 0);
  EXPECT_NE(set("streams.session.timeout.ms", "600"), 0);
  EXPECT_EQ(beat(joining("m1")).heartbeat_interval_ms, 700);
  const Beat second = beat(joining("m2", "q"));
  EXPECT_TRUE(second.active_tasks->empty());  // the other has not given anything up
  EXPECT_EQ(second.standby_tasks->size(), 1U);
  EXPECT_EQ(described().members.at(1).target_assignment.active_tasks.size(), 2U);
}

TEST_F(StreamsGroupPort, DescribesTopologyAndMembers) {
  EXPECT_EQ(described().error_code, wire_code(KafkaError::kGroupIdNotFound));
  Request request = joining("m1");
  request.rack_id = wire::literal("r");
  request.user_endpoint = {wire::literal("here"), static_cast<int16_t>(50'000)};
  request.client_tags.emplace().push_back({wire::literal("zone"), wire::literal("a")});
  const Beat joined = beat(request);
  ASSERT_TRUE(joined.partitions_by_user_endpoint.has_value());
  const auto& row = joined.partitions_by_user_endpoint->at(0);
  EXPECT_EQ(row.user_endpoint.port, static_cast<int16_t>(50'000));
  ASSERT_EQ(row.active_partitions.size(), 2U);
  EXPECT_EQ(row.active_partitions[0].topic.view(), "by-word");
  EXPECT_EQ(row.active_partitions[1].partitions, (std::vector<int32_t>{0, 1}));

  const auto group = described();
  ASSERT_EQ(group.error_code, 0);
  EXPECT_EQ(group.group_state.view(), "Stable");
  EXPECT_EQ(group.group_epoch, 1);
  EXPECT_EQ(group.assignment_epoch, 1);
  const auto& parts = *group.topology->subtopologies;
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].repartition_source_topics.at(0).partitions, 2);
  EXPECT_EQ(parts[1].state_changelog_topics.at(0).topic_configs.at(0).value.view(), "compact");
  const auto& member = group.members.at(0);
  EXPECT_EQ(member.rack_id->view(), "r");
  EXPECT_EQ(member.process_id.view(), "p");
  EXPECT_EQ(member.user_endpoint->host.view(), "here");
  EXPECT_EQ(member.client_tags.at(0).value.view(), "a");
  EXPECT_EQ(member.assignment, member.target_assignment);
  EXPECT_EQ(member.assignment.active_tasks.size(), 2U);
}

TEST_F(StreamsGroupPort, IsListedAsWhatItIsAndDeletedWhenEmpty) {
  beat(joining("m1"));
  const auto listed = client.call<ListGroupsResponse>(5, ListGroupsRequest{}).groups;
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].group_type.view(), "streams");
  EXPECT_EQ(listed[0].protocol_type.view(), "streams");
  EXPECT_EQ(listed[0].group_state.view(), "Stable");
  ListGroupsRequest classic;
  classic.types_filter.push_back(wire::literal("classic"));
  EXPECT_TRUE(client.call<ListGroupsResponse>(5, classic).groups.empty());
  DescribeGroupsRequest describe;
  describe.groups.push_back(wire::literal("count"));
  EXPECT_EQ(client.call<DescribeGroupsResponse>(6, describe).groups.at(0).error_code,
            wire_code(KafkaError::kGroupIdNotFound));
  DeleteGroupsRequest remove;
  remove.groups_names.push_back(wire::literal("count"));
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results.at(0).error_code,
            wire_code(KafkaError::kNonEmptyGroup));
  beat(beating("m1", -1));
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results.at(0).error_code, 0);
}

TEST_F(StreamsGroupPort, OtherProtocolsStayOutside) {
  beat(joining("m1"));
  ConsumerGroupHeartbeatRequest consumer;
  consumer.group_id = wire::literal("count");
  consumer.member_id = wire::literal("m2");
  consumer.rebalance_timeout_ms = 20'000;
  consumer.subscribed_topic_names.emplace().push_back(wire::literal("words"));
  consumer.topic_partitions.emplace();
  EXPECT_EQ(client.call<ConsumerGroupHeartbeatResponse>(1, consumer).error_code,
            wire_code(KafkaError::kGroupIdNotFound));
  JoinGroupRequest classic;
  classic.group_id = wire::literal("count");
  classic.session_timeout_ms = 10'000;
  classic.rebalance_timeout_ms = 10'000;
  classic.protocol_type = wire::literal("consumer");
  classic.protocols.push_back({wire::literal("range"), wire::literal("x")});
  EXPECT_EQ(client.call<JoinGroupResponse>(9, classic).error_code,
            wire_code(KafkaError::kInconsistentGroupProtocol));
  beat(beating("m1", -1));
  EXPECT_EQ(client.call<ConsumerGroupHeartbeatResponse>(1, consumer).error_code, 0);
  EXPECT_EQ(refused(joining("m1")), KafkaError::kGroupIdNotFound);
}

TEST_F(StreamsGroupPort, WhatItReadsKeepsItsOffsets) {
  beat(joining("m1"));
  ASSERT_EQ(commit("m1", 1), KafkaError::kNone);
  OffsetDeleteRequest request;
  request.group_id = wire::literal("count");
  auto& topic = request.topics.emplace_back();
  topic.name = wire::literal("words");
  topic.partitions.emplace_back();
  const auto remove = [&] {
    return client.call<OffsetDeleteResponse>(0, request).topics.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(remove(), wire_code(KafkaError::kGroupSubscribedToTopic));
  beat(beating("m1", -1));
  EXPECT_EQ(remove(), 0);
}

TEST_F(StreamsGroupPort, SilentMembersAreOut) {
  beat(joining("m1"));
  port.advance(Milliseconds(44'999));
  EXPECT_EQ(described().members.size(), 1U);
  port.advance(Milliseconds(1));
  EXPECT_EQ(described().group_state.view(), "Empty");
}

TEST_F(StreamsGroupPort, TheFeatureIsSwitchedOn) {
  const auto versions = client.call<ApiVersionsResponse>(3, ApiVersionsRequest{});
  const ApiVersionsResponse::FinalizedFeature streams{wire::literal("streams.version"), 1, 1};
  EXPECT_NE(std::ranges::find(versions.finalized_features, streams),
            versions.finalized_features.end());
}

}  // namespace
}  // namespace weir::kafka
