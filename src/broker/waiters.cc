#include "broker/waiters.h"

#include <algorithm>

namespace weir::broker {

WaiterId Waiters::add(std::span<const WaitKey> keys, Timestamp deadline, WaitMode mode, Wake wake) {
  last_ = last_.next();
  Waiter waiter{{keys.begin(), keys.end()}, deadline, mode, std::move(wake)};
  for (const WaitKey key : waiter.keys) by_key_[key].insert(last_);
  if (deadline != Timestamp::never()) deadlines_.insert({deadline, last_});
  waiters_.emplace(last_, std::move(waiter));
  return last_;
}

void Waiters::unlink(WaiterId id, const Waiter& waiter) {
  for (const WaitKey key : waiter.keys) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) continue;
    found->second.erase(id);
    if (found->second.empty()) by_key_.erase(found);
  }
  deadlines_.erase({waiter.deadline, id});
}

void Waiters::cancel(WaiterId id) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  const Waiter waiter = std::move(found->second);
  waiters_.erase(found);
  unlink(id, waiter);
}

bool Waiters::attempt(WaiterId id, WakeReason reason) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return true;
  Wake wake = std::move(found->second.wake);
  const bool done = wake(reason) || reason != WakeReason::kChanged;
  const auto after = waiters_.find(id);  // the call may have changed the table
  if (after == waiters_.end()) return true;
  if (!done) {
    after->second.wake = std::move(wake);
    return false;
  }
  const Waiter waiter = std::move(after->second);
  waiters_.erase(after);
  unlink(id, waiter);
  return true;
}

void Waiters::wake(WaitKey key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const std::vector<WaiterId> round(found->second.begin(), found->second.end());
  for (const WaiterId id : round) {
    const auto waiter = waiters_.find(id);
    if (waiter == waiters_.end()) continue;
    const WaitMode mode = waiter->second.mode;
    if (!attempt(id, WakeReason::kChanged) && mode == WaitMode::kOne) return;
  }
}

void Waiters::expire(Timestamp now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    attempt(deadlines_.begin()->second, WakeReason::kDeadline);
  }
}

void Waiters::stop_all() {
  while (!waiters_.empty()) attempt(waiters_.begin()->first, WakeReason::kStopping);
}

Timestamp Waiters::next_deadline() const {
  return deadlines_.empty() ? Timestamp::never() : deadlines_.begin()->first;
}

}  // namespace weir::broker
