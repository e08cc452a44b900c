// Access rules over a real socket: what a client may do, and how rules are made, found and removed.

#include "protocols/kafka/gen/acls.h"

#include <set>

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/consumer_group.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/log_dirs.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/producer_id.h"
#include "protocols/kafka/gen/quotas.h"
#include "protocols/kafka/gen/replicas.h"
#include "protocols/kafka/gen/sasl.h"
#include "protocols/kafka/gen/scram.h"
#include "protocols/kafka/gen/streams_group.h"
#include "protocols/kafka/gen/telemetry.h"
#include "protocols/kafka/gen/topics.h"
#include "protocols/kafka/handlers/handler.h"
#include "tests/unit/protocols/kafka/acls.h"
#include "tests/unit/protocols/kafka/cluster_questions.h"

namespace weir::kafka {
namespace {

// A new handler is a new row here.
Questions topic_questions() {
  return {
      {ListOffsetsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          ListOffsetsRequest request;
          request.topics.push_back({orders(), {{}}});
          return one<ListOffsetsResponse>(client, 7, request)
              .topics.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {CreateTopicsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          CreateTopicsRequest request;
          auto& topic = request.topics.emplace_back();
          topic.name = wire::literal("new");
          topic.num_partitions = 1;
          topic.replication_factor = 1;
          return one<CreateTopicsResponse>(client, 7, request).topics.at(0).error_code;
        }}},
      {DeleteTopicsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          DeleteTopicsRequest request;
          request.topics.push_back({orders(), {}});
          return one<DeleteTopicsResponse>(client, 6, request).responses.at(0).error_code;
        }}},
      {DeleteRecordsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          DeleteRecordsRequest request;
          request.topics.push_back({orders(), {{}}});
          return one<DeleteRecordsResponse>(client, 2, request)
              .topics.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {DescribeProducersRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          DescribeProducersRequest request;
          request.topics.push_back({orders(), {0}});
          return one<DescribeProducersResponse>(client, 0, request)
              .topics.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {OffsetForLeaderEpochRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          OffsetForLeaderEpochRequest request;
          request.topics.push_back({orders(), {{}}});
          return one<OffsetForLeaderEpochResponse>(client, 4, request)
              .topics.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {CreatePartitionsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          CreatePartitionsRequest request;
          auto& topic = request.topics.emplace_back();
          topic.name = orders();
          topic.count = 5;
          return one<CreatePartitionsResponse>(client, 3, request).results.at(0).error_code;
        }}},
      {DescribeTopicPartitionsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          DescribeTopicPartitionsRequest request;
          request.topics.push_back({orders()});
          return one<DescribeTopicPartitionsResponse>(client, 0, request).topics.at(0).error_code;
        }}},
      {DescribeConfigsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          DescribeConfigsRequest request;
          auto& resource = request.resources.emplace_back();
          resource.resource_type = 2;
          resource.resource_name = orders();
          return one<DescribeConfigsResponse>(client, 4, request).results.at(0).error_code;
        }}},
      {AlterConfigsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          AlterConfigsRequest request;
          auto& resource = request.resources.emplace_back();
          resource.resource_type = 2;
          resource.resource_name = orders();
          return one<AlterConfigsResponse>(client, 2, request).responses.at(0).error_code;
        }}},
      {IncrementalAlterConfigsRequest::kKey,
       {kTopicRefused,
        [](Client& client) {
          IncrementalAlterConfigsRequest request;
          auto& resource = request.resources.emplace_back();
          resource.resource_type = 2;
          resource.resource_name = orders();
          return one<IncrementalAlterConfigsResponse>(client, 1, request)
              .responses.at(0)
              .error_code;
        }}},
  };
}

