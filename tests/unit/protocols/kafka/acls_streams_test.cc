// Access rules and groups of Kafka Streams: who beats must be allowed to read the group, to know of
// all topics of its topology, and to make those that are missing.

#include "protocols/kafka/gen/streams_group.h"
#include "tests/unit/protocols/kafka/acls.h"

namespace weir::kafka {
namespace {

class AclsOfStreams : public Acls {
 protected:
  static StreamsGroupHeartbeatResponse join(Client& client) {
    StreamsGroupHeartbeatRequest request;
    request.group_id = crew();
    request.member_id = wire::literal("m");
    request.rebalance_timeout_ms = 10'000;
    auto& part = request.topology.emplace().subtopologies.emplace_back();
    part.subtopology_id = wire::literal("0");
    part.source_topics.push_back(orders());
    part.state_changelog_topics.emplace_back().name = wire::literal("crew-state");
    return client.call<StreamsGroupHeartbeatResponse>(0, request);
  }
  static StreamsGroupDescribeResponse::Group describe(Client& client) {
    StreamsGroupDescribeRequest request;
    request.group_ids.push_back(crew());
    return client.call<StreamsGroupDescribeResponse>(0, request).groups.at(0);
  }
};

TEST_F(AclsOfStreams, JoiningNeedsTheGroupAndItsTopics) {
  EXPECT_EQ(join(alice).error_code, kGroupRefused);
  allow(Operation::kRead, ResourceType::kGroup, "crew");
  EXPECT_EQ(join(alice).error_code, kTopicRefused);
  allow(Operation::kDescribe, ResourceType::kTopic, "orders");
  EXPECT_EQ(join(alice).error_code, kTopicRefused);
  allow(Operation::kDescribe, ResourceType::kTopic, "crew-state");
  EXPECT_EQ(join(alice).error_code, 0);
}

TEST_F(AclsOfStreams, InternalTopicsAreMadeForWhoMayMakeThem) {
  allow(Operation::kRead, ResourceType::kGroup, "crew");
  allow(Operation::kDescribe, ResourceType::kTopic, "orders");
  allow(Operation::kDescribe, ResourceType::kTopic, "crew-state");
  const auto without = join(alice);
  ASSERT_EQ(without.status->size(), 1U);
  EXPECT_NE(without.status->at(0).status_detail.view().find("may not create"), ByteView::npos);
  EXPECT_TRUE(without.active_tasks->empty());
  allow(Operation::kCreate, ResourceType::kTopic, "crew-state");
  port.advance(Milliseconds(1'000));
  const auto with = join(alice);
  EXPECT_TRUE(with.status->empty());
  EXPECT_EQ(with.active_tasks->size(), 1U);
}

TEST_F(AclsOfStreams, OnlyWhoMayDescribeAllItsTopicsIsToldOfAGroup) {
  ASSERT_EQ(join(admin).error_code, 0);
  EXPECT_EQ(describe(alice).error_code, kGroupRefused);
  allow(Operation::kDescribe, ResourceType::kGroup, "crew");
  EXPECT_EQ(describe(alice).error_code, kTopicRefused);
  EXPECT_FALSE(describe(alice).topology.has_value());
  allow(Operation::kDescribe, ResourceType::kTopic, "orders");
  allow(Operation::kDescribe, ResourceType::kTopic, "crew-state");
  EXPECT_EQ(describe(alice).error_code, 0);
  EXPECT_EQ(describe(alice).members.size(), 1U);
}

}  // namespace
}  // namespace weir::kafka
