// Groups and administration over a real socket.

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

class Groups : public testing::Test {
 protected:
  JoinGroupRequest join_request(const std::string& member = "") {
    JoinGroupRequest request;
    request.group_id = wire::literal("crew");
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 20'000;
    request.member_id = Bytes::copy_of(member);
    request.protocol_type = wire::literal("consumer");
    // A subscription to "events", as consumers encode it.
    request.protocols.push_back(
        {wire::literal("range"), wire::literal(ByteView("\0\0\0\0\0\x01\0\x06"
                                                        "events\0\0\0\0",
                                                        18))});
    return request;
  }
  SyncGroupResponse sync(Client& who, const JoinGroupResponse& joined) {
    SyncGroupRequest request;
    request.group_id = wire::literal("crew");
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    for (const auto& member : joined.members)
      request.assignments.push_back({member.member_id, wire::literal("all")});
    return who.call<SyncGroupResponse>(5, request);
  }
  int16_t heartbeat(const JoinGroupResponse& joined) {
    HeartbeatRequest request;
    request.group_id = wire::literal("crew");
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    return client.call<HeartbeatResponse>(4, request).error_code;
  }
  int16_t create(const std::string& name, int32_t partitions = 1) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    return client.call<CreateTopicsResponse>(7, request).topics.at(0).error_code;
  }
  int16_t commit(int64_t offset, const JoinGroupResponse* member = nullptr) {
    OffsetCommitRequest request;
    request.group_id = wire::literal("crew");
    if (member) {
      request.generation_id_or_member_epoch = member->generation_id;
      request.member_id = member->member_id;
    }
    auto& topic = request.topics.emplace_back();
    topic.name = wire::literal("events");
    auto& partition = topic.partitions.emplace_back();
    partition.committed_offset = offset;
    partition.committed_metadata = wire::literal("note");
    return client.call<OffsetCommitResponse>(8, request).topics.at(0).partitions.at(0).error_code;
  }
  OffsetFetchResponse::Partition committed() {
    OffsetFetchRequest request;
    request.group_id = wire::literal("crew");
    request.topics.emplace();
    request.topics->push_back({wire::literal("events"), {0}});
    return client.call<OffsetFetchResponse>(7, request).topics.at(0).partitions.at(0);
  }
  std::string state() {
    DescribeGroupsRequest request;
    request.groups.push_back(wire::literal("crew"));
    return std::string(
        client.call<DescribeGroupsResponse>(5, request).groups.at(0).group_state.view());
  }
  JoinGroupResponse join(Client& who) {
    auto first = who.call<JoinGroupResponse>(9, join_request());
    EXPECT_EQ(first.error_code, wire_code(KafkaError::kMemberIdRequired));
    return who.call<JoinGroupResponse>(9, join_request(std::string(first.member_id.view())));
  }

  Port port;
  Client client{port};
};

TEST_F(Groups, AMemberJoinsSyncsBeatsAndLeaves) {
  FindCoordinatorRequest find;
  find.coordinator_keys.push_back(wire::literal("crew"));
  EXPECT_EQ(client.call<FindCoordinatorResponse>(4, find).coordinators.at(0).port, port.port());

  const auto joined = join(client);
  ASSERT_EQ(joined.error_code, 0);
  EXPECT_EQ(joined.leader, joined.member_id);
  EXPECT_EQ(sync(client, joined).assignment.view(), "all");
  EXPECT_EQ(heartbeat(joined), 0);
  EXPECT_EQ(state(), "Stable");

  LeaveGroupRequest leave;
  leave.group_id = wire::literal("crew");
  leave.members.emplace_back().member_id = joined.member_id;
  EXPECT_EQ(client.call<LeaveGroupResponse>(5, leave).members.at(0).error_code, 0);
  EXPECT_EQ(heartbeat(joined), wire_code(KafkaError::kUnknownMemberId));
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Groups, ARefusedFirstJoinLeavesNoGroup) {
  const auto exists = [&] {
    bool found = false;
    port.on_broker([&](broker::Broker& broker) {
      found = broker.catalog().find_group({"", "crew"}).has_value();
    });
    return found;
  };
  EXPECT_EQ(client.call<JoinGroupResponse>(9, join_request("from-before")).error_code,
            wire_code(KafkaError::kUnknownMemberId));
  EXPECT_FALSE(exists());
  JoinGroupRequest speechless = join_request();
  speechless.protocols.clear();
  EXPECT_EQ(client.call<JoinGroupResponse>(9, speechless).error_code,
            wire_code(KafkaError::kInconsistentGroupProtocol));
  EXPECT_FALSE(exists());
  EXPECT_EQ(client.call<JoinGroupResponse>(9, join_request()).error_code,
            wire_code(KafkaError::kMemberIdRequired));
  EXPECT_TRUE(exists()) << "somebody comes again with the id";
  EXPECT_EQ(client.call<JoinGroupResponse>(9, join_request("from-before")).error_code,
            wire_code(KafkaError::kUnknownMemberId));
  EXPECT_TRUE(exists());
}

