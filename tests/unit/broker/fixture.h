#pragma once
// A broker over the journal in memory, with a clock that the test turns.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "storage/memory/memory_journal.h"

namespace weir::broker {

class BrokerTest : public testing::Test {
 protected:
  BrokerTest() { open(); }

  void open() {
    broker = std::make_unique<Broker>(journal, Random(7), limits);
    const auto recovered = journal.recover(*broker);
    ASSERT_TRUE(recovered) << recovered.error().message;
    const auto started = broker->start(now);
    ASSERT_TRUE(started) << started.error().message;
  }
  // What was not durable is gone; what was must be there again.
  void crash() {
    journal.crash();
    broker.reset();
    open();
  }

  CellId make_queue(const std::string& name, catalog::QueuePolicy policy = {}) {
    const auto made = broker->create_queue(
        {.name = {"", name}, .log = {}, .queue = policy, .properties = {}}, now);
    EXPECT_TRUE(made) << made.error().message;
    return made->thing->queue;
  }
  const Thing& make_topic(const std::string& name, uint32_t partitions = 1) {
    const auto made = broker->create_topic(
        {.name = {"", name}, .partitions = partitions, .log = {}, .properties = {}}, now);
    EXPECT_TRUE(made) << made.error().message;
    return *made->thing;
  }
  const Thing& thing(const std::string& name) { return *broker->catalog().find({"", name}); }

  Sent send(CellId queue,
            ByteView body,
            SendOptions options = {},
            std::optional<ByteView> key = {}) {
    const auto sent = broker->send(queue, {key, body, {}, now}, options, now);
    EXPECT_TRUE(sent) << sent.error().message;
    return *sent;
  }
  Sent send_of(CellId queue, ByteView priority, ByteView body) {
    const log::RecordHeader header{kHeaderPriority, priority};
    const auto sent = broker->send(queue, {{}, body, {&header, 1}, now}, {}, now);
    EXPECT_TRUE(sent) << sent.error().message;
    return *sent;
  }
  void append(CellId log, ByteView value, std::optional<ByteView> key = {}) {
    const auto appended = broker->append_record(log, {key, value, {}, now}, now);
    EXPECT_TRUE(appended) << appended.error().message;
  }
  Received receive(CellId queue, uint32_t count = 10) {
    std::optional<Received> result;
    broker->receive(queue, {.count = count, .lease = {}, .wait_until = {}}, now,
                    [&](Result<Received> received) {
                      EXPECT_TRUE(received) << received.error().message;
                      result = std::move(*received);
                    });
    journal.poll();
    EXPECT_TRUE(result.has_value());
    return std::move(*result);
  }
  static std::vector<std::string> bodies(const Received& received) {
    std::vector<std::string> result;
    for (const Delivery& delivery : received.deliveries) {
      result.emplace_back(delivery.record.value.value_or(""));
    }
    return result;
  }
  static queue::Handle handle(const Delivery& delivery) {
    return {delivery.lease.offset, delivery.lease.generation};
  }
  void ack(CellId queue, const Received& received) {
    for (const Delivery& delivery : received.deliveries) {
      const queue::Handle one = handle(delivery);
      ASSERT_TRUE(broker->settle(queue, {&one, 1}, queue::Check::kAnyLease, now));
    }
  }
  // Every value of a log, as an applied reader sees it.
  std::vector<std::string> values(CellId log) {
    std::vector<std::string> result;
    const auto* state = broker->find_log(log);
    Offset from = state->start();
    while (from < state->end()) {
      std::optional<Offset> next;
      broker->read({.log = log, .from = from, .end = {}, .visibility = Visibility::kApplied},
                   [&](Result<ReadAnswer> answer) {
                     ASSERT_TRUE(answer) << answer.error().message;
                     std::vector<log::StoredBatch> batches;
                     for (const auto& entry : answer->batches)
                       batches.push_back({entry.event, entry.payload});
                     log::RecordReader reader(batches, from, answer->end);
                     log::ReadRecord record;
                     while (reader.next(record)) {
                       result.emplace_back(record.value.value_or(""));
                       next = record.offset.next();
                     }
                   });
      journal.poll();
      if (!next) break;
      from = *next;
    }
    return result;
  }
  void pass(int64_t ms) {
    now = now + Milliseconds(ms);
    broker->tick(now);
    journal.poll();
  }

  storage::MemoryJournal journal;
  Limits limits;  // of the lives that follow
  Timestamp now{1'700'000'000'000};
  std::unique_ptr<Broker> broker;
};

}  // namespace weir::broker
