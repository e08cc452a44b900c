// Queue: decisions. Each looks at the state and the queue's own time and computes events of
// absolute facts.

#include <fmt/format.h>

#include <algorithm>

#include "base/canary.h"
#include "core/queue/queue.h"

namespace weir::queue {
namespace {

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

void sort_unique(OffsetList& offsets) {
  if (offsets.size() < 2) return;
  std::ranges::sort(offsets);
  const auto rest = std::ranges::unique(offsets);
  offsets.erase(rest.begin(), rest.end());
}

}  // namespace

Result<Event> Queue::decide_create(Offset start, const Policy& policy, Timestamp now) {
  if (!is_valid(policy)) return invalid("the queue's policy has a value out of its range");
  if (start.value() < 0) return invalid("a queue cannot begin before offset 0");
  return Created{now, start, policy};
}

Result<Event> Queue::decide_policy(const Policy& policy) const {
  if (!is_valid(policy)) return invalid("the queue's policy has a value out of its range");
  const bool same_shape = policy.tracking == policy_.tracking && policy.order == policy_.order &&
                          policy.priorities == policy_.priorities;
  if (!same_shape && (floor_ < end_ || !entries_.empty())) {
    return invalid("the order and the priorities of a queue can change only while it is empty");
  }
  return PolicySet{now_, policy};
}

// ---- enqueue

bool Queue::needs_enqueue(const NewMessage& message) const {
  if (policy_.order == Order::kGroups || message.dedup_id) return true;
  if (message.priority > 0 && policy_.priorities > 1) return true;
  return message.delay.value_or(policy_.default_delay) > Milliseconds(0);
}

Result<Event> Queue::decide_enqueue(Offset first, std::span<const NewMessage> messages) const {
  Enqueued event;
  event.now = now_;
  event.first = first;
  event.count = static_cast<uint32_t>(messages.size());
  event.dedup_expiry = now_ + policy_.dedup_window;
  for (uint32_t index = 0; index < messages.size(); ++index) {
    const NewMessage& message = messages[index];
    const Milliseconds delay = message.delay.value_or(policy_.default_delay);
    if (delay > Milliseconds(0) && !cursor()) event.delays.push_back({index, now_ + delay});
    if (policy_.order == Order::kGroups) event.groups.push_back(message.group);
    const auto highest = static_cast<uint8_t>(policy_.priorities - 1U);
    if (const uint8_t priority = std::min(message.priority, highest); priority > 0)
      event.priorities.push_back({index, priority});
    if (!message.dedup_id) continue;
    event.ids.push_back({index, *message.dedup_id});
  }
  if (has_duplicate(event.ids)) {
    return fail(ErrorCode::kAlreadyExists, "a message with this deduplication id was sent already");
  }
  if (delayed_ + event.delays.size() > policy_.delayed_max) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("{} messages wait for their time already, the limit is {}", delayed_,
                            policy_.delayed_max));
  }
  const size_t remembered = dedup_ ? dedup_->size() : 0;
  if (remembered + event.ids.size() > policy_.dedup_ids_max) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("{} deduplication ids are remembered already, the limit is {}",
                            remembered, policy_.dedup_ids_max));
  }
  return event;
}

bool Queue::has_duplicate(std::span<const Enqueued::Id> ids) const {
  std::vector<DedupId> sorted;
  for (const Enqueued::Id& id : ids) {
    if (find_duplicate(id.id)) return true;
    sorted.push_back(id.id);
  }
  std::ranges::sort(sorted);
  return std::ranges::adjacent_find(sorted) != sorted.end();
}

// ---- lease

// Gathers the messages of one lease command.
class Queue::Picker {
 public:
  Picker(const Queue& queue, const LeaseCommand& command, size_t want)
      : queue_(queue), command_(command), want_(want), frontier_(queue.frontier_.value()) {}

  bool full() const { return offsets_.size() >= want_ || passed() >= kPassedMax; }
  bool stopped_early() const { return passed() >= kPassedMax && offsets_.size() < want_; }
  int64_t frontier() const { return frontier_; }
  void set_frontier(int64_t offset) { frontier_ = offset; }

  // A message that may be delivered; `entry` if it has one.
  void offer(int64_t offset, const Entry* entry) {
    const uint32_t before = entry == nullptr ? 0 : entry->deliveries();
    if (command_.is_gone != nullptr && (*command_.is_gone)(Offset(offset))) {
      gone_.emplace_back(offset);
      return;
    }
    const Timestamp first = before == 0 ? queue_.now_ : entry->first_delivered();
    const uint32_t limit = command_.unlimited ? 0 : queue_.policy_.delivery_limit;
    if (limit != 0 && before >= limit) {
      dead_.push_back({Offset(offset), before, first});
      return;
    }
    offsets_.emplace_back(offset);
    deliveries_.push_back(std::min(before + 1, kDeliveriesMax));
    firsts_.push_back(first);
  }

