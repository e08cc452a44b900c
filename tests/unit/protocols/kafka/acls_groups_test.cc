// Access rules and the consumer groups of KIP-848: who may read a group need not know of all
// topics.

#include "protocols/kafka/gen/consumer_group.h"
#include "tests/unit/protocols/kafka/acls.h"

namespace weir::kafka {
namespace {

class AclsOfConsumers : public Acls {
 protected:
  AclsOfConsumers() {
    port.on_broker([](broker::Broker& broker) {
      ASSERT_TRUE(broker.create_topic({.name = {"", "secrets"}, .log = {}, .properties = {}},
                                      broker.now()));
    });
    allow(Operation::kRead, ResourceType::kGroup, "crew");
    allow(Operation::kDescribe, ResourceType::kTopic, "orders");
  }

  static ConsumerGroupHeartbeatRequest joining(const std::string& member) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = crew();
    request.member_id = Bytes::copy_of(member);
    request.rebalance_timeout_ms = 10'000;
    request.topic_partitions.emplace();
    return request;
  }
  static ConsumerGroupHeartbeatRequest matching(const std::string& member) {
    ConsumerGroupHeartbeatRequest request = joining(member);
    request.subscribed_topic_regex = wire::literal(".*");
    return request;
  }
  static size_t topics_of(Client& client, const ConsumerGroupHeartbeatRequest& request) {
    const auto response = one<ConsumerGroupHeartbeatResponse>(client, 1, request);
    EXPECT_EQ(response.error_code, 0);
    return response.assignment ? response.assignment->topic_partitions.size() : 0;
  }
  static ConsumerGroupDescribeResponse::Group describe(Client& client) {
    ConsumerGroupDescribeRequest request;
    request.group_ids.push_back(crew());
    return one<ConsumerGroupDescribeResponse>(client, 1, request).groups.at(0);
  }
};

TEST_F(AclsOfConsumers, APatternFindsOnlyWhatItsReaderMayDescribe) {
  EXPECT_EQ(topics_of(alice, matching("alices")), 1U);
}

TEST_F(AclsOfConsumers, APatternFindsForEachReaderWhatHeMayDescribe) {
  EXPECT_EQ(topics_of(admin, matching("admins")), 2U);
  // Hers is one of the two at most, whatever the other member's pattern has found.
  ConsumerGroupHeartbeatRequest request = matching("alices");
  EXPECT_LE(topics_of(alice, request), 1U);
  const auto group = describe(admin);
  ASSERT_EQ(group.error_code, 0);
  for (const auto& member : group.members) {
    if (member.member_id != wire::literal("alices")) continue;
    for (const auto& topic : member.target_assignment.topic_partitions) {
      EXPECT_EQ(topic.topic_name, orders());
    }
  }
}

TEST_F(AclsOfConsumers, ARuleThatIsMadeLaterHoldsForAPattern) {
  EXPECT_EQ(topics_of(alice, matching("alices")), 1U);
  allow(Operation::kDescribe, ResourceType::kTopic, "secrets");
  port.advance(Milliseconds(2000));
  ConsumerGroupHeartbeatRequest beat;
  beat.group_id = crew();
  beat.member_id = wire::literal("alices");
  beat.member_epoch = 1;
  EXPECT_EQ(topics_of(alice, beat), 2U);
}

TEST_F(AclsOfConsumers, AGroupIsDescribedToWhoMayDescribeItsTopics) {
  ConsumerGroupHeartbeatRequest request = joining("admins");
  request.subscribed_topic_names.emplace().push_back(wire::literal("secrets"));
  EXPECT_EQ(topics_of(admin, request), 1U);
  EXPECT_EQ(describe(admin).members.size(), 1U);
  const auto refused = describe(alice);
  EXPECT_EQ(refused.error_code, kTopicRefused);
  EXPECT_TRUE(refused.members.empty());
  allow(Operation::kDescribe, ResourceType::kTopic, "secrets");
  EXPECT_EQ(describe(alice).members.size(), 1U);
}

TEST_F(AclsOfConsumers, ANameThatMayNotBeDescribedIsRefused) {
  ConsumerGroupHeartbeatRequest request = joining("alices");
  request.subscribed_topic_names.emplace().push_back(wire::literal("secrets"));
  EXPECT_EQ(one<ConsumerGroupHeartbeatResponse>(alice, 1, request).error_code, kTopicRefused);
}

}  // namespace
}  // namespace weir::kafka