TEST_F(Groups, EveryVersionOfJoinAndSyncWorks) {
  for (int16_t version = 0; version <= 9; ++version) {
    SCOPED_TRACE(version);
    JoinGroupRequest request = join_request();
    request.group_id = Bytes::copy_of("group-" + std::to_string(version));
    auto joined = client.call<JoinGroupResponse>(version, request);
    if (version >= 4) {
      request.member_id = joined.member_id;
      joined = client.call<JoinGroupResponse>(version, request);
    }
    ASSERT_EQ(joined.error_code, 0);
    SyncGroupRequest sync_request;
    sync_request.group_id = request.group_id;
    sync_request.generation_id = joined.generation_id;
    sync_request.member_id = joined.member_id;
    EXPECT_EQ(
        client.call<SyncGroupResponse>(std::min<int16_t>(version, 5), sync_request).error_code, 0);
  }
}

TEST_F(Groups, ASecondMemberWaitsForTheFirstToJoinAgain) {
  const auto first = join(client);
  sync(client, first);
  Client other(port);
  const auto told = other.call<JoinGroupResponse>(9, join_request());
  const int32_t waiting = other.send(9, join_request(std::string(told.member_id.view())));
  while (heartbeat(first) != wire_code(KafkaError::kRebalanceInProgress)) {
  }
  EXPECT_FALSE(other.has_answer());
  const auto again =
      client.call<JoinGroupResponse>(9, join_request(std::string(first.member_id.view())));
  EXPECT_EQ(again.members.size(), 2U);
  EXPECT_EQ(other.receive<JoinGroupResponse>(9, waiting).generation_id, again.generation_id);
}

