// Fair queues: a group with much in flight does not starve the others.

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/random.h"
#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

class FairHarness : public Harness {
 public:
  FairHarness() : Harness(Policy{.lease_duration = Milliseconds(60'000)}) {}
  int64_t send_of(GroupHash group, bool noted = true) {
    const int64_t offset = send(1);
    if (noted) queue.note_group(Offset(offset), group);
    groups.push_back(group);
    return offset;
  }
  // Tells the queue what it asks for, as the broker does from the log.
  void load() {
    while (const auto from = queue.needs_window_from()) {
      queue.load_window(*from, std::span(groups).subspan(static_cast<size_t>(from->value())));
    }
  }
  std::vector<Lease> take_loaded(uint32_t count) {
    load();
    return take(count);
  }
  // Which groups the next messages are of.
  std::vector<GroupHash> take_groups(uint32_t count) {
    std::vector<GroupHash> result;
    for (const Lease& lease : take_loaded(count))
      result.push_back(groups[static_cast<size_t>(lease.offset.value())]);
    return result;
  }
  std::vector<GroupHash> groups;  // of every message
};

constexpr GroupHash kLoud = 100;

TEST(Fair, WithoutANoisyGroupTheOldestGoesFirst) {
  FairHarness q;
  for (const GroupHash group : {kLoud, kLoud, GroupHash{1}, GroupHash{0}, kLoud}) q.send_of(group);
  EXPECT_EQ(q.take_groups(5), (std::vector<GroupHash>{kLoud, kLoud, 1, 0, kLoud}));
  q.expect_replay_agrees();
}

TEST(Fair, FromThirtyMessagesAndATenthOfAllInFlightAGroupIsNoisy) {
  FairHarness q;
  for (int i = 0; i < 100; ++i) q.send_of(kLoud);
  q.send_of(1);
  EXPECT_EQ(q.take_groups(29), std::vector<GroupHash>(29, kLoud));
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{kLoud});     // 29 in flight: not noisy yet
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{1});         // 30: it is
  EXPECT_EQ(q.take_groups(2), std::vector<GroupHash>(2, kLoud));  // nobody else is waiting
  q.expect_replay_agrees();
}

TEST(Fair, AGroupWithLessThanATenthOfAllIsQuiet) {
  FairHarness q;
  for (int i = 0; i < 400; ++i) q.send_of(0);
  for (int i = 0; i < 60; ++i) q.send_of(kLoud);
  q.send_of(1);
  q.take_groups(400);
  EXPECT_EQ(q.take_groups(31), std::vector<GroupHash>(31, kLoud));  // 31 of 431
  EXPECT_EQ(q.take_groups(14).back(), kLoud);
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{1});  // 45 of 445: noisy
}

TEST(Fair, AmongNoisyGroupsTheOneWithFewestInFlightGoesFirst) {
  FairHarness q;
  for (int i = 0; i < 60; ++i) q.send_of(kLoud);
  for (int i = 0; i < 60; ++i) q.send_of(kLoud + 1);
  q.take_groups(80);
  std::map<GroupHash, int> count;
  for (const GroupHash group : q.take_groups(20)) ++count[group];
  EXPECT_EQ(count[kLoud], 10);
  EXPECT_EQ(count[kLoud + 1], 10);
}

TEST(Fair, ANoisyGroupIsQuietAgainWhenItsMessagesAreDone) {
  FairHarness q;
  for (int i = 0; i < 50; ++i) q.send_of(kLoud);
  q.send_of(1);
  q.send_of(1);
  const auto leases = q.take_loaded(30);
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{1});
  for (const Lease& lease : leases) EXPECT_EQ(q.settle(lease), Outcome::kDone);
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{kLoud});
}

TEST(Fair, WhatWasThereBeforeTheFirstGroupIsAskedFor) {
  FairHarness q;
  for (int i = 0; i < 40; ++i) q.send_of(kLoud, false);
  EXPECT_FALSE(q.queue.needs_window_from().has_value());
  q.take(30);
  q.send_of(1);
  EXPECT_EQ(q.queue.needs_window_from(), Offset(0));
  EXPECT_EQ(q.take_groups(1), std::vector<GroupHash>{1});
}