Questions group_questions() {
  return {
      {OffsetCommitRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          OffsetCommitRequest request;
          request.group_id = crew();
          auto& topic = request.topics.emplace_back();
          topic.name = orders();
          topic.partitions.emplace_back();
          return one<OffsetCommitResponse>(client, 8, request)
              .topics.at(0)
              .partitions.at(0)
              .error_code;
        }}},
      {OffsetFetchRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          OffsetFetchRequest request;
          request.groups.emplace_back().group_id = crew();
          return one<OffsetFetchResponse>(client, 8, request).groups.at(0).error_code;
        }}},
      {FindCoordinatorRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          FindCoordinatorRequest request;
          request.coordinator_keys.push_back(crew());
          return one<FindCoordinatorResponse>(client, 4, request).coordinators.at(0).error_code;
        }}},
      {JoinGroupRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          JoinGroupRequest request;
          request.group_id = crew();
          request.session_timeout_ms = 10'000;
          return one<JoinGroupResponse>(client, 9, request).error_code;
        }}},
      {HeartbeatRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          HeartbeatRequest request;
          request.group_id = crew();
          return one<HeartbeatResponse>(client, 4, request).error_code;
        }}},
      {LeaveGroupRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          LeaveGroupRequest request;
          request.group_id = crew();
          return one<LeaveGroupResponse>(client, 5, request).error_code;
        }}},
      {SyncGroupRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          SyncGroupRequest request;
          request.group_id = crew();
          return one<SyncGroupResponse>(client, 5, request).error_code;
        }}},
      {DescribeGroupsRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          DescribeGroupsRequest request;
          request.groups.push_back(crew());
          return one<DescribeGroupsResponse>(client, 5, request).groups.at(0).error_code;
        }}},
      {DeleteGroupsRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          DeleteGroupsRequest request;
          request.groups_names.push_back(crew());
          return one<DeleteGroupsResponse>(client, 2, request).results.at(0).error_code;
        }}},
      {OffsetDeleteRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          OffsetDeleteRequest request;
          request.group_id = crew();
          return one<OffsetDeleteResponse>(client, 0, request).error_code;
        }}},
  };
}

Questions cluster_questions() {
  return {
      {InitProducerIdRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<InitProducerIdResponse>(client, 5, InitProducerIdRequest()).error_code;
        }}},
      {DescribeLogDirsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<DescribeLogDirsResponse>(client, 5, DescribeLogDirsRequest()).error_code;
        }}},
      {ListConfigResourcesRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<ListConfigResourcesResponse>(client, 1, ListConfigResourcesRequest())
              .error_code;
        }}},
      {DescribeAclsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<DescribeAclsResponse>(client, 3, DescribeAclsRequest()).error_code;
        }}},
      {CreateAclsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          CreateAclsRequest request;
          request.creations.emplace_back();
          return one<CreateAclsResponse>(client, 3, request).results.at(0).error_code;
        }}},
      {DeleteAclsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          DeleteAclsRequest request;
          request.filters.emplace_back();
          return one<DeleteAclsResponse>(client, 3, request).filter_results.at(0).error_code;
        }}},
      {DescribeUserScramCredentialsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<DescribeUserScramCredentialsResponse>(client, 0,
                                                           DescribeUserScramCredentialsRequest())
              .error_code;
        }}},
      {AlterUserScramCredentialsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          AlterUserScramCredentialsRequest request;
          request.deletions.emplace_back().name = wire::literal("admin");
          return one<AlterUserScramCredentialsResponse>(client, 0, request)
              .results.at(0)
              .error_code;
        }}},
  };
}

Questions replica_and_quota_questions() {
  return {
      {ElectLeadersRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<ElectLeadersResponse>(client, 2, ElectLeadersRequest()).error_code;
        }}},
      {AlterPartitionReassignmentsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<AlterPartitionReassignmentsResponse>(client, 1,
                                                          AlterPartitionReassignmentsRequest())
              .error_code;
        }}},
      {ListPartitionReassignmentsRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<ListPartitionReassignmentsResponse>(client, 0,
                                                         ListPartitionReassignmentsRequest())
              .error_code;
        }}},
      {DescribeClientQuotasRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          return one<DescribeClientQuotasResponse>(client, 1, DescribeClientQuotasRequest())
              .error_code;
        }}},
      {AlterClientQuotasRequest::kKey,
       {kClusterRefused,
        [](Client& client) {
          AlterClientQuotasRequest request;
          request.entries.emplace_back();
          return one<AlterClientQuotasResponse>(client, 1, request).entries.at(0).error_code;
        }}},
  };
}

