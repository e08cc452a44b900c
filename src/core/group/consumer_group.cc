#include "core/group/consumer_group.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace weir::group {

std::string_view to_string(ConsumerGroup::State state) {
  switch (state) {
    case ConsumerGroup::State::kEmpty: return "Empty";
    case ConsumerGroup::State::kAssigning: return "Assigning";
    case ConsumerGroup::State::kReconciling: return "Reconciling";
    case ConsumerGroup::State::kStable: return "Stable";
  }
  return "Unknown";
}

std::expected<HeartbeatAnswer, Denial> ConsumerGroup::heartbeat(const ConsumerHeartbeat& beat,
                                                                const TopicView& topics,
                                                                Timestamp now) {
  if (beat.epoch < kJoinEpoch) return leave_by_heartbeat(beat, now);
  const size_t before = members_.size();
  const auto found = find_or_add(beat, now);
  if (!found) return std::unexpected(found.error());
  Member& member = **found;
  const bool joined = members_.size() > before;
  member.session_deadline = now + config_.session_timeout;
  const bool subscribed = update(member, beat);
  rebalance(joined || subscribed, topics, now);

  const Partitions assigned = member.assigned;
  reconcile(member, beat.owned, now);
  HeartbeatAnswer answer{.epoch = member.epoch};
  if (beat.is_full() || member.assigned != assigned) answer.assigned = member.assigned;
  return answer;
}

// ---- members

ConsumerGroup::Known ConsumerGroup::find_or_add(const ConsumerHeartbeat& beat, Timestamp now) {
  const bool joins = beat.epoch == kJoinEpoch;
  if (beat.instance_id) {
    const auto known = find_static(beat, *beat.instance_id);
    if (known || known.error() != Denial::kUnknownMember || !joins) return known;
  } else if (const auto found = members_.find(beat.member_id); found != members_.end()) {
    Member& member = found->second;
    if (!joins) {
      if (const auto denied = check_epoch(member, beat)) return std::unexpected(*denied);
      return &member;
    }
    // It begins anew and owns nothing, as a join says: an answer was lost, or it was fenced. A
    // classic member may come back as one of the new protocol.
    let_go(member, member.assigned);
    let_go(member, member.revoking);
    member.assigned.clear();
    member.revoking.clear();
    member.classic.reset();
    member.epoch = member.previous_epoch = kJoinEpoch;
    member.state = MemberState::kStable;
    member.revoke_deadline = member.join_deadline = member.sync_deadline = Timestamp::never();
    return &member;
  } else if (!joins) {
    return std::unexpected(Denial::kUnknownMember);
  }
  if (members_.size() >= config_.members_max) return std::unexpected(Denial::kFull);
  // An id that is in use by a static member cannot be joined with.
  if (members_.contains(beat.member_id)) return std::unexpected(Denial::kFencedInstance);
  Member& member = add(beat.member_id, beat.instance_id);
  member.session_deadline = now + config_.session_timeout;
  return &member;
}

ConsumerGroup::Known ConsumerGroup::find_static(const ConsumerHeartbeat& beat,
                                                const std::string& instance_id) {
  const auto known = static_ids_.find(instance_id);
  if (known == static_ids_.end()) return std::unexpected(Denial::kUnknownMember);
  const std::string old_id = known->second;
  Member& member = members_.at(old_id);
  if (beat.epoch != kJoinEpoch) {
    if (old_id != beat.member_id) return std::unexpected(Denial::kFencedInstance);
    if (const auto denied = check_epoch(member, beat)) return std::unexpected(*denied);
    return &member;
  }
  // Its place is free when it said that it leaves; a classic member is replaced at once, as the
  // classic protocol does. The same process may begin anew at any time.
  const bool released = member.epoch == kStaticLeaveEpoch || member.classic.has_value();
  if (!released && old_id != beat.member_id) {
    return std::unexpected(Denial::kUnreleasedInstance);
  }
  if (old_id != beat.member_id && members_.contains(beat.member_id)) {
    return std::unexpected(Denial::kFencedInstance);
  }
  Member& again = old_id == beat.member_id ? member : rename(old_id, beat.member_id);
  let_go(again, again.revoking);
  again.revoking.clear();
  again.classic.reset();
  again.epoch = again.previous_epoch = kJoinEpoch;
  again.state = MemberState::kStable;
  again.revoke_deadline = again.join_deadline = again.sync_deadline = Timestamp::never();
  return &again;
}

