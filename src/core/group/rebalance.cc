// The course of a rebalance: kPreparingRebalance until all members have joined (or the longest
// rebalance timeout is over), kCompletingRebalance until the leader has assigned, then kStable.

#include <algorithm>
#include <vector>

#include "base/assert.h"
#include "core/group/membership.h"

namespace weir::group {

void Membership::prepare_rebalance(Timestamp now, Answers& answers) {
  if (state_ == State::kPreparingRebalance) return;
  const bool first = state_ == State::kEmpty;
  for (auto& [id, member] : members_) {
    if (member.sync) {
      answers.syncs.push_back({.ticket = *member.sync, .error = ErrorCode::kRebalanceInProgress});
      member.sync.reset();
    }
    member.assignment = {};
    member.synced = false;
  }
  state_ = State::kPreparingRebalance;
  sync_deadline_ = Timestamp::never();
  const Milliseconds timeout = longest_rebalance_timeout();
  initial_delay_ = first && config_.initial_delay.count() > 0;
  if (initial_delay_) {
    const Milliseconds delay = std::min(config_.initial_delay, timeout);
    initial_delay_left_ = timeout - delay;
    newcomer_ = false;
    rebalance_deadline_ = now + delay;
  } else {
    rebalance_deadline_ = now + timeout;
  }
}

void Membership::complete_join_if_ready(Timestamp now, Answers& answers) {
  if (state_ != State::kPreparingRebalance || initial_delay_ || !pending_.empty()) return;
  const bool all = std::ranges::all_of(
      members_, [](const auto& entry) { return entry.second.join.has_value(); });
  if (all) complete_join(now, answers);
}

void Membership::on_rebalance_deadline(Timestamp now, Answers& answers) {
  if (initial_delay_ && newcomer_ && initial_delay_left_.count() > 0) {
    const Milliseconds delay = std::min(config_.initial_delay, initial_delay_left_);
    initial_delay_left_ -= delay;
    newcomer_ = false;
    rebalance_deadline_ = now + delay;
    return;
  }
  complete_join(now, answers);
}

void Membership::complete_join(Timestamp now, Answers& answers) {
  initial_delay_ = false;
  drop_absent(answers);
  if (!members_.empty() && !elect_joined_leader()) {
    // Only static members are left and none has come: wait once more instead of assigning to
    // nobody.
    rebalance_deadline_ = now + longest_rebalance_timeout();
    return;
  }
  rebalance_deadline_ = Timestamp::never();
  generation_ = generation_ == INT32_MAX ? 1 : generation_ + 1;
  if (members_.empty()) return become_empty(now);

  protocol_ = choose_protocol();
  state_ = State::kCompletingRebalance;
  sync_deadline_ = now + longest_rebalance_timeout();
  for (auto& [id, member] : members_) {
    member.synced = false;
    if (!member.join) continue;
    answers.joins.push_back(present_generation(member, *member.join));
    member.join.reset();
    touch(member, now);
  }
}

// Dynamic members that did not come again in time are out; static ones keep their place until their
// session ends.
void Membership::drop_absent(Answers& answers) {
  for (auto it = members_.begin(); it != members_.end();) {
    if (it->second.join || it->second.instance_id) {
      ++it;
      continue;
    }
    end_waiting(it->second, ErrorCode::kUnknownMember, answers);
    if (leader_ == it->first) leader_.clear();
    it = members_.erase(it);
  }
}

bool Membership::elect_joined_leader() {
  const auto leader = members_.find(leader_);
  if (leader != members_.end() && leader->second.join) return true;
  const auto joined = std::ranges::find_if(
      members_, [](const auto& entry) { return entry.second.join.has_value(); });
  if (joined == members_.end()) return false;
  leader_ = joined->first;
  return true;
}

void Membership::become_empty(Timestamp now) {
  state_ = State::kEmpty;
  protocol_.clear();
  leader_.clear();
  rebalance_deadline_ = Timestamp::never();
  sync_deadline_ = Timestamp::never();
  initial_delay_ = false;
  empty_since_ = now;
}

void Membership::remove_member(const std::string& id, Timestamp now, Answers& answers) {
  auto node = members_.extract(id);
  WEIR_ASSERT(!node.empty(), "no member {}", id);
  Member& member = node.mapped();
  end_waiting(member, ErrorCode::kUnknownMember, answers);
  if (member.instance_id) static_ids_.erase(*member.instance_id);
  if (leader_ == member.id) leader_ = members_.empty() ? "" : members_.begin()->first;
  if (state_ == State::kStable || state_ == State::kCompletingRebalance)
    prepare_rebalance(now, answers);
  complete_join_if_ready(now, answers);
}

void Membership::end_waiting(Member& member, ErrorCode error, Answers& answers) {
  if (member.join) {
    answers.joins.push_back({.ticket = *member.join, .error = error, .member_id = member.id});
  }
  if (member.sync) answers.syncs.push_back({.ticket = *member.sync, .error = error});
  member.join.reset();
  member.sync.reset();
}

void Membership::assign(const SyncRequest& request, Timestamp now, Answers& answers) {
  for (const auto& [id, assignment] : request.assignments) {
    const auto found = members_.find(id);
    if (found != members_.end()) found->second.assignment = assignment;
  }
  state_ = State::kStable;
  for (auto& [id, member] : members_) {
    if (!member.sync) continue;
    answers.syncs.push_back({.ticket = *member.sync,
                             .protocol_type = protocol_type_,
                             .protocol = protocol_,
                             .assignment = member.assignment});
    member.sync.reset();
    touch(member, now);
  }
}

// Every member votes for the first of its protocols that all know; ties go to the one that the
// first member prefers.
std::string Membership::choose_protocol() const {
  absl::btree_map<std::string, size_t> votes;
  const auto known_to_all = [&](const Protocol& protocol) {
    return std::ranges::all_of(
        members_, [&](const auto& entry) { return entry.second.find(protocol.name) != nullptr; });
  };
  for (const auto& [id, member] : members_) {
    const auto choice = std::ranges::find_if(member.protocols, known_to_all);
    if (choice != member.protocols.end()) ++votes[choice->name];
  }
  std::string best;
  size_t best_votes = 0;
  for (const auto& [id, member] : members_) {
    for (const Protocol& protocol : member.protocols) {
      const auto found = votes.find(protocol.name);
      if (found == votes.end() || found->second <= best_votes) continue;
      best = found->first;
      best_votes = found->second;
    }
  }
  return best;
}

Milliseconds Membership::longest_rebalance_timeout() const {
  Milliseconds longest{0};
  for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout);
  return longest;
}

