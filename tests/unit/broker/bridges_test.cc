#include <gmock/gmock.h>

#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using Strings = std::vector<std::string>;
using catalog::BridgeTrigger;

class Bridges : public BrokerTest {
 protected:
  Result<Depends> bridge(const std::string& name,
                         const std::string& from,
                         const std::string& to,
                         BridgeTrigger trigger = BridgeTrigger::kRecord,
                         const std::string& filter = {}) {
    catalog::Bridge wanted;
    wanted.name = name;
    wanted.from = {"", from};
    wanted.to = {"", to};
    wanted.trigger = trigger;
    wanted.filter = filter;
    return broker->create_bridge(wanted, now);
  }
  // The keys of a log's records, in order.
  Strings keys(CellId log) {
    Strings result;
    const Offset end = broker->find_log(log)->end();
    std::vector<Offset> offsets;
    for (Offset offset; offset < end; offset = offset.next()) offsets.push_back(offset);
    broker->read_records(log, offsets, [&](Result<std::vector<Delivery>> records) {
      ASSERT_TRUE(records);
      for (const Delivery& one : *records) result.emplace_back(one.record.key.value_or("~"));
    });
    journal.poll();
    return result;
  }
};

TEST_F(Bridges, EveryRecordOfTheTopicBecomesOneMessage) {
  const CellId log = make_topic("events").logs[0];
  append(log, "before");
  const CellId queue = make_queue("jobs");
  ASSERT_TRUE(bridge("b", "events", "jobs"));
  append(log, "after", "k");
  pass(1);
  const Received received = receive(queue);
  ASSERT_EQ(bodies(received), (Strings{"before", "after"}))
      << broker->bridges().at(0).problem << broker->bridges().at(0).lag;
  EXPECT_EQ(received.deliveries[1].record.key, "k");
  EXPECT_EQ(received.deliveries[1].record.headers.find(kHeaderSource), "events/0/1");
  EXPECT_EQ(received.deliveries[1].record.headers.find(kHeaderBridge), "b");
  EXPECT_EQ(broker->bridges().at(0).lag, 0);
}

TEST_F(Bridges, AFilterLetsOnlyItsRecordsPass) {
  const CellId log = make_topic("events").logs[0];
  const CellId queue = make_queue("jobs");
  ASSERT_TRUE(bridge("b", "events", "jobs", BridgeTrigger::kRecord, "key=order-*"));
  append(log, "one", "order-1");
  append(log, "two", "user-1");
  pass(1);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"one"}));
}

TEST_F(Bridges, AnAcknowledgementAndItsRecordAreOneCommit) {
  const CellId queue = make_queue("jobs");
  const CellId audit = make_topic("audit").logs[0];
  ASSERT_TRUE(bridge("b", "jobs", "audit", BridgeTrigger::kAck));
  const Sent sent = send(queue, "job");
  const Received received = receive(queue);
  const Lsn before = broker->next_lsn();
  ack(queue, received);
  EXPECT_EQ(broker->next_lsn(), before.next());
  const Strings recorded = values(audit);
  ASSERT_EQ(recorded.size(), 1U);
  EXPECT_NE(recorded[0].find(to_string(message_id(thing("jobs").uuid, sent.offset))),
            std::string::npos);
  ack(queue, received);  // again: nothing more
  EXPECT_EQ(values(audit).size(), 1U);
}

// The id of an event is the one that the message had first, wherever it was moved, also for who
// held it before there was a bridge, or before a restart.
TEST_F(Bridges, AnEventNamesTheFirstIdentityOfAMovedMessage) {
  const CellId dead = make_queue("dead");
  catalog::QueuePolicy policy;
  policy.receives_max = 1;
  policy.dead_letter = "dead";
  const CellId queue = make_queue("jobs", policy);
  make_topic("graveyard");
  make_topic("audit");
  ASSERT_TRUE(bridge("letters", "jobs", "graveyard", BridgeTrigger::kDeadLetter));
  Strings ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(to_string(message_id(thing("jobs").uuid, send(queue, "bad").offset)));
  }
  receive(queue);
  pass(30'001);
  EXPECT_TRUE(receive(queue).deliveries.empty());
  EXPECT_EQ(keys(thing("graveyard").logs[0]), ids);

  const Received before_bridge = receive(dead, 1);
  ASSERT_TRUE(bridge("acks", "dead", "audit", BridgeTrigger::kAck));
  const Received before_restart = receive(dead, 1);
  ack(dead, before_bridge);
  journal.sync();
  journal.forget_cache(true);
  crash();
  journal.poll();
  ack(dead, before_restart);
  ack(dead, receive(dead, 1));
  EXPECT_EQ(keys(thing("audit").logs[0]), ids);
}

