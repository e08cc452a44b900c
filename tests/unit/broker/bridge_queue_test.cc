// Bridges of what leaves a queue and of a queue's own messages.

#include <set>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using Strings = std::vector<std::string>;
using catalog::BridgeTrigger;

class QueueBridges : public BrokerTest {
 protected:
  Result<Depends> bridge(catalog::Bridge wanted) { return broker->create_bridge(wanted, now); }
  static catalog::Bridge of(const std::string& name,
                            const std::string& from,
                            const std::string& to,
                            BridgeTrigger trigger) {
    catalog::Bridge wanted;
    wanted.name = name;
    wanted.from = {"", from};
    wanted.to = {"", to};
    wanted.trigger = trigger;
    return wanted;
  }
  CellId make_expiring(const std::string& name, int64_t retention_ms) {
    catalog::LogPolicy log;
    log.retention_ms = retention_ms;
    const auto made =
        broker->create_queue({.name = {"", name}, .log = log, .queue = {}, .properties = {}}, now);
    EXPECT_TRUE(made) << made.error().message;
    return made->thing->queue;
  }
  void settle_down() {
    for (int i = 0; i < 20; ++i) pass(1);
  }
};

TEST_F(QueueBridges, DeadLettersGoBackToTheirSource) {
  const CellId dead = make_queue("dead");
  catalog::QueuePolicy policy;
  policy.receives_max = 1;
  policy.dead_letter = "dead";
  const CellId jobs = make_queue("jobs", policy);
  send(jobs, "poison", {}, "k");
  receive(jobs);
  pass(30'001);
  EXPECT_TRUE(receive(jobs).deliveries.empty());
  catalog::Bridge again = of("again", "dead", "jobs", BridgeTrigger::kMessage);
  again.delay = "60000";
  ASSERT_TRUE(bridge(again));
  settle_down();
  EXPECT_EQ(broker->find_queue(dead, now)->counts(), (queue::Counts{}));
  EXPECT_TRUE(receive(jobs).deliveries.empty()) << "it waits for a minute";
  pass(60'000);
  const Received back = receive(jobs);
  ASSERT_EQ(bodies(back), Strings{"poison"});
  EXPECT_EQ(back.deliveries[0].lease.deliveries, 1U) << "it begins anew";
  EXPECT_EQ(back.deliveries[0].record.key, "k");
  EXPECT_EQ(back.deliveries[0].record.headers.find(kHeaderBridge), "again");
  EXPECT_EQ(back.deliveries[0].record.headers.find(kHeaderSource), "dead/0/0");
  EXPECT_FALSE(back.deliveries[0].record.headers.find(kHeaderDeadLetterSource));
  EXPECT_EQ(broker->bridges().at(0).counts.moved, 1U);
}

TEST_F(QueueBridges, AMessageThatCannotBeMovedStays) {
  const CellId from = make_queue("from");
  make_queue("to");
  ASSERT_TRUE(bridge(of("b", "from", "to", BridgeTrigger::kMessage)));
  ASSERT_TRUE(broker->remove({"", "to"}, now));
  send(from, "x");
  settle_down();
  EXPECT_EQ(broker->bridges().at(0).problem, "to does not exist");
  EXPECT_EQ(broker->bridges().at(0).lag, 1);
  EXPECT_EQ(bodies(receive(from)), Strings{"x"});
  pass(30'001);
  for (int i = 0; i < 10; ++i) broker->new_uuid();
  const CellId to = make_queue("to");
  pass(1000);
  settle_down();
  EXPECT_EQ(bodies(receive(to)), Strings{"x"});
  EXPECT_EQ(broker->bridges().at(0).problem, "");
}

// At random moments the broker dies with a random part of what was not durable.
TEST_F(QueueBridges, EachMessageIsMovedOnceThroughCrashes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    journal.sync();
    const std::string from_name = "from-" + std::to_string(seed);
    const std::string to_name = "to-" + std::to_string(seed);
    for (uint64_t i = 0; i < 100 * seed; ++i) broker->new_uuid();
    const CellId from = make_queue(from_name);
    catalog::QueuePolicy kept;
    kept.history_ms = int64_t{365} * 86'400'000;
    const CellId to = make_queue(to_name, kept);
    ASSERT_TRUE(bridge(of("b" + from_name, from_name, to_name, BridgeTrigger::kMessage)));
    journal.sync();
    size_t sent = 0;
    for (int round = 0; round < 200; ++round) {
      switch (random.below(6)) {
        case 0:
        case 1:
          send(from, "m");
          journal.sync();
          ++sent;
          break;
        case 2: ack(to, receive(to, 5)); break;
        case 3: pass(static_cast<int64_t>(random.below(40'000))); break;
        default:
          if (!random.one_in(4)) break;
          journal.crash(Lsn(broker->next_lsn().value() - random.below(3)));
          broker.reset();
          open();
          break;
      }
    }
    for (int i = 0; i < 10; ++i) pass(31'000);
    EXPECT_EQ(broker->find_queue(from, now)->counts(), (queue::Counts{}));
    EXPECT_EQ(values(thing(to_name).logs[0]).size(), sent);
    EXPECT_GT(sent, 20U);
  }
}

TEST_F(QueueBridges, AnAcknowledgementTellsWhoWhenAndHowLong) {
  const CellId queue = make_queue("jobs");
  make_topic("audit");
  ASSERT_TRUE(bridge(of("b", "jobs", "audit", BridgeTrigger::kAck)));
  send(queue, "job");
  receive(queue);
  pass(40'000);  // nobody acknowledged
  const Received again = receive(queue);
  pass(1500);
  const queue::Handle one = handle(again.deliveries[0]);
  ASSERT_TRUE(broker->settle(queue, {&one, 1}, queue::Check::kAnyLease, now, "billing \"eu\""));
  const Strings events = values(thing("audit").logs[0]);
  ASSERT_EQ(events.size(), 1U);
  for (const ByteView part :
       {R"("type":"weir.message.acknowledged")", R"("time":"2023-11-14T22:14:01.500Z")",
        R"("by":"billing \"eu\"")", R"("deliveries":2)", R"("since_first_delivery_ms":41500)",
        R"("held_ms":1500)"}) {
    EXPECT_NE(events[0].find(part), std::string::npos) << part << " in " << events[0];
  }
}

TEST_F(QueueBridges, WhatRetentionDropsUnreadIsRecordedOnceThroughCrashes) {
  const CellId queue = make_expiring("jobs", 60'000);
  make_topic("audit");
  ASSERT_TRUE(bridge(of("b", "jobs", "audit", BridgeTrigger::kExpiry)));
  constexpr size_t kMessages = 1000;
  for (size_t i = 0; i < kMessages; ++i) send(queue, "m");
  ack(queue, receive(queue, 100));
  journal.sync();
  pass(59'000);
  EXPECT_TRUE(values(thing("audit").logs[0]).empty());
  Random random(3);
  for (int i = 0; i < 40; ++i) {
    pass(1000);
    if (random.one_in(3)) journal.sync();
    if (random.one_in(4)) {
      journal.crash(Lsn(broker->next_lsn().value() - random.below(2)));
      broker.reset();
      open();
    }
  }
  const Strings events = values(thing("audit").logs[0]);
  EXPECT_EQ(events.size(), kMessages - 100);
  EXPECT_EQ(std::set<std::string>(events.begin(), events.end()).size(), events.size());
  EXPECT_NE(events[0].find(R"("type":"weir.message.expired")"), std::string::npos) << events[0];
  EXPECT_EQ(broker->find_queue(queue, now)->counts(), (queue::Counts{}));
}

TEST_F(QueueBridges, ExpiryKeepsUpWithAnyNumberOfMessages) {
  const CellId queue = make_expiring("jobs", 60'000);
  make_topic("audit");
  ASSERT_TRUE(bridge(of("b", "jobs", "audit", BridgeTrigger::kExpiry)));
  for (int i = 0; i < 3000; ++i) send(queue, "m");
  journal.sync();
  pass(61'000);
  for (int i = 0; i < 40; ++i) pass(1);  // within one round of maintenance
  EXPECT_EQ(values(thing("audit").logs[0]).size(), 3000U);
}

TEST_F(QueueBridges, WhatAPausedBridgeOfExpiryMissesIsCounted) {
  const CellId queue = make_expiring("jobs", 60'000);
  make_topic("audit");
  ASSERT_TRUE(bridge(of("b", "jobs", "audit", BridgeTrigger::kExpiry)));
  ASSERT_TRUE(broker->pause_bridge("b", true, now));
  send(queue, "m");
  journal.sync();
  for (int i = 0; i < 5; ++i) pass(30'000);
  EXPECT_TRUE(values(thing("audit").logs[0]).empty());
  EXPECT_EQ(broker->bridges().at(0).missed, 1U);
}

TEST_F(QueueBridges, WhatMakesNoSenseIsRefused) {
  make_queue("q");
  make_queue("p");
  make_topic("t");
  const auto code = [&](const catalog::Bridge& wanted) { return bridge(wanted).error().code; };
  EXPECT_EQ(code(of("b", "q", "p", BridgeTrigger::kAck)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(of("b", "t", "q", BridgeTrigger::kMessage)), ErrorCode::kInvalidArgument);
  catalog::Bridge filtered = of("b", "q", "p", BridgeTrigger::kMessage);
  filtered.filter = "key=a";
  EXPECT_EQ(code(filtered), ErrorCode::kInvalidArgument);
  catalog::Bridge grouped = of("b", "q", "t", BridgeTrigger::kAck);
  grouped.group = "key";
  EXPECT_EQ(code(grouped), ErrorCode::kInvalidArgument);
  catalog::Bridge late = of("b", "t", "q", BridgeTrigger::kRecord);
  late.delay = "soon";
  EXPECT_EQ(code(late), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(bridge(of("there", "q", "p", BridgeTrigger::kMessage)));
  EXPECT_EQ(code(of("back", "p", "q", BridgeTrigger::kMessage)), ErrorCode::kRefused);
}

}  // namespace
}  // namespace weir::broker
