// Queue: time, questions and the window of message groups.

#include "core/queue/queue.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::queue {

size_t Queue::advance_time(Timestamp now) {
  now_ = std::max(now_, now);
  if (dedup_) {
    dedup_->expire(now_);
    if (dedup_->empty()) dedup_.reset();
  }
  size_t woken = 0;
  while (!timers_.empty() && timers_.begin()->first <= now_.ms()) {
    const auto at = entries_.find(timers_.begin()->second);
    WEIR_ASSERT(at != entries_.end(), "a timer of offset {} without an entry",
                timers_.begin()->second);
    make_ready(at);
    ++woken;
  }
  return woken;
}

Timestamp Queue::next_deadline() const {
  const Timestamp timer = timers_.empty() ? Timestamp::never() : Timestamp(timers_.begin()->first);
  return dedup_ ? std::min(timer, dedup_->next_expiry()) : timer;
}

void Queue::apply_end(Offset end) {
  end_ = std::max(end_, end);
}

std::optional<Offset> Queue::find_duplicate(const DedupId& id) const {
  return dedup_ ? dedup_->find(id) : std::nullopt;
}

// ---- questions

bool Queue::done(int64_t offset) const {
  if (cursor()) return offset < frontier_.value() && !entries_.contains(offset);
  return offset < floor_.value() || settled_.contains(offset);
}

bool Queue::is_ready(int64_t offset) const {
  const auto at = entries_.find(offset);
  return at == entries_.end() || at->second.state() == EntryState::kReady;
}

// The first offset from this one on that is neither done nor, where held_ knows of it, held.
int64_t Queue::next_free(int64_t offset) const {
  while (true) {
    int64_t next = settled_.empty() ? offset : settled_.next_absent(offset);
    if (!held_.empty()) next = held_.next_absent(next);
    if (next == offset) return offset;
    ++stretches_passed_;
    offset = next;
  }
}

bool Queue::is_settled(Offset offset) const {
  return done(offset.value());
}

Counts Queue::counts() const {
  if (cursor()) {
    const int64_t ready = end_ - frontier_;
    return {ready > 0 ? static_cast<uint64_t>(ready) : 0, leased_, 0};
  }
  const uint64_t open = static_cast<uint64_t>(end_ - floor_) - settled_.count();
  return {open - leased_ - delayed_, leased_, delayed_};
}

std::vector<uint64_t> Queue::ready_by_priority() const {
  std::vector<uint64_t> ready(policy_.priorities, 0);
  ready[0] = counts().ready;
  for (uint8_t priority = 1; lanes_ && priority < ready.size(); ++priority) {
    ready[priority] = lanes_->of(priority).count();
    ready[0] -= ready[priority];
  }
  return ready;
}

uint64_t Queue::room_in_flight() const {
  if (policy_.in_flight_max == 0) return UINT64_MAX;
  return policy_.in_flight_max > leased_ ? policy_.in_flight_max - leased_ : 0;
}

bool Queue::may_deliver() const {
  if (room_in_flight() == 0) return false;
  switch (policy_.order) {
    case Order::kNone:
      return !available_.empty() || frontier_ < end_ || (lanes_ && !lanes_->empty());
    case Order::kStrict: return floor_ < end_ && is_ready(floor_.value());
    case Order::kGroups:
      return (window_ && !window_->ready_heads().empty()) || needs_window_from().has_value();
  }
  return false;
}

Lease Queue::describe(int64_t offset, const Entry& entry) const {
  return {.offset = Offset(offset),
          .consumer = entry.consumer(),
          .bound = entry.bound(),
          .generation = entry.generation(),
          .deliveries = entry.deliveries(),
          .first_delivered = entry.first_delivered(),
          .last_delivered = entry.last_delivered(),
          .deadline = entry.due()};
}

std::optional<Lease> Queue::lease_of(Offset offset) const {
  const auto at = entries_.find(offset.value());
  if (at == entries_.end() || at->second.state() != EntryState::kLeased) return std::nullopt;
  return describe(at->first, at->second);
}