TEST_F(Bridges, WhatAPausedBridgeOrOneWithoutATargetMissesIsCounted) {
  const CellId queue = make_queue("jobs");
  make_topic("audit");
  ASSERT_TRUE(bridge("acks", "jobs", "audit", BridgeTrigger::kAck));
  const auto ack_one = [&] {
    send(queue, "x");
    ack(queue, receive(queue));
  };
  ack_one();
  ASSERT_TRUE(broker->pause_bridge("acks", true, now));
  ack_one();
  ack_one();
  ASSERT_TRUE(broker->pause_bridge("acks", false, now));
  ack_one();
  EXPECT_EQ(keys(thing("audit").logs[0]).size(), 2U);
  EXPECT_EQ(broker->bridges().at(0).missed, 2U);
  EXPECT_EQ(broker->bridges().at(0).problem, "");

  ASSERT_TRUE(broker->remove({"", "audit"}, now));
  ack_one();
  EXPECT_EQ(broker->bridges().at(0).missed, 3U);
  EXPECT_EQ(broker->bridges().at(0).problem, "audit does not exist");
  // The number is as durable as the acknowledgements, by replay and by image.
  journal.sync();
  crash();
  EXPECT_EQ(broker->bridges().at(0).missed, 3U);
  journal.checkpoint();
  crash();
  EXPECT_EQ(broker->bridges().at(0).missed, 3U);
  // The fixture's random numbers begin again with each life, and identities are never used twice.
  for (int i = 0; i < 10; ++i) broker->new_uuid();
  make_topic("audit");
  ack_one();
  EXPECT_EQ(broker->bridges().at(0).missed, 3U);
  EXPECT_EQ(keys(thing("audit").logs[0]).size(), 1U);
}

// Bridges do not wait: what they read may be undurable, since a crash takes the copy with it.
TEST_F(Bridges, ReadersOfTheTargetSeeAMovedRecordWhenItIsSafe) {
  const CellId log = make_topic("events").logs[0];
  const CellId copy = make_topic("copies").logs[0];
  ASSERT_TRUE(bridge("b", "events", "copies"));
  journal.sync();
  append(log, "x");
  pass(1);
  EXPECT_EQ(broker->find_log(copy)->end(), Offset(1));
  EXPECT_EQ(broker->visible_end(copy, Visibility::kSafe), Offset(0));
  journal.sync();
  EXPECT_EQ(broker->visible_end(copy, Visibility::kSafe), Offset(1));
}

TEST_F(Bridges, FieldsOfTheRecordBecomeGroupDeduplicationAndDelay) {
  const CellId log = make_topic("orders").logs[0];
  catalog::QueuePolicy fifo;
  fifo.order = catalog::Order::kPerGroup;
  const CellId queue = make_queue("ship", fifo);
  catalog::Bridge wanted;
  wanted.name = "b";
  wanted.from = {"", "orders"};
  wanted.to = {"", "ship"};
  wanted.filter = "$.paid=true && $.total>=10";
  wanted.group = "$.customer";
  wanted.deduplication = "$.id";
  ASSERT_TRUE(broker->create_bridge(wanted, now));
  append(log, R"({"id":1,"customer":"ann","paid":true,"total":10})");
  append(log, R"({"id":1,"customer":"ann","paid":true,"total":10})");  // the same again
  append(log, R"({"id":2,"customer":"bob","paid":false,"total":99})");
  append(log, R"({"id":3,"customer":"bob","paid":true,"total":9.5})");
  append(log, "no json");
  append(log, R"({"id":4,"customer":"bob","paid":true,"total":99})");
  pass(1);
  const Received received = receive(queue);
  ASSERT_EQ(received.deliveries.size(), 2U);
  EXPECT_EQ(received.deliveries[0].record.key, "ann");
  EXPECT_EQ(received.deliveries[1].record.key, "bob");
  EXPECT_EQ(broker->bridges().at(0).counts.passed_over, 3U);

  const CellId later = make_queue("later");
  wanted.name = "late";
  wanted.to = {"", "later"};
  wanted.filter.clear();
  wanted.group.clear();
  wanted.deduplication.clear();
  wanted.delay = "header:wait";
  ASSERT_TRUE(broker->create_bridge(wanted, now));
  const log::RecordHeader wait{"wait", "5000"};
  ASSERT_TRUE(broker->append_record(log, {"k", "late", {&wait, 1}, now}, now));
  pass(1);
  EXPECT_EQ(receive(later).deliveries.size(), 6U) << "those that say nothing do not wait";
  pass(5000);
  EXPECT_EQ(bodies(receive(later)), Strings{"late"});
}

