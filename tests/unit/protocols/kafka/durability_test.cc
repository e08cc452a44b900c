// What each answer waits for: a test a row of the Kafka table of docs/durability.md. The journal
// holds commits back; an answer that depends on one is parked on its connection until they are
// durable.

#include <functional>
#include <utility>
#include <vector>

#include "protocols/kafka/gen/api_versions.h"
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
#include "protocols/kafka/gen/telemetry.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

constexpr int8_t kTopicResource = 2;

Bytes text(std::string_view value) {
  return Bytes::copy_of(value);
}

class KafkaDurability : public testing::Test {
 protected:
  // A topic with one record, and a group that has committed an offset of it; all durable.
  KafkaDurability() {
    create("events");
    uuid_ = client.call<MetadataResponse>(12, metadata("events")).topics.at(0).topic_id;
    client.call<ProduceResponse>(9, produce("events", batch_of({"first"})));
    client.call<OffsetCommitResponse>(8, commit(1));
  }

  // Sends the request with commits held back: the answer comes when they are durable, not before.
  template <typename Response, typename Request>
  Response waits(int16_t version, const Request& request, size_t parked_before = 0) {
    port.hold_back(true);
    const int32_t sent = client.send(version, request);
    port.until_parked(parked_before + 1);
    EXPECT_FALSE(client.has_answer());
    port.hold_back(false);
    return client.receive<Response>(version, sent);
  }
  // The request reads what another client's change, which is not durable yet, has made.
  template <typename Response, typename Request, typename Change>
  Response waits_for(const Change& change, int16_t version, const Request& request) {
    port.hold_back(true);
    Client other(port);
    change(other);
    port.until_parked(1);
    return waits<Response>(version, request, 1);
  }
  // The answer does not wait for another client's change.
  template <typename Response, typename Request, typename Change>
  Response at_once(const Change& change, int16_t version, const Request& request) {
    port.hold_back(true);
    Client other(port);
    change(other);
    port.until_parked(1);
    Response response = client.call<Response>(version, request);
    port.hold_back(false);
    port.sync();
    return response;
  }

  static CreateTopicsRequest creation(std::string_view name, std::string_view durability = {}) {
    CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = text(name);
    topic.num_partitions = 1;
    topic.replication_factor = -1;
    if (!durability.empty()) topic.configs.push_back({text("weir.durability"), text(durability)});
    return request;
  }
  void create(std::string_view name, std::string_view durability = {}) {
    EXPECT_EQ(client.call<CreateTopicsResponse>(7, creation(name, durability)).topics[0].error_code,
              0);
  }
  static ProduceRequest produce(std::string_view topic, Bytes batch, int16_t acks = -1) {
    ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 1000;
    auto& one = request.topic_data.emplace_back();
    one.name = text(topic);
    one.partition_data.emplace_back().records = wire::Records(std::move(batch));
    return request;
  }
  static OffsetCommitRequest commit(int64_t offset) {
    OffsetCommitRequest request;
    request.group_id = text("crew");
    auto& topic = request.topics.emplace_back();
    topic.name = text("events");
    topic.partitions.emplace_back().committed_offset = offset;
    return request;
  }
  static MetadataRequest metadata(std::string_view topic) {
    MetadataRequest request;
    request.topics.emplace();
    request.topics->push_back({{}, text(topic)});
    request.allow_auto_topic_creation = false;
    return request;
  }
  FetchRequest fetch(std::string_view topic, int64_t offset) {
    FetchRequest request;
    request.min_bytes = 1;
    request.session_epoch = -1;
    auto& one = request.topics.emplace_back();
    one.topic = text(topic);
    auto& partition = one.partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    return request;
  }
  // Changes of the catalog and of the log, for others to read.
  static void add_topic(Client& other) { other.send(7, creation("more")); }
  static void add_record(Client& other) { other.send(9, produce("events", batch_of({"new"}))); }

  Port port;
  Client client{port};
  wire::Uuid uuid_;
};

TEST_F(KafkaDurability, ProduceWaitsForItsBatchesWithEitherKindOfAcks) {
  for (const int16_t acks : {int16_t{1}, int16_t{-1}}) {
    const auto response = waits<ProduceResponse>(9, produce("events", batch_of({"a"}), acks));
    EXPECT_EQ(response.responses[0].partition_responses[0].error_code, 0);
  }
}

TEST_F(KafkaDurability, ProduceWaitsAsItsTopicAsks) {
  create("written", "os");
  create("at-once", "transient");
  port.hold_back(true);
  EXPECT_EQ(client.call<ProduceResponse>(9, produce("at-once", batch_of({"a"})))
                .responses[0]
                .partition_responses[0]
                .error_code,
            0);
  const int32_t sent = client.send(9, produce("written", batch_of({"a"})));
  port.until_parked(1);
  EXPECT_FALSE(client.has_answer());
  port.write();
  EXPECT_EQ(client.receive<ProduceResponse>(9, sent).responses[0].partition_responses[0].error_code,
            0);
}

