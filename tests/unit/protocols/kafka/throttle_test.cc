// Quotas over a real socket: how they are set and found, and what comes of going over them.

#include <limits>
#include <vector>

#include "protocols/kafka/engine.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/quotas.h"
#include "protocols/kafka/quota/bucket.h"
#include "protocols/kafka/time_meter.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using AlterEntry = AlterClientQuotasRequest::Entry;

constexpr int16_t kInvalid = wire_code(KafkaError::kInvalidRequest);

Bytes events() {
  return wire::literal("events");
}

AlterEntry entry(std::vector<AlterClientQuotasRequest::Entity> whose,
                 std::string_view key,
                 double value) {
  AlterEntry made;
  made.entity = std::move(whose);
  auto& op = made.ops.emplace_back();
  op.key = Bytes::copy_of(key);
  op.value = value;
  return made;
}
AlterEntry of_client(std::string_view key, double value, std::string_view client = "test") {
  return entry({{wire::literal("client-id"), Bytes::copy_of(client)}}, key, value);
}

class QuotasByRequest : public testing::TestWithParam<bool> {
 protected:
  QuotasByRequest() {
    port.on_broker([](broker::Broker& broker) {
      ASSERT_TRUE(
          broker.create_topic({.name = {"", "events"}, .log = {}, .properties = {}}, broker.now()));
    });
  }

  AlterClientQuotasResponse::Entry alter(const AlterEntry& wanted,
                                         int16_t version = 1,
                                         bool validate_only = false) {
    AlterClientQuotasRequest request;
    request.entries.push_back(wanted);
    request.validate_only = validate_only;
    const auto response = admin.call<AlterClientQuotasResponse>(version, request);
    EXPECT_EQ(response.entries.size(), 1U);
    return response.entries.empty() ? AlterClientQuotasResponse::Entry() : response.entries.at(0);
  }
  void set(const AlterEntry& wanted) { ASSERT_EQ(alter(wanted).error_code, 0); }

  DescribeClientQuotasResponse describe(
      const std::vector<DescribeClientQuotasRequest::Component>& components,
      bool strict = false,
      int16_t version = 1) {
    DescribeClientQuotasRequest request;
    request.components = components;
    request.strict = strict;
    return admin.call<DescribeClientQuotasResponse>(version, request);
  }
  // How many quotas are found; less than nothing, the error, when that is refused.
  int found(const std::vector<DescribeClientQuotasRequest::Component>& components,
            bool strict = false) {
    const auto response = describe(components, strict);
    if (response.error_code != 0) return -response.error_code;
    return response.entries ? static_cast<int>(response.entries->size()) : 0;
  }

  static ProduceRequest producing(size_t bytes, int16_t acks = -1) {
    ProduceRequest request;
    request.acks = acks;
    auto& topic = request.topic_data.emplace_back();
    topic.name = events();
    topic.partition_data.emplace_back().records.emplace(batch_of({std::string(bytes, 'x')}));
    return request;
  }
  static Milliseconds produce(Client& client, size_t bytes) {
    const auto response = client.call<ProduceResponse>(9, producing(bytes));
    EXPECT_EQ(response.responses.at(0).partition_responses.at(0).error_code, 0);
    return Milliseconds(response.throttle_time_ms);
  }
  static FetchRequest fetching(int32_t session = 0, int32_t epoch = -1) {
    FetchRequest request;
    request.max_bytes = 1 << 20;
    request.session_id = session;
    request.session_epoch = epoch;
    if (epoch > 0) return request;
    auto& topic = request.topics.emplace_back();
    topic.topic = events();
    topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
    return request;
  }
  static size_t records_in(const FetchResponse& response) {
    size_t bytes = 0;
    for (const auto& topic : response.responses) {
      for (const auto& partition : topic.partitions) {
        EXPECT_EQ(partition.error_code, 0);
        if (partition.records) bytes += partition.records->size();
      }
    }
    return bytes;
  }
  // Several round trips later a request that was read would have been answered.
  void expect_unanswered(Client& client) {
    for (int i = 0; i < 5; ++i) admin.call<ApiVersionsResponse>(0, ApiVersionsRequest());
    EXPECT_FALSE(client.has_answer());
  }