// KIP-848
Questions consumer_group_questions() {
  return {
      {ConsumerGroupHeartbeatRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          ConsumerGroupHeartbeatRequest request;
          request.group_id = crew();
          request.member_id = wire::literal("member");
          request.rebalance_timeout_ms = 10'000;
          request.subscribed_topic_names.emplace();
          request.topic_partitions.emplace();
          return one<ConsumerGroupHeartbeatResponse>(client, 1, request).error_code;
        }}},
      {ConsumerGroupDescribeRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          ConsumerGroupDescribeRequest request;
          request.group_ids.push_back(crew());
          return one<ConsumerGroupDescribeResponse>(client, 1, request).groups.at(0).error_code;
        }}},
      {StreamsGroupHeartbeatRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          StreamsGroupHeartbeatRequest request;
          request.group_id = crew();
          request.member_id = wire::literal("m");
          request.member_epoch = 1;
          return one<StreamsGroupHeartbeatResponse>(client, 0, request).error_code;
        }}},
      {StreamsGroupDescribeRequest::kKey,
       {kGroupRefused,
        [](Client& client) {
          StreamsGroupDescribeRequest request;
          request.group_ids.push_back(crew());
          return one<StreamsGroupDescribeResponse>(client, 0, request).groups.at(0).error_code;
        }}},
  };
}

TEST_F(Acls, EveryHandlerRefusesWhoMayDoNothing) {
  auto questions = topic_questions();
  questions.merge(group_questions());
  questions.merge(cluster_questions());
  questions.merge(replica_and_quota_questions());
  questions.merge(consumer_group_questions());
  questions.merge(quorum_questions());
  questions[ProduceRequest::kKey] = {kTopicRefused, produce};
  questions[FetchRequest::kKey] = {kTopicRefused, fetch};
  questions[MetadataRequest::kKey] = {kTopicRefused,
                                      [](Client& client) { return metadata(client).error_code; }};
  // These tell nothing, leave out what may not be seen, or are for who knows a token's secret.
  const std::set<int16_t> open = {kApiVersionsKey,
                                  SaslHandshakeRequest::kKey,
                                  SaslAuthenticateRequest::kKey,
                                  DescribeClusterRequest::kKey,
                                  ListGroupsRequest::kKey,
                                  RenewDelegationTokenRequest::kKey,
                                  ExpireDelegationTokenRequest::kKey,
                                  DescribeDelegationTokenRequest::kKey,
                                  GetTelemetrySubscriptionsRequest::kKey,
                                  PushTelemetryRequest::kKey};
  for (const HandlerEntry& handler : all_handlers()) {
    if (open.contains(handler.key)) continue;
    ASSERT_TRUE(questions.contains(handler.key)) << "key " << handler.key << " is not asked about";
    const auto& [refusal, ask] = questions.at(handler.key);
    EXPECT_EQ(ask(alice), refusal) << "key " << handler.key;
    EXPECT_NE(ask(admin), refusal) << "key " << handler.key << ", a super user";
  }
}

TEST_F(Acls, ARuleAllowsWhatItSaysAndNoMore) {
  allow(Operation::kWrite, ResourceType::kTopic, "orders");
  EXPECT_EQ(produce(alice), 0);
  EXPECT_EQ(fetch(alice), kTopicRefused);
  const auto topic = metadata(alice);
  EXPECT_EQ(topic.error_code, 0);
  EXPECT_EQ(topic.topic_authorized_operations, 1 << 4 | 1 << 8) << "write, hence describe";
  EXPECT_EQ(one<InitProducerIdResponse>(alice, 5, InitProducerIdRequest()).error_code, 0);
}

