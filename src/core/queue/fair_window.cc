#include "core/queue/fair_window.h"

#include <algorithm>
#include <queue>
#include <vector>

#include "base/assert.h"

namespace weir::queue {
namespace {

constexpr GroupHash kNoGroup = 0;

// A group while messages of it are picked: where it is, and what it has in flight with them.
struct Picked {
  GroupHash hash;
  absl::btree_set<int64_t>::const_iterator next;
  absl::btree_set<int64_t>::const_iterator end;
  uint64_t leased;

  bool noisy(uint64_t in_flight) const {
    return hash != kNoGroup && leased >= FairWindow::kNoisyLeases &&
           leased * FairWindow::kNoisyShare > in_flight;
  }
};

struct OldestFirst {
  bool operator()(const Picked& a, const Picked& b) const { return *a.next > *b.next; }
};

bool fewer_in_flight(const Picked& a, const Picked& b) {
  return std::pair(a.leased, *a.next) < std::pair(b.leased, *b.next);
}

}  // namespace

void FairWindow::enter(int64_t offset, const Message& message) {
  Group& group = groups_[message.group];
  if (message.state == EntryState::kLeased) ++group.leased;
  if (message.state != EntryState::kReady) return;
  if (!group.ready.empty()) by_oldest_.erase({*group.ready.begin(), message.group});
  group.ready.insert(offset);
  by_oldest_.insert({*group.ready.begin(), message.group});
}

void FairWindow::leave(int64_t offset, const Message& message) {
  Group& group = groups_.find(message.group)->second;
  if (message.state == EntryState::kLeased) --group.leased;
  if (message.state != EntryState::kReady) return;
  by_oldest_.erase({*group.ready.begin(), message.group});
  group.ready.erase(offset);
  if (!group.ready.empty()) by_oldest_.insert({*group.ready.begin(), message.group});
}

void FairWindow::append(GroupHash group, EntryState state) {
  const int64_t offset = end_++;
  const Message message{group, state};
  messages_.emplace(offset, message);
  enter(offset, message);
  ++groups_.find(group)->second.messages;
}

void FairWindow::settle(int64_t offset) {
  const auto found = messages_.find(offset);
  if (found == messages_.end()) return;
  leave(offset, found->second);
  const auto group = groups_.find(found->second.group);
  if (--group->second.messages == 0) groups_.erase(group);
  messages_.erase(found);
}

void FairWindow::changed(int64_t offset, EntryState state) {
  const auto found = messages_.find(offset);
  if (found == messages_.end() || found->second.state == state) return;
  leave(offset, found->second);
  found->second.state = state;
  enter(offset, found->second);
}

void FairWindow::pick(uint64_t in_flight, Take take) const {
  std::priority_queue<Picked, std::vector<Picked>, OldestFirst> quiet;
  std::vector<Picked> noisy;  // about ten at most: each has a tenth of all
  auto unopened = by_oldest_.begin();
  while (unopened != by_oldest_.end() || !quiet.empty()) {
    const bool open_next =
        unopened != by_oldest_.end() && (quiet.empty() || unopened->first < *quiet.top().next);
    if (open_next) {
      const Group& group = groups_.find(unopened->second)->second;
      quiet.push({unopened->second, group.ready.begin(), group.ready.end(), group.leased});
      ++unopened;
    }
    Picked group = quiet.top();
    quiet.pop();
    if (group.noisy(in_flight)) {
      noisy.push_back(group);
      continue;
    }
    if (!take(*group.next)) return;
    ++in_flight;
    ++group.leased;
    if (++group.next != group.end) quiet.push(group);
  }
  while (!noisy.empty()) {
    const auto group = std::ranges::min_element(noisy, fewer_in_flight);
    if (!take(*group->next)) return;
    ++group->leased;
    if (++group->next == group->end) noisy.erase(group);
  }
}

}  // namespace weir::queue