std::pair<uint32_t, Timestamp> Queue::deliveries_of(Offset offset) const {
  const auto at = entries_.find(offset.value());
  if (at == entries_.end() || at->second.deliveries() == 0) return {0, Timestamp()};
  return {at->second.deliveries(), at->second.first_delivered()};
}

std::vector<Offset> Queue::ready_from(Offset from, size_t count) const {
  std::vector<Offset> found;
  int64_t at = std::max(from, cursor() ? frontier_ : floor_).value();
  const auto add = [&](const OffsetSet& ready) {
    const size_t before = found.size();
    for (auto next = ready.next_present(at); next && found.size() - before < count;) {
      found.emplace_back(*next);
      next = ready.next_present(*next + 1);
    }
  };
  for (uint8_t priority = 1; lanes_ && priority <= PriorityLanes::kHighest; ++priority)
    add(lanes_->of(priority));
  const size_t in_lanes = found.size();
  if (!cursor() && unordered()) {
    add(available_);
    at = std::max(at, frontier_.value());
  }
  for (; found.size() - in_lanes < count; ++at) {
    at = next_free(at);
    if (at >= end_.value()) break;
    found.emplace_back(at);
  }
  if (in_lanes > 0) {
    std::ranges::sort(found);
    if (found.size() > count) found.resize(count);
  }
  return found;
}

PendingPage Queue::pending(const PendingQuery& query) const {
  PendingPage page;
  size_t scanned = 0;
  // Looks at one entry; false when the page ends before it.
  const auto look = [&](int64_t offset, const Entry& entry) {
    if (page.leases.size() == query.count || scanned == query.scanned_max) {
      page.next = Offset(offset);
      return false;
    }
    ++scanned;
    if (entry.state() == EntryState::kLeased && now_ - entry.last_delivered() >= query.idle_min) {
      page.leases.push_back(describe(offset, entry));
    }
    return true;
  };
  if (query.consumer && *query.consumer != kNobody) {
    const Consumer* consumer = consumers_.find(*query.consumer);
    if (consumer == nullptr) return page;
    auto offset = consumer->held.next_present(query.first.value());
    while (offset && *offset <= query.last.value() &&
           look(*offset, entries_.find(*offset)->second)) {
      offset = consumer->held.next_present(*offset + 1);
    }
    return page;
  }
  for (auto it = entries_.lower_bound(query.first.value()); it != entries_.end(); ++it) {
    if (it->first > query.last.value()) break;
    if (query.consumer && it->second.consumer() != *query.consumer) continue;
    if (!look(it->first, it->second)) break;
  }
  return page;
}

uint64_t Queue::pending_count(ConsumerId consumer) const {
  const Consumer* found = consumers_.find(consumer);
  return found == nullptr ? 0 : found->held.count();
}

std::optional<Offset> Queue::oldest_pending() const {
  for (const auto& [offset, entry] : entries_) {
    if (entry.state() == EntryState::kLeased) return Offset(offset);
  }
  return std::nullopt;
}

std::optional<Offset> Queue::newest_pending() const {
  for (auto it = entries_.end(); it != entries_.begin();) {
    --it;
    if (it->second.state() == EntryState::kLeased) return Offset(it->first);
  }
  return std::nullopt;
}

const Queue::Ages& Queue::ages() const {
  if (!ages_) {
    ages_ = std::make_unique<Ages>();
    if (cursor()) {
      for (const auto& [offset, entry] : entries_)
        ages_->insert({entry.last_delivered().ms(), offset});
    }
  }
  return *ages_;
}

void Queue::visit_by_age(const std::function<bool(const Lease&)>& visit) const {
  for (const auto& [delivered, offset] : ages()) {
    if (!visit(describe(offset, entries_.find(offset)->second))) return;
  }
}

Timestamp Queue::next_release_rank() const {
  constexpr int64_t kRanksEnd = int64_t{1} << 36;  // as a time: in 1972
  const auto above = ages().lower_bound({kRanksEnd, 0});
  return Timestamp(above == ages().begin() ? 0 : std::prev(above)->first + 1);
}

