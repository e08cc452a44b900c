#pragma once
// The obvious queue: one struct for each message ever sent, every question answered by looking at
// all of them. What the engine does is compared with it.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/queue/queue.h"

namespace weir::queue {

struct ModelMessage {
  enum class State { kReady, kLeased, kDelayed, kDone };
  State state = State::kReady;
  GroupHash group = 0;
  uint8_t priority = 0;
  uint32_t deliveries = 0;
  uint64_t generation = 0;
  ConsumerId consumer = kNobody;
  bool bound = false;
  Timestamp first;
  Timestamp due = Timestamp::never();
};

class Model {
 public:
  using State = ModelMessage::State;

  Policy policy;
  Timestamp now;
  std::map<int64_t, ModelMessage> messages;
  std::map<DedupId, std::pair<int64_t, Timestamp>> ids;

  void advance(Timestamp time) {
    now = time;
    for (auto& [offset, message] : messages) {
      const bool waits = message.state == State::kLeased || message.state == State::kDelayed;
      if (waits && message.due <= now) make_ready(message);
    }
    std::erase_if(ids, [&](const auto& item) { return item.second.second <= now; });
  }

  void send(int64_t offset, const NewMessage& sent) {
    ModelMessage message;
    message.group = policy.order == Order::kGroups ? sent.group : 0;
    message.priority = std::min<uint8_t>(sent.priority, policy.priorities - 1);
    const Milliseconds delay = sent.delay.value_or(policy.default_delay);
    if (delay > Milliseconds(0)) {
      message.state = State::kDelayed;
      message.due = now + delay;
    }
    messages[offset] = message;
    if (sent.dedup_id) ids[*sent.dedup_id] = {offset, now + policy.dedup_window};
  }

  void set_policy(const Policy& changed) {
    const Milliseconds difference = changed.default_delay - policy.default_delay;
    policy = changed;
    if (policy.order == Order::kNone) return;
    for (auto& [offset, message] : messages) {
      if (message.state == State::kDelayed && message.deliveries == 0)
        message.due = message.due + difference;
    }
  }

  // In the order in which they would be handed out, without regard to limits.
  std::vector<int64_t> deliverable() const {
    std::vector<int64_t> result;
    if (policy.order == Order::kNone) {
      for (const auto& [offset, message] : messages) {
        if (message.state == State::kReady) result.push_back(offset);
      }
      std::ranges::sort(result, {}, [this](int64_t offset) {
        return std::pair(-messages.at(offset).priority, offset);
      });
      return result;
    }
    std::map<GroupHash, std::vector<int64_t>>
        open;  // the ready messages before the first that is not
    std::set<GroupHash> closed;
    std::vector<GroupHash> order;
    for (const auto& [offset, message] : messages) {
      if (message.state == State::kDone || closed.contains(message.group)) continue;
      if (message.state != State::kReady) {
        closed.insert(message.group);
        continue;
      }
      if (!open.contains(message.group)) order.push_back(message.group);
      open[message.group].push_back(offset);
    }
    for (const GroupHash group : order)
      result.insert(result.end(), open[group].begin(), open[group].end());
    return result;
  }

  struct Handout {
    std::vector<int64_t> leased;
    std::vector<int64_t> dead;
    std::vector<int64_t> gone;
  };
  Handout expect_lease(uint32_t count, const IsGone& is_gone) const {
    Handout result;
    const uint64_t leased = count_of(State::kLeased);
    const uint64_t room = policy.in_flight_max == 0       ? count
                          : policy.in_flight_max > leased ? policy.in_flight_max - leased
                                                          : 0;
    const uint64_t want = std::min<uint64_t>(count, room);
    if (want == 0) return result;
    for (const int64_t offset : deliverable()) {
      if (result.leased.size() == want) break;
      const ModelMessage& message = messages.at(offset);
      if (is_gone(Offset(offset))) {
        result.gone.push_back(offset);
      } else if (policy.delivery_limit != 0 && message.deliveries >= policy.delivery_limit) {
        result.dead.push_back(offset);
      } else {
        result.leased.push_back(offset);
      }
    }
    return result;
  }

  void lease(const Lease& lease) {
    ModelMessage& message = messages.at(lease.offset.value());
    if (message.deliveries == 0) message.first = now;
    ++message.deliveries;
    message.state = State::kLeased;
    message.generation = lease.generation.value();
    message.consumer = lease.consumer;
    message.bound = lease.bound;
    message.due = lease.deadline;
  }

  Outcome outcome(const Handle& handle, Check check, uint64_t generations) const {
    const auto it = messages.find(handle.offset.value());
    const uint64_t generation = handle.generation.value();
    if (it == messages.end() ||
        (check != Check::kOwner && (generation == 0 || generation > generations))) {
      return Outcome::kUnknown;
    }
    const ModelMessage& message = it->second;
    if (message.state == State::kDone) return Outcome::kAlreadySettled;
    const bool leased = message.state == State::kLeased;
    switch (check) {
      case Check::kAnyLease:
        return message.deliveries > 0 && generation <= message.generation ? Outcome::kDone
                                                                          : Outcome::kUnknown;
      case Check::kThisLease:
        return leased && message.generation == generation ? Outcome::kDone : Outcome::kNotHeld;
      case Check::kOwner:
        return leased && message.consumer == handle.consumer ? Outcome::kDone : Outcome::kNotHeld;
    }
    return Outcome::kUnknown;
  }

  void settle(int64_t offset) { messages.at(offset).state = State::kDone; }
  void release(int64_t offset, Timestamp due, bool uncount) {
    ModelMessage& message = messages.at(offset);
    if (uncount) --message.deliveries;
    make_ready(message);
    if (due > now) {
      message.state = State::kDelayed;
      message.due = due;
    }
  }
  void settle_below(int64_t floor, bool keep_leased) {
    for (auto& [offset, message] : messages) {
      if (offset < floor && !(keep_leased && message.state == State::kLeased))
        message.state = State::kDone;
    }
  }

  uint64_t count_of(State state) const {
    return static_cast<uint64_t>(std::ranges::count_if(
        messages, [&](const auto& item) { return item.second.state == state; }));
  }
  Counts counts() const {
    return {count_of(State::kReady), count_of(State::kLeased), count_of(State::kDelayed)};
  }
  std::vector<uint64_t> ready_by_priority() const {
    std::vector<uint64_t> ready(policy.priorities, 0);
    for (const auto& [offset, message] : messages) {
      if (message.state == State::kReady) ++ready.at(message.priority);
    }
    return ready;
  }
  Timestamp next_deadline() const {
    Timestamp next = Timestamp::never();
    for (const auto& [offset, message] : messages) {
      const bool waits = message.state == State::kLeased || message.state == State::kDelayed;
      if (waits) next = std::min(next, message.due);
    }
    for (const auto& [id, entry] : ids) next = std::min(next, entry.second);
    return next;
  }

 private:
  static void make_ready(ModelMessage& message) {
    message.state = State::kReady;
    message.consumer = kNobody;
    message.bound = false;
    message.due = Timestamp::never();
    if (message.deliveries == 0) message.generation = 0;
  }
};

}  // namespace weir::queue
