// The rules of strict order and of message groups.
// Source: Amazon SQS developer guide, FIFO queue delivery logic and visibility timeout.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Policy groups() {
  return {.order = Order::kGroups};
}

TEST(Groups, AReceiveIsFilledFromOneGroupThenTheNext) {
  Harness h(groups());
  for (const GroupHash group : {1, 2, 1, 3, 2, 1}) h.send_group(group);
  EXPECT_THAT(h.take_offsets(4), ElementsAre(0, 2, 5, 1));
  // Group 2 has a message in flight: closed. Group 3 is open.
  EXPECT_THAT(h.take_offsets(10), ElementsAre(3));
  h.expect_replay_agrees();
}

TEST(Groups, SendingToAGroupInFlightDoesNotReopenIt) {
  Harness h(groups());
  h.send_group(1);
  const auto leases = h.take(10);
  h.send_group(1);
  EXPECT_FALSE(h.queue.may_deliver());
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.settle(leases[0]);
  EXPECT_TRUE(h.queue.may_deliver());
  EXPECT_THAT(h.take_offsets(10), ElementsAre(1));
  h.expect_replay_agrees();
}

TEST(Groups, APartialDeleteKeepsTheGroupClosed) {
  Harness h(groups());
  for (int i = 0; i < 4; ++i) h.send_group(1);
  const auto leases = h.take(3);
  h.settle(leases[0]);
  h.settle(leases[2]);
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.settle(leases[1]);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(3));
  h.expect_replay_agrees();
}

TEST(Groups, ReleasedMessagesKeepTheirOrder) {
  Harness h(groups());
  for (int i = 0; i < 4; ++i) h.send_group(1);
  const auto leases = h.take(3);
  h.release(leases[1]);
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.release(leases[0]);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(0, 1));
  h.expect_replay_agrees();
}

TEST(Groups, WhatFollowsAMessageWithALongerLeaseStaysHidden) {
  Harness h({.order = Order::kGroups, .lease_duration = Milliseconds(100)});
  for (int i = 0; i < 5; ++i) h.send_group(1);
  const auto leases = h.take(4);
  h.extend(leases[2], 1'000);
  h.advance(100);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(0, 1));
  h.advance(100);
  const auto again = h.take(10);
  EXPECT_THAT(Harness::offsets(again), ElementsAre(0, 1));
  h.settle(again[0]);
  h.settle(again[1]);
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.advance(900);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(2, 3, 4));
  h.expect_replay_agrees();
}

TEST(Groups, AnExpiredHandleIsRefused) {
  Harness h({.order = Order::kGroups, .lease_duration = Milliseconds(100)});
  h.send_group(1);
  const auto leases = h.take(1);
  h.advance(100);
  EXPECT_EQ(h.settle(leases[0], Check::kThisLease), Outcome::kNotHeld);
}

TEST(Groups, ADeadLetterOpensItsGroup) {
  Harness h({.order = Order::kGroups, .delivery_limit = 1});
  for (int i = 0; i < 3; ++i) h.send_group(1);
  h.release(h.take(1)[0]);
  const auto decision = h.lease({.count = 10});
  ASSERT_EQ(decision.dead_letters.size(), 1U);
  EXPECT_EQ(decision.dead_letters[0].offset, Offset(0));
  EXPECT_THAT(Harness::offsets(decision.leases), ElementsAre(1, 2));
  h.expect_replay_agrees();
}

TEST(Groups, AChangedDelayHoldsForWaitingMessages) {
  Harness h({.order = Order::kGroups, .default_delay = Milliseconds(100)});
  h.send_group(1);
  h.apply(*h.queue.decide_policy({.order = Order::kGroups, .default_delay = Milliseconds(30)}));
  EXPECT_THAT(h.take_offsets(1), IsEmpty());
  h.advance(30);
  EXPECT_THAT(h.take_offsets(1), ElementsAre(0));
  h.expect_replay_agrees();
}

TEST(Groups, TheWindowIsBoundedAndLoadedFromTheLog) {
  Harness h({.order = Order::kGroups, .group_window_max = 8});
  std::vector<GroupHash> log;
  for (GroupHash i = 0; i < 40; ++i) {
    log.push_back(i % 2);
    h.send_group(i % 2);
  }
  std::vector<int64_t> order;
  while (true) {
    if (const auto from = h.queue.needs_window_from()) {
      const auto at = static_cast<size_t>(from->value());
      EXPECT_GT(h.queue.load_window(*from, std::span(log).subspan(at)), 0U);
    }
    const auto leases = h.take(2);
    if (leases.empty()) break;
    for (const Lease& lease : leases) {
      order.push_back(lease.offset.value());
      h.settle(lease);
    }
  }
  EXPECT_EQ(order.size(), 40U);
  EXPECT_FALSE(h.queue.may_deliver());
  h.expect_replay_agrees();
}