ConsumerId Queue::reserve_consumer() {
  return consumers_.reserve();
}

std::optional<ConsumerId> Queue::find_consumer(std::string_view name) const {
  return consumers_.find(name);
}

void Queue::touch_consumer(ConsumerId consumer) {
  if (Consumer* found = consumers_.find(consumer)) found->seen = now_;
}

std::vector<ConsumerId> Queue::consumers_with_bound_leases() const {
  std::vector<ConsumerId> found;
  for (const auto& [id, consumer] : consumers_.all()) {
    if (consumer.bound > 0) found.push_back(id);
  }
  return found;
}

// ---- the window of message groups

std::optional<Offset> Queue::needs_window_from() const {
  if (policy_.order != Order::kGroups && !fair_) return std::nullopt;
  // Without a window everything below the floor is known: it is done.
  int64_t from = window_ ? window_->end() : floor_.value();
  uint64_t held = window_ ? window_->size() : 0;
  uint64_t held_max = policy_.group_window_max;
  if (fair_) {
    from = fair_->end();
    held = fair_->size();
    held_max = FairWindow::kMessagesMax;
  }
  if (from >= end_.value() || held >= held_max) return std::nullopt;
  const uint64_t room = held_max - held;
  const uint64_t missing = static_cast<uint64_t>(end_.value() - from);
  // Reading ahead a few at a time would cost a read of the log for each lease: wait until a quarter
  // is free.
  if (room < missing && room < held_max / 4 && !starved()) return std::nullopt;
  return Offset(from);
}

bool Queue::starved() const {
  if (fair_) return !fair_->has_ready();
  return !window_ || window_->ready_heads().empty();
}

size_t Queue::load_window(Offset first, std::span<const GroupHash> hashes) {
  if (fair_) {
    const int64_t before = fair_->end();
    if (first.value() != before) return 0;
    append_fair(hashes);
    return static_cast<size_t>(fair_->end() - before);
  }
  if (policy_.order != Order::kGroups) return 0;
  const int64_t before = window_ ? window_->end() : floor_.value();
  if (first.value() != before) return 0;
  append_window(first.value(), hashes);
  return window_ ? static_cast<size_t>(window_->end() - before) : 0;
}

void Queue::note_group(Offset offset, GroupHash group) {
  if (cursor() || !unordered() || policy_.priorities > 1 || (!fair_ && group == 0)) return;
  if (!fair_) fair_ = std::make_unique<FairWindow>(floor_.value());
  if (offset.value() == fair_->end()) append_fair({&group, 1});
}

void Queue::append_fair(std::span<const GroupHash> hashes) {
  for (const GroupHash hash : hashes) {
    if (done(fair_->end())) {
      fair_->skip();
      continue;
    }
    if (fair_->size() >= FairWindow::kMessagesMax) return;
    fair_->append(hash, state_of(fair_->end()));
  }
}

EntryState Queue::state_of(int64_t offset) const {
  const auto at = entries_.find(offset);
  return at == entries_.end() ? EntryState::kReady : at->second.state();
}

// Takes what continues the window and fits; the rest is loaded later.
void Queue::append_window(int64_t first, std::span<const GroupHash> hashes) {
  if (first != (window_ ? window_->end() : floor_.value()) || hashes.empty()) return;
  if (!window_) window_ = std::make_unique<GroupWindow>(first);
  for (const GroupHash hash : hashes) {
    if (done(window_->end())) {
      window_->skip();
      continue;
    }
    if (window_->size() >= policy_.group_window_max) break;
    window_->append(hash, [this](int64_t offset) { return is_ready(offset); });
  }
}

void Queue::group_changed(int64_t offset) {
  if (fair_) fair_->changed(offset, state_of(offset));
  if (window_) window_->changed(offset, [this](int64_t head) { return is_ready(head); });
}

}  // namespace weir::queue