TEST_F(Acls, ListingsLeaveOutWhatMayNotBeSeen) {
  MetadataRequest all;
  EXPECT_TRUE(one<MetadataResponse>(alice, 9, all).topics.empty());
  EXPECT_EQ(one<MetadataResponse>(admin, 9, all).topics.size(), 1U);
  allow(Operation::kDescribe, ResourceType::kTopic, "orders");
  EXPECT_EQ(one<MetadataResponse>(alice, 9, all).topics.size(), 1U);
  DescribeClusterRequest cluster;
  cluster.include_cluster_authorized_operations = true;
  EXPECT_EQ(one<DescribeClusterResponse>(alice, 2, cluster).cluster_authorized_operations, 0);
  allow(Operation::kAlter, ResourceType::kCluster, "kafka-cluster");
  EXPECT_EQ(one<DescribeClusterResponse>(alice, 2, cluster).cluster_authorized_operations,
            1 << 7 | 1 << 8);
}

TEST_F(Acls, WhatMayBeDoneWithTheClusterIsToldToWhoMayDescribeIt) {
  allow(Operation::kCreate, ResourceType::kCluster, "kafka-cluster");
  MetadataRequest metadata;
  metadata.include_cluster_authorized_operations = true;
  DescribeClusterRequest cluster;
  cluster.include_cluster_authorized_operations = true;
  EXPECT_EQ(one<MetadataResponse>(alice, 9, metadata).cluster_authorized_operations, 0);
  EXPECT_EQ(one<DescribeClusterResponse>(alice, 2, cluster).cluster_authorized_operations, 0);
  allow(Operation::kDescribe, ResourceType::kCluster, "kafka-cluster");
  constexpr int32_t kBoth = 1 << 5 | 1 << 8;
  EXPECT_EQ(one<MetadataResponse>(alice, 9, metadata).cluster_authorized_operations, kBoth);
  EXPECT_EQ(one<DescribeClusterResponse>(alice, 2, cluster).cluster_authorized_operations, kBoth);
}

TEST_F(Acls, AllTopicsAreThoseThatMayBeDescribed) {
  DescribeTopicPartitionsRequest all;
  all.response_partition_limit = 100;
  EXPECT_TRUE(one<DescribeTopicPartitionsResponse>(alice, 0, all).topics.empty());
  EXPECT_EQ(one<DescribeTopicPartitionsResponse>(admin, 0, all).topics.size(), 1U);
}

TEST_F(Acls, ATopicIsMadeOnDemandOnlyForWhoMayCreateIt) {
  add({.pattern = Pattern::kPrefixed,
       .name = "new-",
       .principal = "User:alice",
       .host = "*",
       .operation = Operation::kDescribe});
  EXPECT_EQ(metadata(alice, "new-one").error_code, kTopicRefused);
  add({.pattern = Pattern::kPrefixed,
       .name = "new-",
       .principal = "User:alice",
       .host = "*",
       .operation = Operation::kCreate});
  EXPECT_EQ(metadata(alice, "new-one").error_code, 0);
  EXPECT_EQ(metadata(alice, "other").error_code, kTopicRefused);
}