// A redrive takes them from behind a message that a receiver has, in any order.
TEST(Groups, AMessageLeavesItsGroupWhenItIsSettledWhereverItStands) {
  constexpr int64_t kMessages = 3'000;
  GroupWindow window(0);
  const auto never = [](int64_t) { return false; };
  for (int64_t i = 0; i < kMessages; ++i) window.append(static_cast<GroupHash>(i % 2), never);
  for (int64_t i = 2; i < kMessages - 2; ++i) window.settle(i, never);
  EXPECT_EQ(window.size(), 4U);
  EXPECT_EQ(window.next_in_group(0), kMessages - 2);
  EXPECT_EQ(window.next_in_group(1), kMessages - 1);
  window.settle(kMessages - 2, never);
  EXPECT_EQ(window.next_in_group(0), std::nullopt);
  for (int i = 0; i < 11; ++i) window.append(0, never);  // behind the head again
  EXPECT_EQ(window.next_in_group(0), kMessages);
  for (int64_t i = kMessages + 1; i < kMessages + 10; ++i) window.settle(i, never);
  EXPECT_EQ(window.size(), 5U) << "with a message that is not settled before them";
  EXPECT_EQ(window.next_in_group(kMessages), kMessages + 10);
  window.settle(0, never);  // the head goes
  window.settle(kMessages + 10, never);
  EXPECT_EQ(window.next_in_group(kMessages), std::nullopt);
  window.append(0, never);
  EXPECT_EQ(window.next_in_group(kMessages), kMessages + 11);
}

// Against lists of what each group holds.
TEST(Groups, TheWindowKnowsTheChainOfEachGroup) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::map<GroupHash, std::set<int64_t>> groups;
    std::set<int64_t> held;
    const auto ready = [](int64_t offset) { return offset % 3 != 0; };
    GroupWindow window(0);
    for (int step = 0; step < 2'000; ++step) {
      if (held.empty() || random.below(100) < 52) {
        const GroupHash group = static_cast<GroupHash>(random.below(5));
        groups[group].insert(window.end());
        held.insert(window.end());
        window.append(group, ready);
      } else {
        const auto settled =
            std::next(held.begin(), static_cast<ptrdiff_t>(random.below(held.size())));
        for (auto& [group, offsets] : groups) offsets.erase(*settled);
        window.settle(*settled, ready);
        held.erase(settled);
      }
    }
    EXPECT_EQ(window.size(), held.size());
    std::set<int64_t> heads;
    for (const auto& [group, offsets] : groups) {
      if (!offsets.empty() && ready(*offsets.begin())) heads.insert(*offsets.begin());
      for (auto at = offsets.begin(); at != offsets.end(); ++at) {
        EXPECT_EQ(window.group_of(*at), group);
        const auto next = std::next(at);
        EXPECT_EQ(window.next_in_group(*at),
                  next == offsets.end() ? std::nullopt : std::optional(*next));
      }
    }
    EXPECT_TRUE(std::ranges::equal(window.ready_heads(), heads));
  }
}

TEST(Groups, AfterALoadTheWindowKnowsWhatIsInFlight) {
  Harness h(groups());
  const std::vector<GroupHash> log{1, 1, 2, 2, 1};
  for (const GroupHash group : log) h.send_group(group);
  const auto leases = h.take(2);
  h.queue = h.replay(h.image(), h.journal.size());
  EXPECT_THAT(h.take_offsets(10), ElementsAre(2, 3));
  h.settle(leases[0]);
  h.settle(leases[1]);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(4));
}

TEST(Groups, PurgeAndRetentionLeaveAWorkingWindow) {
  Harness h(groups());
  for (int i = 0; i < 6; ++i) h.send_group(1);
  h.take(2);
  h.apply(*h.queue.decide_expire_below(Offset(3)));
  EXPECT_THAT(h.take_offsets(1), ElementsAre(3));
  h.apply(h.queue.decide_purge(true, false));
  h.send_group(1);
  const auto from = h.queue.needs_window_from();
  ASSERT_TRUE(from.has_value());
  const std::vector<GroupHash> log(4, 1);
  h.queue.load_window(*from, log);
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.apply(h.queue.decide_purge(false, true));
  h.send_group(1);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(7));
  h.expect_replay_agrees();
}

TEST(Strict, TheWholeQueueIsOneGroup) {
  Harness h({.order = Order::kStrict});
  h.send(5);
  const auto leases = h.take(2);
  EXPECT_THAT(h.take_offsets(10), IsEmpty());
  h.release(leases[0]);
  EXPECT_THAT(h.take_offsets(10), ElementsAre(0));
  h.settle(leases[1]);
  EXPECT_FALSE(h.queue.may_deliver());
  h.settle(h.queue.lease_of(Offset(0)).value());
  EXPECT_THAT(h.take_offsets(10), ElementsAre(2, 3, 4));
  h.expect_replay_agrees();
}

}  // namespace
}  // namespace weir::queue