// The epoch before is taken when the answer with the newer one may have been lost: the member has
// taken up nothing of it.
std::optional<Denial> ConsumerGroup::check_epoch(const Member& member,
                                                 const ConsumerHeartbeat& beat) {
  if (member.classic) return Denial::kUnknownMember;
  if (beat.epoch == member.epoch) return std::nullopt;
  const bool answer_lost = beat.epoch < member.epoch && beat.epoch == member.previous_epoch &&
                           beat.owned && std::ranges::includes(member.assigned, *beat.owned);
  if (answer_lost) return std::nullopt;
  return Denial::kFencedEpoch;
}

std::expected<HeartbeatAnswer, Denial> ConsumerGroup::leave_by_heartbeat(
    const ConsumerHeartbeat& beat, Timestamp now) {
  std::string id = beat.member_id;
  if (beat.instance_id) {
    const auto known = static_ids_.find(*beat.instance_id);
    if (known == static_ids_.end()) return std::unexpected(Denial::kUnknownMember);
    if (known->second != id) return std::unexpected(Denial::kFencedInstance);
  }
  const auto found = members_.find(id);
  if (found == members_.end()) return std::unexpected(Denial::kUnknownMember);
  if (beat.epoch != kStaticLeaveEpoch) {
    remove(id, now);
    return HeartbeatAnswer{.epoch = beat.epoch};
  }
  // It keeps its place and its partitions until its session is over.
  Member& member = found->second;
  let_go(member, member.revoking);
  member.revoking.clear();
  member.revoke_deadline = Timestamp::never();
  member.epoch = kStaticLeaveEpoch;
  return HeartbeatAnswer{.epoch = kStaticLeaveEpoch};
}

ConsumerGroup::Member& ConsumerGroup::add(const std::string& id,
                                          const std::optional<std::string>& instance_id) {
  Member& member = members_[id];
  member.id = id;
  member.instance_id = instance_id;
  if (instance_id) static_ids_[*instance_id] = id;
  return member;
}

ConsumerGroup::Member& ConsumerGroup::rename(const std::string& old_id, const std::string& id) {
  auto node = members_.extract(old_id);
  WEIR_ASSERT(!node.empty(), "no member {}", old_id);
  node.key() = id;
  // The node keeps its place in memory, hence what it holds.
  Member& member = members_.insert(std::move(node)).position->second;
  member.id = id;
  if (member.instance_id) static_ids_[*member.instance_id] = id;
  return member;
}

void ConsumerGroup::remove(const std::string& id, Timestamp now) {
  const auto found = members_.find(id);
  WEIR_ASSERT(found != members_.end(), "no member {}", id);
  const Member& member = found->second;
  let_go(member, member.assigned);
  let_go(member, member.revoking);
  if (member.instance_id) static_ids_.erase(*member.instance_id);
  members_.erase(found);
  // The next heartbeat of somebody shares out again.
  ++epoch_;
  if (!members_.empty()) return;
  empty_since_ = now;
  sizes_.clear();
}

// What a heartbeat brings; true when the subscription is another one.
bool ConsumerGroup::update(Member& member, const ConsumerHeartbeat& beat) {
  bool changed = false;
  if (beat.names && *beat.names != member.names) {
    member.names = *beat.names;
    changed = true;
  }
  if (beat.pattern && *beat.pattern != member.pattern) {
    member.pattern = *beat.pattern;
    changed = true;
  }
  if (beat.assignor && beat.assignor != member.assignor) {
    member.assignor = beat.assignor;
    changed = true;
  }
  if (beat.rack) member.rack = beat.rack;
  if (beat.rebalance_timeout) member.rebalance_timeout = *beat.rebalance_timeout;
  member.client_id = beat.client_id;
  member.client_host = beat.client_host;
  member.reader = beat.reader;
  return changed;
}

// ---- epochs and targets

void ConsumerGroup::rebalance(bool changed, const TopicView& topics, Timestamp now) {
  const uint64_t version = topics.version();
  const bool look = version != seen_version_ && now >= refresh_due_;
  if (changed || look || epoch_ > target_epoch_) {
    if (refresh(topics)) changed = true;
    seen_version_ = version;
    refresh_due_ = now + config_.refresh_every;
  }
  // An epoch ahead of the target's stands for any number of changes.
  if (changed && epoch_ == target_epoch_) ++epoch_;
  if (epoch_ > target_epoch_) share_out_again();
}