TEST_F(Groups, ASilentMemberIsOutWhenItsSessionIsOver) {
  const auto joined = join(client);
  sync(client, joined);
  port.advance(Milliseconds(9'999));
  EXPECT_EQ(state(), "Stable");
  port.advance(Milliseconds(1));
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Groups, OffsetsAreKeptAsGivenAndSeenByTheNextFetch) {
  create("events");
  EXPECT_EQ(committed().committed_offset, -1);
  EXPECT_EQ(commit(42), 0);
  EXPECT_EQ(committed().committed_offset, 42);
  EXPECT_EQ(committed().metadata->view(), "note");
  EXPECT_EQ(commit(-2), 0);
  EXPECT_EQ(committed().committed_offset, -2);
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Groups, OnlyMembersCommitWhileThereAreAny) {
  create("events");
  const auto joined = join(client);
  EXPECT_EQ(commit(1, &joined), wire_code(KafkaError::kRebalanceInProgress));
  sync(client, joined);
  EXPECT_EQ(commit(1, &joined), 0);
  EXPECT_EQ(commit(1), wire_code(KafkaError::kUnknownMemberId));
  auto old = joined;
  --old.generation_id;
  EXPECT_EQ(commit(1, &old), wire_code(KafkaError::kIllegalGeneration));
}

TEST_F(Groups, ACommitIsAnsweredWhenItIsDurable) {
  create("events");
  commit(1);
  port.hold_back(true);
  OffsetCommitRequest request;
  request.group_id = wire::literal("crew");
  auto& topic = request.topics.emplace_back();
  topic.name = wire::literal("events");
  topic.partitions.emplace_back().committed_offset = 2;
  Client other(port);
  const int32_t waiting = other.send(8, request);
  state();
  EXPECT_FALSE(other.has_answer());
  port.hold_back(false);
  EXPECT_EQ(other.receive<OffsetCommitResponse>(8, waiting).topics[0].partitions[0].error_code, 0);
}

TEST_F(Groups, OffsetsAreFetchedForSeveralGroupsAndForAllTopics) {
  create("events");
  commit(5);
  for (const int16_t version : {int16_t{8}, int16_t{9}, int16_t{10}}) {
    SCOPED_TRACE(version);
    OffsetFetchRequest request;
    request.groups.emplace_back().group_id = wire::literal("crew");
    request.groups.emplace_back().group_id = wire::literal("nobody");
    const auto response = client.call<OffsetFetchResponse>(version, request);
    ASSERT_EQ(response.groups.size(), 2U);
    EXPECT_EQ(response.groups[0].topics.at(0).partitions.at(0).committed_offset, 5);
    EXPECT_TRUE(response.groups[1].topics.empty());
  }
}

TEST_F(Groups, ADeletedTopicTakesItsOffsetsAlong) {
  create("events");
  commit(5);
  DeleteTopicsRequest remove;
  remove.topics.emplace_back().name = wire::literal("events");
  EXPECT_EQ(client.call<DeleteTopicsResponse>(6, remove).responses.at(0).error_code, 0);
  create("events");
  EXPECT_EQ(committed().committed_offset, -1);
}

TEST_F(Groups, AnUnknownGroupIsDeadAndLaterAlsoAnError) {
  DescribeGroupsRequest request;
  request.groups.push_back(wire::literal("nobody"));
  auto group = client.call<DescribeGroupsResponse>(5, request).groups.at(0);
  EXPECT_EQ(group.error_code, 0);
  EXPECT_EQ(group.group_state.view(), "Dead");
  group = client.call<DescribeGroupsResponse>(6, request).groups.at(0);
  EXPECT_EQ(group.error_code, wire_code(KafkaError::kGroupIdNotFound));
}

TEST_F(Groups, GroupsAreListedByStateAndDeletedWhenEmpty) {
  create("events");
  const auto joined = join(client);
  sync(client, joined);
  ListGroupsRequest list;
  list.states_filter.push_back(wire::literal("stable"));
  auto groups = client.call<ListGroupsResponse>(5, list).groups;
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].group_type.view(), "classic");
  list.states_filter[0] = wire::literal("Empty");
  EXPECT_TRUE(client.call<ListGroupsResponse>(5, list).groups.empty());

  DeleteGroupsRequest remove;
  remove.groups_names.push_back(wire::literal("crew"));
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results[0].error_code,
            wire_code(KafkaError::kNonEmptyGroup));

  OffsetDeleteRequest offsets;
  offsets.group_id = wire::literal("crew");
  offsets.topics.emplace_back().name = wire::literal("events");
  offsets.topics[0].partitions.emplace_back();
  EXPECT_EQ(client.call<OffsetDeleteResponse>(0, offsets).topics[0].partitions[0].error_code,
            wire_code(KafkaError::kGroupSubscribedToTopic));

  port.advance(Milliseconds(10'000));
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results[0].error_code, 0);
  EXPECT_EQ(client.call<DeleteGroupsResponse>(2, remove).results[0].error_code,
            wire_code(KafkaError::kGroupIdNotFound));
}

TEST_F(Groups, OffsetsOfAnEmptyGroupExpire) {
  create("events");
  commit(5);
  port.advance(std::chrono::days(6));
  EXPECT_EQ(committed().committed_offset, 5);
  port.advance(std::chrono::days(2));
  EXPECT_EQ(committed().committed_offset, -1);
  EXPECT_EQ(state(), "Dead");
}

TEST_F(Groups, SessionTimeoutsAndGroupNamesAreChecked) {
  JoinGroupRequest request = join_request();
  request.session_timeout_ms = 100;
  EXPECT_EQ(client.call<JoinGroupResponse>(5, request).error_code,
            wire_code(KafkaError::kInvalidSessionTimeout));
  request = join_request();
  request.group_id = {};
  EXPECT_EQ(client.call<JoinGroupResponse>(5, request).error_code,
            wire_code(KafkaError::kInvalidGroupId));
  FindCoordinatorRequest find;
  find.key_type = 1;
  const auto found = client.call<FindCoordinatorResponse>(2, find);
  EXPECT_EQ(found.error_code, wire_code(kNoTransactions));
  EXPECT_FALSE(found.error_message->empty());
}

// ---- administration

TEST_F(Groups, TopicsAreCheckedBeforeTheyAreMade) {
  EXPECT_EQ(create("events", 3), 0);
  EXPECT_EQ(create("events"), wire_code(KafkaError::kTopicAlreadyExists));
  EXPECT_EQ(create("no spaces"), wire_code(KafkaError::kInvalidTopic));
  EXPECT_EQ(create("none", 0), wire_code(KafkaError::kInvalidPartitions));

  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = wire::literal("other");
  topic.num_partitions = 1;
  topic.replication_factor = 3;
  const auto error = [&] {
    return client.call<CreateTopicsResponse>(5, request).topics.at(0).error_code;
  };
  EXPECT_EQ(error(), wire_code(KafkaError::kInvalidReplicationFactor));
  topic.replication_factor = 1;
  topic.configs.push_back({wire::literal("cleanup.policy"), wire::literal("compress")});
  EXPECT_EQ(error(), wire_code(KafkaError::kInvalidConfig));
  topic.configs[0] = {wire::literal("no.such"), wire::literal("1")};
  EXPECT_EQ(error(), wire_code(KafkaError::kInvalidConfig));
  topic.configs[0] = {wire::literal("retention.ms"), wire::literal("60000")};
  request.validate_only = true;
  EXPECT_EQ(error(), 0);
  request.validate_only = false;
  EXPECT_EQ(error(), 0);
  EXPECT_EQ(error(), wire_code(KafkaError::kTopicAlreadyExists));
}