TEST_F(KafkaDurability, ARepeatedBatchWaitsForTheFirst) {
  std::string bytes;
  log::BatchBuilder builder(bytes);
  builder.add({.key = "k", .value = "v", .headers = {}, .timestamp = Timestamp(1)});
  const auto id = client.call<InitProducerIdResponse>(4, InitProducerIdRequest{}).producer_id;
  builder.finish_for(id, 0, 0);
  const auto first = [&](Client& other) { other.send(9, produce("events", text(bytes))); };
  const auto again = waits_for<ProduceResponse>(first, 9, produce("events", text(bytes)));
  EXPECT_EQ(again.responses[0].partition_responses[0].base_offset, 1);
}

TEST_F(KafkaDurability, WithoutAcknowledgementNothingIsAnsweredNorWaitedFor) {
  port.hold_back(true);
  client.send(9, produce("events", batch_of({"a"}), 0));
  // The next answer of the connection is the next request's, and it leaves at once.
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest{}).error_code, 0);
}

TEST_F(KafkaDurability, ReadersSeeTheSafePrefixAtOnce) {
  EXPECT_EQ(at_once<FetchResponse>(add_record, 12, fetch("events", 0))
                .responses[0]
                .partitions[0]
                .high_watermark,
            1);
  ListOffsetsRequest list;
  auto& listed = list.topics.emplace_back();
  listed.name = text("events");
  listed.partitions.emplace_back().timestamp = -1;
  EXPECT_EQ(at_once<ListOffsetsResponse>(add_record, 7, list).topics[0].partitions[0].offset, 2);
  OffsetForLeaderEpochRequest epoch;
  auto& asked = epoch.topics.emplace_back();
  asked.topic = text("events");
  asked.partitions.emplace_back();
  EXPECT_EQ(at_once<OffsetForLeaderEpochResponse>(add_record, 4, epoch)
                .topics[0]
                .partitions[0]
                .end_offset,
            3);
}

TEST_F(KafkaDurability, AChangeOfAGroupWaitsForItsCommit) {
  EXPECT_EQ(waits<OffsetCommitResponse>(8, commit(0)).topics[0].partitions[0].error_code, 0);
  OffsetDeleteRequest forget;
  forget.group_id = text("crew");
  auto& topic = forget.topics.emplace_back();
  topic.name = text("events");
  topic.partitions.emplace_back();
  EXPECT_EQ(waits<OffsetDeleteResponse>(0, forget).topics[0].partitions[0].error_code, 0);
  DeleteGroupsRequest remove;
  remove.groups_names.push_back(text("crew"));
  EXPECT_EQ(waits<DeleteGroupsResponse>(2, remove).results[0].error_code, 0);
}

TEST_F(KafkaDurability, FetchedOffsetsWaitForTheGroupsNewestChange) {
  OffsetFetchRequest request;
  request.group_id = text("crew");
  request.topics.emplace();
  request.topics->push_back({text("events"), {0}});
  const auto change = [](Client& other) { other.send(8, commit(7)); };
  const auto response = waits_for<OffsetFetchResponse>(change, 7, request);
  EXPECT_EQ(response.topics[0].partitions[0].committed_offset, 7);
}

TEST_F(KafkaDurability, AChangeOfNamesOrSettingsWaitsForItsCommit) {
  EXPECT_EQ(waits<CreateTopicsResponse>(7, creation("second")).topics[0].error_code, 0);
  CreatePartitionsRequest grow;
  auto& grown = grow.topics.emplace_back();
  grown.name = text("second");
  grown.count = 2;
  EXPECT_EQ(waits<CreatePartitionsResponse>(3, grow).results[0].error_code, 0);
  AlterConfigsRequest replace;
  auto& replaced = replace.resources.emplace_back();
  replaced.resource_type = kTopicResource;
  replaced.resource_name = text("second");
  replaced.configs.push_back({text("retention.ms"), text("60000")});
  EXPECT_EQ(waits<AlterConfigsResponse>(2, replace).responses[0].error_code, 0);
  IncrementalAlterConfigsRequest alter;
  auto& altered = alter.resources.emplace_back();
  altered.resource_type = kTopicResource;
  altered.resource_name = text("second");
  altered.configs.push_back({text("retention.ms"), 0, text("70000")});
  EXPECT_EQ(waits<IncrementalAlterConfigsResponse>(1, alter).responses[0].error_code, 0);
  DeleteTopicsRequest remove;
  remove.topics.emplace_back().name = text("second");
  EXPECT_EQ(waits<DeleteTopicsResponse>(6, remove).responses[0].error_code, 0);
}

TEST_F(KafkaDurability, DeletedRecordsWaitForTheNewStart) {
  DeleteRecordsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = text("events");
  topic.partitions.emplace_back().offset = 1;
  EXPECT_EQ(waits<DeleteRecordsResponse>(2, request).topics[0].partitions[0].low_watermark, 1);
}