  LeaseDecision decision(Timestamp deadline) && {
    LeaseDecision result;
    result.more = stopped_early();
    const Generation generation(queue_.next_generation_);
    result.leases.reserve(offsets_.size());
    for (size_t i = 0; i < offsets_.size(); ++i) {
      result.leases.push_back({.offset = offsets_[i],
                               .consumer = command_.consumer,
                               .bound = command_.bound && !queue_.cursor(),
                               .generation = generation,
                               .deliveries = deliveries_[i],
                               .first_delivered = firsts_[i],
                               .last_delivered = queue_.now_,
                               .deadline = deadline});
    }
    add_settled(result);
    if (!command_.no_ack && !offsets_.empty()) {
      result.events.emplace_back(Leased{.now = queue_.now_,
                                        .consumer = command_.consumer,
                                        .bound = command_.bound && !queue_.cursor(),
                                        .deadline = deadline,
                                        .generation = generation,
                                        .frontier = Offset(frontier_),
                                        .offsets = std::move(offsets_),
                                        .deliveries = std::move(deliveries_)});
    } else if (queue_.cursor() && frontier_ != queue_.frontier_.value()) {
      result.events.emplace_back(NextSet{queue_.now_, Offset(frontier_)});
    }
    result.dead_letters = std::move(dead_);
    return result;
  }

 private:
  size_t passed() const { return gone_.size() + dead_.size(); }

  void add_settled(LeaseDecision& result) {
    if (queue_.cursor()) return;  // what the cursor has passed is done
    OffsetList settled = std::move(gone_);
    for (const DeadLetter& dead : dead_) settled.push_back(dead.offset);
    if (command_.no_ack) settled.insert(settled.end(), offsets_.begin(), offsets_.end());
    if (settled.empty()) return;
    std::ranges::sort(settled);
    result.events.emplace_back(Settled{queue_.now_, std::move(settled)});
  }

  const Queue& queue_;
  const LeaseCommand& command_;
  size_t want_;
  int64_t frontier_;
  OffsetList offsets_;
  Deliveries deliveries_;
  absl::InlinedVector<Timestamp, 4> firsts_;
  OffsetList gone_;
  std::vector<DeadLetter> dead_;
};

LeaseDecision Queue::decide_lease(const LeaseCommand& command) const {
  const uint64_t asked = std::min(command.count, kLeaseMax);
  const uint64_t want = command.no_ack ? asked : std::min(asked, room_in_flight());
  LeaseDecision result;
  if (want > 0) {
    Picker picker(*this, command, want);
    if (cursor()) {
      pick_cursor(picker);
    } else if (policy_.order == Order::kGroups) {
      pick_groups(picker);
    } else if (policy_.order == Order::kStrict) {
      pick_strict(picker);
    } else if (fair_ && fair_->has_ready()) {
      pick_fair(picker);
    } else {
      pick_unordered(picker);
    }
    const Milliseconds duration =
        cursor() ? kNoDeadline : command.duration.value_or(policy_.lease_duration);
    const bool unbounded = duration == kNoDeadline || command.no_ack;
    result = std::move(picker).decision(unbounded ? Timestamp::never()
                                                  : Entry::rounded(now_ + duration));
  }
  result.at_in_flight_limit = want < asked && result.leases.size() == want;
  return result;
}

// The lowest offset first.
void Queue::pick_available(Picker& picker, const OffsetSet& ready) const {
  for (auto next = ready.min(); next && !picker.full(); next = ready.next_present(*next + 1)) {
    const auto entry = entries_.find(*next);
    picker.offer(*next, entry == entries_.end() ? nullptr : &entry->second);
  }
}

void Queue::pick_unordered(Picker& picker) const {
  for (uint8_t priority = PriorityLanes::kHighest; lanes_ && priority > 0; --priority)
    pick_available(picker, lanes_->of(priority));
  pick_available(picker, available_);
  int64_t at = frontier_.value();
  while (at < end_.value() && !picker.full()) {
    const int64_t free = next_free(at);
    if (free >= end_.value()) {
      at = std::max(at, end_.value());
      break;
    }
    picker.offer(free, nullptr);
    at = free + 1;
  }
  picker.set_frontier(at);
}

void Queue::pick_fair(Picker& picker) const {
  fair_->pick(leased_, [&](int64_t offset) {
    const auto entry = entries_.find(offset);
    picker.offer(offset, entry == entries_.end() ? nullptr : &entry->second);
    return !picker.full();
  });
}