  Port port{{}, GetParam()};
  Client admin{port, "admin"};
};

INSTANTIATE_TEST_SUITE_P(Shards, QuotasByRequest, testing::Values(false, true));

TEST_P(QuotasByRequest, AreSetFoundAndRemovedInEveryVersion) {
  for (int16_t version = 0; version <= 1; ++version) {
    AlterEntry wanted = entry({{wire::literal("client-id"), std::nullopt},
                               {wire::literal("user"), wire::literal("alice")}},
                              "producer_byte_rate", 1024);
    wanted.ops.push_back({wire::literal("request_percentage"), 12.5, false});
    const auto done = alter(wanted, version);
    EXPECT_EQ(done.error_code, 0);
    ASSERT_EQ(done.entity.size(), 2U);
    EXPECT_EQ(done.entity.at(1).entity_name, wire::literal("alice"));

    const auto all = describe({}, false, version);
    ASSERT_TRUE(all.entries);
    ASSERT_EQ(all.entries->size(), 1U);
    const auto& one = all.entries->at(0);
    ASSERT_EQ(one.entity.size(), 2U);
    EXPECT_EQ(one.entity.at(0).entity_type, wire::literal("user"));
    EXPECT_EQ(one.entity.at(1).entity_name, std::nullopt);
    ASSERT_EQ(one.values.size(), 2U);
    EXPECT_EQ(one.values.at(0).value, 1024);
    EXPECT_EQ(one.values.at(1).value, 12.5);

    for (auto& op : wanted.ops) op.remove = true;
    EXPECT_EQ(alter(wanted, version).error_code, 0);
    EXPECT_EQ(found({}), 0);
  }
}

TEST_P(QuotasByRequest, AreFoundByConditions) {
  const Bytes user = wire::literal("user");
  const Bytes client = wire::literal("client-id");
  const Bytes alice = wire::literal("alice");
  set(entry({{user, alice}}, "producer_byte_rate", 1));
  set(entry({{user, std::nullopt}}, "producer_byte_rate", 1));
  set(entry({{user, alice}, {client, wire::literal("app")}}, "producer_byte_rate", 1));
  set(entry({{client, wire::literal("app")}}, "producer_byte_rate", 1));
  EXPECT_EQ(found({}), 4);
  EXPECT_EQ(found({}, true), 0);
  EXPECT_EQ(found({{user, 0, alice}}), 2);
  EXPECT_EQ(found({{user, 0, alice}}, true), 1);
  EXPECT_EQ(found({{user, 1, std::nullopt}}), 1);
  EXPECT_EQ(found({{user, 2, std::nullopt}}), 3);
  EXPECT_EQ(found({{user, 2, std::nullopt}}, true), 2);
  EXPECT_EQ(found({{user, 0, alice}, {client, 2, std::nullopt}}, true), 1);
  EXPECT_EQ(found({{wire::literal("ip"), 2, std::nullopt}}), 0);
  const int refused = -kInvalid;
  EXPECT_EQ(found({{user, 0, std::nullopt}}), refused);
  EXPECT_EQ(found({{user, 1, alice}}), refused);
  EXPECT_EQ(found({{user, 3, std::nullopt}}), refused);
  EXPECT_EQ(found({{user, 2, std::nullopt}, {user, 2, std::nullopt}}), refused);
  EXPECT_EQ(found({{user, 2, std::nullopt}, {wire::literal("ip"), 2, std::nullopt}}), refused);
  EXPECT_EQ(found({{Bytes(), 2, std::nullopt}}), refused);
  EXPECT_EQ(found({{wire::literal("group"), 2, std::nullopt}}),
            -wire_code(KafkaError::kUnsupportedVersion));
}