TEST_F(Acls, RulesAreMadeFoundAndRemoved) {
  CreateAclsRequest create;
  create.creations.push_back(creation());
  create.creations.push_back(creation());
  create.creations.back().operation = static_cast<int8_t>(Operation::kWrite);
  create.creations.push_back(creation());
  create.creations.back().resource_pattern_type = static_cast<int8_t>(Pattern::kPrefixed);
  create.creations.back().resource_name = wire::literal("ord");
  for (int16_t version = 1; version <= 3; ++version) {
    for (const auto& result : one<CreateAclsResponse>(admin, version, create).results) {
      EXPECT_EQ(result.error_code, 0);
    }
  }
  EXPECT_EQ(rules(), 3U);
  EXPECT_EQ(fetch(alice), 0);

  DescribeAclsRequest describe = everything();
  EXPECT_EQ(one<DescribeAclsResponse>(admin, 3, describe).resources.size(), 2U);
  describe.pattern_type_filter = 2;  // what holds for the name
  describe.resource_name_filter = orders();
  EXPECT_EQ(one<DescribeAclsResponse>(admin, 3, describe).resources.size(), 2U);
  describe.pattern_type_filter = 3;
  const auto literal = one<DescribeAclsResponse>(admin, 3, describe);
  ASSERT_EQ(literal.resources.size(), 1U);
  EXPECT_EQ(literal.resources.at(0).acls.size(), 2U);

  DeleteAclsRequest remove;
  auto& filter = remove.filters.emplace_back();
  filter.resource_type_filter = filter.permission_type = filter.pattern_type_filter = 1;
  filter.operation = static_cast<int8_t>(Operation::kRead);
  EXPECT_EQ(one<DeleteAclsResponse>(admin, 3, remove).filter_results.at(0).matching_acls.size(),
            2U);
  EXPECT_EQ(rules(), 1U);
  EXPECT_EQ(fetch(alice), kTopicRefused);
}

TEST_F(Acls, RulesThatMakeNoSenseAreRefused) {
  const auto refused = [&](auto change) {
    CreateAclsRequest request;
    request.creations.push_back(creation());
    change(request.creations.back());
    return one<CreateAclsResponse>(admin, 3, request).results.at(0).error_code;
  };
  constexpr int16_t kInvalid = wire_code(KafkaError::kInvalidRequest);
  using Creation = CreateAclsRequest::Creation;
  EXPECT_EQ(refused([](Creation& c) { c.resource_type = 1; }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.resource_pattern_type = 2; }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.operation = 1; }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.permission_type = 1; }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.principal = wire::literal("alice"); }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.resource_name = Bytes(); }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.host = Bytes(); }), kInvalid);
  EXPECT_EQ(refused([](Creation& c) { c.resource_type = 4; }), kInvalid);
  DescribeAclsRequest unknown = everything();
  unknown.operation = 0;
  EXPECT_EQ(one<DescribeAclsResponse>(admin, 3, unknown).error_code, kInvalid);
  EXPECT_EQ(rules(), 0U);
}

class AclsByDefault : public Acls {
 protected:
  AclsByDefault() : Acls(config()) {}
  static Config config() {
    Config config = strict();
    config.access = Unruled::kAllowIfNoRules;
    return config;
  }
};

TEST_F(AclsByDefault, AllMayDoAllUntilThereIsARule) {
  EXPECT_EQ(produce(alice), 0);
  EXPECT_EQ(metadata(alice).topic_authorized_operations & 1 << 6, 1 << 6);
  allow(Operation::kRead, ResourceType::kTopic, "orders");
  EXPECT_EQ(produce(alice), kTopicRefused);
  EXPECT_EQ(fetch(alice), 0);
  EXPECT_EQ(one<DescribeAclsResponse>(alice, 3, everything()).error_code, kClusterRefused);
  EXPECT_EQ(one<DescribeAclsResponse>(admin, 3, everything()).error_code, 0);
}

class AclsThatAllow : public Acls {
 protected:
  AclsThatAllow() : Acls(config()) {}
  static Config config() {
    Config config = strict();
    config.access = Unruled::kAllow;
    return config;
  }
};

TEST_F(AclsThatAllow, AResourceWithoutRulesIsEverybodys) {
  allow(Operation::kRead, ResourceType::kTopic, "other");
  EXPECT_EQ(produce(alice), 0);
  add({.name = "orders",
       .principal = "User:*",
       .host = "127.0.0.1",
       .operation = Operation::kWrite,
       .permission = Permission::kDeny});
  EXPECT_EQ(produce(alice), kTopicRefused);
}

}  // namespace
}  // namespace weir::kafka