void Queue::pick_strict(Picker& picker) const {
  int64_t at = floor_.value();
  while (!picker.full()) {
    if (!settled_.empty()) at = settled_.next_absent(at);
    if (at >= end_.value()) return;
    const auto entry = entries_.find(at);
    const bool has_entry = entry != entries_.end();
    if (has_entry && entry->second.state() != EntryState::kReady) return;
    picker.offer(at++, has_entry ? &entry->second : nullptr);
  }
}

// As many as possible of one group, then of the next; what follows a message in flight stays
// closed.
void Queue::pick_groups(Picker& picker) const {
  if (!window_) return;
  for (const int64_t head : window_->ready_heads()) {
    for (std::optional<int64_t> at = head; at && !picker.full(); at = window_->next_in_group(*at)) {
      const auto entry = entries_.find(*at);
      const bool has_entry = entry != entries_.end();
      if (has_entry && entry->second.state() != EntryState::kReady) {
        if (canary(Canary::kDeliverPastHeld)) continue;
        break;
      }
      picker.offer(*at, has_entry ? &entry->second : nullptr);
    }
    if (picker.full()) return;
  }
}

// After the cursor went back it meets pending entries again; they change hands.
void Queue::pick_cursor(Picker& picker) const {
  int64_t at = frontier_.value();
  auto entry = entries_.lower_bound(at);
  for (; at < end_.value() && !picker.full(); ++at) {
    while (entry != entries_.end() && entry->first < at) ++entry;
    picker.offer(at, entry != entries_.end() && entry->first == at ? &entry->second : nullptr);
  }
  picker.set_frontier(at);
}

// ---- settle, release, extend

Outcome Queue::check_handle(const Handle& handle, Check check) const {
  const int64_t offset = handle.offset.value();
  if (offset < 0 || handle.offset >= end_) return Outcome::kUnknown;
  const uint64_t generation = handle.generation.value();
  if (check != Check::kOwner && (generation == 0 || generation >= next_generation_))
    return Outcome::kUnknown;
  if (done(offset)) return Outcome::kAlreadySettled;
  const auto at = entries_.find(offset);
  if (at == entries_.end())
    return check == Check::kAnyLease ? Outcome::kUnknown : Outcome::kNotHeld;
  const Entry& entry = at->second;
  const bool leased = entry.state() == EntryState::kLeased;
  switch (check) {
    case Check::kAnyLease:
      return entry.deliveries() > 0 && generation <= entry.generation().value() ? Outcome::kDone
                                                                                : Outcome::kUnknown;
    case Check::kThisLease:
      return leased && entry.generation() == handle.generation ? Outcome::kDone : Outcome::kNotHeld;
    case Check::kOwner:
      return leased && entry.consumer() == handle.consumer ? Outcome::kDone : Outcome::kNotHeld;
  }
  return Outcome::kUnknown;
}

HandlesDecision Queue::decide_settle(std::span<const Handle> handles, Check check) const {
  HandlesDecision result;
  OffsetList offsets;
  result.outcomes.reserve(handles.size());
  for (const Handle& handle : handles) {
    result.outcomes.push_back(check_handle(handle, check));
    const Outcome outcome = result.outcomes.back();
    if (outcome == Outcome::kDone) offsets.push_back(handle.offset);
    if (outcome == Outcome::kNotHeld ||
        (outcome == Outcome::kDone && check == Check::kAnyLease &&
         check_handle(handle, Check::kThisLease) != Outcome::kDone)) {
      ++result.late;
    }
  }
  sort_unique(offsets);
  result.done = offsets.size();
  if (!offsets.empty()) result.events.emplace_back(Settled{now_, std::move(offsets)});
  return result;
}

// Which handles stand for a lease that could end or be extended; pending entries of a cursor have
// neither.
HandlesDecision Queue::check_live(std::span<const Handle> handles,
                                  Check check,
                                  OffsetList& live) const {
  HandlesDecision result;
  if (check == Check::kAnyLease) check = Check::kThisLease;
  for (const Handle& handle : handles) {
    Outcome outcome = check_handle(handle, check);
    if (outcome == Outcome::kDone && cursor()) outcome = Outcome::kNotHeld;
    if (outcome == Outcome::kDone) live.push_back(handle.offset);
    result.outcomes.push_back(outcome);
  }
  sort_unique(live);
  result.done = live.size();
  return result;
}

