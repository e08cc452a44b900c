// Queue: what an event does. Total: an event that does not fit the state (a lease of a settled
// message) leaves it valid.

#include <algorithm>
#include <vector>

#include "base/canary.h"
#include "core/queue/queue.h"

namespace weir::queue {

void Queue::apply(const Event& event) {
  std::visit(
      [this](const auto& fact) {
        // Replay passes through time in larger steps than the live queue did. Every transition that
        // was due before this event has to be made before it, or the two would differ.
        advance_time(fact.now);
        on(fact);
      },
      event);
}

// ---- events

void Queue::on(const Created& event) {
  *this = Queue();
  now_ = event.now;
  policy_ = event.policy;
  floor_ = frontier_ = end_ = event.start;
}

void Queue::on(const PolicySet& event) {
  const Milliseconds difference = event.policy.default_delay - policy_.default_delay;
  policy_ = event.policy;
  // SQS: a changed delay of a FIFO queue holds for messages that wait already, that of a standard
  // queue does not.
  if (!unordered() && difference != Milliseconds(0)) shift_delays(difference);
  if (policy_.order != Order::kGroups) window_.reset();
  if (!unordered() || policy_.priorities > 1) fair_.reset();
}

void Queue::on(const Enqueued& event) {
  const int64_t first = event.first.value();
  apply_end(Offset(first + event.count));
  for (const Enqueued::Delay& delay : event.delays) {
    const int64_t offset = first + delay.index;
    if (delay.due <= now_ || cursor() || done(offset)) continue;
    const auto [at, is_new] = entries_.try_emplace(offset);
    if (!is_new) continue;
    available_.erase(offset);
    set_state(offset, at->second, EntryState::kDelayed);
    set_due(offset, at->second, delay.due);
  }
  for (const Enqueued::Priority& one : event.priorities)
    set_priority(first + one.index, one.priority);
  pass_frontier_over_known();
  if (policy_.order == Order::kGroups) append_window(first, event.groups);
  if (!event.ids.empty() && !dedup_ && event.dedup_expiry > now_)
    dedup_ = std::make_unique<Dedup>();
  if (!dedup_) return;
  for (const Enqueued::Id& id : event.ids)
    dedup_->insert(id.id, Offset(first + id.index), event.dedup_expiry);
}

void Queue::on(const Leased& event) {
  const size_t count = std::min(event.offsets.size(), event.deliveries.size());
  for (size_t i = 0; i < count; ++i)
    lease_one(event.offsets[i].value(), event, event.deliveries[i]);
  if (cursor()) {
    frontier_ = std::max(frontier_, event.frontier);
  } else if (unordered()) {
    advance_frontier_to(event.frontier.value());
    pass_frontier_over_known();
  }
  end_ = std::max(end_, frontier_);
  next_generation_ = std::max(next_generation_, event.generation.value() + 1);
  consumers_.became_active(event.consumer, event.now);
}

void Queue::on(const Settled& event) {
  for (const Offset offset : event.offsets) settle_one(offset.value());
  pass_frontier_over_known();
}

void Queue::on(const Released& event) {
  if (cursor()) return;
  for (const Offset offset : event.offsets) {
    const auto at = entries_.find(offset.value());
    if (at == entries_.end() || at->second.state() != EntryState::kLeased) continue;
    if (event.uncount && at->second.deliveries() > 0)
      at->second.set_deliveries(at->second.deliveries() - 1);
    release_one(at, event.due);
  }
}

void Queue::on(const Extended& event) {
  if (cursor()) return;
  for (const Offset offset : event.offsets) {
    const auto at = entries_.find(offset.value());
    if (at == entries_.end() || at->second.state() != EntryState::kLeased) continue;
    set_due(at->first, at->second, event.deadline);
  }
}

void Queue::on(const ConsumerClosed& event) {
  const Consumer* consumer = consumers_.find(event.consumer);
  if (consumer == nullptr) return;
  const std::vector<int64_t> held = consumer->held.members();
  for (const int64_t offset : held) {
    const auto at = entries_.find(offset);
    if (at->second.bound()) release_one(at, now_);
  }
}

void Queue::on(const Assigned& event) {
  const size_t count = std::min(event.offsets.size(), event.deliveries.size());
  for (size_t i = 0; i < count; ++i) {
    const int64_t offset = event.offsets[i].value();
    if (!cursor() && !entries_.contains(offset)) continue;
    const auto [at, is_new] = entries_.try_emplace(offset);
    Entry& entry = at->second;
    if (!is_new && entry.state() != EntryState::kLeased) continue;
    if (is_new) {
      set_state(offset, entry, EntryState::kLeased);
      entry.set_first_delivered(event.delivered_at);
    }
    set_consumer(offset, entry, event.consumer, entry.bound());
    set_delivered(offset, entry, event.delivered_at);
    entry.set_deliveries(event.deliveries[i]);
  }
  consumers_.became_active(event.consumer, event.now);
}

void Queue::on(const FloorMoved& event) {
  if (event.clear_dedup) dedup_.reset();
  if (event.keep_leased && !cursor()) {
    purge_ready(event.floor.value());
  } else {
    drop_below(event.floor.value());
  }
  pass_frontier_over_known();
}

void Queue::on(const NextSet& event) {
  if (!cursor()) return;
  frontier_ = event.next;
}

void Queue::on(const ConsumerCreated& event) {
  consumers_.create(event.consumer, event.name, event.now);
}

void Queue::on(const ConsumerDeleted& event) {
  const Consumer* consumer = consumers_.find(event.consumer);
  if (consumer == nullptr) return;
  const std::vector<int64_t> held = consumer->held.members();
  for (const int64_t offset : held) {
    const auto at = entries_.find(offset);
    if (cursor()) {
      erase_entry(at);
    } else {
      release_one(at, now_);
    }
  }
  consumers_.remove(event.consumer);
}

// ---- the pieces

// Whatever the frontier passes and nothing else knows of is ready, and from now on has to be
// remembered as such.
void Queue::advance_frontier_to(int64_t offset) {
  for (int64_t at = next_free(frontier_.value()); at < offset;) {
    const int64_t settled = settled_.next_present(at).value_or(offset);
    const int64_t held = held_.next_present(at).value_or(offset);
    const int64_t end = std::min({offset, settled, held});
    available_.insert_range(at, end);
    at = next_free(end);
  }
  move_frontier_to(offset);
}

void Queue::move_frontier_to(int64_t offset) {
  frontier_ = std::max(frontier_, Offset(offset));
  if (!held_.empty()) held_.erase_below(frontier_.value());
}

// The frontier never stands on a message that is settled or has an entry: then `frontier_ < end_`
// alone says that there is something to deliver.
void Queue::pass_frontier_over_known() {
  if (cursor()) return;
  if (unordered()) {
    move_frontier_to(next_free(std::max(frontier_, floor_).value()));
  } else {
    frontier_ = floor_;
  }
}

void Queue::lease_one(int64_t offset, const Leased& event, uint32_t deliveries) {
  uint8_t priority = 0;
  if (!cursor()) {
    if (done(offset)) return;
    end_ = std::max(end_, Offset(offset + 1));
    if (unordered()) {
      priority = lanes_ ? lanes_->take(offset) : 0;
      if (priority > 0) {
        // The frontier stays: what it would pass has a turn of its own, and may be a long way.
      } else if (offset < frontier_.value()) {
        available_.erase(offset);
      } else {
        advance_frontier_to(offset);
        move_frontier_to(offset + 1);
      }
    }
  }
  Entry& entry = entries_.try_emplace(offset).first->second;
  if (entry.deliveries() == 0) entry.set_first_delivered(event.now);
  set_delivered(offset, entry, event.now);
  entry.set_deliveries(deliveries);
  entry.set_generation(event.generation);
  if (priority > 0) entry.set_priority(priority);
  set_state(offset, entry, EntryState::kLeased);
  set_consumer(offset, entry, event.consumer, event.bound && !cursor());
  Timestamp due = cursor() ? Timestamp::never() : event.deadline;
  if (canary(Canary::kEndLeaseEarly) && due != Timestamp::never()) {
    due = Timestamp((event.now.ms() + due.ms()) / 2);
  }
  set_due(offset, entry, due);
  group_changed(offset);
}

void Queue::settle_one(int64_t offset) {
  const auto at = entries_.find(offset);
  if (cursor()) {
    if (at != entries_.end()) erase_entry(at);
    return;
  }
  if (done(offset)) return;
  if (at != entries_.end()) erase_entry(at);
  if (unordered()) available_.erase(offset);
  if (lanes_ && lanes_->take(offset) > 0) held_.erase(offset);
  end_ = std::max(end_, Offset(offset + 1));
  if (window_) {
    window_->settle(offset, [this](int64_t head) { return is_ready(head); });
  }
  if (fair_) fair_->settle(offset);
  if (offset == floor_.value()) {
    raise_floor(offset + 1);
  } else {
    settled_.insert(offset);
  }
}

void Queue::raise_floor(int64_t floor) {
  if (!settled_.empty()) {
    floor = settled_.next_absent(floor);
    settled_.erase_below(floor);
  }
  floor_ = Offset(floor);
  if (unordered()) {
    move_frontier_to(floor);
  } else {
    frontier_ = floor_;
  }
  end_ = std::max(end_, floor_);
  // A window without messages says no more than the floor does.
  if (window_ && window_->size() == 0 && floor >= window_->end()) window_.reset();
  if (fair_ && fair_->size() == 0 && floor >= fair_->end()) {
    if (floor < end_.value()) {
      *fair_ = FairWindow(floor);
    } else {
      fair_.reset();  // drained: the next group makes it fair again
    }
  }
}

void Queue::release_one(Entries::iterator at, Timestamp due) {
  if (due <= now_) {
    make_ready(at);
    return;
  }
  const int64_t offset = at->first;
  set_consumer(offset, at->second, kNobody, false);
  set_state(offset, at->second, EntryState::kDelayed);
  set_due(offset, at->second, due);
  group_changed(offset);
}

void Queue::make_ready(Entries::iterator at) {
  const int64_t offset = at->first;
  const uint8_t priority = at->second.priority();
  if (at->second.deliveries() == 0) {
    erase_entry(at);
  } else {
    set_consumer(offset, at->second, kNobody, false);
    set_due(offset, at->second, Timestamp::never());
    set_state(offset, at->second, EntryState::kReady);
  }
  if (priority > 0) {
    enter_lane(offset, priority);
  } else if (unordered() && !cursor() && offset < frontier_.value()) {
    available_.insert(offset);
  }
  group_changed(offset);
}

void Queue::enter_lane(int64_t offset, uint8_t priority) {
  if (!lanes_) lanes_ = std::make_unique<PriorityLanes>();
  lanes_->insert(offset, priority);
  if (offset >= frontier_.value()) held_.insert(offset);
}

// Of a message that was just enqueued: it is delayed, or ready.
void Queue::set_priority(int64_t offset, uint8_t priority) {
  if (cursor() || !unordered() || done(offset)) return;
  const auto at = entries_.find(offset);
  if (at != entries_.end()) {
    if (at->second.state() == EntryState::kDelayed) at->second.set_priority(priority);
    return;
  }
  available_.erase(offset);
  if (lanes_) lanes_->take(offset);
  enter_lane(offset, priority);
}

void Queue::set_state(int64_t offset, Entry& entry, EntryState state) {
  const auto count = [&](EntryState which) -> uint64_t* {
    if (which == EntryState::kLeased) return &leased_;
    return which == EntryState::kDelayed ? &delayed_ : nullptr;
  };
  if (uint64_t* before = count(entry.state())) --*before;
  if (uint64_t* after = count(state)) ++*after;
  entry.set_state(state);
  if (cursor()) return;
  if (state == EntryState::kReady) {
    held_.erase(offset);
  } else if (!unordered() || offset >= frontier_.value()) {
    held_.insert(offset);
  }
}

void Queue::set_due(int64_t offset, Entry& entry, Timestamp due) {
  due = Entry::rounded(due);
  if (entry.due() == due) return;
  if (entry.has_due()) timers_.erase({entry.due().ms(), offset});
  entry.set_due(due);
  if (entry.has_due()) timers_.insert({due.ms(), offset});
}

void Queue::set_consumer(int64_t offset, Entry& entry, ConsumerId consumer, bool bound) {
  if (entry.consumer() != consumer || entry.bound() != bound) {
    consumers_.drop(entry.consumer(), offset, entry.bound());
    consumers_.hold(consumer, offset, bound);
  }
  entry.set_consumer(consumer);
  entry.set_bound(bound);
}

void Queue::set_delivered(int64_t offset, Entry& entry, Timestamp at) {
  if (ages_) ages_->erase({entry.last_delivered().ms(), offset});
  entry.set_last_delivered(at);
  if (ages_ && cursor()) ages_->insert({entry.last_delivered().ms(), offset});
}

void Queue::erase_entry(Entries::iterator at) {
  Entry& entry = at->second;
  if (ages_) ages_->erase({entry.last_delivered().ms(), at->first});
  set_consumer(at->first, entry, kNobody, false);
  set_due(at->first, entry, Timestamp::never());
  set_state(at->first, entry, EntryState::kReady);
  entries_.erase(at);
}

void Queue::drop_below(int64_t floor) {
  while (!entries_.empty() && entries_.begin()->first < floor) erase_entry(entries_.begin());
  if (cursor()) {
    frontier_ = std::max(frontier_, Offset(floor));
    end_ = std::max(end_, frontier_);
    return;
  }
  if (floor <= floor_.value()) return;
  available_.erase_below(floor);
  if (lanes_) lanes_->erase_below(floor);
  settled_.erase_below(floor);
  if (window_ && floor < window_->end()) {
    for (int64_t offset = floor_.value(); offset < floor; ++offset) {
      window_->settle(offset, [this](int64_t head) { return is_ready(head); });
    }
  } else {
    window_.reset();
  }
  if (fair_ && floor >= fair_->end()) *fair_ = FairWindow(floor);
  for (int64_t offset = floor_.value(); fair_ && fair_->size() > 0 && offset < floor; ++offset) {
    fair_->settle(offset);
  }
  raise_floor(floor);
}

// Settles everything below `floor` that is not leased.
void Queue::purge_ready(int64_t floor) {
  if (floor <= floor_.value()) return;
  std::vector<int64_t> kept;
  for (auto at = entries_.begin(); at != entries_.end() && at->first < floor;) {
    const int64_t offset = at->first;
    if (at->second.state() == EntryState::kLeased) {
      kept.push_back(offset);
      ++at;
    } else {
      erase_entry(at);
      at = entries_.lower_bound(offset);
    }
  }
  available_.erase_below(floor);
  if (lanes_) lanes_->erase_below(floor);
  // The window is a cache: what is left of it is cheaper to load again than to pick out.
  window_.reset();
  fair_.reset();
  int64_t first = kept.empty() ? floor : kept.front();
  settled_.erase_below(first);
  for (size_t i = 0; i < kept.size(); ++i) {
    settled_.insert_range(kept[i] + 1, i + 1 < kept.size() ? kept[i + 1] : floor);
  }
  end_ = std::max(end_, Offset(floor));
  raise_floor(first);
  if (unordered()) move_frontier_to(floor);
}

void Queue::shift_delays(Milliseconds difference) {
  std::vector<int64_t> waiting;
  for (const auto& [due, offset] : timers_) {
    const Entry& entry = entries_.find(offset)->second;
    if (entry.state() == EntryState::kDelayed && entry.deliveries() == 0) waiting.push_back(offset);
  }
  for (const int64_t offset : waiting) {
    Entry& entry = entries_.find(offset)->second;
    set_due(offset, entry, entry.due() + difference);
  }
}

}  // namespace weir::queue
