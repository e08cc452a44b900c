// Quotas of partitions that are made and removed (KIP-599), and of connections (KIP-612).

#include "protocols/kafka/engine.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

constexpr int16_t kOverQuota = wire_code(KafkaError::kThrottlingQuotaExceeded);

class RateQuotas : public testing::TestWithParam<bool> {
 protected:
  // Connected for certain before there is a quota.
  void SetUp() override {
    ASSERT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest()).error_code, 0);
  }

  void set(catalog::QuotaKind kind, const std::string& name, std::string_view key, double value) {
    port.on_engine([&](Engine& engine) {
      const catalog::Quota quota{{{kind, name.empty(), name}}, {{std::string(key), value}}};
      ASSERT_TRUE(engine.broker.put_quota(quota, engine.now()));
      engine.quotas.refresh();
    });
  }
  // Ten of them fit into the burst.
  void allow_one_mutation_a_second() {
    set(catalog::QuotaKind::kClientId, "test", "controller_mutation_rate", 1);
  }

  CreateTopicsResponse create(std::string_view name,
                              int32_t partitions,
                              int16_t version = 7,
                              bool validate_only = false) {
    CreateTopicsRequest request;
    request.validate_only = validate_only;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    return client.call<CreateTopicsResponse>(version, request);
  }
  DeleteTopicsResponse remove(std::string_view name) {
    DeleteTopicsRequest request;
    request.topics.push_back({Bytes::copy_of(name), {}});
    return client.call<DeleteTopicsResponse>(6, request);
  }
  CreatePartitionsResponse grow(std::string_view name, int32_t partitions) {
    CreatePartitionsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = Bytes::copy_of(name);
    topic.count = partitions;
    return client.call<CreatePartitionsResponse>(3, request);
  }
  // The pause that a client was told is kept by not reading it: the clock has to pass it.
  void wait_for(int32_t throttle_time_ms) { port.advance(Milliseconds(throttle_time_ms)); }

  bool welcome() {
    Client caller(port);
    caller.send(3, ApiVersionsRequest());
    return !caller.socket().receive(1).empty();
  }

  Port port{Config(), GetParam()};
  Client client{port};
};

INSTANTIATE_TEST_SUITE_P(Shards, RateQuotas, testing::Values(false, true));

TEST_P(RateQuotas, WithoutOneTopicsAreMadeAsFastAsTheyAreAskedFor) {
  for (int i = 0; i < 5; ++i) {
    const auto made = create("orders-" + std::to_string(i), 100);
    EXPECT_EQ(made.topics.at(0).error_code, 0);
    EXPECT_EQ(made.throttle_time_ms, 0);
  }
}

TEST_P(RateQuotas, WhoUsedUpHisMutationsIsRefusedUntilTheyArePaidFor) {
  allow_one_mutation_a_second();
  const auto first = create("orders", 15);
  EXPECT_EQ(first.topics.at(0).error_code, 0) << "the burst lets one through, whatever its size";
  EXPECT_EQ(first.throttle_time_ms, 0);
  const auto second = create("invoices", 1);
  EXPECT_EQ(second.topics.at(0).error_code, kOverQuota);
  EXPECT_EQ(second.throttle_time_ms, 5000) << "five partitions are owed";
  wait_for(second.throttle_time_ms);
  EXPECT_EQ(create("invoices", 1).topics.at(0).error_code, 0);
}

TEST_P(RateQuotas, RemovedAndAddedPartitionsAreCountedToo) {
  create("orders", 3);
  create("invoices", 3);
  allow_one_mutation_a_second();
  EXPECT_EQ(grow("orders", 15).results.at(0).error_code, 0);
  const auto refused = grow("orders", 16);
  EXPECT_EQ(refused.results.at(0).error_code, kOverQuota);
  wait_for(refused.throttle_time_ms);
  EXPECT_EQ(remove("orders").responses.at(0).error_code, 0);
  const auto kept = remove("invoices");
  EXPECT_EQ(kept.responses.at(0).error_code, kOverQuota);
  EXPECT_EQ(kept.throttle_time_ms, 15'000);
  wait_for(kept.throttle_time_ms);
  EXPECT_EQ(remove("invoices").responses.at(0).error_code, 0);
}

TEST_P(RateQuotas, OlderVersionsAreServedAndPause) {
  allow_one_mutation_a_second();
  EXPECT_EQ(create("orders", 10, 5).throttle_time_ms, 0);
  const auto above = create("invoices", 4, 5);
  EXPECT_EQ(above.topics.at(0).error_code, 0);
  EXPECT_EQ(above.throttle_time_ms, 4000);
  const int32_t asked = client.send(3, ApiVersionsRequest());
  port.until_waiting(1);
  EXPECT_FALSE(client.has_answer()) << "it is not read";
  wait_for(above.throttle_time_ms);
  EXPECT_EQ(client.receive<ApiVersionsResponse>(3, asked).error_code, 0);
}

TEST_P(RateQuotas, TopicsThatAreMadeOnDemandMakeTheirClientPause) {
  allow_one_mutation_a_second();
  MetadataRequest request;
  request.allow_auto_topic_creation = true;
  request.topics.emplace();
  for (int i = 0; i < 12; ++i) {
    request.topics->emplace_back().name = Bytes::copy_of("made-" + std::to_string(i));
  }
  const auto made = client.call<MetadataResponse>(9, request);
  for (const auto& topic : made.topics) EXPECT_EQ(topic.error_code, 0);
  EXPECT_EQ(made.throttle_time_ms, 2000);
  wait_for(made.throttle_time_ms);
  EXPECT_EQ(client.call<MetadataResponse>(9, request).throttle_time_ms, 0) << "they are there";
}

TEST_P(RateQuotas, AnAddressThatConnectsTooOftenIsHeldUpAndClosed) {
  set(catalog::QuotaKind::kIp, "127.0.0.1", "connection_creation_rate", 1);
  // Ten fit into the burst, and the one that goes below it.
  for (int i = 0; i < 11; ++i) EXPECT_TRUE(welcome()) << i;
  Client late(port);
  late.send(3, ApiVersionsRequest());
  port.until_waiting(1);
  EXPECT_FALSE(late.has_answer());
  EXPECT_EQ(port.metrics().unwelcome.value(), 1U);
  port.advance(Milliseconds(1000));
  EXPECT_TRUE(late.socket().receive(1).empty());
  EXPECT_TRUE(welcome()) << "what was closed is not counted";
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest()).error_code, 0)
      << "who is connected stays";
}

TEST_P(RateQuotas, AQuotaOfAnyAddressHoldsUnlessTheAddressHasItsOwn) {
  set(catalog::QuotaKind::kIp, "", "connection_creation_rate", 0);
  Client shut_out(port);
  shut_out.send(3, ApiVersionsRequest());
  port.until_waiting(1);
  port.advance(Milliseconds(1000));
  EXPECT_TRUE(shut_out.socket().receive(1).empty());
  set(catalog::QuotaKind::kIp, "127.0.0.1", "connection_creation_rate", 100);
  EXPECT_TRUE(welcome());
}

TEST_P(RateQuotas, AConnectionThatLeavesWhileItIsHeldUpLeavesNothingBehind) {
  set(catalog::QuotaKind::kIp, "", "connection_creation_rate", 0);
  {
    Client caller(port);
    port.until_waiting(1);
  }
  port.advance(Milliseconds(1000));
  port.until_nobody_waits();
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest()).error_code, 0);
}

}  // namespace
}  // namespace weir::kafka
