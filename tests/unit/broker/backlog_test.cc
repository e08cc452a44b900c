// What a receive costs does not depend on how much waits: counted in entries that the journal was
// asked for and in batches that were opened.

#include <map>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class Backlogs : public BrokerTest {
 protected:
  CellId make_fifo() {
    catalog::QueuePolicy policy;
    policy.order = catalog::Order::kPerGroup;
    return make_queue("jobs.fifo", policy);
  }
  void fill(CellId queue, int messages, int groups) {
    for (int i = 0; i < messages; ++i) {
      send(queue, std::to_string(i), {}, "g" + std::to_string(i % groups));
    }
  }
  // Receives and settles until nothing comes; every group must come in order. Answers how many
  // came.
  size_t drain(CellId queue) {
    std::map<std::string, int> last;
    size_t count = 0;
    while (true) {
      const Received received = receive(queue);
      if (received.deliveries.empty()) return count;
      for (const Delivery& delivery : received.deliveries) {
        const int number = std::stoi(std::string(*delivery.record.value));
        const auto [at, is_new] =
            last.try_emplace(std::string(delivery.record.key.value_or("")), number);
        EXPECT_TRUE(is_new || at->second < number);
        at->second = number;
        ++count;
      }
      ack(queue, received);
    }
  }
};

// A group's messages lie far from each other; once each of them made the broker cut the whole row
// around it, hundreds of entries for one that was wanted.
TEST_F(Backlogs, AReceiveReadsItsMessagesAndNotTheRowsAroundThem) {
  constexpr int kMessages = 2'000;
  for (const int groups : {1, 100, 1'000}) {
    const CellId queue = make_fifo();
    fill(queue, kMessages, groups);
    const uint64_t before = journal.entries_given();
    EXPECT_EQ(drain(queue), size_t{kMessages});
    // One to learn where it lies, one to read it.
    EXPECT_LE(journal.entries_given() - before, uint64_t{3 * kMessages}) << groups << " groups";
    ASSERT_TRUE(broker->remove({"", "jobs.fifo"}, now));
  }
}

TEST_F(Backlogs, AReceiveOfAStandardQueueReadsItsMessagesOnly) {
  constexpr int kMessages = 5'000;
  const CellId queue = make_queue("jobs");
  fill(queue, kMessages, 1);
  const uint64_t before = journal.entries_given();
  EXPECT_EQ(drain(queue), size_t{kMessages});
  EXPECT_LE(journal.entries_given() - before, uint64_t{3 * kMessages});
}

// Once it was decompressed, or walked to the record, for every receive.
TEST_F(Backlogs, ABatchOfManyRecordsIsOpenedOnce) {
  constexpr int kMessages = 1'000;
  for (const Codec codec : {Codec::kNone, Codec::kZstd}) {
    const CellId queue = make_queue("jobs");
    std::string bytes;
    log::BatchBuilder builder(bytes);
    std::vector<std::string> bodies;
    for (int i = 0; i < kMessages; ++i) bodies.push_back(std::to_string(i));
    for (const std::string& body : bodies) builder.add({"one", body, {}, now});
    builder.finish(codec);
    const auto batch = Broker::prepare_batch(Bytes::take(std::move(bytes)), {});
    ASSERT_TRUE(batch);
    ASSERT_TRUE(broker->append(thing("jobs").logs.front(), *batch, now));
    const uint64_t before = broker->batches_opened();
    EXPECT_EQ(drain(queue), size_t{kMessages});
    EXPECT_EQ(broker->batches_opened() - before, 1U);
    ASSERT_TRUE(broker->remove({"", "jobs"}, now));
  }
}

// After a restart the groups of most messages are not known. Once the first receive read all of
// them, a million messages at worst, before it answered.
TEST_F(Backlogs, AReceiveAfterARestartLooksAheadByAStep) {
  const CellId queue = make_fifo();
  fill(queue, 20'000, 100);
  journal.checkpoint();
  crash();
  const uint64_t before = journal.entries_given();
  EXPECT_EQ(receive(queue).deliveries.size(), 10U);
  EXPECT_LE(journal.entries_given() - before, 4'000U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(receive(queue).deliveries.size(), 10U);
}

TEST_F(Backlogs, AGroupFarBehindOneInFlightIsFoundAfterARestart) {
  const CellId queue = make_fifo();
  fill(queue, 17'000, 1);
  EXPECT_EQ(receive(queue).deliveries.size(), 10U);
  send(queue, "far", {}, "other");
  journal.checkpoint();
  crash();
  for (const bool cold : {false, true}) {
    journal.forget_cache(cold);
    std::vector<std::string> seen;
    bool answered = false;
    broker->receive(queue, {.count = 10, .lease = Milliseconds(10), .wait_until = {}}, now,
                    [&](Result<Received> received) {
                      answered = true;
                      if (received) seen = bodies(*received);
                    });
    // It does not keep the others from their turn while it looks.
    EXPECT_FALSE(answered);
    for (int i = 0; i < 200 && !answered; ++i) pass(1);
    EXPECT_EQ(seen, std::vector<std::string>{"far"});
    pass(11);
    journal.checkpoint();
    crash();
  }
}

TEST_F(Backlogs, AStopAnswersAReceiveThatStillLooksAhead) {
  const CellId queue = make_fifo();
  fill(queue, 17'000, 1);
  EXPECT_EQ(receive(queue).deliveries.size(), 10U);
  journal.checkpoint();
  crash();
  int answers = 0;
  broker->receive(queue, {.count = 10, .lease = {}, .wait_until = now + Milliseconds(20'000)}, now,
                  [&](Result<Received> received) {
                    ++answers;
                    EXPECT_TRUE(received && received->deliveries.empty());
                  });
  EXPECT_EQ(answers, 0);
  broker->stop();
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace weir::broker
