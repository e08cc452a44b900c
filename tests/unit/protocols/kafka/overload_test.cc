// A disk that stands still while clients go on: those that bring data are not read, so that memory
// stays bounded and nobody is refused; readers go on, and everybody goes on when the disk does.

#include <atomic>
#include <thread>
#include <vector>

#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/topics.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

constexpr size_t kPause = 256 << 10;
constexpr size_t kResume = 64 << 10;
// With two shards a connection may have handed over requests that the state has not seen yet.
constexpr size_t kRefuse = 4 << 20;
constexpr size_t kRefuseOnTwoShards = 64 << 20;
constexpr size_t kRecord = 32 << 10;
constexpr int kProducers = 6;
constexpr int kRequests = 60;

class Overload : public testing::TestWithParam<bool> {
 protected:
  static size_t refuse() { return GetParam() ? kRefuseOnTwoShards : kRefuse; }

  Port port{{},
            GetParam(),
            {.undurable_bytes_max = refuse(),
             .undurable_bytes_pause = kPause,
             .undurable_bytes_resume = kResume}};
};

ProduceRequest produce_request() {
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 1000;
  auto& one = request.topic_data.emplace_back();
  one.name = wire::literal("events");
  one.partition_data.emplace_back().records = wire::Records(batch_of({std::string(kRecord, 'x')}));
  return request;
}

TEST_P(Overload, ProducersAreNotReadWhileTheDiskIsBehindAndNobodyIsRefused) {
  Client client(port);
  CreateTopicsRequest create;
  auto& topic = create.topics.emplace_back();
  topic.name = wire::literal("events");
  topic.num_partitions = 1;
  topic.replication_factor = -1;
  ASSERT_EQ(client.call<CreateTopicsResponse>(7, create).topics[0].error_code, 0);
  // What producers send is twice what is refused; each must wait for the disk in its own socket.
  static_assert(kProducers * kRequests * kRecord > 2 * kRefuse);
  port.hold_back(true);
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> producers;
  for (int i = 0; i < kProducers; ++i) {
    producers.emplace_back([&] {
      Client producer(port);
      const ProduceRequest request = produce_request();
      std::vector<int32_t> sent;
      for (int n = 0; n < kRequests; ++n) sent.push_back(producer.send(9, request));
      for (const int32_t correlation : sent) {
        const auto response = producer.receive<ProduceResponse>(9, correlation);
        if (response.responses.size() != 1) return;
        if (response.responses[0].partition_responses[0].error_code == 0) ++acknowledged;
      }
    });
  }
  while (!port.overloaded()) std::this_thread::yield();
  // A reader is served as ever, and memory does not grow meanwhile.
  FetchRequest fetch;
  fetch.min_bytes = 1;
  fetch.session_epoch = -1;
  auto& read = fetch.topics.emplace_back();
  read.topic = wire::literal("events");
  read.partitions.emplace_back().partition_max_bytes = 1 << 20;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(client.call<FetchResponse>(12, fetch).responses[0].partitions[0].high_watermark, 0);
    ASSERT_LT(port.undurable_bytes(), refuse() / 2);
  }
  EXPECT_EQ(acknowledged, 0);
  port.hold_back(false);
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(acknowledged, kProducers * kRequests);
  // Its end, too, reaches the shards one after the other.
  while (port.overloaded()) std::this_thread::yield();
}

INSTANTIATE_TEST_SUITE_P(Shards, Overload, testing::Bool());

}  // namespace
}  // namespace weir::kafka
