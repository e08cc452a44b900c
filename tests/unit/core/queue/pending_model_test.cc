// Random commands on a queue that tracks a cursor against a map of pending entries, with restarts.
// A failure prints its seed.

#include <fmt/format.h>

#include <map>

#include "base/random.h"
#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

struct PendingEntry {
  ConsumerId consumer;
  uint32_t deliveries = 0;
  Timestamp delivered;
};

class PendingScenario {
 public:
  explicit PendingScenario(uint64_t seed) : random_(seed), h_(cursor_policy()) {
    for (const char* name : {"a", "b", "c"}) create(name);
    image_ = h_.image();
    image_at_ = h_.journal.size();
  }

  void go(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      h_.advance(static_cast<int64_t>(random_.below(20)));
      step();
      compare();
    }
  }

 private:
  void create(const std::string& name) {
    const auto event = h_.queue.decide_create_consumer(name);
    ASSERT_TRUE(event.has_value());
    h_.apply(*event);
    consumers_.push_back(std::get<ConsumerCreated>(*event).consumer);
  }
  ConsumerId some_consumer() { return consumers_[random_.below(consumers_.size())]; }
  Offset some_offset() {
    return Offset(static_cast<int64_t>(random_.below(static_cast<uint64_t>(h_.end) + 2)));
  }

  void step() {
    switch (random_.below(12)) {
      case 0:
      case 1: h_.send(1 + random_.below(4)); return;
      case 2:
      case 3:
      case 4: return read();
      case 5:
      case 6: return acknowledge();
      case 7:
      case 8: return claim();
      case 9: {
        if (!random_.one_in(4)) return;
        next_ = some_offset();
        h_.apply(*h_.queue.decide_set_next(next_));
        return;
      }
      case 10: {
        if (!random_.one_in(6)) return;
        const size_t which = random_.below(consumers_.size());
        const ConsumerId id = consumers_[which];
        h_.apply(*h_.queue.decide_delete_consumer(id));
        std::erase_if(entries_, [&](const auto& item) { return item.second.consumer == id; });
        consumers_.erase(consumers_.begin() + static_cast<ptrdiff_t>(which));
        return create(fmt::format("n{}", id.value()));
      }
      default: return restart();
    }
  }

  void read() {
    const ConsumerId consumer = some_consumer();
    const bool no_ack = random_.one_in(6);
    const auto count = static_cast<uint32_t>(1 + random_.below(5));
    std::vector<int64_t> expected;
    for (; next_.value() < h_.end && expected.size() < count; next_ = next_.next()) {
      expected.push_back(next_.value());
      if (no_ack) continue;
      PendingEntry& entry = entries_[next_.value()];
      entry = {consumer, entry.deliveries + 1, h_.now};
    }
    const auto decision = h_.lease({.consumer = consumer, .count = count, .no_ack = no_ack});
    EXPECT_EQ(Harness::offsets(decision.leases), expected);
  }

  void acknowledge() {
    std::vector<Offset> offsets;
    size_t known = 0;
    for (uint64_t i = random_.below(4); i > 0; --i) {
      offsets.push_back(some_offset());
      known += entries_.erase(offsets.back().value());
    }
    const auto decision = h_.queue.decide_discard(offsets);
    EXPECT_EQ(decision.done, known);
    h_.apply(decision.events);
  }

  void claim() {
    const bool force = random_.one_in(3);
    const ConsumerId consumer = some_consumer();
    const Timestamp delivered(h_.now.ms() - static_cast<int64_t>(random_.below(50)));
    std::map<int64_t, Claim> claims;
    for (uint64_t i = random_.below(4); i > 0; --i) {
      const Offset offset = some_offset();
      claims[offset.value()] = {offset, {}, random_.one_in(2)};
    }
    std::vector<Claim> list;
    for (const auto& [offset, one] : claims) {
      list.push_back(one);
      const auto it = entries_.find(offset);
      if (it == entries_.end() && (!force || offset >= h_.end)) continue;
      PendingEntry& entry = entries_[offset];
      entry = {consumer, entry.deliveries + (one.keep_deliveries ? 0 : 1), delivered};
    }
    const auto decision = h_.queue.decide_claim(consumer, list, delivered, force);
    ASSERT_TRUE(decision.has_value());
    h_.apply(decision->events);
  }

  void restart() {
    if (random_.one_in(3)) {
      image_ = h_.image();
      image_at_ = h_.journal.size();
      return;
    }
    Queue recovered = h_.replay(image_, image_at_);
    EXPECT_TRUE(recovered.same_state(h_.queue));
    h_.queue = std::move(recovered);
  }

  void compare() {
    const auto page = h_.queue.pending({.count = SIZE_MAX});
    ASSERT_EQ(page.leases.size(), entries_.size());
    std::map<ConsumerId, uint64_t> held;
    size_t i = 0;
    for (const auto& [offset, entry] : entries_) {
      const Lease& lease = page.leases[i++];
      EXPECT_EQ(lease.offset.value(), offset);
      EXPECT_EQ(lease.consumer, entry.consumer);
      EXPECT_EQ(lease.deliveries, entry.deliveries);
      EXPECT_EQ(lease.last_delivered, entry.delivered);
      ++held[entry.consumer];
    }
    for (const ConsumerId id : consumers_) EXPECT_EQ(h_.queue.pending_count(id), held[id]);
    const int64_t ready = std::max<int64_t>(h_.end - next_.value(), 0);
    EXPECT_EQ(h_.queue.counts(), (Counts{static_cast<uint64_t>(ready), entries_.size(), 0}));
    EXPECT_EQ(h_.queue.next(), next_);
  }

  Random random_;
  Harness h_;
  std::vector<ConsumerId> consumers_;
  std::map<int64_t, PendingEntry> entries_;
  Offset next_;
  std::string image_;
  size_t image_at_ = 0;
};

TEST(PendingModel, RandomCommandsDoWhatAMapOfEntriesDoes) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    PendingScenario(seed).go(250);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::queue
