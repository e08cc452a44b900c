// KIP-848 over a real socket, migration between the protocols, settings of groups, and the requests
// that a cluster in order answers with "nothing to do".

#include "broker/group_cell.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/consumer_group.h"
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/replicas.h"
#include "protocols/kafka/gen/telemetry.h"
#include "protocols/kafka/gen/topics.h"
#include "protocols/kafka/subscription.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using Beat = ConsumerGroupHeartbeatResponse;

class ConsumerGroupPort : public testing::Test {
 protected:
  ConsumerGroupPort() { create("events", 4); }

  void create(const std::string& name, int32_t partitions) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    const auto made = client.call<CreateTopicsResponse>(7, request).topics.at(0);
    ASSERT_EQ(made.error_code, 0);
    topic_id = made.topic_id;
  }
  static ConsumerGroupHeartbeatRequest joining(const std::string& member) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = wire::literal("crew");
    request.member_id = Bytes::copy_of(member);
    request.rebalance_timeout_ms = 20'000;
    request.subscribed_topic_names.emplace().push_back(wire::literal("events"));
    request.topic_partitions.emplace();
    return request;
  }
  static ConsumerGroupHeartbeatRequest beating(const std::string& member, int32_t epoch) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = wire::literal("crew");
    request.member_id = Bytes::copy_of(member);
    request.member_epoch = epoch;
    return request;
  }
  Beat beat(const ConsumerGroupHeartbeatRequest& request, int16_t version = 1) {
    return client.call<Beat>(version, request);
  }
  static std::vector<int32_t> partitions(const Beat& answer) {
    if (!answer.assignment || answer.assignment->topic_partitions.empty()) return {};
    return answer.assignment->topic_partitions.at(0).partitions;
  }
  KafkaError commit(const std::string& member, int32_t epoch, int16_t version = 9) {
    OffsetCommitRequest request;
    request.group_id = wire::literal("crew");
    request.member_id = Bytes::copy_of(member);
    request.generation_id_or_member_epoch = epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = wire::literal("events");
    topic.topic_id = topic_id;
    topic.partitions.emplace_back().committed_offset = 7;
    return static_cast<KafkaError>(client.call<OffsetCommitResponse>(version, request)
                                       .topics.at(0)
                                       .partitions.at(0)
                                       .error_code);
  }
  ConsumerGroupDescribeResponse::Group described() {
    ConsumerGroupDescribeRequest request;
    request.group_ids.push_back(wire::literal("crew"));
    return client.call<ConsumerGroupDescribeResponse>(1, request).groups.at(0);
  }
  // "type state", of the one group.
  std::string listed() {
    const auto groups = client.call<ListGroupsResponse>(5, ListGroupsRequest{}).groups;
    if (groups.size() != 1) return std::to_string(groups.size()) + " groups";
    return std::string(groups[0].group_type.view()) + " " +
           std::string(groups[0].group_state.view());
  }
  int16_t set(const std::string& name, const std::string& value) {
    IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 32;
    resource.resource_name = wire::literal("crew");
    resource.configs.push_back({Bytes::copy_of(name), 0, Bytes::copy_of(value)});
    return client.call<IncrementalAlterConfigsResponse>(1, request).responses.at(0).error_code;
  }

  // ---- a classic member

  JoinGroupRequest classic(const std::string& member, const NamedPartitions& owned = {}) {
    std::string metadata(
        "\0\x01\0\0\0\x01\0\x06"
        "events\xff\xff\xff\xff",
        18);
    Writer writer(metadata);
    writer.fixed_be(owned.empty() ? int32_t{0} : int32_t{1});
    if (!owned.empty()) {
      writer.fixed_be(int16_t{6});
      writer.raw("events");
      writer.fixed_be(static_cast<int32_t>(owned.size()));
      for (const auto& [topic, partition] : owned) writer.fixed_be(partition);
    }
    JoinGroupRequest request;
    request.group_id = wire::literal("crew");
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 20'000;
    request.member_id = Bytes::copy_of(member);
    request.protocol_type = wire::literal("consumer");
    request.protocols.push_back({wire::literal("range"), Bytes::take(std::move(metadata))});
    return request;
  }
  JoinGroupResponse join(const std::string& member, const NamedPartitions& owned = {}) {
    auto answer = client.call<JoinGroupResponse>(9, classic(member, owned));
    if (answer.error_code != wire_code(KafkaError::kMemberIdRequired)) return answer;
    return client.call<JoinGroupResponse>(9, classic(std::string(answer.member_id.view()), owned));
  }
  SyncGroupResponse sync(const JoinGroupResponse& joined, const NamedPartitions& all = {}) {
    SyncGroupRequest request;
    request.group_id = wire::literal("crew");
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    for (const auto& member : joined.members) {
      request.assignments.push_back({member.member_id, Bytes::take(write_assignment(1, all))});
    }
    return client.call<SyncGroupResponse>(5, request);
  }
  KafkaError classic_beat(const JoinGroupResponse& joined) {
    HeartbeatRequest request;
    request.group_id = wire::literal("crew");
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    return static_cast<KafkaError>(client.call<HeartbeatResponse>(4, request).error_code);
  }
  static size_t count(const SyncGroupResponse& synced) {
    const auto assignment = read_assignment(synced.assignment.view());
    return assignment ? assignment->size() : 999;
  }

  Port port;
  Client client{port};
  wire::Uuid topic_id;
};