TEST_F(Bridges, AFieldOrANumberBecomesThePriority) {
  const CellId log = make_topic("events").logs[0];
  catalog::QueuePolicy policy;
  policy.priorities = 4;
  const CellId queue = make_queue("alerts", policy);
  const CellId all_alike = make_queue("alike", policy);
  make_queue("plain");
  catalog::Bridge wanted;
  wanted.name = "b";
  wanted.from = {"", "events"};
  wanted.priority = "$.urgency";
  const auto refused = [&](const char* target) {
    wanted.to = {"", target};
    const auto made = broker->create_bridge(wanted, now);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(refused("plain"),
            "plain has no priorities; give it some while it is empty (weir queue set plain "
            "--priorities 10)");
  EXPECT_EQ(refused("alerts"), "");
  wanted.name = "alike";
  wanted.priority = "-3";
  EXPECT_THAT(refused("alike"), testing::HasSubstr("priority: -3 is neither a number nor a field"));
  wanted.priority = "2";
  EXPECT_EQ(refused("alike"), "");
  const log::RecordHeader own{kHeaderPriority, "1"};
  for (const char* value : {R"({"urgency":0})", R"({"urgency":3})", R"({"urgency":"2"})",
                            R"({"urgency":-1})", R"({})", R"({"urgency":700})"}) {
    ASSERT_TRUE(broker->append_record(log, {{}, value, {&own, 1}, now}, now));
  }
  pass(1);
  const Received received = receive(queue);
  // Where the field says nothing, the record's own priority stands.
  EXPECT_EQ(bodies(received),
            (Strings{R"({"urgency":3})", R"({"urgency":700})", R"({"urgency":"2"})",
                     R"({"urgency":-1})", R"({})", R"({"urgency":0})"}));
  EXPECT_EQ(received.deliveries[0].record.headers.find(kHeaderPriority), "3");
  EXPECT_EQ(broker->find_queue(all_alike, now)->ready_by_priority(),
            (std::vector<uint64_t>{0, 0, 6, 0}));
  EXPECT_EQ(broker->catalog().find_bridge("b")->priority, "$.urgency");
}

TEST_F(Bridges, ASoughtBridgeMovesWhatLiesFromThereOn) {
  const CellId log = make_topic("events").logs[0];
  const CellId copy = make_topic("copies").logs[0];
  ASSERT_TRUE(bridge("b", "events", "copies"));
  for (const ByteView value : {"a", "b", "c"}) append(log, value);
  pass(1);
  using Place = std::pair<uint32_t, Offset>;
  const auto seek = [&](Place place) {
    return broker->seek_bridge("b", std::span<const Place>(&place, 1), now);
  };
  ASSERT_TRUE(seek({0, Offset(1)}));
  journal.sync();
  crash();
  pass(1);
  EXPECT_EQ(values(copy), (Strings{"a", "b", "c", "b", "c"}));
  EXPECT_EQ(seek({0, Offset(4)}).error().code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(seek({1, Offset(0)}).error().code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(broker->seek_bridge("none", {}, now).error().code, ErrorCode::kNotFound);
}

// Story: the place in the old topic stood, and as many records of the new one were passed over.
TEST_F(Bridges, OfAnotherTopicOfThatNameItBeginsAtTheStart) {
  CellId log = make_topic("events").logs[0];
  const CellId queue = make_queue("jobs");
  ASSERT_TRUE(bridge("b", "events", "jobs"));
  for (const char* value : {"1", "2", "3"}) append(log, value);
  pass(1);
  ASSERT_TRUE(broker->remove({"", "events"}, now));
  pass(1);
  EXPECT_EQ(broker->bridges().at(0).problem, "events does not exist");
  journal.sync();
  crash();
  for (int i = 0; i < 10; ++i) broker->new_uuid();
  log = make_topic("events").logs[0];
  append(log, "4");
  pass(1);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"1", "2", "3", "4"}));
  EXPECT_EQ(broker->bridges().at(0).lag, 0);
}