void Membership::expire(Timestamp now, Answers& answers) {
  std::vector<std::string> gone;
  for (const auto& [id, deadline] : pending_) {
    if (deadline <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) pending_.erase(id);
  if (!gone.empty()) complete_join_if_ready(now, answers);

  gone.clear();
  for (const auto& [id, member] : members_) {
    // Whoever waits for an answer of ours cannot send heartbeats.
    if (!member.waits() && member.session_deadline <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) {
    if (members_.contains(id)) remove_member(id, now, answers);
  }

  if (sync_deadline_ <= now) {
    sync_deadline_ = Timestamp::never();
    gone.clear();
    for (const auto& [id, member] : members_) {
      if (!member.synced) gone.push_back(id);
    }
    for (const std::string& id : gone) {
      if (members_.contains(id)) remove_member(id, now, answers);
    }
  }
  if (state_ == State::kPreparingRebalance && rebalance_deadline_ <= now) {
    on_rebalance_deadline(now, answers);
  }
}

Timestamp Membership::next_deadline() const {
  Timestamp next = std::min(rebalance_deadline_, sync_deadline_);
  for (const auto& [id, deadline] : pending_) next = std::min(next, deadline);
  for (const auto& [id, member] : members_) {
    if (!member.waits()) next = std::min(next, member.session_deadline);
  }
  return next;
}

}  // namespace weir::group