// Looks up what everybody subscribes to; true when that is something else now.
bool ConsumerGroup::refresh(const TopicView& topics) {
  TopicSizes sizes;
  // Each pattern of a reader once.
  using Sought = std::pair<std::string_view, std::string_view>;
  absl::btree_map<Sought, std::vector<TopicInfo>> matches;
  bool changed = false;
  for (auto& [id, member] : members_) {
    TopicIds wanted;
    const auto want = [&](const TopicInfo& topic) {
      wanted.push_back(topic.id);
      sizes[topic.id] = topic.partitions;
    };
    for (const std::string& name : member.names) {
      if (const auto topic = topics.find(name)) want(*topic);
    }
    if (!member.pattern.empty()) {
      const auto [known, added] = matches.try_emplace(Sought(member.pattern, member.reader));
      if (added) known->second = topics.matching(member.pattern, member.reader);
      for (const TopicInfo& topic : known->second) want(topic);
    }
    std::ranges::sort(wanted);
    wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
    if (wanted == member.topics) continue;
    member.topics = std::move(wanted);
    changed = true;
  }
  if (sizes != sizes_) {
    sizes_ = std::move(sizes);
    changed = true;
  }
  return changed;
}

Assignor ConsumerGroup::assignor() const {
  size_t uniform = 0;
  size_t range = 0;
  for (const auto& [id, member] : members_) {
    if (!member.assignor) continue;
    ++(*member.assignor == Assignor::kUniform ? uniform : range);
  }
  if (uniform == range) return config_.assignor;
  return uniform > range ? Assignor::kUniform : Assignor::kRange;
}

void ConsumerGroup::share_out_again() {
  std::vector<Subscriber> subscribers;
  subscribers.reserve(members_.size());
  for (const auto& [id, member] : members_) {
    subscribers.push_back({.order = member.instance_id ? *member.instance_id : id,
                           .topics = &member.topics,
                           .before = &member.target});
  }
  std::vector<Partitions> shares = share_out(assignor(), subscribers, sizes_);
  size_t next = 0;
  for (auto& [id, member] : members_) member.target = std::move(shares[next++]);
  target_epoch_ = epoch_;
}

// ---- commits

std::optional<Denial> ConsumerGroup::may_commit(const std::string& member_id, int32_t epoch) const {
  if (epoch < 0 && members_.empty()) return std::nullopt;
  const auto found = members_.find(member_id);
  if (found == members_.end()) return Denial::kUnknownMember;
  if (found->second.epoch == epoch) return std::nullopt;
  return found->second.classic ? Denial::kIllegalGeneration : Denial::kStaleEpoch;
}

std::optional<Denial> ConsumerGroup::may_fetch(const std::optional<std::string>& member_id,
                                               int32_t epoch) const {
  if (!member_id && epoch < 0) return std::nullopt;
  const auto found = members_.find(member_id.value_or(""));
  if (found == members_.end()) return Denial::kUnknownMember;
  if (found->second.epoch == epoch) return std::nullopt;
  return found->second.classic ? Denial::kIllegalGeneration : Denial::kStaleEpoch;
}

// ---- time

void ConsumerGroup::expire(Timestamp now) {
  std::vector<std::string> gone;
  for (const auto& [id, member] : members_) {
    const Timestamp due = std::min({member.session_deadline, member.revoke_deadline,
                                    member.join_deadline, member.sync_deadline});
    if (due <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) remove(id, now);
}

Timestamp ConsumerGroup::next_deadline() const {
  Timestamp next = Timestamp::never();
  for (const auto& [id, member] : members_) {
    next = std::min({next, member.session_deadline, member.revoke_deadline, member.join_deadline,
                     member.sync_deadline});
  }
  return next;
}

ConsumerGroup::State ConsumerGroup::state() const {
  if (members_.empty()) return State::kEmpty;
  if (epoch_ > target_epoch_) return State::kAssigning;
  for (const auto& [id, member] : members_) {
    if (member.state != MemberState::kStable || member.epoch != target_epoch_) {
      return State::kReconciling;
    }
  }
  return State::kStable;
}

}  // namespace weir::group
