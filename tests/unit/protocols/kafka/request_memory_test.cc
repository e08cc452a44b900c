// Large requests while they arrive: bounded together, and for each address.

#include "protocols/kafka/request_memory.h"

#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/produce.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

constexpr RequestMemoryLimits kSmall{
    .bytes_max = 1000, .address_bytes_max = 600, .uncounted_bytes = 10};

TEST(RequestMemory, IsBoundedTogetherAndForEachAddress) {
  RequestMemory memory(kSmall);
  EXPECT_FALSE(memory.counts(10));
  EXPECT_TRUE(memory.counts(11));
  EXPECT_TRUE(memory.take("a", 400));
  EXPECT_FALSE(memory.take("a", 300)) << "more than its share";
  EXPECT_TRUE(memory.take("a", 200));
  EXPECT_FALSE(memory.take("b", 401)) << "more than there is";
  EXPECT_TRUE(memory.take("b", 400));
  EXPECT_FALSE(memory.take("c", 11));
  memory.give_back("a", 200);
  EXPECT_TRUE(memory.take("c", 200));
}

TEST(RequestMemory, ARequestAboveAllLimitsGoesAlone) {
  RequestMemory memory(kSmall);
  EXPECT_TRUE(memory.take("a", 5000));
  EXPECT_FALSE(memory.take("b", 11));
  memory.give_back("a", 5000);
  EXPECT_TRUE(memory.take("b", 11));
  EXPECT_FALSE(memory.take("a", 5000));
}

class LargeRequests : public testing::TestWithParam<bool> {
 protected:
  static Config tight() {
    Config config;
    config.request_memory = {
        .bytes_max = 300'000, .address_bytes_max = 300'000, .uncounted_bytes = 1000};
    return config;
  }
  // A frame with a request of that size.
  static std::string large(size_t bytes) {
    ProduceRequest request;
    request.acks = -1;
    auto& topic = request.topic_data.emplace_back();
    topic.name = wire::literal("nowhere");
    topic.partition_data.emplace_back().records =
        wire::Records(batch_of({std::string(bytes, 'x')}));
    std::string frame;
    for (const Bytes& piece : request_frame(ProduceRequest::kMessage, 9, 7, {}, &request)) {
      frame.append(piece.view());
    }
    return frame;
  }

  Port port{tight(), GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Shards, LargeRequests, testing::Values(false, true));

TEST_P(LargeRequests, WaitUntilThereIsMemoryForThemAndSmallOnesDoNot) {
  const std::string frame = large(200'000);
  auto first = std::make_unique<Client>(port);
  first->socket().send(ByteView(frame).substr(0, 100'000));
  while (port.metrics().memory_waits.value() == 0) {
    // Until the first one has been seen the second may be first, and goes.
    Client second(port);
    second.socket().send(ByteView(frame).substr(0, 1000));
    Client other(port);
    other.call<ApiVersionsResponse>(0, ApiVersionsRequest());
  }
  Client second(port);
  second.socket().send(ByteView(frame).substr(0, 1000));
  port.until_waiting(1);
  second.socket().send(ByteView(frame).substr(1000));
  Client small(port);
  for (int i = 0; i < 5; ++i) small.call<ApiVersionsResponse>(0, ApiVersionsRequest());
  port.advance(Milliseconds(50));
  for (int i = 0; i < 5; ++i) small.call<ApiVersionsResponse>(0, ApiVersionsRequest());
  EXPECT_FALSE(second.has_answer());

  // The first one arrives whole, and the second has its turn.
  first->socket().send(ByteView(frame).substr(100'000));
  first->receive<ProduceResponse>(9, 7);
  while (!second.has_answer()) port.advance(Milliseconds(50));
  second.receive<ProduceResponse>(9, 7);
}

TEST_P(LargeRequests, WhoLeavesWhileItWaitsIsNoticedAtOnce) {
  const std::string frame = large(200'000);
  Client first(port);
  first.socket().send(ByteView(frame).substr(0, 100'000));
  {
    Client probe(port);  // by now the first one has been seen
    probe.call<ApiVersionsResponse>(0, ApiVersionsRequest());
    Client second(port);
    second.socket().send(ByteView(frame).substr(0, 100));
    port.until_waiting(1);
  }
  size_t waiting = 1;
  for (int i = 0; i < 100 && waiting > 0; ++i) {
    port.advance(Milliseconds(50));
    port.on_broker([&](broker::Broker& broker) { waiting = broker.waiters().size(); });
  }
  EXPECT_EQ(waiting, 0U);
  first.socket().send(ByteView(frame).substr(100'000));
  first.receive<ProduceResponse>(9, 7);
}

TEST_P(LargeRequests, WhoLeavesInTheMidstGivesItsMemoryBack) {
  const std::string frame = large(200'000);
  for (int i = 0; i < 10; ++i) {
    Client gone(port);
    gone.socket().send(ByteView(frame).substr(0, 50'000 + static_cast<size_t>(i)));
  }
  Client last(port);
  last.socket().send(frame);
  while (!last.has_answer()) port.advance(Milliseconds(50));
  last.receive<ProduceResponse>(9, 7);
  size_t waiting = 1;
  while (waiting > 0) {
    port.advance(Milliseconds(50));
    port.on_broker([&](broker::Broker& broker) { waiting = broker.waiters().size(); });
  }
}

}  // namespace
}  // namespace weir::kafka
