// What a cluster of one broker answers to questions about quorums, features and directories.

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/features.h"
#include "protocols/kafka/gen/log_dirs.h"
#include "protocols/kafka/gen/quorum.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

class ClusterOfOne : public testing::Test {
 protected:
  static DescribeQuorumRequest question(std::string_view topic, int32_t partition) {
    DescribeQuorumRequest request;
    request.topics.push_back({Bytes::copy_of(topic), {{partition}}});
    return request;
  }
  DescribeQuorumResponse::Partition quorum(int16_t version) {
    return client.call<DescribeQuorumResponse>(version, question("__cluster_metadata", 0))
        .topics.at(0)
        .partitions.at(0);
  }
  void make_topic(std::string name) {
    port.on_broker([&](broker::Broker& broker) {
      ASSERT_TRUE(broker.create_topic({.name = {"", std::move(name)}, .log = {}, .properties = {}},
                                      broker.now()));
    });
  }
  UpdateFeaturesResponse update(std::string_view feature,
                                int16_t level,
                                int8_t type = 1,
                                int16_t version = 2) {
    UpdateFeaturesRequest request;
    auto& update = request.feature_updates.emplace_back();
    update.feature = Bytes::copy_of(feature);
    update.max_version_level = level;
    update.upgrade_type = type;
    return client.call<UpdateFeaturesResponse>(version, request);
  }
  int16_t move_to(std::string_view path, std::string_view topic, int32_t partition) {
    AlterReplicaLogDirsRequest request;
    request.dirs.push_back({Bytes::copy_of(path), {{Bytes::copy_of(topic), {partition}}}});
    const auto answer = client.call<AlterReplicaLogDirsResponse>(2, request).results.at(0);
    EXPECT_EQ(answer.topic_name.view(), topic);
    EXPECT_EQ(answer.partitions.at(0).partition_index, partition);
    return answer.partitions.at(0).error_code;
  }
  static AddRaftVoterRequest voter() {
    AddRaftVoterRequest request;
    request.voter_id = 2;
    request.voter_directory_id.bytes[15] = 7;
    request.listeners.push_back({wire::literal("CONTROLLER"), wire::literal("localhost"), 9093});
    return request;
  }

  Port port;
  Client client{port};
};

TEST_F(ClusterOfOne, TheOneVoterLeadsAndHasEverythingThatIsDurable) {
  const auto before = quorum(2);
  EXPECT_EQ(before.error_code, 0);
  EXPECT_EQ(before.leader_id, 1);
  EXPECT_TRUE(before.observers.empty());
  ASSERT_EQ(before.current_voters.size(), 1U);
  EXPECT_EQ(before.current_voters.at(0).replica_id, 1);
  EXPECT_EQ(before.current_voters.at(0).log_end_offset, before.high_watermark);
  EXPECT_GT(before.current_voters.at(0).last_caught_up_timestamp, 0);
  make_topic("orders");
  port.sync();
  EXPECT_GT(quorum(1).high_watermark, before.high_watermark);
  EXPECT_EQ(quorum(0).leader_epoch, before.leader_epoch);
}

TEST_F(ClusterOfOne, NothingIsToldOfTheLogThatIsNotDurable) {
  port.sync();
  port.hold_back(true);
  const int64_t before = quorum(2).high_watermark;
  make_topic("orders");
  EXPECT_EQ(quorum(2).high_watermark, before);
  port.hold_back(false);
}

TEST_F(ClusterOfOne, TheVoterIsReachedWhereTheClientReachedTheBroker) {
  const auto answer = client.call<DescribeQuorumResponse>(2, question("__cluster_metadata", 0));
  ASSERT_EQ(answer.nodes.size(), 1U);
  EXPECT_EQ(answer.nodes.at(0).node_id, 1);
  EXPECT_EQ(answer.nodes.at(0).listeners.at(0).host.view(), "127.0.0.1");
  EXPECT_EQ(static_cast<uint16_t>(answer.nodes.at(0).listeners.at(0).port), port.port());
}

TEST_F(ClusterOfOne, OtherLogsHaveNoQuorum) {
  const auto unknown = wire_code(KafkaError::kUnknownTopicOrPartition);
  for (const auto& request : {question("orders", 0), question("__cluster_metadata", 1)}) {
    const auto answer = client.call<DescribeQuorumResponse>(2, request);
    EXPECT_EQ(answer.topics.at(0).partitions.at(0).error_code, unknown);
  }
}