TEST_P(QuotasByRequest, ThatMakeNoSenseOrAreNotEnforcedAreRefused) {
  const Bytes user = wire::literal("user");
  const Bytes ip = wire::literal("ip");
  const Bytes address = wire::literal("127.0.0.1");
  const auto refused = [&](const AlterEntry& wanted) { return alter(wanted).error_code; };
  EXPECT_EQ(refused(of_client("producer_byte_rate", 0)), kInvalid);
  EXPECT_EQ(refused(of_client("producer_byte_rate", -1)), kInvalid);
  EXPECT_EQ(refused(of_client("producer_byte_rate", 1.5)), kInvalid);
  EXPECT_EQ(refused(of_client("producer_byte_rate", std::numeric_limits<double>::infinity())),
            kInvalid);
  EXPECT_EQ(refused(of_client("request_percentage", std::numeric_limits<double>::quiet_NaN())),
            kInvalid);
  EXPECT_EQ(refused(of_client("something", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{user, Bytes()}}, "producer_byte_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{user, Bytes::take(std::string(600, 'x'))}}, "producer_byte_rate", 1)),
            kInvalid);
  EXPECT_EQ(refused(entry({}, "producer_byte_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{wire::literal("group"), user}}, "producer_byte_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{user, user}, {user, address}}, "producer_byte_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{ip, address}, {user, user}}, "producer_byte_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{ip, address}}, "producer_byte_rate", 1)), kInvalid);
  AlterEntry twice = of_client("producer_byte_rate", 1);
  twice.ops.push_back(twice.ops.front());
  EXPECT_EQ(refused(twice), kInvalid);
  EXPECT_EQ(refused(of_client("controller_mutation_rate", 0)), kInvalid);
  EXPECT_EQ(refused(of_client("connection_creation_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{ip, address}}, "controller_mutation_rate", 1)), kInvalid);
  EXPECT_EQ(refused(entry({{ip, address}}, "connection_creation_rate", -1)), kInvalid);
  EXPECT_EQ(refused(entry({{ip, address}}, "connection_creation_rate", 1.5)), kInvalid);
  for (const std::string_view name : {"localhost", "010.0.0.1", "0:0:0:0:0:0:0:1", "::1%lo"}) {
    EXPECT_EQ(refused(entry({{ip, Bytes::copy_of(name)}}, "connection_creation_rate", 1)), kInvalid)
        << name;
  }
  EXPECT_EQ(found({}), 0);
}

TEST_P(QuotasByRequest, AreOnlyLookedAtWhenThatIsAllThatIsWanted) {
  EXPECT_EQ(alter(of_client("producer_byte_rate", 1), 1, true).error_code, 0);
  EXPECT_EQ(alter(of_client("producer_byte_rate", -1), 1, true).error_code, kInvalid);
  EXPECT_EQ(found({}), 0);
}

TEST_P(QuotasByRequest, WithoutOneNobodyPauses) {
  Client client(port);
  EXPECT_EQ(produce(client, 500'000), Milliseconds(0));
  set(of_client("producer_byte_rate", 10, "somebody-else"));
  EXPECT_EQ(produce(client, 500'000), Milliseconds(0));
  EXPECT_EQ(port.metrics().pauses.value(), 0U);
}

TEST_P(QuotasByRequest, AProducerIsAnsweredAtOnceAndThenNotReadForAsLongAsItIsTold) {
  set(of_client("producer_byte_rate", 100));
  Client client(port);
  EXPECT_EQ(produce(client, 100), Milliseconds(0)) << "within the burst";
  const Milliseconds pause = produce(client, 3000);
  EXPECT_GT(pause, Milliseconds(20'000));
  EXPECT_LT(pause, Milliseconds(30'000));
  port.until_waiting(1);
  EXPECT_EQ(port.metrics().pauses.value(), 1U);
  const int32_t sent = client.send(0, ApiVersionsRequest());
  expect_unanswered(client);
  port.advance(pause - Milliseconds(1));
  port.until_waiting(1);
  expect_unanswered(client);
  port.advance(Milliseconds(1));
  client.receive<ApiVersionsResponse>(0, sent);
  const Milliseconds next = produce(client, 1);
  EXPECT_GT(next, Milliseconds(0)) << "there is no second burst";
  EXPECT_LT(next, Milliseconds(1000));
}

TEST_P(QuotasByRequest, OnlyTheClientThatUsedItUpPauses) {
  set(of_client("producer_byte_rate", 100));
  Client client(port);
  Client same(port);
  Client other(port, "other");
  EXPECT_GT(produce(client, 5000), Milliseconds(0));
  EXPECT_EQ(produce(other, 5000), Milliseconds(0));
  EXPECT_GT(produce(same, 1), Milliseconds(0)) << "all connections of a client share its quota";
}

TEST_P(QuotasByRequest, WhoWantsNoAnswerPausesAsWell) {
  set(of_client("producer_byte_rate", 100));
  Client client(port);
  client.send(9, producing(5000, 0));
  port.until_waiting(1);
  const int32_t sent = client.send(0, ApiVersionsRequest());
  expect_unanswered(client);
  port.advance(QuotaBucket::kPauseMax);
  client.receive<ApiVersionsResponse>(0, sent);
}

TEST_P(QuotasByRequest, RequestsThatWereReadAheadAreAnswered) {
  set(of_client("producer_byte_rate", 1000));
  Client client(port);
  std::vector<int32_t> sent;
  for (int i = 0; i < 20; ++i) sent.push_back(client.send(9, producing(2000)));
  // However many had been read when the first pause came: each is answered after its pause.
  for (const int32_t one : sent) {
    while (!client.has_answer()) port.advance(Milliseconds(1000));
    client.receive<ProduceResponse>(9, one);
  }
}

// A connection that is not read learns nothing from its socket by itself: clients that had left
// stood there until their pause was over, an hour at most.
TEST_P(QuotasByRequest, AClientThatLeavesWithinItsPauseLeavesNothingBehind) {
  set(of_client("producer_byte_rate", 1));
  {
    Client polite(port);
    EXPECT_GT(produce(polite, 5000), Milliseconds(60'000));
    Client rude(port);  // leaves with an answer unread: a reset
    rude.send(9, producing(5000));
    while (!rude.has_answer()) {
    }
    port.until_waiting(2);
  }
  // Long before the pause is over; a read that was under way may be the one that notices.
  size_t waiting = 1;
  for (int i = 0; i < 600 && waiting > 0; ++i) {
    port.advance(Milliseconds(5000));
    port.on_broker([&](broker::Broker& broker) { waiting = broker.waiters().size(); });
  }
  EXPECT_EQ(waiting, 0U);
}

TEST_P(QuotasByRequest, WhatAClientSentBeforeItLeftIsStillDone) {
  set(of_client("producer_byte_rate", 100));
  {
    Client client(port);
    client.send(9, producing(5000, 0));
    port.until_waiting(1);
    client.send(9, producing(5000, 0));
  }
  port.advance(Milliseconds(5000));
  port.until_waiting(1);
  port.advance(QuotaBucket::kPauseMax);
  Client reader(port, "reader");
  size_t records = 0;
  while (records < 10'000) records = records_in(reader.call<FetchResponse>(11, fetching()));
  port.advance(QuotaBucket::kPauseMax);
  port.until_nobody_waits();
}

TEST_P(QuotasByRequest, AFetchAboveItIsPaidForByAPauseAndFurtherOnesGetNothing) {
  Client writer(port, "writer");
  for (int i = 0; i < 3; ++i) produce(writer, 2000);
  set(of_client("consumer_byte_rate", 100));
  Client reader(port);
  const auto first = reader.call<FetchResponse>(11, fetching());
  EXPECT_GT(records_in(first), 2000U) << "the first batch goes out whatever the limits say";
  EXPECT_LT(records_in(first), 4000U) << "no more than the burst besides";
  EXPECT_GT(first.throttle_time_ms, 10'000);

  Client same(port);
  const auto second = same.call<FetchResponse>(11, fetching());
  EXPECT_EQ(second.error_code, 0);
  EXPECT_TRUE(second.responses.empty());
  EXPECT_EQ(second.throttle_time_ms, first.throttle_time_ms);
  const auto other = writer.call<FetchResponse>(11, fetching());
  EXPECT_GT(records_in(other), 6000U);
  EXPECT_EQ(other.throttle_time_ms, 0);

  port.advance(Milliseconds(first.throttle_time_ms));
  EXPECT_GT(records_in(same.call<FetchResponse>(11, fetching())), 2000U);
}

TEST_P(QuotasByRequest, AFetchSessionGoesOnAfterAPause) {
  Client writer(port, "writer");
  produce(writer, 2000);
  Client reader(port);
  const auto full = reader.call<FetchResponse>(11, fetching(0, 0));
  ASSERT_NE(full.session_id, 0);
  set(of_client("consumer_byte_rate", 100));
  Client greedy(port);
  const auto taken = greedy.call<FetchResponse>(11, fetching());
  ASSERT_GT(taken.throttle_time_ms, 0);

  const auto paused = reader.call<FetchResponse>(11, fetching(full.session_id, 1));
  EXPECT_EQ(paused.error_code, 0);
  EXPECT_EQ(paused.session_id, full.session_id);
  EXPECT_TRUE(paused.responses.empty());
  EXPECT_EQ(paused.throttle_time_ms, taken.throttle_time_ms);
  Client fresh(port);
  EXPECT_EQ(fresh.call<FetchResponse>(11, fetching(0, 0)).session_id, 0)
      << "no session begins with an answer that says nothing";
  port.advance(Milliseconds(taken.throttle_time_ms));
  const auto after = reader.call<FetchResponse>(11, fetching(full.session_id, 2));
  EXPECT_EQ(after.error_code, 0);
  EXPECT_EQ(after.session_id, full.session_id);
}

TEST_P(QuotasByRequest, AFetchDoesNotWaitForMoreThanItMayHold) {
  Client writer(port, "writer");
  set(of_client("consumer_byte_rate", 100));
  Client reader(port);
  FetchRequest request = fetching();
  request.min_bytes = 1 << 20;
  request.max_wait_ms = 60'000;
  const int32_t sent = reader.send(11, request);
  port.until_waiting(1);
  produce(writer, 500);
  EXPECT_GT(records_in(reader.receive<FetchResponse>(11, sent)), 0U);
}

TEST_P(QuotasByRequest, TheTimeOfRequestsIsChargedToo) {
  set(of_client("request_percentage", 1e-4));
  Client client(port);
  std::vector<int32_t> sent;
  while (port.metrics().pauses.value() == 0) {
    if (sent.size() < 10'000) sent.push_back(client.send(0, ApiVersionsRequest()));
  }
  EXPECT_EQ(produce(admin, 1), Milliseconds(0));
  AlterEntry no_more = of_client("request_percentage", 0);
  no_more.ops.front().remove = true;
  set(no_more);
  for (const int32_t one : sent) {
    while (!client.has_answer()) port.advance(Milliseconds(1000));
    client.receive<ApiVersionsResponse>(0, one);
  }
}

TEST_P(QuotasByRequest, TheStateShardsTimeIsChargedToo) {
  set(of_client("request_percentage", 1));  // 0.1 s at once
  const auto work = [](Engine&) {
    const auto until = TimeMeter::Clock::now() + Milliseconds(150);
    while (TimeMeter::Clock::now() < until) {
    }
  };
  const auto owed = [&] {
    Milliseconds pause{0};
    port.on_engine([&](Engine& engine) {
      const QuotaClient client{"ANONYMOUS", "test"};
      pause = engine.quotas.charge(Metered::kHandled, client, 0, engine.now());
    });
    return pause;
  };
  const auto meter = std::make_shared<const TimeMeter>(
      std::weak_ptr<net::Connection>(), std::make_shared<const Peer>(), wire::literal("test"));
  const MeteredEngine metered(port.engine(), meter);
  port.on_engine([&](Engine&) { metered.call(work); });
  EXPECT_EQ(owed(), Milliseconds(0)) << "there the session measures";
  MeteredEngine(port.engine(), nullptr).call(work);
  EXPECT_EQ(owed(), Milliseconds(0)) << "nobody measures";
  metered.call(work);
  EXPECT_GT(owed(), Milliseconds(0));
}

}  // namespace
}  // namespace weir::kafka
