#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

using testing::Test;
using Strings = std::vector<std::string>;

class Queues : public BrokerTest {};

TEST_F(Queues, AMessageIsHandedOutOnceAndGoneAfterItsSettle) {
  const CellId queue = make_queue("jobs");
  send(queue, "one");
  send(queue, "two");
  const Received first = receive(queue);
  EXPECT_EQ(bodies(first), (Strings{"one", "two"}));
  EXPECT_TRUE(receive(queue).deliveries.empty());
  ack(queue, first);
  pass(60'000);
  EXPECT_TRUE(receive(queue).deliveries.empty());
}

TEST_F(Queues, AnExpiredLeaseBringsTheMessageBackWithItsCount) {
  const CellId queue = make_queue("jobs");
  send(queue, "one");
  EXPECT_EQ(receive(queue).deliveries.at(0).lease.deliveries, 1U);
  pass(30'001);
  EXPECT_EQ(receive(queue).deliveries.at(0).lease.deliveries, 2U);
}

TEST_F(Queues, AReceiverThatWaitsIsServedByTheNextSend) {
  const CellId queue = make_queue("jobs");
  std::vector<std::string> seen;
  const auto wait = [&](const std::string& who) {
    broker->receive(queue, {.count = 1, .lease = {}, .wait_until = now + Milliseconds(20'000)}, now,
                    [&, who](Result<Received> received) {
                      ASSERT_TRUE(received);
                      for (const std::string& body : bodies(*received))
                        seen.push_back(who + ":" + body);
                      if (received->deliveries.empty()) seen.push_back(who + ":nothing");
                    });
  };
  wait("first");
  wait("second");
  EXPECT_TRUE(seen.empty());
  send(queue, "a");
  EXPECT_EQ(seen, (Strings{"first:a"}));
  pass(20'000);
  EXPECT_EQ(seen, (Strings{"first:a", "second:nothing"}));
  EXPECT_EQ(broker->waiters().size(), 0U);
}

TEST_F(Queues, AWaitingReceiverIsWokenWhenALeaseEnds) {
  const CellId queue = make_queue("jobs");
  send(queue, "a");
  receive(queue);
  std::vector<std::string> seen;
  broker->receive(queue, {.count = 1, .lease = {}, .wait_until = now + Milliseconds(60'000)}, now,
                  [&](Result<Received> received) { seen = bodies(*received); });
  pass(29'000);
  EXPECT_TRUE(seen.empty());
  pass(1'000);
  EXPECT_EQ(seen, (Strings{"a"}));
}

TEST_F(Queues, ACancelledReceiverTakesNothing) {
  const CellId queue = make_queue("jobs");
  const ReceiveId id =
      broker->receive(queue, {.count = 1, .lease = {}, .wait_until = now + Milliseconds(20'000)},
                      now, [](Result<Received>) { FAIL(); });
  broker->cancel_receive(id);
  send(queue, "a");
  EXPECT_EQ(bodies(receive(queue)), (Strings{"a"}));
}

TEST_F(Queues, ADeadLetterMovesInTheCommitThatFindsIt) {
  const CellId dead = make_queue("dead");
  catalog::QueuePolicy policy;
  policy.receives_max = 2;
  policy.dead_letter = "dead";
  const CellId queue = make_queue("jobs", policy);
  const Sent sent = send(queue, "bad", {}, "key");
  const auto id = message_id(thing("jobs").uuid, sent.offset);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(receive(queue).deliveries.size(), 1U);
    pass(30'001);
  }
  const Lsn before = broker->next_lsn();
  EXPECT_TRUE(receive(queue).deliveries.empty());
  EXPECT_EQ(broker->next_lsn(), before.next());
  const Received found = receive(dead);
  ASSERT_EQ(bodies(found), (Strings{"bad"}));
  EXPECT_EQ(message_id_of(thing("dead").uuid, found.deliveries[0].record), id);
  EXPECT_EQ(found.deliveries[0].record.headers.find(kHeaderDeadLetterSource), "jobs");
  EXPECT_EQ(found.deliveries[0].record.key, "key");
}

TEST_F(Queues, WithoutADeadLetterQueueTheMessageGoesOnBeingDelivered) {
  catalog::QueuePolicy policy;
  policy.receives_max = 1;
  policy.dead_letter = "never-made";
  const CellId queue = make_queue("jobs", policy);
  send(queue, "bad");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(receive(queue).deliveries.size(), 1U) << i;
    pass(30'001);
  }
}

// A dead-letter queue that goes away takes the limit out of force, not out of the policy.
TEST_F(Queues, TheLimitIsInForceAgainWhenTheDeadLetterQueueIsBack) {
  make_queue("dead");
  catalog::QueuePolicy policy;
  policy.receives_max = 2;
  policy.dead_letter = "dead";
  const CellId queue = make_queue("jobs", policy);
  send(queue, "bad");
  ASSERT_TRUE(broker->remove({"", "dead"}, now));
  EXPECT_EQ(broker->dead_letter_queue(thing("jobs")), nullptr);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(receive(queue).deliveries.size(), 1U) << i;
    pass(30'001);
  }
  EXPECT_EQ(broker->find_queue(queue, now)->policy().delivery_limit, 2U);
  const CellId back = make_queue("dead");
  EXPECT_TRUE(receive(queue).deliveries.empty());
  EXPECT_EQ(bodies(receive(back)), (Strings{"bad"}));
}

TEST_F(Queues, GroupsAreServedInOrderAndOneAtATime) {
  catalog::QueuePolicy policy;
  policy.order = catalog::Order::kPerGroup;
  const CellId queue = make_queue("jobs.fifo", policy);
  send(queue, "a1", {}, "a");
  send(queue, "b1", {}, "b");
  send(queue, "a2", {}, "a");
  const Received first = receive(queue, 1);
  EXPECT_EQ(bodies(first), (Strings{"a1"}));
  EXPECT_EQ(bodies(receive(queue)), (Strings{"b1"}));
  EXPECT_TRUE(receive(queue).deliveries.empty());
  ack(queue, first);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"a2"}));
}

TEST_F(Queues, TheHighestPriorityGoesFirstAlsoAfterACrash) {
  catalog::QueuePolicy policy;
  policy.priorities = 5;
  const CellId queue = make_queue("alerts", policy);
  send(queue, "plain");
  const std::pair<const char*, const char*> sent[] = {
      {"0", "low"}, {"3", "high"}, {"4", "top"}, {"-1", "none"}, {"99999", "above"}, {"3", "next"}};
  for (const auto& [priority, body] : sent) send_of(queue, priority, body);
  journal.sync();
  EXPECT_EQ(bodies(receive(queue, 1)), Strings{"top"});
  journal.sync();
  crash();
  EXPECT_EQ(thing("alerts").queue_policy.priorities, 5);
  EXPECT_EQ(bodies(receive(queue, 3)), (Strings{"above", "high", "next"}));
  pass(30'001);
  EXPECT_EQ(bodies(receive(queue)),
            (Strings{"top", "above", "high", "next", "plain", "low", "none"}));
}

TEST_F(Queues, WithoutPrioritiesTheHeaderMeansNothing) {
  const CellId queue = make_queue("jobs");
  send(queue, "first");
  send_of(queue, "9", "second");
  EXPECT_EQ(bodies(receive(queue)), (Strings{"first", "second"}));
}

TEST_F(Queues, ADeadLetterKeepsItsPriority) {
  catalog::QueuePolicy policy;
  policy.priorities = 10;
  const CellId dead = make_queue("dead", policy);
  policy.receives_max = 1;
  policy.dead_letter = "dead";
  policy.priorities = 1;
  const CellId queue = make_queue("jobs", policy);
  for (const char* priority : {"1", "7", "4"}) send_of(queue, priority, priority);
  receive(queue);
  pass(30'001);
  EXPECT_TRUE(receive(queue).deliveries.empty());
  EXPECT_EQ(bodies(receive(dead)), (Strings{"7", "4", "1"}));
}

TEST_F(Queues, PrioritiesAndAnOrderExcludeEachOtherAndChangeWhileTheQueueIsEmpty) {
  catalog::QueuePolicy policy;
  policy.priorities = 2;
  const CellId queue = make_queue("alerts", policy);
  policy.order = catalog::Order::kPerGroup;
  const auto refused = broker->create_queue(
      {.name = {"", "x.fifo"}, .log = {}, .queue = policy, .properties = {}}, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "x.fifo is a FIFO queue: its messages go in order, not by priority");
  const CellId log = thing("alerts").logs[0];
  const auto appended = broker->append_record(log, {{}, "x", {}, now}, now);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ErrorCode::kRefused);
  Thing altered = thing("alerts");
  altered.queue_policy.priorities = 10;
  ASSERT_TRUE(broker->alter(altered, now));
  send_of(queue, "9", "x");
  altered.queue_policy.priorities = 3;
  EXPECT_FALSE(broker->alter(altered, now));
  EXPECT_EQ(thing("alerts").queue_policy.priorities, 10);
}

TEST_F(Queues, ADuplicateAnswersWithTheFirstOffsetAlsoAfterARestart) {
  catalog::QueuePolicy policy;
  policy.deduplicate = true;
  const CellId queue = make_queue("jobs", policy);
  const SendOptions options{.delay = {}, .dedup_id = "id-1"};
  const Sent first = send(queue, "a", options);
  journal.sync();
  crash();
  const Sent second = send(queue, "a", options);
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(second.offset, first.offset);
  pass(300'001);
  EXPECT_FALSE(send(queue, "a", options).duplicate);
}

TEST_F(Queues, WhatWasSettledIsGivenBackAndWhatHasHistoryIsKept) {
  const CellId queue = make_queue("jobs");
  catalog::QueuePolicy policy;
  policy.history_ms = 3'600'000;
  const CellId kept = make_queue("kept", policy);
  for (int i = 0; i < 100; ++i) {
    send(queue, std::string(1000, 'x'));
    send(kept, std::string(1000, 'x'));
  }
  journal.sync();
  ack(queue, receive(queue, 100));
  ack(kept, receive(kept, 100));
  journal.sync();
  pass(2'000);
  const log::Log& gone = *broker->find_log(thing("jobs").logs[0]);
  const log::Log& there = *broker->find_log(thing("kept").logs[0]);
  EXPECT_EQ(gone.start(), gone.end());
  EXPECT_EQ(there.start(), Offset(0));
  EXPECT_EQ(values(thing("kept").logs[0]).size(), 100U);
  pass(3'600'000);
  pass(2'000);
  EXPECT_EQ(there.start(), there.end());
}

TEST_F(Queues, DelayedMessagesComeWhenTheyAreDue) {
  const CellId queue = make_queue("jobs");
  send(queue, "later", {.delay = Milliseconds(5'000), .dedup_id = {}});
  EXPECT_TRUE(receive(queue).deliveries.empty());
  pass(5'000);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"later"}));
}

TEST_F(Queues, ABatchOfSendsIsOneCommit) {
  const CellId queue = make_queue("jobs");
  const Lsn before = broker->next_lsn();
  {
    const Broker::Turn turn(*broker, now);
    ASSERT_TRUE(turn.ok());
    for (int i = 0; i < 10; ++i) send(queue, "m" + std::to_string(i));
  }
  EXPECT_EQ(broker->next_lsn(), before.next());
  EXPECT_EQ(receive(queue).deliveries.size(), 10U);
}

TEST_F(Queues, BodiesAreReadFromTheFilesWhenTheyAreNotInMemory) {
  catalog::QueuePolicy policy;
  policy.receives_max = 1;
  policy.dead_letter = "dead";
  const CellId dead = make_queue("dead");
  const CellId queue = make_queue("jobs", policy);
  send(queue, "cold");
  journal.sync();
  journal.forget_cache(true);
  EXPECT_EQ(bodies(receive(queue)), (Strings{"cold"}));
  pass(30'001);
  EXPECT_TRUE(receive(queue).deliveries.empty());
  EXPECT_EQ(bodies(receive(dead)), (Strings{"cold"}));
}

TEST_F(Queues, WhatIsDurableComesBackAfterACrashWithItsLeases) {
  const CellId queue = make_queue("jobs");
  send(queue, "leased");
  send(queue, "ready");
  const Received leased = receive(queue, 1);
  journal.sync();
  send(queue, "lost");
  crash();
  EXPECT_EQ(bodies(receive(queue)), (Strings{"ready"}));
  pass(30'001);
  const Received again = receive(queue);
  ASSERT_EQ(bodies(again), (Strings{"leased", "ready"}));
  EXPECT_EQ(again.deliveries[0].lease.deliveries, 2U);
}

TEST_F(Queues, ADiskThatFailsRefusesSendsAndAFullOneStillTakesSettles) {
  const CellId queue = make_queue("jobs");
  send(queue, "a");
  const Received held = receive(queue);
  journal.fail(Error{ErrorCode::kStorageUnavailable, "the disk is full"}, true);
  const auto sent = broker->send(queue, {{}, "b", {}, now}, {}, now);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kStorageUnavailable);
  ack(queue, held);
  journal.fail(std::nullopt);
  EXPECT_EQ(send(queue, "c").offset, Offset(1));
}

}  // namespace
}  // namespace weir::broker
