// How a member of a streams group gets from what it has to what it shall have, as in a consumer
// group (reconcile.cc): first it gives up what others shall get and says so; then it takes up the
// target's epoch, with everything of its target that is free.

#include <algorithm>

#include "base/assert.h"
#include "core/group/sorted_sets.h"
#include "core/group/streams_group.h"

namespace weir::group {
namespace {

// Whoever does not say what it owns may still own all.
bool may_own(const std::optional<Assignment>& owned, const Assignment& tasks) {
  return !owned || !common(owned->active, tasks.active).empty() ||
         !common(owned->standby, tasks.standby).empty();
}

}  // namespace

void StreamsGroup::reconcile(Member& member,
                             const std::optional<Assignment>& owned,
                             Timestamp now) {
  switch (member.state) {
    case MemberState::kStable:
      if (member.epoch != target_epoch_) lead_on(member, member.epoch, owned, now);
      return;
    case MemberState::kUnrevoked:
      if (may_own(owned, member.revoking)) return;
      let_go(member, member.revoking);
      member.revoking = {};
      // What it gave up belongs to the epoch after its own; the target may be further.
      return lead_on(member, member.epoch + 1, owned, now);
    case MemberState::kUnreleased: return lead_on(member, member.epoch, owned, now);
  }
}

void StreamsGroup::lead_on(Member& member,
                           int32_t epoch,
                           const std::optional<Assignment>& owned,
                           Timestamp now) {
  const Assignment kept{common(member.assigned.active, member.target.active),
                        common(member.assigned.standby, member.target.standby)};
  const Assignment lost{without(member.assigned.active, kept.active),
                        without(member.assigned.standby, kept.standby)};
  member.revoke_deadline = Timestamp::never();
  if (!lost.empty() && may_own(owned, lost)) {
    member.assigned = kept;
    member.revoking = lost;
    member.revoke_deadline = now + member.rebalance_timeout;
    return take_up(member, epoch, MemberState::kUnrevoked);
  }
  let_go(member, lost);
  const bool complete = hold_free(member, kept);
  take_up(member, target_epoch_, complete ? MemberState::kStable : MemberState::kUnreleased);
}

void StreamsGroup::take_up(Member& member, int32_t epoch, MemberState state) {
  WEIR_ASSERT(epoch <= target_epoch_, "epoch {} beyond the target's {}", epoch, target_epoch_);
  if (epoch != member.epoch) member.previous_epoch = member.epoch;
  member.epoch = epoch;
  member.state = state;
}

bool StreamsGroup::hold_free(Member& member, const Assignment& kept) {
  bool complete = true;
  const auto take = [&](const Tasks& has, const Tasks& target, Tasks& assigned, bool active) {
    Tasks taken = has;
    for (const Task& task : without(target, has)) {
      if (!is_free(member, task, active)) {
        complete = false;
        continue;
      }
      hold(member, task, active);
      taken.push_back(task);
    }
    std::ranges::sort(taken);
    assigned = std::move(taken);
  };
  take(kept.active, member.target.active, member.assigned.active, true);
  take(kept.standby, member.target.standby, member.assigned.standby, false);
  return complete;
}

bool StreamsGroup::is_free(const Member& member, const Task& task, bool active) const {
  return !in_process_.contains({member.process, task}) && !(active && active_.contains(task));
}

void StreamsGroup::hold(Member& member, const Task& task, bool active) {
  in_process_.emplace(std::pair(member.process, task), &member);
  if (!active) return;
  active_.emplace(task, &member);
  member.active_since[task] = target_epoch_;
}

void StreamsGroup::let_go(Member& member, const Assignment& tasks) {
  const auto leave = [&](const Task& task) {
    const auto held = in_process_.find({member.process, task});
    WEIR_ASSERT(held != in_process_.end() && held->second == &member,
                "task {}-{} is not the member's", task.part, task.partition);
    in_process_.erase(held);
  };
  for (const Task& task : tasks.standby) leave(task);
  for (const Task& task : tasks.active) {
    leave(task);
    const auto held = active_.find(task);
    WEIR_ASSERT(held != active_.end() && held->second == &member, "task {}-{} is not the member's",
                task.part, task.partition);
    active_.erase(held);
    member.active_since.erase(task);
  }
}

}  // namespace weir::group
