// The rules of a queue that tracks a cursor and pending entries.
// Source: Redis documentation, XREADGROUP, XCLAIM, XAUTOCLAIM, XPENDING, XGROUP.

#include <gmock/gmock.h>
#include <malloc.h>

#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Pending : public testing::Test {
 protected:
  ConsumerId consumer(std::string_view name) {
    if (const auto id = h.queue.find_consumer(name)) return *id;
    const auto event = h.queue.decide_create_consumer(name);
    h.apply(*event);
    return std::get<ConsumerCreated>(*event).consumer;
  }
  std::vector<int64_t> read(std::string_view name, uint32_t count) {
    return Harness::offsets(h.lease({.consumer = consumer(name), .count = count}).leases);
  }
  std::vector<Lease> claim(std::string_view name, std::vector<Claim> claims, bool force = false) {
    const auto decision = h.queue.decide_claim(consumer(name), claims, h.now, force);
    EXPECT_TRUE(decision.has_value());
    h.apply(decision->events);
    return decision->leases;
  }
  size_t acknowledge(std::vector<Offset> offsets) {
    const auto decision = h.queue.decide_discard(offsets);
    h.apply(decision.events);
    return decision.done;
  }

  Harness h{cursor_policy()};
};

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
TEST_F(Pending, AnEntryCostsAtMost48Bytes) {
  constexpr size_t kCount = 200'000;
  h.queue.apply_end(Offset(kCount));
  const size_t before = mallinfo2().uordblks;
  for (size_t given = 0; given < kCount; given += 1'000) {
    const auto name = given % 2'000 == 0 ? "a" : "b";
    const auto lease = h.queue.decide_lease({.consumer = consumer(name), .count = 1'000});
    for (const Event& event : lease.events) h.queue.apply(event);
  }
  EXPECT_EQ(h.queue.counts().leased, kCount);
  EXPECT_LE((mallinfo2().uordblks - before) / kCount, 48U);
}
#endif

// A checkpoint of a group used to write every pending entry at once.
TEST_F(Pending, AnImageOfManyEntriesIsLittleAtOnceAndOfItsMoment) {
  constexpr int64_t kCount = 50'000;
  h.send(kCount);
  for (int64_t given = 0; given < kCount; given += 1'000) read("a", 1'000);
  const std::string expected = h.image();
  Queue::Image image = h.queue.image();
  EXPECT_LT(image.head.size() + image.consumers.size() + image.groups.size(), 200U);
  acknowledge({Offset(0), Offset(1), Offset(25'000), Offset(kCount - 1)});
  claim("b", {{Offset(5)}, {Offset(40'000)}});
  Writer rest(image.head);
  Queue::write_rest(image, rest);
  EXPECT_EQ(image.head, expected);
}

TEST_F(Pending, EntriesStayUntilTheyAreAcknowledged) {
  h.send(4);
  EXPECT_THAT(read("a", 2), ElementsAre(0, 1));
  EXPECT_THAT(read("b", 2), ElementsAre(2, 3));
  h.advance(1'000'000);
  EXPECT_EQ(h.queue.next_deadline(), Timestamp::never());
  EXPECT_EQ(h.queue.counts(), (Counts{0, 4, 0}));
  EXPECT_EQ(acknowledge({Offset(1), Offset(1), Offset(9)}), 1U);
  EXPECT_EQ(acknowledge({Offset(1)}), 0U);
  EXPECT_EQ(h.queue.pending_count(consumer("a")), 1U);
  EXPECT_EQ(h.queue.oldest_pending(), Offset(0));
  EXPECT_EQ(h.queue.newest_pending(), Offset(3));
  h.expect_replay_agrees();
}

TEST_F(Pending, AClaimChangesOwnerTimeAndCount) {
  h.send(3);
  read("a", 3);
  h.advance(50);
  auto leases = claim("b", {{Offset(1), {}, false}, {Offset(7), {}, false}});
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].deliveries, 2U);
  EXPECT_EQ(leases[0].last_delivered, h.now);
  EXPECT_EQ(h.queue.lease_of(Offset(1)), leases[0]);
  leases = claim("b", {{Offset(0), {}, true}, {Offset(2), 9, false}});
  EXPECT_EQ(leases[0].deliveries, 1U);
  EXPECT_EQ(leases[1].deliveries, 9U);
  EXPECT_EQ(h.queue.pending_count(consumer("a")), 0U);
  EXPECT_EQ(h.queue.pending_count(consumer("b")), 3U);
  h.expect_replay_agrees();
}

// The index of ages is the order of last deliveries, whatever happened to the entries since.
TEST_F(Pending, EntriesAreFoundByAgeAndThoseGivenBackComeFirst) {
  const auto by_age = [&] {
    std::vector<int64_t> offsets;
    h.queue.visit_by_age([&](const Lease& lease) {
      offsets.push_back(lease.offset.value());
      return true;
    });
    return offsets;
  };
  const auto give_back = [&](int64_t offset) {
    const Claim claims[] = {{Offset(offset), {}, true}};
    const auto decision = h.queue.decide_claim(kNobody, claims, h.queue.next_release_rank(), false);
    h.apply(decision->events);
  };
  h.advance(1'700'000'000'000);
  h.send(6);
  read("a", 2);
  h.advance(10);
  read("b", 2);
  h.advance(10);
  EXPECT_THAT(by_age(), ElementsAre(0, 1, 2, 3));
  claim("b", {{Offset(0), {}, false}});
  EXPECT_THAT(by_age(), ElementsAre(1, 2, 3, 0));
  give_back(3);
  give_back(2);
  EXPECT_THAT(by_age(), ElementsAre(3, 2, 1, 0));
  EXPECT_EQ(h.queue.pending_count(consumer("b")), 1U);
  EXPECT_EQ(h.queue.lease_of(Offset(3))->consumer, kNobody);
  acknowledge({Offset(2)});
  give_back(1);
  read("a", 9);
  EXPECT_THAT(by_age(), ElementsAre(3, 1, 0, 4, 5));
  h.expect_replay_agrees();
  const auto dropped = h.queue.decide_delete_consumer(consumer("a"));
  h.apply(*dropped);
  EXPECT_THAT(by_age(), ElementsAre(3, 1, 0));
}

TEST_F(Pending, AForcedClaimMakesAnEntry) {
  h.send(3);
  read("a", 1);
  acknowledge({Offset(0)});
  EXPECT_THAT(claim("b", {{Offset(0), {}, false}}), IsEmpty());
  EXPECT_EQ(claim("b", {{Offset(0), {}, false}, {Offset(2), {}, false}}, true).size(), 2U);
  EXPECT_EQ(h.queue.counts(), (Counts{2, 2, 0}));
  // The cursor meets the forced entry and hands it to the reader.
  EXPECT_THAT(read("a", 5), ElementsAre(1, 2));
  EXPECT_EQ(h.queue.lease_of(Offset(2))->deliveries, 2U);
  EXPECT_EQ(h.queue.pending_count(consumer("b")), 1U);
  h.expect_replay_agrees();
}

TEST_F(Pending, ScansAreByOffsetOwnerAndIdleTime) {
  h.send(6);
  read("a", 2);
  h.advance(100);
  read("b", 2);
  read("a", 2);
  auto page = h.queue.pending({.count = 3});
  EXPECT_THAT(Harness::offsets(page.leases), ElementsAre(0, 1, 2));
  EXPECT_EQ(page.next, Offset(3));
  page = h.queue.pending({.first = Offset(1), .consumer = consumer("a")});
  EXPECT_THAT(Harness::offsets(page.leases), ElementsAre(1, 4, 5));
  EXPECT_FALSE(page.next.has_value());
  page = h.queue.pending({.first = Offset(1), .last = Offset(4), .idle_min = Milliseconds(100)});
  EXPECT_THAT(Harness::offsets(page.leases), ElementsAre(1));
  page = h.queue.pending({.idle_min = Milliseconds(1'000), .scanned_max = 4});
  EXPECT_THAT(page.leases, IsEmpty());
  EXPECT_EQ(page.next, Offset(4));
}

TEST_F(Pending, TheCursorMayGoBackAndReassigns) {
  h.send(3);
  read("a", 3);
  acknowledge({Offset(0)});
  h.apply(*h.queue.decide_set_next(Offset(0)));
  EXPECT_EQ(h.queue.counts(), (Counts{3, 2, 0}));
  EXPECT_THAT(read("b", 10), ElementsAre(0, 1, 2));
  EXPECT_EQ(h.queue.lease_of(Offset(0))->deliveries, 1U);
  EXPECT_EQ(h.queue.lease_of(Offset(1))->deliveries, 2U);
  EXPECT_EQ(h.queue.pending_count(consumer("a")), 0U);
  h.expect_replay_agrees();
}

TEST_F(Pending, DeletingAConsumerDropsItsEntries) {
  h.send(3);
  read("a", 2);
  read("b", 1);
  h.apply(*h.queue.decide_delete_consumer(consumer("a")));
  EXPECT_EQ(h.queue.counts(), (Counts{0, 1, 0}));
  EXPECT_FALSE(h.queue.find_consumer("a").has_value());
  EXPECT_FALSE(h.queue.decide_delete_consumer(ConsumerId(1)).has_value());
  EXPECT_EQ(h.queue.decide_create_consumer("b").error().code, ErrorCode::kAlreadyExists);
  h.expect_replay_agrees();
}

TEST_F(Pending, WithoutAcknowledgementOnlyTheCursorMoves) {
  h.send(3);
  const IsGone is_gone = [](Offset offset) { return offset == Offset(0); };
  const auto decision =
      h.lease({.consumer = consumer("a"), .count = 1, .no_ack = true, .is_gone = &is_gone});
  EXPECT_THAT(Harness::offsets(decision.leases), ElementsAre(1));
  EXPECT_EQ(h.queue.counts(), (Counts{1, 0, 0}));
  h.expect_replay_agrees();
}

TEST_F(Pending, SeenAndActiveTimesAreKept) {
  h.send(1);
  const ConsumerId a = consumer("a");
  h.advance(10);
  read("a", 1);
  h.advance(10);
  h.queue.touch_consumer(a);
  const Consumer* found = h.queue.consumers().find(a);
  EXPECT_EQ(found->active, Timestamp(1'010));
  EXPECT_EQ(found->seen, Timestamp(1'020));
  h.expect_replay_agrees();
}

TEST_F(Pending, EntriesHaveNeitherReleaseNorDeadline) {
  h.send(1);
  const auto leases =
      h.lease({.consumer = consumer("a"), .count = 1, .duration = Milliseconds(5), .bound = true})
          .leases;
  EXPECT_EQ(leases[0].deadline, Timestamp::never());
  EXPECT_EQ(h.release(leases[0]), Outcome::kNotHeld);
  EXPECT_EQ(h.extend(leases[0], 10), Outcome::kNotHeld);
  EXPECT_FALSE(h.queue.decide_consumer_closed(consumer("a")).has_value());
}

}  // namespace
}  // namespace weir::queue