TEST_F(ConsumerGroupPort, AMemberJoinsBeatsCommitsAndLeaves) {
  const Beat joined = beat(joining("m1"));
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(joined.member_id->view(), "m1");
  EXPECT_EQ(joined.member_epoch, 1);
  EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(joined.assignment->topic_partitions.at(0).topic_id, topic_id);
  EXPECT_EQ(partitions(joined), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_FALSE(beat(beating("m1", 1)).assignment);
  EXPECT_EQ(listed(), "consumer Stable");

  EXPECT_EQ(commit("m1", 1), KafkaError::kNone);
  EXPECT_EQ(commit("m1", 1, 10), KafkaError::kNone);
  EXPECT_EQ(commit("m1", 0), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(commit("m2", 1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(commit("", -1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(commit("m1", 1, 8), KafkaError::kUnsupportedVersion);

  EXPECT_EQ(beat(beating("m1", -1)).member_epoch, -1);
  EXPECT_EQ(beat(beating("m1", 1)).error_code, wire_code(KafkaError::kUnknownMemberId));
  EXPECT_EQ(listed(), "consumer Empty");
  EXPECT_EQ(commit("", -1), KafkaError::kNone) << "from outside, while it is empty";
}

TEST_F(ConsumerGroupPort, TheBrokerMakesTheIdOfAMemberOfTheFirstVersion) {
  const Beat joined = beat(joining(""), 0);
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(joined.member_id->size(), 36U);
  EXPECT_EQ(beat(joining(""), 1).error_code, wire_code(KafkaError::kInvalidRequest));
}

TEST_F(ConsumerGroupPort, RequestsThatMakeNoSenseAreRefused) {
  const auto error = [&](auto change) {
    auto request = joining("m1");
    change(request);
    const Beat answer = beat(request);
    EXPECT_FALSE(!answer.error_message || answer.error_message->empty());
    return static_cast<KafkaError>(answer.error_code);
  };
  EXPECT_EQ(error([](auto& r) { r.group_id = {}; }), KafkaError::kInvalidGroupId);
  EXPECT_EQ(error([](auto& r) { r.rebalance_timeout_ms = -1; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.topic_partitions.reset(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.subscribed_topic_names.reset(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.instance_id = Bytes(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.rack_id = Bytes(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.member_epoch = -3; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.member_epoch = -2; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](auto& r) { r.server_assignor = wire::literal("sticky"); }),
            KafkaError::kUnsupportedAssignor);
  EXPECT_EQ(error([](auto& r) { r.subscribed_topic_regex = wire::literal("(a"); }),
            KafkaError::kInvalidRegularExpression);
  EXPECT_EQ(error([](auto& r) { r.subscribed_topic_regex = Bytes::take(std::string(5'000, 'a')); }),
            KafkaError::kInvalidRegularExpression);
  EXPECT_EQ(error([](auto& r) {
              r.subscribed_topic_names->push_back(Bytes::take(std::string(30'000, 'a')));
              for (int i = 0; i < 40; ++i) {
                r.subscribed_topic_names->push_back(r.subscribed_topic_names->back());
              }
            }),
            KafkaError::kInvalidRequest);
  EXPECT_EQ(listed(), "0 groups");
  EXPECT_EQ(beat(beating("m1", 4)).error_code, wire_code(KafkaError::kUnknownMemberId));
}

TEST_F(ConsumerGroupPort, TwoMembersShareAndFetchTheirOffsetsByEpoch) {
  beat(joining("m1"));
  EXPECT_TRUE(partitions(beat(joining("m2"))).empty());
  EXPECT_EQ(partitions(beat(beating("m1", 1))), (std::vector<int32_t>{0, 1}));
  auto given_up = beating("m1", 1);
  auto& owned = given_up.topic_partitions.emplace().emplace_back();
  owned.topic_id = topic_id;
  owned.partitions = {0, 1};
  EXPECT_EQ(beat(given_up).member_epoch, 2);
  EXPECT_EQ(partitions(beat(beating("m2", 2))), (std::vector<int32_t>{2, 3}));

  const auto group = described();
  EXPECT_EQ(group.error_code, 0);
  EXPECT_EQ(group.group_state.view(), "Stable");
  EXPECT_EQ(group.assignor_name.view(), "uniform");
  EXPECT_EQ(group.group_epoch, 2);
  ASSERT_EQ(group.members.size(), 2U);
  EXPECT_EQ(group.members[0].assignment.topic_partitions.at(0).topic_name.view(), "events");
  EXPECT_EQ(group.members[0].member_type, 1);

  commit("m1", 2);
  OffsetFetchRequest fetch;
  auto& wanted = fetch.groups.emplace_back();
  wanted.group_id = wire::literal("crew");
  wanted.member_id = wire::literal("m1");
  wanted.member_epoch = 2;
  EXPECT_EQ(client.call<OffsetFetchResponse>(9, fetch).groups.at(0).topics.size(), 1U);
  wanted.member_epoch = 1;
  EXPECT_EQ(client.call<OffsetFetchResponse>(9, fetch).groups.at(0).error_code,
            wire_code(KafkaError::kStaleMemberEpoch));
}

TEST_F(ConsumerGroupPort, APatternFindsTopicsAsTheyAreMade) {
  auto request = joining("m1");
  request.subscribed_topic_names.emplace();
  request.subscribed_topic_regex = wire::literal("event.*");
  EXPECT_EQ(partitions(beat(request)).size(), 4U);
  create("eventually", 2);
  port.advance(Milliseconds(1'000));
  EXPECT_EQ(beat(beating("m1", 1)).assignment->topic_partitions.size(), 2U);
  EXPECT_EQ(described().members.at(0).subscribed_topic_regex->view(), "event.*");
}

TEST_F(ConsumerGroupPort, ASilentMemberIsOutAndAGroupWithMembersCannotBeDeleted) {
  beat(joining("m1"));
  DeleteGroupsRequest remove;
  remove.groups_names.push_back(wire::literal("crew"));
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results[0].error_code,
            wire_code(KafkaError::kNonEmptyGroup));
  commit("m1", 1);
  OffsetDeleteRequest offsets;
  offsets.group_id = wire::literal("crew");
  offsets.topics.emplace_back().name = wire::literal("events");
  offsets.topics[0].partitions.emplace_back();
  EXPECT_EQ(client.call<OffsetDeleteResponse>(0, offsets).topics[0].partitions[0].error_code,
            wire_code(KafkaError::kGroupSubscribedToTopic));
  port.advance(Milliseconds(45'000));
  EXPECT_EQ(listed(), "consumer Empty");
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results[0].error_code, 0);
}

TEST_F(ConsumerGroupPort, EachKindOfGroupIsDescribedByItsOwnRequest) {
  beat(joining("m1"));
  DescribeGroupsRequest classic_one;
  classic_one.groups.push_back(wire::literal("crew"));
  EXPECT_EQ(client.call<DescribeGroupsResponse>(6, classic_one).groups.at(0).error_code,
            wire_code(KafkaError::kGroupIdNotFound));
  EXPECT_EQ(client.call<DescribeGroupsResponse>(5, classic_one).groups.at(0).group_state.view(),
            "Dead");
  beat(beating("m1", -1));
  sync(join(""));
  EXPECT_EQ(described().error_code, wire_code(KafkaError::kGroupIdNotFound));
  EXPECT_EQ(listed(), "classic Stable");
}

// ---- settings

TEST_F(ConsumerGroupPort, AGroupMayHaveTimesOfItsOwn) {
  EXPECT_EQ(set("consumer.session.timeout.ms", "6000"), 0);
  EXPECT_EQ(set("consumer.heartbeat.interval.ms", "500"), 0);
  EXPECT_EQ(listed(), "0 groups") << "a name with settings is no group yet";
  EXPECT_EQ(beat(joining("m1")).heartbeat_interval_ms, 500);
  port.advance(Milliseconds(5'999));
  EXPECT_EQ(listed(), "consumer Stable");
  port.advance(Milliseconds(1));
  EXPECT_EQ(listed(), "consumer Empty");

  EXPECT_EQ(set("consumer.heartbeat.interval.ms", "6000"), wire_code(KafkaError::kInvalidConfig));
  EXPECT_EQ(set("consumer.session.timeout.ms", "1"), wire_code(KafkaError::kInvalidConfig));
  EXPECT_EQ(set("no.such", "1"), wire_code(KafkaError::kInvalidConfig));

  DescribeConfigsRequest describe;
  auto& resource = describe.resources.emplace_back();
  resource.resource_type = 32;
  resource.resource_name = wire::literal("crew");
  const auto configs = client.call<DescribeConfigsResponse>(4, describe).results.at(0).configs;
  ASSERT_EQ(configs.size(), 7U);
  EXPECT_EQ(configs[1].value->view(), "6000");
  EXPECT_EQ(configs[1].config_source, 8);

  ListConfigResourcesRequest list;
  list.resource_types.push_back(32);
  EXPECT_EQ(client.call<ListConfigResourcesResponse>(1, list).config_resources.size(), 1U);

  AlterConfigsRequest replace;
  auto& all = replace.resources.emplace_back();
  all.resource_type = 32;
  all.resource_name = wire::literal("crew");
  EXPECT_EQ(client.call<AlterConfigsResponse>(2, replace).responses.at(0).error_code, 0);
  EXPECT_EQ(beat(joining("m1")).heartbeat_interval_ms, 5'000);
}

TEST(GroupCells, SettingsSurviveARestartByEventAndByImage) {
  const group::Settings settings = {{"consumer.session.timeout.ms", "6000"}};
  const std::string event = broker::GroupCell::encoded(settings);
  broker::GroupCell cell;
  std::vector<broker::Extent> released;
  std::vector<broker::Extent> held;
  ASSERT_TRUE(cell.replay({.lsn = Lsn(1),
                           .now = Timestamp(1),
                           .event = ByteView(event).substr(1),
                           .payload = {},
                           .extent = {}},
                          released, held));
  EXPECT_EQ(cell.settings, settings);
  broker::CellImage image;
  cell.save(image);
  broker::GroupCell other;
  ASSERT_TRUE(other.load(image.head, held));
  EXPECT_EQ(other.settings, settings);
  EXPECT_FALSE(broker::GroupCell().load(image.head + "x", held));
}

// ---- migration

TEST_F(ConsumerGroupPort, AClassicGroupIsTakenOverWhileItReads) {
  const NamedPartitions all = {{"events", 0}, {"events", 1}, {"events", 2}, {"events", 3}};
  const auto old = join("");
  ASSERT_EQ(old.error_code, 0);
  EXPECT_EQ(count(sync(old, all)), 4U);

  const Beat upgraded = beat(joining("m1"));
  ASSERT_EQ(upgraded.error_code, 0);
  EXPECT_TRUE(partitions(upgraded).empty()) << "they are in use";
  EXPECT_EQ(commit(std::string(old.member_id.view()), old.generation_id), KafkaError::kNone);
  EXPECT_EQ(listed(), "consumer Reconciling");

  EXPECT_EQ(classic_beat(old), KafkaError::kRebalanceInProgress);
  const auto again = join(std::string(old.member_id.view()));  // an eager member owns nothing now
  EXPECT_EQ(again.generation_id, upgraded.member_epoch);
  EXPECT_TRUE(again.members.empty()) << "it does not share out";
  EXPECT_EQ(count(sync(again)), 2U);
  EXPECT_EQ(classic_beat(again), KafkaError::kNone);
  EXPECT_EQ(partitions(beat(beating("m1", upgraded.member_epoch))).size(), 2U);
  EXPECT_EQ(listed(), "consumer Stable");
  EXPECT_EQ(described().members.at(1).member_type + described().members.at(0).member_type, 1);

  // And back: the last member of the new protocol goes.
  beat(beating("m1", -1));
  EXPECT_EQ(listed(), "classic PreparingRebalance");
  EXPECT_EQ(classic_beat(again), KafkaError::kRebalanceInProgress);
  const auto last = join(std::string(old.member_id.view()));
  ASSERT_EQ(last.error_code, 0);
  EXPECT_EQ(last.leader, last.member_id);
  EXPECT_EQ(count(sync(last, all)), 4U);
  EXPECT_EQ(listed(), "classic Stable");
}

TEST_F(ConsumerGroupPort, AClassicMemberJoinsAGroupOfTheNewProtocol) {
  beat(joining("m1"));
  const auto joined = join("");
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(count(sync(joined)), 0U);
  auto given_up = beating("m1", 1);
  beat(given_up);
  auto& owned = given_up.topic_partitions.emplace().emplace_back();
  owned.topic_id = topic_id;
  owned.partitions = {0, 1};
  EXPECT_EQ(beat(given_up).member_epoch, 2);
  EXPECT_EQ(classic_beat(joined), KafkaError::kRebalanceInProgress) << "there is more for it now";
  const auto again = join(std::string(joined.member_id.view()));
  EXPECT_EQ(count(sync(again)), 2U);
  LeaveGroupRequest leave;
  leave.group_id = wire::literal("crew");
  leave.members.emplace_back().member_id = again.member_id;
  EXPECT_EQ(client.call<LeaveGroupResponse>(5, leave).members.at(0).error_code, 0);
  EXPECT_EQ(described().members.size(), 1U);
}

TEST_F(ConsumerGroupPort, AGroupOfOthersIsNotTakenOver) {
  JoinGroupRequest request = classic("");
  request.protocol_type = wire::literal("connect");
  const auto told = client.call<JoinGroupResponse>(9, request);
  request.member_id = told.member_id;
  ASSERT_EQ(client.call<JoinGroupResponse>(9, request).error_code, 0);
  EXPECT_EQ(beat(joining("m1")).error_code, wire_code(KafkaError::kGroupIdNotFound));
  EXPECT_EQ(listed(), "classic CompletingRebalance");
}

TEST_F(ConsumerGroupPort, SubscriptionsAndAssignmentsAreReadAsClientsWriteThem) {
  const NamedPartitions some = {{"a", 0}, {"a", 3}, {"b", 1}};
  EXPECT_EQ(read_assignment(write_assignment(3, some)), some);
  EXPECT_EQ(read_assignment(""), NamedPartitions());
  EXPECT_FALSE(read_assignment(std::string_view("\0\1", 2)));
  EXPECT_FALSE(read_subscription(""));
  const auto read = read_subscription(classic("", {{"events", 2}}).protocols[0].metadata.view());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->topics, std::vector<std::string>{"events"});
  EXPECT_EQ(read->owned, (NamedPartitions{{"events", 2}}));
  EXPECT_FALSE(read_subscription(std::string_view("\0\0\x7f\xff\xff\xff", 6)));
}

// ---- what has nothing to do here

TEST_F(ConsumerGroupPort, LeadersAreElectedAndPartitionsMovedAsFarAsOneBrokerCan) {
  ElectLeadersRequest elect;
  elect.topic_partitions.emplace().push_back({wire::literal("events"), {0, 9}});
  for (int16_t version = 0; version <= 2; ++version) {
    const auto results = client.call<ElectLeadersResponse>(version, elect)
                             .replica_election_results.at(0)
                             .partition_result;
    EXPECT_EQ(results.at(0).error_code, wire_code(KafkaError::kElectionNotNeeded));
    EXPECT_EQ(results.at(1).error_code, wire_code(KafkaError::kUnknownTopicOrPartition));
  }
  elect.topic_partitions.reset();
  EXPECT_TRUE(client.call<ElectLeadersResponse>(2, elect).replica_election_results.empty());

  AlterPartitionReassignmentsRequest move;
  auto& topic = move.topics.emplace_back();
  topic.name = wire::literal("events");
  const auto moved = [&](std::optional<std::vector<int32_t>> replicas, int32_t partition = 0) {
    topic.partitions = {{partition, std::move(replicas)}};
    return static_cast<KafkaError>(client.call<AlterPartitionReassignmentsResponse>(1, move)
                                       .responses.at(0)
                                       .partitions.at(0)
                                       .error_code);
  };
  EXPECT_EQ(moved({{1}}), KafkaError::kNone);
  EXPECT_EQ(moved({{2}}), KafkaError::kInvalidReplicaAssignment);
  EXPECT_EQ(moved(std::nullopt), KafkaError::kNoReassignmentInProgress);
  EXPECT_EQ(moved({{1}}, 9), KafkaError::kUnknownTopicOrPartition);
  const auto under_way =
      client.call<ListPartitionReassignmentsResponse>(0, ListPartitionReassignmentsRequest{});
  EXPECT_TRUE(under_way.topics.empty());
}

TEST_F(ConsumerGroupPort, MetricsOfClientsAreNotAskedFor) {
  const auto first =
      client.call<GetTelemetrySubscriptionsResponse>(0, GetTelemetrySubscriptionsRequest{});
  EXPECT_EQ(first.error_code, 0);
  EXPECT_FALSE(first.client_instance_id.is_zero());
  EXPECT_TRUE(first.requested_metrics.empty());
  EXPECT_GT(first.push_interval_ms, 0);
  PushTelemetryRequest push;
  const auto error = [&] {
    return static_cast<KafkaError>(client.call<PushTelemetryResponse>(0, push).error_code);
  };
  EXPECT_EQ(error(), KafkaError::kInvalidRequest);
  push.client_instance_id = first.client_instance_id;
  EXPECT_EQ(error(), KafkaError::kUnknownSubscriptionId);
  push.metrics = Bytes::take(std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(error(), KafkaError::kTelemetryTooLarge);
}

}  // namespace
}  // namespace weir::kafka