TEST_F(KafkaDurability, WhatTellsOfNamesWaitsForTheCatalog) {
  EXPECT_EQ(waits_for<MetadataResponse>(add_topic, 12, metadata("more")).topics[0].error_code, 0);
  const auto remove = [](Client& other) {
    DeleteTopicsRequest request;
    request.topics.emplace_back().name = text("more");
    other.send(6, request);
  };
  DescribeTopicPartitionsRequest partitions;
  partitions.topics.push_back({text("more")});
  EXPECT_NE(waits_for<DescribeTopicPartitionsResponse>(remove, 0, partitions).topics[0].error_code,
            0);
  DescribeConfigsRequest configs;
  auto& resource = configs.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = text("more");
  EXPECT_EQ(waits_for<DescribeConfigsResponse>(add_topic, 4, configs).results[0].error_code, 0);
  waits_for<ListConfigResourcesResponse>(remove, 1, ListConfigResourcesRequest{});
  waits_for<DescribeLogDirsResponse>(add_topic, 4, DescribeLogDirsRequest{});
  waits_for<ListGroupsResponse>(remove, 5, ListGroupsRequest{});
  DescribeGroupsRequest groups;
  groups.groups.push_back(text("crew"));
  waits_for<DescribeGroupsResponse>(add_topic, 5, groups);
}

TEST_F(KafkaDurability, AnAssignmentWaitsForTheTopicsThatItTellsOf) {
  ConsumerGroupHeartbeatRequest join;
  join.group_id = text("shared");
  join.member_id = text("m1");
  join.rebalance_timeout_ms = 10'000;
  join.subscribed_topic_names.emplace().push_back(text("events"));
  join.topic_partitions.emplace();
  const auto joined = waits_for<ConsumerGroupHeartbeatResponse>(add_topic, 1, join);
  ASSERT_EQ(joined.error_code, 0);
  ConsumerGroupHeartbeatRequest beat;
  beat.group_id = text("shared");
  beat.member_id = text("m1");
  beat.member_epoch = joined.member_epoch;
  EXPECT_EQ(at_once<ConsumerGroupHeartbeatResponse>(add_record, 1, beat).error_code, 0);
  ConsumerGroupDescribeRequest describe;
  describe.group_ids.push_back(text("shared"));
  const auto remove = [](Client& other) {
    DeleteTopicsRequest request;
    request.topics.emplace_back().name = text("more");
    other.send(6, request);
  };
  waits_for<ConsumerGroupDescribeResponse>(remove, 1, describe);
  GetTelemetrySubscriptionsRequest telemetry;
  EXPECT_EQ(at_once<GetTelemetrySubscriptionsResponse>(add_record, 0, telemetry).error_code, 0);
}

TEST_F(KafkaDurability, SettingsOfAGroupWaitForTheirCommit) {
  IncrementalAlterConfigsRequest alter;
  auto& altered = alter.resources.emplace_back();
  altered.resource_type = 32;
  altered.resource_name = text("shared");
  altered.configs.push_back({text("consumer.heartbeat.interval.ms"), 0, text("1000")});
  EXPECT_EQ(waits<IncrementalAlterConfigsResponse>(1, alter).responses[0].error_code, 0);
}

TEST_F(KafkaDurability, WhatIsNotKeptIsAnsweredAtOnce) {
  JoinGroupRequest join;
  join.group_id = text("crew");
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = text("consumer");
  join.protocols.push_back({text("range"), text("")});
  const auto asked = at_once<JoinGroupResponse>(add_record, 9, join);
  join.member_id = asked.member_id;
  const auto joined = at_once<JoinGroupResponse>(add_record, 9, join);
  EXPECT_EQ(joined.error_code, 0);
  SyncGroupRequest sync;
  sync.group_id = text("crew");
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  EXPECT_EQ(at_once<SyncGroupResponse>(add_record, 5, sync).error_code, 0);
  HeartbeatRequest beat;
  beat.group_id = text("crew");
  beat.generation_id = joined.generation_id;
  beat.member_id = joined.member_id;
  EXPECT_EQ(at_once<HeartbeatResponse>(add_record, 4, beat).error_code, 0);
  LeaveGroupRequest leave;
  leave.group_id = text("crew");
  leave.members.emplace_back().member_id = joined.member_id;
  EXPECT_EQ(at_once<LeaveGroupResponse>(add_record, 5, leave).error_code, 0);
  FindCoordinatorRequest find;
  find.coordinator_keys.push_back(text("crew"));
  at_once<FindCoordinatorResponse>(add_record, 4, find);
  at_once<InitProducerIdResponse>(add_record, 4, InitProducerIdRequest{});
  at_once<ApiVersionsResponse>(add_record, 3, ApiVersionsRequest{});
  at_once<DescribeClusterResponse>(add_record, 1, DescribeClusterRequest{});
}

}  // namespace
}  // namespace weir::kafka
