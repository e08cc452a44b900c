// Random commands against the engine and the obvious model side by side, with restarts from an
// image and the events after it. A failure prints its seed; run it alone with
// WEIR_QUEUE_SEED=<seed>.

#include "tests/unit/core/queue/model.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "base/random.h"
#include "tests/unit/core/queue/harness.h"

namespace weir::queue {
namespace {

using State = ModelMessage::State;

Policy random_policy(Random& random) {
  Policy policy;
  policy.order = static_cast<Order>(random.below(3));
  policy.lease_duration = random.one_in(6) ? kNoDeadline : Milliseconds(random.below(200));
  policy.default_delay = Milliseconds(random.one_in(3) ? random.below(60) : 0);
  policy.delivery_limit = random.one_in(2) ? static_cast<uint32_t>(random.below(4)) : 0;
  policy.in_flight_max = random.one_in(3) ? static_cast<uint32_t>(1 + random.below(12)) : 0;
  policy.dedup_window = Milliseconds(100);
  if (policy.order == Order::kNone && random.one_in(2))
    policy.priorities = static_cast<uint8_t>(2 + random.below(kPrioritiesMax - 1));
  if (random.one_in(3)) policy.group_window_max = static_cast<uint32_t>(4 + random.below(20));
  return policy;
}

class Scenario {
 public:
  explicit Scenario(uint64_t seed)
      : random_(seed), h_(random_policy(random_), static_cast<int64_t>(random_.below(70'000))) {
    model_.policy = h_.queue.policy();
    model_.advance(h_.now);
    start_ = h_.end;
    take_image();
  }

  void go(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      EXPECT_EQ(h_.queue.counts(), model_.counts()) << "step " << i;
      EXPECT_EQ(h_.queue.next_deadline(), model_.next_deadline()) << "step " << i;
      if (random_.one_in(16)) compare();
    }
    compare();
    drain();
  }

 private:
  void step() {
    h_.advance(static_cast<int64_t>(random_.one_in(3) ? random_.below(40) : 0));
    model_.advance(h_.now);
    feed_window();
    switch (random_.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3: return send();
      case 4:
      case 5:
      case 6:
      case 7: return lease();
      case 8:
      case 9:
      case 10: return settle();
      case 11:
      case 12: return release();
      case 13: return extend();
      case 14: return close_consumer();
      case 15: return random_.one_in(10) ? move_floor() : discard();
      case 16: return random_.one_in(4) ? change_policy() : send();
      case 17: return take_image();
      case 18: return restart();
      default: return settle();
    }
  }

  void feed_window() {
    const auto from = h_.queue.needs_window_from();
    if (!from) return;
    const auto at = static_cast<size_t>(from->value() - start_);
    ASSERT_LT(at, log_groups_.size());
    h_.queue.load_window(*from, std::span(log_groups_).subspan(at));
  }

  void send() {
    std::vector<NewMessage> messages(1 + random_.below(6));
    std::vector<NewMessage> unique;
    for (NewMessage& message : messages) {
      if (random_.one_in(5)) message.delay = Milliseconds(random_.below(50));
      message.group = random_.below(5);
      if (random_.one_in(2)) message.priority = static_cast<uint8_t>(random_.below(12));
      if (random_.one_in(4)) {
        message.dedup_id = dedup_id(random_.below(30));
        const auto known = h_.queue.find_duplicate(*message.dedup_id);
        const auto it = model_.ids.find(*message.dedup_id);
        EXPECT_EQ(known.has_value(), it != model_.ids.end());
        if (known && it != model_.ids.end()) EXPECT_EQ(known->value(), it->second.first);
        const auto same = [&](const NewMessage& other) {
          return other.dedup_id == message.dedup_id;
        };
        if (known || std::ranges::any_of(unique, same)) continue;
      }
      unique.push_back(message);
    }
    if (unique.empty()) return;
    int64_t offset = h_.send(unique);
    for (const NewMessage& message : unique) {
      log_groups_.push_back(message.group);
      model_.send(offset++, message);
    }
  }

  void lease() {
    // With a small window the engine may know less than the model: then only the rule itself is
    // checked.
    const bool partial =
        model_.policy.order == Order::kGroups && model_.policy.group_window_max < 1'000;
    const uint64_t gone_seed = !partial && random_.one_in(4) ? random_.next() : 0;
    const IsGone is_gone = [gone_seed](Offset offset) {
      return gone_seed != 0 && Random(gone_seed ^ static_cast<uint64_t>(offset.value())).one_in(5);
    };
    LeaseCommand command;
    command.count = static_cast<uint32_t>(1 + random_.below(10));
    command.consumer = ConsumerId(static_cast<uint32_t>(random_.below(4)));
    command.bound = command.consumer != kNobody && random_.one_in(2);
    if (random_.one_in(3)) command.duration = Milliseconds(random_.below(100));
    command.is_gone = &is_gone;
    Model::Handout expected = model_.expect_lease(command.count, is_gone);
    EXPECT_TRUE(partial || expected.leased.empty() || h_.queue.may_deliver());
    const LeaseDecision decision = h_.lease(command);
    if (partial) expected = checked_by_rule(decision, expected.leased.size());
    EXPECT_EQ(Harness::offsets(decision.leases), expected.leased);
    std::vector<int64_t> dead;
    for (const DeadLetter& letter : decision.dead_letters) {
      EXPECT_EQ(letter.deliveries, model_.policy.delivery_limit == 0
                                       ? 0
                                       : model_.messages.at(letter.offset.value()).deliveries);
      dead.push_back(letter.offset.value());
    }
    EXPECT_EQ(dead, expected.dead);
    if (testing::Test::HasFailure()) return;
    for (const int64_t offset : dead) model_.settle(offset);
    for (const int64_t offset : expected.gone) model_.settle(offset);
    for (const Lease& lease : decision.leases) {
      EXPECT_NE(model_.messages.at(lease.offset.value()).state, State::kLeased)
          << "two live leases";
      model_.lease(lease);
      EXPECT_EQ(lease.deliveries, model_.messages.at(lease.offset.value()).deliveries);
      EXPECT_EQ(lease.first_delivered, model_.messages.at(lease.offset.value()).first);
      handles_.push_back({lease.offset, lease.generation, lease.consumer});
      generations_ = std::max(generations_, lease.generation.value());
    }
  }

  // Of each group: the first messages that are not settled, and none past one that is not ready.
  Model::Handout checked_by_rule(const LeaseDecision& decision, size_t leased_max) {
    Model::Handout handout;
    handout.leased = Harness::offsets(decision.leases);
    EXPECT_LE(handout.leased.size(), leased_max);
    std::map<GroupHash, std::vector<int64_t>> got;
    for (const DeadLetter& letter : decision.dead_letters) {
      handout.dead.push_back(letter.offset.value());
      EXPECT_GE(letter.deliveries, model_.policy.delivery_limit);
    }
    for (const auto* list : {&handout.dead, &handout.leased}) {
      for (const int64_t offset : *list) got[model_.messages.at(offset).group].push_back(offset);
    }
    std::map<GroupHash, std::vector<int64_t>> open;
    for (const int64_t offset : model_.deliverable()) {
      open[model_.messages.at(offset).group].push_back(offset);
    }
    for (auto& [group, offsets] : got) {
      std::ranges::sort(offsets);
      std::vector<int64_t>& allowed = open[group];
      allowed.resize(std::min(allowed.size(), offsets.size()));
      EXPECT_EQ(offsets, allowed);
    }
    return handout;
  }

  std::vector<Handle> some_handles() {
    std::vector<Handle> some;
    for (uint64_t i = 1 + random_.below(5); i > 0 && !handles_.empty(); --i) {
      // Mostly recent ones.
      const uint64_t back = random_.one_in(3)
                                ? random_.below(handles_.size())
                                : random_.below(std::min<size_t>(handles_.size(), 10));
      some.push_back(handles_[handles_.size() - 1 - back]);
      if (random_.one_in(20)) some.back().generation = Generation(random_.below(100));
    }
    return some;
  }
  Check some_check() { return static_cast<Check>(random_.below(3)); }

  // Compares the outcomes and returns the offsets that the command is about, each once.
  std::set<int64_t> expect_outcomes(const std::vector<Handle>& handles,
                                    Check check,
                                    const HandlesDecision& decision) {
    std::set<int64_t> done;
    EXPECT_EQ(decision.outcomes.size(), handles.size());
    for (size_t i = 0; i < handles.size(); ++i) {
      const Outcome expected = model_.outcome(handles[i], check, generations_);
      EXPECT_EQ(static_cast<int>(decision.outcomes[i]), static_cast<int>(expected));
      if (expected == Outcome::kDone) done.insert(handles[i].offset.value());
    }
    EXPECT_EQ(decision.done, done.size());
    h_.apply(decision.events);
    return done;
  }

  void settle() {
    const auto handles = some_handles();
    const Check check = some_check();
    for (const int64_t offset :
         expect_outcomes(handles, check, h_.queue.decide_settle(handles, check)))
      model_.settle(offset);
  }

  void release() {
    const auto handles = some_handles();
    const Check check = random_.one_in(2) ? Check::kThisLease : Check::kOwner;
    const Milliseconds delay(random_.one_in(2) ? random_.below(50) : 0);
    const bool uncount = random_.one_in(4);
    const auto decision = h_.queue.decide_release(handles, check, delay, uncount);
    for (const int64_t offset : expect_outcomes(handles, check, decision))
      model_.release(offset, h_.now + delay, uncount);
  }

  void extend() {
    const auto handles = some_handles();
    const Check check = random_.one_in(2) ? Check::kThisLease : Check::kOwner;
    const Milliseconds duration =
        random_.one_in(8) ? kNoDeadline : Milliseconds(random_.below(100));
    const auto decision = h_.queue.decide_extend(handles, check, duration);
    for (const int64_t offset : expect_outcomes(handles, check, decision)) {
      model_.messages.at(offset).due =
          duration == kNoDeadline ? Timestamp::never() : h_.now + duration;
    }
  }

  void close_consumer() { close_consumer(ConsumerId(static_cast<uint32_t>(1 + random_.below(3)))); }
  void close_consumer(ConsumerId consumer) {
    if (const auto event = h_.queue.decide_consumer_closed(consumer)) h_.apply(*event);
    for (auto& [offset, message] : model_.messages) {
      if (message.state == State::kLeased && message.bound && message.consumer == consumer)
        model_.release(offset, h_.now, false);
    }
  }

  void move_floor() {
    if (random_.one_in(3)) {
      const bool keep = random_.one_in(2);
      h_.apply(h_.queue.decide_purge(keep, true));
      model_.settle_below(h_.end, keep);
      model_.ids.clear();
      return;
    }
    const int64_t floor = h_.queue.floor().value() + static_cast<int64_t>(random_.below(30));
    if (floor > h_.end) return;
    if (const auto event = h_.queue.decide_expire_below(Offset(floor))) h_.apply(*event);
    model_.settle_below(floor, false);
  }

  void discard() {
    std::vector<Offset> offsets;
    std::set<int64_t> fresh;
    for (uint64_t i = random_.below(4); i > 0; --i) {
      const int64_t floor = h_.queue.floor().value();
      const int64_t offset =
          floor + static_cast<int64_t>(random_.below(static_cast<uint64_t>(h_.end - floor) + 3));
      offsets.emplace_back(offset);
      const auto it = model_.messages.find(offset);
      if (it != model_.messages.end() && it->second.state != State::kDone) fresh.insert(offset);
    }
    const auto decision = h_.queue.decide_discard(offsets);
    EXPECT_EQ(decision.done, fresh.size());
    h_.apply(decision.events);
    for (const int64_t offset : fresh) model_.settle(offset);
  }

  void change_policy() {
    Policy policy = random_policy(random_);
    policy.order = model_.policy.order;
    policy.priorities = model_.policy.priorities;
    h_.apply(*h_.queue.decide_policy(policy));
    model_.set_policy(policy);
  }

  void take_image() {
    image_ = h_.image();
    image_at_ = h_.journal.size();
  }

  // The process dies and comes back: image, events, the log's end. The connections are gone.
  void restart() {
    Queue recovered = h_.replay(image_, image_at_);
    EXPECT_TRUE(recovered.same_state(h_.queue)) << "image + replay differ from the live state";
    if (random_.one_in(2)) {
      EXPECT_TRUE(h_.replay().same_state(h_.queue)) << "replay from the beginning differs";
    }
    h_.queue = std::move(recovered);
    if (random_.one_in(2)) {
      for (const ConsumerId consumer : h_.queue.consumers_with_bound_leases())
        close_consumer(consumer);
    }
  }

  void compare() {
    std::vector<Offset> ready;
    for (const auto& [offset, message] : model_.messages) {
      EXPECT_EQ(h_.queue.is_settled(Offset(offset)), message.state == State::kDone) << offset;
      if (message.state == State::kReady) ready.emplace_back(offset);
      const auto lease = h_.queue.lease_of(Offset(offset));
      ASSERT_EQ(lease.has_value(), message.state == State::kLeased) << offset;
      if (lease) {
        EXPECT_EQ(lease->deadline, message.due);
        EXPECT_EQ(lease->consumer, message.consumer);
        EXPECT_EQ(lease->bound, message.bound);
        EXPECT_EQ(lease->generation.value(), message.generation);
      }
      if (message.state != State::kDone) {
        EXPECT_EQ(h_.queue.deliveries_of(Offset(offset)).first, message.deliveries) << offset;
      }
    }
    EXPECT_EQ(h_.queue.ready_from(Offset(0), SIZE_MAX), ready);
    const size_t some = std::min<size_t>(ready.size(), random_.below(5));
    EXPECT_EQ(h_.queue.ready_from(Offset(0), some),
              std::vector(ready.begin(), ready.begin() + static_cast<ptrdiff_t>(some)));
    EXPECT_EQ(h_.queue.ready_by_priority(), model_.ready_by_priority());
  }

  // Nothing is lost: in the end everything that was not settled can be had and settled.
  void drain() {
    for (int rounds = 0; model_.counts() != Counts{} && !testing::Test::HasFailure(); ++rounds) {
      ASSERT_LT(rounds, 10'000);
      h_.advance(100);
      model_.advance(h_.now);
      feed_window();
      for (const ConsumerId consumer : h_.queue.consumers_with_bound_leases())
        close_consumer(consumer);
      lease();
      std::vector<Handle> handles;
      for (auto& [offset, message] : model_.messages) {
        if (message.state != State::kLeased) continue;
        handles.push_back({Offset(offset), Generation(message.generation), message.consumer});
        message.state = State::kDone;
      }
      const auto decision = h_.queue.decide_settle(handles, Check::kThisLease);
      EXPECT_EQ(decision.done, handles.size());
      h_.apply(decision.events);
    }
    EXPECT_EQ(h_.queue.counts(), Counts{});
    EXPECT_EQ(h_.queue.floor().value(), h_.end);
    EXPECT_LT(h_.image().size(), 2'500U)
        << "a drained queue holds nothing but ids that still count";
  }

  Random random_;
  Harness h_;
  Model model_;
  int64_t start_ = 0;
  std::vector<GroupHash> log_groups_;
  std::vector<Handle> handles_;
  uint64_t generations_ = 0;
  std::string image_;
  size_t image_at_ = 0;
};

TEST(Model, RandomCommandsDoWhatTheObviousQueueDoes) {
  const char* one = std::getenv("WEIR_QUEUE_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t last = one != nullptr ? first : 150;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("reproduce with WEIR_QUEUE_SEED={}", seed));
    Scenario(seed).go(400);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::queue
