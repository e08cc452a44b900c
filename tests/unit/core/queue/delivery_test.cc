// The rules of leases, counts and limits of a queue without order.

#include <gmock/gmock.h>

#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(Delivery, ABacklogOfAHundredMillionHoldsNothing) {
  Harness h({});
  h.queue.apply_end(Offset(100'000'000));
  h.end = 100'000'000;
  EXPECT_EQ(h.queue.counts(), (Counts{100'000'000, 0, 0}));
  EXPECT_LT(h.image().size(), 100U);
  EXPECT_THAT(h.take_offsets(2), ElementsAre(0, 1));
}

TEST(Delivery, ReadyMessagesAreHandedOutInOffsetOrder) {
  Harness h({}, 7);
  h.send(5);
  EXPECT_THAT(h.take_offsets(3), ElementsAre(7, 8, 9));
  EXPECT_THAT(h.take_offsets(10), ElementsAre(10, 11));
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  EXPECT_EQ(h.queue.counts(), (Counts{0, 5, 0}));
  h.expect_replay_agrees();
}

TEST(Delivery, ExpiredLeaseMakesTheMessageReadyAgain) {
  Harness h({.lease_duration = Milliseconds(30'000)});
  h.send(2);
  const auto first = h.take(1);
  EXPECT_EQ(h.queue.next_deadline(), Timestamp(31'000));
  h.advance(29'999);
  EXPECT_EQ(h.queue.counts(), (Counts{1, 1, 0}));
  h.advance(1);
  EXPECT_EQ(h.queue.counts(), (Counts{2, 0, 0}));
  EXPECT_EQ(h.queue.next_deadline(), Timestamp::never());
  const auto again = h.take(1);
  EXPECT_EQ(again[0].offset, first[0].offset);
  EXPECT_EQ(again[0].deliveries, 2U);
  EXPECT_EQ(again[0].first_delivered, Timestamp(1'000));
  EXPECT_EQ(again[0].last_delivered, Timestamp(31'000));
  EXPECT_NE(again[0].generation, first[0].generation);
  h.expect_replay_agrees();
}

TEST(Delivery, ReturnedMessagesComeBackAtTheirOriginalPosition) {
  Harness h({});
  h.send(5);
  const auto leases = h.take(3);
  EXPECT_EQ(h.release(leases[2]), Outcome::kDone);
  EXPECT_EQ(h.release(leases[0]), Outcome::kDone);
  EXPECT_THAT(h.take_offsets(3), ElementsAre(0, 2, 3));
  h.expect_replay_agrees();
}

TEST(Delivery, AReleaseWithADelayHidesTheMessageUntilThen) {
  Harness h({});
  h.send(1);
  const auto leases = h.take(1);
  EXPECT_EQ(h.release(leases[0], 500), Outcome::kDone);
  EXPECT_EQ(h.queue.counts(), (Counts{0, 0, 1}));
  EXPECT_FALSE(h.queue.may_deliver());
  h.advance(500);
  EXPECT_TRUE(h.queue.may_deliver());
  EXPECT_EQ(h.take(1)[0].deliveries, 2U);
  h.expect_replay_agrees();
}

TEST(Delivery, AnUncountedReleaseLeavesNoTrace) {
  Harness h({.delivery_limit = 1});
  h.send(2);
  const auto leases = h.take(2);
  h.release(leases[0], 0, true);
  EXPECT_EQ(h.queue.deliveries_of(Offset(0)).first, 0U);
  EXPECT_EQ(h.take(1)[0].deliveries, 1U);
  h.expect_replay_agrees();
}

TEST(Delivery, ExtendingMovesTheDeadlineBothWays) {
  Harness h({.lease_duration = Milliseconds(100)});
  h.send(2);
  const auto leases = h.take(2);
  EXPECT_EQ(h.extend(leases[0], 1'000), Outcome::kDone);
  EXPECT_EQ(h.extend(leases[1], 10), Outcome::kDone);
  h.advance(10);
  EXPECT_EQ(h.queue.counts(), (Counts{1, 1, 0}));
  h.advance(989);
  EXPECT_EQ(h.queue.counts(), (Counts{1, 1, 0}));
  h.advance(1);
  EXPECT_EQ(h.queue.counts(), (Counts{2, 0, 0}));
  // SQS: a change of visibility after the lease has ended must not hide the message again.
  EXPECT_EQ(h.extend(leases[0], 1'000), Outcome::kNotHeld);
  EXPECT_EQ(h.queue.counts(), (Counts{2, 0, 0}));
  h.expect_replay_agrees();
}

TEST(Delivery, ALeaseOfNoTimeCountsAndEndsAtOnce) {
  Harness h({});
  h.send(1);
  h.lease({.count = 1, .duration = Milliseconds(0)});
  h.advance(0);
  EXPECT_EQ(h.queue.counts(), (Counts{1, 0, 0}));
  EXPECT_EQ(h.take(1)[0].deliveries, 2U);
  h.expect_replay_agrees();
}

TEST(Delivery, AnOldHandleSettlesOnlyWhereThatIsAllowed) {
  Harness h({.lease_duration = Milliseconds(10)});
  h.send(2);
  const auto old = h.take(2);
  h.advance(10);
  EXPECT_EQ(h.settle(old[0], Check::kThisLease), Outcome::kNotHeld);
  EXPECT_EQ(h.settle(old[0], Check::kAnyLease), Outcome::kDone);
  EXPECT_EQ(h.settle(old[0], Check::kAnyLease), Outcome::kAlreadySettled);
  const auto again = h.take(1);
  EXPECT_EQ(again[0].offset, old[1].offset);
  EXPECT_EQ(h.settle(old[1], Check::kThisLease), Outcome::kNotHeld);
  EXPECT_EQ(h.settle(old[1], Check::kAnyLease), Outcome::kDone);
  EXPECT_EQ(h.queue.counts(), (Counts{0, 0, 0}));
  h.expect_replay_agrees();
}

TEST(Delivery, AHandleThatWasNeverGrantedIsUnknown) {
  Harness h({});
  h.send(3);
  h.take(1);
  const auto outcome = [&](Handle handle, Check check) {
    return h.queue.decide_settle({&handle, 1}, check).outcomes.front();
  };
  EXPECT_EQ(outcome({Offset(0), Generation(99)}, Check::kAnyLease), Outcome::kUnknown);
  EXPECT_EQ(outcome({Offset(0), Generation(0)}, Check::kThisLease), Outcome::kUnknown);
  EXPECT_EQ(outcome({Offset(1), Generation(1)}, Check::kAnyLease), Outcome::kUnknown);
  EXPECT_EQ(outcome({Offset(3), Generation(1)}, Check::kAnyLease), Outcome::kUnknown);
  EXPECT_EQ(outcome({Offset(-1), Generation(1)}, Check::kAnyLease), Outcome::kUnknown);
}

TEST(Delivery, TheOwnerSettlesWithoutAGeneration) {
  Harness h({});
  h.send(1);
  h.lease({.consumer = ConsumerId(3), .count = 1});
  const Handle wrong{Offset(0), Generation(0), ConsumerId(4)};
  const Handle right{Offset(0), Generation(0), ConsumerId(3)};
  EXPECT_EQ(h.queue.decide_settle({&wrong, 1}, Check::kOwner).outcomes.front(), Outcome::kNotHeld);
  EXPECT_EQ(h.queue.decide_settle({&right, 1}, Check::kOwner).outcomes.front(), Outcome::kDone);
}

TEST(Delivery, SettlingMovesTheFloorAndFreesWhatWasHeld) {
  Harness h({});
  h.send(200'000);
  std::vector<Lease> leases;
  while (leases.size() < 200'000) {
    for (const Lease& lease : h.take(10'000)) leases.push_back(lease);
  }
  for (size_t i = leases.size(); i-- > 1;) h.settle(leases[i]);
  EXPECT_EQ(h.queue.floor(), Offset(0));
  EXPECT_LT(h.image().size(), 200U);
  h.settle(leases[0]);
  EXPECT_EQ(h.queue.floor(), Offset(200'000));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 0, 0}));
}

TEST(Delivery, ABatchIsOneSmallEvent) {
  Harness h({});
  h.send(10);
  const auto leases = h.take(10);
  EXPECT_LT(h.journal.back().size(), 48U);
  std::vector<Handle> handles;
  for (const Lease& lease : leases) handles.push_back({lease.offset, lease.generation, kNobody});
  const auto decision = h.queue.decide_settle(handles, Check::kThisLease);
  ASSERT_EQ(decision.events.size(), 1U);
  EXPECT_EQ(decision.done, 10U);
  h.apply(decision.events);
  EXPECT_LT(h.journal.back().size(), 24U);
  EXPECT_EQ(h.queue.floor(), Offset(10));
}

TEST(Delivery, NoMoreThanTheLimitAreInFlight) {
  Harness h({.in_flight_max = 3});
  h.send(5);
  auto decision = h.lease({.count = 10});
  EXPECT_EQ(decision.leases.size(), 3U);
  EXPECT_TRUE(decision.at_in_flight_limit);
  EXPECT_FALSE(h.queue.may_deliver());
  EXPECT_TRUE(h.lease({.count = 1}).at_in_flight_limit);
  h.settle(decision.leases[1]);
  decision = h.lease({.count = 1});
  EXPECT_THAT(Harness::offsets(decision.leases), ElementsAre(3));
  EXPECT_FALSE(decision.at_in_flight_limit);
}

TEST(Delivery, ClosingAConsumerReleasesWhatIsBoundToItOnly) {
  Harness h({.lease_duration = kNoDeadline});
  h.send(4);
  const ConsumerId a = h.queue.reserve_consumer();
  const ConsumerId b = h.queue.reserve_consumer();
  h.lease({.consumer = a, .count = 1, .bound = true});
  h.lease({.consumer = b, .count = 1, .bound = true});
  h.lease({.consumer = a, .count = 1});
  EXPECT_THAT(h.queue.consumers_with_bound_leases(), ElementsAre(a, b));
  EXPECT_EQ(h.queue.pending_count(a), 2U);
  const auto event = h.queue.decide_consumer_closed(a);
  ASSERT_TRUE(event.has_value());
  h.apply(*event);
  EXPECT_EQ(h.queue.counts(), (Counts{2, 2, 0}));
  EXPECT_FALSE(h.queue.decide_consumer_closed(a).has_value());
  EXPECT_THAT(h.take_offsets(1), ElementsAre(0));
  h.expect_replay_agrees();
}

TEST(Delivery, WithoutAcknowledgementTheDeliverySettles) {
  Harness h({});
  h.send(3);
  const auto leases = h.lease({.count = 2, .no_ack = true}).leases;
  EXPECT_THAT(Harness::offsets(leases), ElementsAre(0, 1));
  EXPECT_EQ(h.queue.counts(), (Counts{1, 0, 0}));
  EXPECT_EQ(h.queue.floor(), Offset(2));
  h.expect_replay_agrees();
}

TEST(Delivery, RecordsThatAreGoneArePassedOverAndSettled) {
  Harness h({});
  h.send(5);
  const IsGone is_gone = [](Offset offset) { return offset.value() % 2 == 0; };
  EXPECT_THAT(Harness::offsets(h.lease({.count = 1, .is_gone = &is_gone}).leases), ElementsAre(1));
  EXPECT_EQ(h.queue.floor(), Offset(1));
  EXPECT_THAT(Harness::offsets(h.lease({.count = 5, .is_gone = &is_gone}).leases), ElementsAre(3));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 2, 0}));
  h.expect_replay_agrees();
}

TEST(Delivery, AStretchOfGoneRecordsIsPassedInSteps) {
  Harness h({});
  h.send(5'000);
  const IsGone is_gone = [](Offset offset) { return offset.value() < 4'999; };
  int steps = 0;
  std::vector<Lease> leases;
  while (leases.empty()) {
    const auto decision = h.lease({.count = 1, .is_gone = &is_gone});
    EXPECT_EQ(decision.more, decision.leases.empty());
    leases = decision.leases;
    ASSERT_LT(++steps, 10);
  }
  EXPECT_EQ(leases[0].offset, Offset(4'999));
  EXPECT_EQ(h.queue.floor(), Offset(4'999));
}

TEST(DeadLetter, IsFoundAtTheReceiveThatWouldExceedTheLimit) {
  Harness h({.delivery_limit = 3});
  h.send(2);
  for (uint32_t i = 1; i <= 3; ++i) {
    const auto decision = h.lease({.count = 1});
    ASSERT_EQ(decision.leases.size(), 1U);
    EXPECT_EQ(decision.leases[0].deliveries, i);
    EXPECT_THAT(decision.dead_letters, IsEmpty());
    h.release(decision.leases[0]);
  }
  const auto decision = h.lease({.count = 1});
  ASSERT_EQ(decision.dead_letters.size(), 1U);
  EXPECT_EQ(decision.dead_letters[0].offset, Offset(0));
  EXPECT_EQ(decision.dead_letters[0].deliveries, 3U);
  EXPECT_EQ(decision.dead_letters[0].first_delivered, Timestamp(1'000));
  EXPECT_THAT(Harness::offsets(decision.leases), ElementsAre(1));
  EXPECT_TRUE(h.queue.is_settled(Offset(0)));
  h.expect_replay_agrees();
}

TEST(Delay, MessagesWaitForTheirTimeInOffsetOrder) {
  Harness h({.default_delay = Milliseconds(50)});
  h.send(
      {NewMessage{}, NewMessage{.delay = Milliseconds(0)}, NewMessage{.delay = Milliseconds(20)}});
  EXPECT_EQ(h.queue.counts(), (Counts{1, 0, 2}));
  EXPECT_THAT(h.take_offsets(10), ElementsAre(1));
  h.advance(20);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(2));
  h.advance(30);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(0));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 3, 0}));
  h.expect_replay_agrees();
}

TEST(Delay, ADelayedMessageThatIsDueCostsNoEntry) {
  Harness h({.default_delay = Milliseconds(50)});
  for (int i = 0; i < 1'000; ++i) h.send(1);
  h.advance(50);
  EXPECT_EQ(h.queue.counts(), (Counts{1'000, 0, 0}));
  EXPECT_LT(h.image().size(), 100U);
  EXPECT_EQ(h.take(10).size(), 10U);
  h.expect_replay_agrees();
}

// Each of them was looked at one by one once: 10 ms and more in front of a million of them.
TEST(Delay, ManyDelayedMessagesArePassedOverAsOne) {
  constexpr size_t kDelayed = 200'000;
  for (const Order order : {Order::kNone, Order::kGroups, Order::kStrict}) {
    Harness h({.order = order, .delayed_max = kDelayed + 1});
    h.send(1);
    h.send(std::vector<NewMessage>(kDelayed, {.delay = Milliseconds(50), .group = 1}));
    h.send({NewMessage{.delay = {}, .group = 2, .dedup_id = {}}});
    const uint64_t before = h.queue.stretches_passed();
    EXPECT_THAT(h.queue.ready_from(Offset(1), 10), ElementsAre(Offset(kDelayed + 1)));
    if (order == Order::kStrict) {
      EXPECT_THAT(h.take_offsets(10), ElementsAre(0));
    } else {
      EXPECT_THAT(h.take_offsets(10), ElementsAre(0, kDelayed + 1));
    }
    for (int i = 0; i < 100; ++i) EXPECT_THAT(h.take_offsets(10), IsEmpty());
    EXPECT_LE(h.queue.stretches_passed() - before, 100U);
    h.expect_replay_agrees();
    h.advance(50);
    EXPECT_EQ(h.queue.counts().delayed, 0U);
    if (order == Order::kNone) EXPECT_THAT(h.take_offsets(2), ElementsAre(1, 2));
  }
}

TEST(Delay, TheNumberOfWaitingMessagesIsLimited) {
  Harness h({.default_delay = Milliseconds(50), .delayed_max = 2});
  h.send(2);
  const NewMessage message;
  const auto refused = h.queue.decide_enqueue(Offset(2), {&message, 1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kLimitReached);
}

TEST(Delay, ADelayedMessageCanBeDiscarded) {
  Harness h({.default_delay = Milliseconds(50)});
  h.send(3);
  const Offset offset(1);
  EXPECT_EQ(h.queue.decide_discard({&offset, 1}).done, 1U);
  h.apply(h.queue.decide_discard({&offset, 1}).events);
  h.advance(50);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(0, 2));
  h.expect_replay_agrees();
}

TEST(Purge, DropsEverythingWithTheLeasesAndTheIds) {
  Harness h({});
  h.send({NewMessage{.delay = {}, .group = 0, .dedup_id = dedup_id(1)},
          NewMessage{.delay = Milliseconds(9)},
          {}});
  const auto leases = h.take(1);
  h.apply(h.queue.decide_purge(false, true));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 0, 0}));
  EXPECT_FALSE(h.queue.find_duplicate(dedup_id(1)).has_value());
  EXPECT_EQ(h.settle(leases[0], Check::kAnyLease), Outcome::kAlreadySettled);
  EXPECT_EQ(h.queue.next_deadline(), Timestamp::never());
  h.expect_replay_agrees();
}

TEST(Purge, MayKeepWhatIsInFlight) {
  Harness h({});
  h.send(200'000);
  const auto leases = h.take(3);
  h.settle(leases[1]);
  h.apply(h.queue.decide_purge(true, false));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 2, 0}));
  h.release(leases[2]);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(2));
  h.send(1);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(200'000));
  h.expect_replay_agrees();
}

TEST(Retention, DropsLeasedMessagesTooAndTheirHandlesStaySettled) {
  Harness h({});
  h.send(5);
  const auto leases = h.take(3);
  h.release(leases[1]);
  h.apply(*h.queue.decide_expire_below(Offset(4)));
  EXPECT_EQ(h.queue.counts(), (Counts{1, 0, 0}));
  EXPECT_EQ(h.settle(leases[0], Check::kThisLease), Outcome::kAlreadySettled);
  EXPECT_FALSE(h.queue.decide_expire_below(Offset(4)).has_value());
  EXPECT_THAT(h.take_offsets(10), ElementsAre(4));
  h.expect_replay_agrees();
}

TEST(Redrive, ReadyMessagesCanBeWalkedAndDiscarded) {
  Harness h({});
  h.send(6);
  const auto leases = h.take(3);
  h.release(leases[1]);
  EXPECT_THAT(h.queue.ready_from(Offset(0), 10),
              ElementsAre(Offset(1), Offset(3), Offset(4), Offset(5)));
  EXPECT_THAT(h.queue.ready_from(Offset(2), 2), ElementsAre(Offset(3), Offset(4)));
  const std::vector<Offset> moved{Offset(1), Offset(4), Offset(4), Offset(77)};
  const auto decision = h.queue.decide_discard(moved);
  EXPECT_EQ(decision.done, 2U);
  h.apply(decision.events);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(3, 5));
  h.expect_replay_agrees();
}

TEST(Dedup, ADuplicateIsFoundUntilTheWindowIsOver) {
  Harness h({.dedup_window = Milliseconds(300'000)});
  const std::vector<NewMessage> message{{.delay = {}, .group = 0, .dedup_id = dedup_id(5)}};
  h.send(3);
  h.send(message);
  const auto leases = h.take(10);
  h.settle(leases[3]);
  EXPECT_THAT(h.queue.find_duplicate(dedup_id(5)), Optional(Offset(3)));
  EXPECT_EQ(h.queue.decide_enqueue(Offset(4), message).error().code, ErrorCode::kAlreadyExists);
  h.advance(299'999);
  EXPECT_THAT(h.queue.find_duplicate(dedup_id(5)), Optional(Offset(3)));
  EXPECT_EQ(h.queue.next_deadline(), h.now + Milliseconds(1));
  h.advance(1);
  EXPECT_FALSE(h.queue.find_duplicate(dedup_id(5)).has_value());
  EXPECT_EQ(h.send(message), 4);
  h.expect_replay_agrees();
}

// A checkpoint of a busy FIFO queue used to write the ids of five minutes at once.
TEST(Dedup, AnImageOfManyIdsIsLittleAtOnceAndOfItsMoment) {
  Harness h({.dedup_window = Milliseconds(300'000)});
  const auto send = [&](uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      const std::vector<NewMessage> message{{.delay = {}, .group = 0, .dedup_id = dedup_id(i)}};
      h.send(message);
      if (i % 3 == 0) h.advance(1);
    }
  };
  send(0, 20'000);
  const std::string expected = h.image();
  EXPECT_GT(expected.size(), size_t{20'000} * sizeof(DedupId));
  Queue::Image image = h.queue.image();
  EXPECT_LT(image.head.size() + image.consumers.size() + image.groups.size(), 200U);
  send(20'000, 100);
  h.advance(295'000);  // most of them end
  EXPECT_LT(h.queue.remembered_ids(), 20'000U);
  Writer rest(image.head);
  Queue::write_rest(image, rest);
  EXPECT_EQ(image.head, expected);
}

TEST(Dedup, TheNumberOfIdsIsLimited) {
  Harness h({.dedup_ids_max = 2});
  std::vector<NewMessage> messages(3);
  for (uint64_t i = 0; i < 3; ++i) messages[i].dedup_id = dedup_id(i);
  EXPECT_EQ(h.queue.decide_enqueue(Offset(0), messages).error().code, ErrorCode::kLimitReached);
  messages.pop_back();
  EXPECT_EQ(h.send(messages), 0);
  messages[1].dedup_id = messages[0].dedup_id;
  EXPECT_EQ(h.queue.decide_enqueue(Offset(2), messages).error().code, ErrorCode::kAlreadyExists);
}

TEST(PolicyRules, AChangeHoldsFromThenOn) {
  Harness h({.lease_duration = Milliseconds(100)});
  h.send(2);
  h.take(1);
  h.apply(*h.queue.decide_policy({.lease_duration = Milliseconds(10)}));
  h.take(1);
  h.advance(10);
  EXPECT_EQ(h.queue.counts(), (Counts{1, 1, 0}));
  EXPECT_FALSE(h.queue.decide_policy({.order = Order::kStrict}).has_value());
  EXPECT_FALSE(h.queue.decide_policy({.lease_duration = Milliseconds(-1)}).has_value());
  EXPECT_FALSE(Queue::decide_create(Offset(0), {.tracking = Tracking::kCursor}, h.now).has_value());
  h.expect_replay_agrees();
}

TEST(Memory, AnIdleQueueIsSmall) {
  EXPECT_LE(sizeof(Queue), 512U);
}

}  // namespace
}  // namespace weir::queue