// Story: the new topic's first records were passed over, as many as had been moved from the old
// one.
TEST_F(Bridges, WhatIsRenamedAndComesBackGoesOnAndASuccessorBeginsAtTheStart) {
  const CellId log = make_topic("events").logs[0];
  const CellId queue = make_queue("jobs");
  ASSERT_TRUE(bridge("b", "events", "jobs"));
  for (const char* value : {"1", "2"}) append(log, value);
  pass(1);
  ASSERT_TRUE(broker->rename({"", "events"}, {"", "archive"}, now));
  append(log, "3");
  pass(1);
  EXPECT_EQ(broker->bridges().at(0).problem, "events does not exist");
  ASSERT_TRUE(broker->rename({"", "archive"}, {"", "events"}, now));
  journal.sync();
  crash();
  pass(1);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"1", "2", "3"})) << "it is the same topic";

  ASSERT_TRUE(broker->rename({"", "events"}, {"", "archive"}, now));
  ASSERT_TRUE(broker->pause_bridge("b", true, now));
  for (int i = 0; i < 10; ++i) broker->new_uuid();
  const CellId successor = make_topic("events").logs[0];
  append(successor, "4");
  EXPECT_EQ(broker->bridges().at(0).lag, 1);
  ASSERT_TRUE(broker->pause_bridge("b", false, now));
  pass(1);
  EXPECT_EQ(bodies(receive(queue)), Strings{"4"});
  journal.sync();
  journal.checkpoint();
  crash();
  append(successor, "5");
  pass(1);
  EXPECT_EQ(bodies(receive(queue)), Strings{"5"});
}

// What was read of the old topic when the name passed on is not taken for the new one's.
TEST_F(Bridges, ANameThatPassesOnWhileItIsReadMovesNothingTwice) {
  const CellId log = make_topic("events").logs[0];
  const CellId queue = make_queue("jobs");
  ASSERT_TRUE(bridge("b", "events", "jobs"));
  journal.forget_cache(true);
  append(log, "old");
  broker->tick(now);  // the read is under way
  ASSERT_TRUE(broker->rename({"", "events"}, {"", "archive"}, now));
  append(make_topic("events").logs[0], "new");
  for (int i = 0; i < 5; ++i) pass(1);
  journal.forget_cache(false);
  EXPECT_EQ(bodies(receive(queue)), Strings{"new"});
}

TEST_F(Bridges, TheRateFollowsWhatIsMoved) {
  const CellId log = make_topic("events").logs[0];
  make_topic("copies");
  ASSERT_TRUE(bridge("b", "events", "copies"));
  pass(1000);
  for (int i = 0; i < 100; ++i) append(log, "x");
  pass(1);
  for (int i = 0; i < 3; ++i) pass(1000);
  EXPECT_GT(broker->bridges().at(0).counts.per_second, 5);
  for (int i = 0; i < 100; ++i) pass(1000);
  EXPECT_EQ(broker->bridges().at(0).counts.per_second, 0);
}

TEST_F(Bridges, ALoopIsRefused) {
  make_topic("a");
  make_queue("b");
  ASSERT_TRUE(bridge("one", "a", "b"));
  EXPECT_EQ(bridge("two", "b", "a", BridgeTrigger::kAck).error().code, ErrorCode::kRefused);
}

// Crashes at random moments, each leaving a random prefix of the undurable commits: at the end
// every event has exactly one message, and every acknowledged message exactly one record.
TEST_F(Bridges, ExactlyOneOutputForEachInputThroughCrashes) {
  Random random(20);
  CellId log = make_topic("events", 2).logs[0];
  const CellId second = thing("events").logs[1];
  const CellId queue = make_queue("jobs");
  const CellId audit = make_topic("audit").logs[0];
  ASSERT_TRUE(bridge("in", "events", "jobs"));
  ASSERT_TRUE(bridge("out", "jobs", "audit", BridgeTrigger::kAck));
  catalog::Thing kept = thing("jobs");
  kept.queue_policy.history_ms = 86'400'000;
  ASSERT_TRUE(broker->alter(kept, now));
  journal.sync();
  for (int round = 0; round < 300; ++round) {
    switch (random.below(6)) {
      case 0:
      case 1: append(random.one_in(2) ? log : second, "event"); break;
      case 2: ack(queue, receive(queue, 5)); break;
      case 3: pass(static_cast<int64_t>(random.below(40'000))); break;
      case 4: journal.sync(); break;
      default:
        if (random.one_in(4)) {
          journal.crash(Lsn(broker->next_lsn().value() - random.below(4)));
          broker.reset();
          open();
        } else if (random.one_in(4)) {
          journal.sync();
          journal.checkpoint();
        }
        break;
    }
  }
  for (int i = 0; i < 50; ++i) {
    pass(31'000);
    ack(queue, receive(queue, 1000));
  }
  const size_t events = values(log).size() + values(second).size();
  EXPECT_GT(events, 20U);
  EXPECT_EQ(values(thing("jobs").logs[0]).size(), events);
  EXPECT_EQ(values(audit).size(), events);
}

}  // namespace
}  // namespace weir::broker