TEST_F(ClusterOfOne, VotersAreNeitherAddedNorRemoved) {
  const auto add = [&](const AddRaftVoterRequest& request) {
    return client.call<AddRaftVoterResponse>(1, request).error_code;
  };
  EXPECT_EQ(add(voter()), wire_code(KafkaError::kUnsupportedVersion));
  auto wrong = voter();
  wrong.cluster_id = wire::literal("another");
  EXPECT_EQ(add(wrong), wire_code(KafkaError::kInconsistentClusterId));
  wrong = voter();
  wrong.voter_directory_id = {};
  EXPECT_EQ(add(wrong), wire_code(KafkaError::kInvalidRequest));
  wrong = voter();
  wrong.listeners.clear();
  EXPECT_EQ(add(wrong), wire_code(KafkaError::kInvalidRequest));

  RemoveRaftVoterRequest remove;
  EXPECT_EQ(client.call<RemoveRaftVoterResponse>(0, remove).error_code,
            wire_code(KafkaError::kInvalidRequest));
  remove.cluster_id = wire::literal("weir");
  remove.voter_id = 1;
  remove.voter_directory_id.bytes[0] = 1;
  EXPECT_EQ(client.call<RemoveRaftVoterResponse>(0, remove).error_code,
            wire_code(KafkaError::kUnsupportedVersion));
}

TEST_F(ClusterOfOne, OnlyABrokerThatIsThereCouldBeUnregisteredAndThatOneRuns) {
  EXPECT_EQ(client.call<UnregisterBrokerResponse>(0, UnregisterBrokerRequest{2}).error_code,
            wire_code(KafkaError::kBrokerIdNotRegistered));
  EXPECT_EQ(client.call<UnregisterBrokerResponse>(0, UnregisterBrokerRequest{1}).error_code,
            wire_code(KafkaError::kInvalidRequest));
}

TEST_F(ClusterOfOne, FeaturesAreAtTheLevelThatIsShown) {
  for (int16_t version = 3; version <= 4; ++version) {
    const auto shown = client.call<ApiVersionsResponse>(version, ApiVersionsRequest());
    EXPECT_EQ(shown.finalized_features_epoch, 0);
    ASSERT_FALSE(shown.finalized_features.empty());
    ASSERT_EQ(shown.finalized_features.size(), shown.supported_features.size());
    for (const auto& feature : shown.finalized_features) {
      // Java clients before 3.9 cannot read a range that begins at 0 (KAFKA-17011).
      EXPECT_GE(feature.min_version_level, 1);
      EXPECT_EQ(update(feature.name.view(), feature.max_version_level).error_code, 0);
    }
  }
}

TEST_F(ClusterOfOne, NoOtherLevelOfAFeatureCanBeHad) {
  const auto invalid = wire_code(KafkaError::kInvalidUpdateVersion);
  EXPECT_EQ(update("group.version", 2).error_code, invalid);
  EXPECT_EQ(update("group.version", 0, 2).error_code, invalid);
  EXPECT_EQ(update("group.version", -1).error_code, invalid);
  EXPECT_EQ(update("group.version", 1, 4).error_code, invalid);
  EXPECT_EQ(update("metadata.version", 25).error_code, invalid);
}

TEST_F(ClusterOfOne, OneFeatureThatFailsFailsAll) {
  UpdateFeaturesRequest request;
  request.feature_updates.resize(2);
  request.feature_updates[0].feature = wire::literal("group.version");
  request.feature_updates[0].max_version_level = 1;
  request.feature_updates[1].feature = wire::literal("magic.version");
  for (int16_t version = 0; version <= 2; ++version) {
    const auto answer = client.call<UpdateFeaturesResponse>(version, request);
    EXPECT_EQ(answer.error_code, wire_code(KafkaError::kInvalidUpdateVersion));
    EXPECT_NE(answer.error_message.value_or(Bytes()).view().find("magic.version"),
              std::string_view::npos);
    EXPECT_TRUE(answer.results.empty());
  }
  EXPECT_EQ(update("group.version", 1, 1, 1).results.at(0).feature.view(), "group.version");
}

TEST_F(ClusterOfOne, PartitionsStayInTheOneDirectory) {
  make_topic("orders");
  EXPECT_EQ(move_to("weir", "orders", 0), 0);
  EXPECT_EQ(move_to("/elsewhere", "orders", 0), wire_code(KafkaError::kLogDirNotFound));
  EXPECT_EQ(move_to("weir", "orders", 1), wire_code(KafkaError::kReplicaNotAvailable));
  EXPECT_EQ(move_to("weir", "none", 0), wire_code(KafkaError::kReplicaNotAvailable));
}

}  // namespace
}  // namespace weir::kafka
