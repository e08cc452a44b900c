// How a member of a consumer group gets from what it has to what it shall have. First it gives up
// what others shall get and says so; then it takes up the target's epoch, with everything of its
// target that nobody else holds any more.

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "core/group/consumer_group.h"
#include "core/group/sorted_sets.h"

namespace weir::group {
namespace {

// Whoever does not say what it owns may still own all.
bool may_own(const std::optional<Partitions>& owned, const Partitions& partitions) {
  return !owned || !common(*owned, partitions).empty();
}

}  // namespace

void ConsumerGroup::reconcile(Member& member,
                              const std::optional<Partitions>& owned,
                              Timestamp now) {
  switch (member.state) {
    case MemberState::kStable:
      if (member.epoch != target_epoch_) lead_on(member, member.epoch, owned, now);
      return;
    case MemberState::kUnrevoked:
      if (may_own(owned, member.revoking)) return;
      let_go(member, member.revoking);
      member.revoking.clear();
      // What it gave up belongs to the epoch after its own; the target may be further.
      return lead_on(member, member.epoch + 1, owned, now);
    case MemberState::kUnreleased: return lead_on(member, member.epoch, owned, now);
  }
}

void ConsumerGroup::lead_on(Member& member,
                            int32_t epoch,
                            const std::optional<Partitions>& owned,
                            Timestamp now) {
  const Partitions kept = common(member.assigned, member.target);
  const Partitions lost = without(member.assigned, kept);
  member.revoke_deadline = Timestamp::never();
  if (!lost.empty() && may_own(owned, lost)) {
    member.assigned = kept;
    member.revoking = lost;
    member.revoke_deadline = now + member.rebalance_timeout;
    return take_up(member, epoch, MemberState::kUnrevoked);
  }
  let_go(member, lost);
  Partitions free;
  bool complete = true;
  for (const TopicPartition& partition : without(member.target, kept)) {
    if (holders_.contains(partition)) {
      complete = false;
    } else {
      free.push_back(partition);
    }
  }
  hold(member, free);
  member.assigned.clear();
  std::ranges::set_union(kept, free, std::back_inserter(member.assigned));
  take_up(member, target_epoch_, complete ? MemberState::kStable : MemberState::kUnreleased);
}

void ConsumerGroup::take_up(Member& member, int32_t epoch, MemberState state) {
  WEIR_ASSERT(epoch <= target_epoch_, "epoch {} beyond the target's {}", epoch, target_epoch_);
  if (epoch != member.epoch) member.previous_epoch = member.epoch;
  member.epoch = epoch;
  member.state = state;
}

void ConsumerGroup::hold(const Member& member, const Partitions& partitions) {
  for (const TopicPartition& partition : partitions) {
    const bool free = holders_.emplace(partition, &member).second;
    WEIR_ASSERT(free, "partition {} has two members", partition.partition);
  }
}

void ConsumerGroup::let_go(const Member& member, const Partitions& partitions) {
  for (const TopicPartition& partition : partitions) {
    const auto held = holders_.find(partition);
    WEIR_ASSERT(held != holders_.end() && held->second == &member,
                "partition {} is not the member's", partition.partition);
    holders_.erase(held);
  }
}

bool ConsumerGroup::waits_for_others(const Member& member) const {
  return std::ranges::any_of(member.target, [&](const TopicPartition& partition) {
    const auto held = holders_.find(partition);
    return held != holders_.end() && held->second != &member;
  });
}

}  // namespace weir::group