TEST(Fair, ADrainedQueueHoldsNothing) {
  FairHarness q;
  for (int i = 0; i < 5; ++i) q.send_of(kLoud);
  for (const Lease& lease : q.take_loaded(5)) q.settle(lease);
  q.send_of(0, false);
  EXPECT_FALSE(q.queue.needs_window_from().has_value());  // plain again
  EXPECT_EQ(q.take_offsets(1), std::vector<int64_t>{5});
}

// Ten tenants: one sends two thousand messages at once, nine send one each second. Forty consumers
// need 100 ms for a message. How long do the quiet ones wait?
int64_t longest_quiet_wait(bool fair) {
  FairHarness q;
  std::map<int64_t, int64_t> sent;  // by offset, of quiet tenants
  std::deque<std::pair<int64_t, Lease>> working;
  int64_t longest = 0;
  for (int i = 0; i < 2000; ++i) q.send_of(kLoud, fair);
  for (int64_t ms = 0; ms < 5'000; ms += 10, q.advance(10)) {
    if (ms % 1000 == 500) {
      for (GroupHash tenant = 1; tenant < 10; ++tenant) sent[q.send_of(tenant, fair)] = ms;
    }
    while (!working.empty() && working.front().first <= ms) {
      q.settle(working.front().second);
      working.pop_front();
    }
    for (const Lease& lease : q.take_loaded(static_cast<uint32_t>(40 - working.size()))) {
      working.emplace_back(ms + 100, lease);
      const auto quiet = sent.find(lease.offset.value());
      if (quiet == sent.end()) continue;
      longest = std::max(longest, ms - quiet->second);
      sent.erase(quiet);
    }
  }
  for (const auto& [offset, ms] : sent) longest = std::max(longest, 5'000 - ms);
  return longest;
}

TEST(Fair, TenTenantsAndOneOfThemNoisy) {
  EXPECT_GE(longest_quiet_wait(false), 4'000);
  EXPECT_LE(longest_quiet_wait(true), 100);  // until the next consumer is free
}

// Whatever happens, the window changes the order alone: each message is handed out once at a time
// and in the end settled once.
TEST(Fair, NothingIsLostOrLeasedTwiceWhateverHappens) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    FairHarness q;
    std::map<int64_t, Lease> held;
    std::set<int64_t> settled;
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.below(10);
      if (choice < 4) {
        for (uint64_t i = random.below(20); i > 0; --i) q.send_of(random.below(4), step % 3 != 0);
      } else if (choice < 7) {
        for (const Lease& lease : q.take_loaded(static_cast<uint32_t>(random.below(40)))) {
          const int64_t offset = lease.offset.value();
          ASSERT_TRUE(!held.contains(offset) && !settled.contains(offset)) << offset;
          held.emplace(offset, lease);
        }
      } else if (choice < 9) {
        for (auto at = held.begin(); at != held.end();) {
          const bool settles = random.below(3) == 0;
          if (settles) {
            ASSERT_EQ(q.settle(at->second), Outcome::kDone);
            settled.insert(at->first);
          } else if (random.below(3) == 0) {
            ASSERT_EQ(q.release(at->second, static_cast<int64_t>(random.below(2) * 500)),
                      Outcome::kDone);
          } else {
            ++at;
            continue;
          }
          at = held.erase(at);
        }
      } else {
        q.advance(static_cast<int64_t>(random.below(1'000)));
      }
    }
    q.expect_replay_agrees();
    q.advance(120'000);  // every lease has ended
    while (true) {
      const auto leases = q.take_loaded(100);
      if (leases.empty()) break;
      for (const Lease& lease : leases) {
        ASSERT_EQ(q.settle(lease), Outcome::kDone);
        ASSERT_TRUE(settled.insert(lease.offset.value()).second);
      }
    }
    EXPECT_EQ(settled.size(), q.groups.size());
    EXPECT_EQ(q.queue.counts(), Counts{});
  }
}

}  // namespace
}  // namespace weir::queue