TEST_F(Groups, PartitionsOnlyGrow) {
  create("events", 2);
  CreatePartitionsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = wire::literal("events");
  topic.count = 2;
  EXPECT_EQ(client.call<CreatePartitionsResponse>(3, request).results.at(0).error_code,
            wire_code(KafkaError::kInvalidPartitions));
  topic.count = 5;
  EXPECT_EQ(client.call<CreatePartitionsResponse>(3, request).results.at(0).error_code, 0);
  MetadataRequest metadata;
  EXPECT_EQ(client.call<MetadataResponse>(0, metadata).topics.at(0).partitions.size(), 5U);
}

TEST_F(Groups, TopicsAreMadeOnDemandOnlyWhenBothSidesWantIt) {
  MetadataRequest request;
  request.topics.emplace();
  request.topics->push_back({{}, wire::literal("fresh")});
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(client.call<MetadataResponse>(9, request).topics.at(0).error_code,
            wire_code(KafkaError::kUnknownTopicOrPartition));
  request.allow_auto_topic_creation = true;
  const auto topic = client.call<MetadataResponse>(9, request).topics.at(0);
  EXPECT_EQ(topic.error_code, 0);
  EXPECT_EQ(topic.partitions.size(), 1U);

  Config config;
  config.auto_create_topics = false;
  Port closed(config);
  Client other(closed);
  EXPECT_EQ(other.call<MetadataResponse>(9, request).topics.at(0).error_code,
            wire_code(KafkaError::kUnknownTopicOrPartition));
}

TEST_F(Groups, MetadataNamesTheAddressThatTheClientReached) {
  const auto response = client.call<MetadataResponse>(13, MetadataRequest{});
  EXPECT_EQ(response.brokers.at(0).host.view(), "127.0.0.1");
  EXPECT_EQ(response.brokers.at(0).port, port.port());
  EXPECT_EQ(response.controller_id, response.brokers[0].node_id);
}

TEST_F(Groups, SettingsAreShownWithDefaultsAndChangedOneByOneOrAllAtOnce) {
  create("events");
  const auto value = [&](const std::string& name) {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = wire::literal("events");
    const auto response = client.call<DescribeConfigsResponse>(4, request);
    for (const auto& config : response.results.at(0).configs) {
      if (config.name.view() == name)
        return std::string(config.value->view()) + (config.config_source == 5 ? "" : "!");
    }
    return std::string("none");
  };
  EXPECT_EQ(value("retention.ms"), "604800000");
  IncrementalAlterConfigsRequest change;
  auto& resource = change.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = wire::literal("events");
  resource.configs.push_back({wire::literal("retention.ms"), 0, wire::literal("5000")});
  resource.configs.push_back({wire::literal("segment.bytes"), 0, wire::literal("1000000")});
  const auto changed = [&] {
    return client.call<IncrementalAlterConfigsResponse>(1, change).responses.at(0).error_code;
  };
  EXPECT_EQ(changed(), 0);
  EXPECT_EQ(value("retention.ms"), "5000!");
  EXPECT_EQ(value("segment.bytes"), "1000000!");
  resource.configs = {{wire::literal("retention.ms"), 0, wire::literal("soon")}};
  EXPECT_EQ(changed(), wire_code(KafkaError::kInvalidConfig));

  AlterConfigsRequest replace;
  auto& all = replace.resources.emplace_back();
  all.resource_type = 2;
  all.resource_name = wire::literal("events");
  all.configs.push_back({wire::literal("max.message.bytes"), wire::literal("2000")});
  EXPECT_EQ(client.call<AlterConfigsResponse>(2, replace).responses.at(0).error_code, 0);
  EXPECT_EQ(value("retention.ms"), "604800000");
  EXPECT_EQ(value("max.message.bytes"), "2000!");
}

}  // namespace
}  // namespace weir::kafka