HandlesDecision Queue::decide_release(std::span<const Handle> handles,
                                      Check check,
                                      Milliseconds delay,
                                      bool uncount) const {
  OffsetList offsets;
  HandlesDecision result = check_live(handles, check, offsets);
  if (result.done == 0) return result;
  result.events.emplace_back(
      Released{now_, Entry::rounded(now_ + delay), uncount, std::move(offsets)});
  return result;
}

HandlesDecision Queue::decide_extend(std::span<const Handle> handles,
                                     Check check,
                                     Milliseconds duration) const {
  OffsetList offsets;
  HandlesDecision result = check_live(handles, check, offsets);
  if (result.done == 0) return result;
  const Timestamp deadline =
      duration == kNoDeadline ? Timestamp::never() : Entry::rounded(now_ + duration);
  result.events.emplace_back(Extended{now_, deadline, std::move(offsets)});
  return result;
}

Queue::DiscardDecision Queue::decide_discard(std::span<const Offset> offsets) const {
  DiscardDecision result;
  OffsetList list;
  for (const Offset offset : offsets) {
    if (offset.value() < 0 || offset >= end_ || done(offset.value())) continue;
    if (cursor() && !entries_.contains(offset.value())) continue;
    list.push_back(offset);
  }
  sort_unique(list);
  result.done = list.size();
  if (!list.empty()) result.events.emplace_back(Settled{now_, std::move(list)});
  return result;
}

Event Queue::decide_purge(bool keep_leased, bool clear_dedup) const {
  return FloorMoved{now_, end_, keep_leased, clear_dedup};
}

std::optional<Event> Queue::decide_expire_below(Offset offset) const {
  const bool nothing_below = entries_.empty() || entries_.begin()->first >= offset.value();
  if (cursor() ? offset <= frontier_ && nothing_below : offset <= floor_) return std::nullopt;
  return FloorMoved{.now = now_, .floor = offset};
}

// ---- consumers and pending entries

std::optional<Event> Queue::decide_consumer_closed(ConsumerId consumer) const {
  const Consumer* found = consumers_.find(consumer);
  if (found == nullptr || found->bound == 0) return std::nullopt;
  return ConsumerClosed{now_, consumer};
}

Result<Event> Queue::decide_set_next(Offset next) const {
  if (!cursor()) return invalid("only a queue that tracks a cursor can be told where to go on");
  if (next.value() < 0) return invalid("an offset cannot be negative");
  return NextSet{now_, next};
}

Result<Queue::ClaimDecision> Queue::decide_claim(ConsumerId consumer,
                                                 std::span<const Claim> claims,
                                                 Timestamp delivered_at,
                                                 bool force) const {
  if (!cursor())
    return invalid("only pending entries of a queue that tracks a cursor can be claimed");
  ClaimDecision result;
  Assigned event{.now = now_,
                 .consumer = consumer,
                 .delivered_at = Entry::rounded(delivered_at),
                 .offsets = {},
                 .deliveries = {}};
  for (const Claim& claim : claims) {
    const auto at = entries_.find(claim.offset.value());
    const bool is_pending = at != entries_.end();
    if (!is_pending && (!force || claim.offset.value() < 0 || claim.offset >= end_)) continue;
    const uint32_t before = is_pending ? at->second.deliveries() : 0;
    const uint32_t deliveries = std::min(
        claim.deliveries.value_or(claim.keep_deliveries ? before : before + 1), kDeliveriesMax);
    Lease lease = is_pending ? describe(at->first, at->second) : Lease{};
    lease.offset = claim.offset;
    lease.consumer = consumer;
    lease.deliveries = deliveries;
    lease.last_delivered = event.delivered_at;
    if (!is_pending) {
      lease.first_delivered = event.delivered_at;
      lease.deadline = Timestamp::never();
    }
    result.leases.push_back(lease);
    event.offsets.push_back(claim.offset);
    event.deliveries.push_back(deliveries);
  }
  if (!event.offsets.empty()) result.events.emplace_back(std::move(event));
  return result;
}

Result<Event> Queue::decide_create_consumer(std::string_view name) const {
  if (name.empty() || name.size() > kConsumerNameMax)
    return invalid("a consumer's name is empty or too long");
  if (consumers_.find(name)) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("the consumer {} exists already", name));
  }
  if (consumers_.size() >= kConsumersMax) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("the queue has {} consumers already", kConsumersMax));
  }
  return ConsumerCreated{now_, consumers_.next_id(), std::string(name)};
}

Result<Event> Queue::decide_delete_consumer(ConsumerId consumer) const {
  if (consumers_.find(consumer) == nullptr) return fail(ErrorCode::kNotFound, "no such consumer");
  return ConsumerDeleted{now_, consumer};
}

}  // namespace weir::queue
