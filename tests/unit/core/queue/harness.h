#pragma once
// A queue under test as the broker would drive it: time first, decide, apply. Everything applied
// also goes through its encoding into a second queue, which has to end in the same state (checked
// by expect_replay_agrees).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/queue/queue.h"

namespace weir::queue {

class Harness {
 public:
  explicit Harness(const Policy& policy, int64_t start = 0) {
    apply(*Queue::decide_create(Offset(start), policy, now));
    end = start;
  }

  void apply(const Event& event) {
    Writer out;
    encode(event, out);
    const Result<Event> decoded = decode_event(out.out());
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
    ASSERT_TRUE(*decoded == event);
    journal.push_back(out.out());
    queue.apply(event);
  }
  void apply(const Events& events) {
    for (const Event& event : events) apply(event);
  }

  void advance(int64_t ms) {
    now = now + Milliseconds(ms);
    queue.advance_time(now);
  }

  // Appends messages; returns the first offset.
  int64_t send(size_t count) { return send(std::vector<NewMessage>(count)); }
  int64_t send(const std::vector<NewMessage>& messages) {
    const int64_t first = end;
    bool plain = true;
    for (const NewMessage& message : messages) plain = plain && !queue.needs_enqueue(message);
    if (!plain) {
      const Result<Event> event = queue.decide_enqueue(Offset(first), messages);
      EXPECT_TRUE(event.has_value()) << event.error().message;
      if (!event) return -1;
      apply(*event);
    }
    end += static_cast<int64_t>(messages.size());
    queue.apply_end(Offset(end));
    return first;
  }
  int64_t send_group(GroupHash group) {
    return send({NewMessage{.delay = {}, .group = group, .dedup_id = {}}});
  }

  LeaseDecision lease(LeaseCommand command) {
    LeaseDecision decision = queue.decide_lease(command);
    apply(decision.events);
    return decision;
  }
  std::vector<Lease> take(uint32_t count) { return lease({.count = count}).leases; }
  std::vector<int64_t> take_offsets(uint32_t count) { return offsets(take(count)); }

  Outcome settle(const Lease& lease, Check check = Check::kThisLease) {
    const Handle handle{lease.offset, lease.generation, lease.consumer};
    const HandlesDecision decision = queue.decide_settle({&handle, 1}, check);
    apply(decision.events);
    return decision.outcomes.front();
  }
  Outcome release(const Lease& lease, int64_t delay_ms = 0, bool uncount = false) {
    const Handle handle{lease.offset, lease.generation, lease.consumer};
    const HandlesDecision decision =
        queue.decide_release({&handle, 1}, Check::kThisLease, Milliseconds(delay_ms), uncount);
    apply(decision.events);
    return decision.outcomes.front();
  }
  Outcome extend(const Lease& lease, int64_t ms) {
    const Handle handle{lease.offset, lease.generation, lease.consumer};
    const HandlesDecision decision =
        queue.decide_extend({&handle, 1}, Check::kThisLease, Milliseconds(ms));
    apply(decision.events);
    return decision.outcomes.front();
  }

  static std::vector<int64_t> offsets(const std::vector<Lease>& leases) {
    std::vector<int64_t> result;
    for (const Lease& lease : leases) result.push_back(lease.offset.value());
    return result;
  }

  // The journal from `from` on, applied to what an image of then held.
  Queue replay(const std::string& image = {}, size_t from = 0) const {
    Queue copy;
    if (!image.empty()) {
      Reader in(image);
      Result<Queue> loaded = Queue::load(in);
      EXPECT_TRUE(loaded.has_value() && in.done());
      if (loaded) copy = std::move(*loaded);
    }
    for (size_t i = from; i < journal.size(); ++i) copy.apply(*decode_event(journal[i]));
    copy.apply_end(Offset(end));
    copy.advance_time(now);
    return copy;
  }
  std::string image() const {
    Writer out;
    queue.save(out);
    return out.out();
  }

  void expect_replay_agrees() const {
    EXPECT_TRUE(replay().same_state(queue));
    EXPECT_TRUE(replay(image(), journal.size()).same_state(queue));
  }

  Queue queue;
  Timestamp now{1'000};
  int64_t end = 0;
  std::vector<std::string> journal;
};

inline DedupId dedup_id(uint64_t number) {
  DedupId id{};
  store_le(id.data(), number * 0x9e3779b97f4a7c15U);
  store_le(id.data() + 8, number);
  return id;
}

inline Policy cursor_policy() {
  return {.tracking = Tracking::kCursor, .lease_duration = kNoDeadline};
}

}  // namespace weir::queue
