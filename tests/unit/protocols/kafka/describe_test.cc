// What descriptions of topics look like to clients that look closely.

#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/metadata.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

// Java's Admin takes the sizes of these lists, and of a null list there is none: every description
// of a topic failed.
TEST(Descriptions, ListsOfReplicasAreEmptyAndNeverNull) {
  Port port;
  port.on_broker([](broker::Broker& broker) {
    ASSERT_TRUE(broker.create_topic(
        {.name = {"", "events"}, .partitions = 2, .log = {}, .properties = {}}, broker.now()));
  });
  Client client(port);
  DescribeTopicPartitionsRequest request;
  request.topics.push_back({wire::literal("events")});
  const auto response = client.call<DescribeTopicPartitionsResponse>(0, request);
  ASSERT_EQ(response.topics.size(), 1U);
  ASSERT_EQ(response.topics[0].partitions.size(), 2U);
  for (const auto& partition : response.topics[0].partitions) {
    ASSERT_TRUE(partition.eligible_leader_replicas);
    EXPECT_TRUE(partition.eligible_leader_replicas->empty());
    ASSERT_TRUE(partition.last_known_elr);
    EXPECT_TRUE(partition.last_known_elr->empty());
    EXPECT_TRUE(partition.offline_replicas.empty());
    EXPECT_EQ(partition.isr_nodes, std::vector<int32_t>{1});
  }
}

TEST(Descriptions, ACoordinatorThatIsFoundHasNoneForItsError) {
  Port port;
  Client client(port);
  FindCoordinatorRequest request;
  request.key = wire::literal("crew");
  for (int16_t version = 1; version <= 3; ++version) {
    const auto response = client.call<FindCoordinatorResponse>(version, request);
    EXPECT_EQ(response.error_code, 0);
    ASSERT_TRUE(response.error_message);
    EXPECT_EQ(response.error_message->view(), "NONE");
  }
}

}  // namespace
}  // namespace weir::kafka
