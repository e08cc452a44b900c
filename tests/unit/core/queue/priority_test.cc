// Priorities: the highest goes first, inside one the oldest, whatever happened to a message before.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

using Offsets = std::vector<int64_t>;

Policy with_priorities(uint8_t priorities) {
  return Policy{.lease_duration = Milliseconds(1'000), .priorities = priorities};
}

NewMessage of(uint8_t priority, int64_t delay_ms = 0) {
  return {.delay = Milliseconds(delay_ms), .dedup_id = {}, .priority = priority};
}

std::string bytes_of(const Event& event) {
  Writer out;
  encode(event, out);
  return out.out();
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

TEST(Priority, TheHighestGoesFirstAndInsideOneTheOldest) {
  Harness q(with_priorities(4));
  q.send({of(0), of(2), of(3), of(2), of(0), of(1), of(3)});
  EXPECT_EQ(q.queue.ready_by_priority(), (std::vector<uint64_t>{2, 1, 2, 2}));
  EXPECT_EQ(q.take_offsets(10), (Offsets{2, 6, 1, 3, 5, 0, 4}));
  EXPECT_FALSE(q.queue.may_deliver());
  q.expect_replay_agrees();
}

TEST(Priority, WhatComesLaterAndHigherOvertakes) {
  Harness q(with_priorities(10));
  q.send(5);
  EXPECT_EQ(q.take_offsets(1), (Offsets{0}));
  q.send({of(9), of(4)});
  EXPECT_EQ(q.take_offsets(3), (Offsets{5, 6, 1}));
  q.expect_replay_agrees();
}

TEST(Priority, AboveTheHighestCountsAsTheHighest) {
  Harness q(with_priorities(3));
  q.send({of(1), of(2), of(200)});
  EXPECT_EQ(q.take_offsets(3), (Offsets{1, 2, 0}));
}

TEST(Priority, WithoutPrioritiesNothingIsJournaledForOne) {
  Harness q(with_priorities(1));
  EXPECT_FALSE(q.queue.needs_enqueue(of(9)));
  EXPECT_TRUE(Harness(with_priorities(2)).queue.needs_enqueue(of(1)));
  EXPECT_FALSE(Harness(with_priorities(2)).queue.needs_enqueue(of(0)));
}

TEST(Priority, AReturnedOrExpiredMessageKeepsItsOwn) {
  Harness q(with_priorities(3));
  q.send({of(0), of(1), of(2), of(1)});
  const auto first = q.take(3);
  EXPECT_EQ(Harness::offsets(first), (Offsets{2, 1, 3}));
  q.release(first[1]);         // priority 1, ready at once
  q.release(first[0], 5'000);  // priority 2, later
  EXPECT_EQ(q.take_offsets(2), (Offsets{1, 0}));
  q.advance(1'000);  // the leases of 1, 3 and 0 end
  EXPECT_EQ(q.take_offsets(2), (Offsets{1, 3}));
  q.advance(4'000);
  EXPECT_EQ(q.take_offsets(4), (Offsets{2, 1, 3, 0}));
  q.expect_replay_agrees();
}

TEST(Priority, ADelayedMessageKeepsItsOwn) {
  Harness q(with_priorities(5));
  q.send({of(0), of(4, 100), of(1), of(2, 100)});
  EXPECT_EQ(q.take_offsets(1), (Offsets{2}));
  q.advance(100);
  q.expect_replay_agrees();
  EXPECT_EQ(q.take_offsets(4), (Offsets{1, 3, 0}));
  q.expect_replay_agrees();
}

// Story: loading an image forgot that the frontier must pass over a returned message of a lane, and
// it was there twice.
TEST(Priority, AReturnedMessageIsInItsLaneOnceAfterARestart) {
  Harness q(with_priorities(3));
  q.send({of(0), of(2), of(0)});
  q.release(q.take(1)[0]);
  q.queue = q.replay(q.image(), q.journal.size());
  EXPECT_EQ(q.take_offsets(3), (Offsets{1, 0, 2}));
  q.expect_replay_agrees();
}

TEST(Priority, SettledPurgedAndExpiredMessagesAreGone) {
  Harness q(with_priorities(3));
  q.send({of(2), of(0), of(2), of(1), of(2), of(0)});
  const Offset third(2);
  q.apply(q.queue.decide_discard({&third, 1}).events);
  q.apply(*q.queue.decide_expire_below(Offset(2)));
  EXPECT_EQ(q.queue.counts(), (Counts{3, 0, 0}));
  EXPECT_EQ(q.queue.ready_from(Offset(0), 10),
            (std::vector<Offset>{Offset(3), Offset(4), Offset(5)}));
  EXPECT_EQ(q.take_offsets(1), (Offsets{4}));
  q.apply(q.queue.decide_purge(true, true));
  EXPECT_EQ(q.queue.counts(), (Counts{0, 1, 0}));
  EXPECT_FALSE(q.queue.may_deliver());
  q.advance(1'000);
  EXPECT_EQ(q.take_offsets(5), (Offsets{4}));
  q.expect_replay_agrees();
}

TEST(Priority, AQueueWithAnOrderHasNone) {
  Policy policy = with_priorities(2);
  for (const Order order : {Order::kStrict, Order::kGroups}) {
    policy.order = order;
    EXPECT_FALSE(is_valid(policy));
  }
  Policy cursor = cursor_policy();
  cursor.priorities = 2;
  EXPECT_FALSE(is_valid(cursor));
  EXPECT_FALSE(is_valid(with_priorities(0)));
  EXPECT_TRUE(is_valid(with_priorities(10)));
  EXPECT_FALSE(is_valid(with_priorities(11)));
}

TEST(Priority, TheirNumberChangesOnlyWhileTheQueueIsEmpty) {
  Harness q(with_priorities(2));
  q.send(1);
  EXPECT_FALSE(q.queue.decide_policy(with_priorities(3)).has_value());
  q.settle(q.take(1)[0]);
  q.apply(*q.queue.decide_policy(with_priorities(3)));
  EXPECT_EQ(q.queue.ready_by_priority().size(), 3U);
  q.expect_replay_agrees();
}

// A receive costs the same whatever lies before the message that it gets, and what lies there costs
// no memory for each.
TEST(Priority, AFarMessageOfAHighPriorityIsFoundWithoutASearch) {
  constexpr size_t kBacklog = 1'000'000;
  Harness q(with_priorities(2));
  q.send(kBacklog);
  q.send({of(1)});
  EXPECT_EQ(q.take_offsets(1), (Offsets{kBacklog}));
  EXPECT_EQ(q.queue.next(), Offset(0));
  EXPECT_LT(q.image().size(), 100U);
  EXPECT_EQ(q.take_offsets(1), (Offsets{0}));
  EXPECT_LT(q.queue.stretches_passed(), 10U);
}

TEST(Priority, ABacklogOfManyPrioritiesIsSavedAndDrainedInOrder) {
  Harness q(with_priorities(10));
  Random random(7);
  std::vector<NewMessage> messages(20'000);
  for (NewMessage& message : messages) message.priority = static_cast<uint8_t>(random.below(10));
  q.send(messages);
  EXPECT_LT(q.image().size(), messages.size() * 2 + 200);
  q.expect_replay_agrees();
  uint8_t before = 9;
  for (size_t taken = 0; taken < messages.size();) {
    for (const int64_t offset : q.take_offsets(1'000)) {
      const uint8_t priority = messages[static_cast<size_t>(offset)].priority;
      EXPECT_LE(priority, before);
      before = priority;
      ++taken;
    }
    if (HasFailure()) return;
  }
}

// Bytes that were written before there were priorities: their queues have one.
TEST(Priority, OlderEventsAndImagesAreReadAndWrittenAsTheyWere) {
  // Created at time 1000 and offset 0: no order, leases of 30 s, the limits of those days.
  const std::string policy = "0000e0d40300c0cf240000c0843dc0843dc0843d";
  const std::string created = from_hex("01d00f00" + policy);
  const auto event = decode_event(created);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<Created>(*event).policy, Policy{});
  EXPECT_EQ(bytes_of(*event), created);
  // Two messages from offset 5, the second delayed until 2000; ids would be forgotten at 301000.
  const std::string enqueued = from_hex("03d00f0a0290df240101a01f0000");
  const auto sent = decode_event(enqueued);
  ASSERT_TRUE(sent.has_value());
  EXPECT_TRUE(std::get<Enqueued>(*sent).priorities.empty());
  EXPECT_EQ(bytes_of(*sent), enqueued);
  // Offsets 0 to 4, of which 1 is leased until 31000 and was delivered once at 1000.
  const std::string leased = "010109b0e403000101d00fd00f";
  const std::string image =
      from_hex("01" + policy + "d00f00040a02" + "0000" + "00010000" + leased + "0001" + "0000");
  Reader in(image);
  auto queue = Queue::load(in);
  ASSERT_TRUE(queue.has_value() && in.done()) << queue.error().message;
  EXPECT_EQ(queue->counts(), (Counts{4, 1, 0}));
  EXPECT_EQ(queue->ready_by_priority(), std::vector<uint64_t>{4});
  EXPECT_EQ(queue->lease_of(Offset(1))->deadline, Timestamp(31'000));
  Writer saved;
  queue->save(saved);
  EXPECT_EQ(saved.out(), image);
}

// Whatever bytes an image holds, a message is in one set at most.
TEST(Priority, AnImageWithAMessageInTwoPlacesIsRefused) {
  Harness q(with_priorities(3));
  q.send({of(1), of(2), of(1), of(0)});
  q.take(1);
  const std::string good = q.image();
  size_t refused = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      Reader in(bad);
      auto queue = Queue::load(in);
      if (!queue) {
        ++refused;
        continue;
      }
      // What is accepted is a queue: everything in it can be had once.
      LeaseCommand command{.count = 100};
      std::set<Offset> seen;
      const auto decision = queue->decide_lease(command);
      for (const Lease& lease : decision.leases) EXPECT_TRUE(seen.insert(lease.offset).second);
    }
  }
  EXPECT_GT(refused, good.size());
}

}  // namespace
}  // namespace weir::queue
