// Members of the classic protocol in a consumer group: a group is moved to the new protocol one
// client after the other, and back. A classic member learns of a rebalance by its heartbeat, says
// what it owns when it joins again, and fetches its share by a sync; it never waits for others in
// between, and never shares out itself.

#include <algorithm>

#include "base/assert.h"
#include "core/group/consumer_group.h"

namespace weir::group {
namespace {

bool shares_protocol(const std::vector<Protocol>& a, const std::vector<Protocol>& b) {
  return std::ranges::any_of(a, [&](const Protocol& one) {
    return std::ranges::any_of(b, [&](const Protocol& other) { return one.name == other.name; });
  });
}

}  // namespace

void ConsumerGroup::adopt(std::vector<ClassicMember> members, int32_t generation, Timestamp now) {
  WEIR_ASSERT(members_.empty(), "a group with {} members adopts others", members_.size());
  for (ClassicMember& one : members) {
    Member& member = add(one.join.member_id, one.join.instance_id);
    member.client_id = std::move(one.join.client_id);
    member.client_host = std::move(one.join.client_host);
    member.rebalance_timeout = one.join.rebalance_timeout;
    member.names = std::move(one.join.names);
    member.classic = ClassicSide{one.join.session_timeout, std::move(one.join.protocols)};
    member.epoch = member.previous_epoch = generation;
    // Clients shared out among themselves; what two of them got belongs to the first.
    for (const TopicPartition& partition : one.assigned) {
      if (holders_.emplace(partition, &member).second) member.assigned.push_back(partition);
    }
    member.target = member.assigned;
    member.session_deadline = now + member.classic->session_timeout;
  }
  epoch_ = target_epoch_ = generation;
}

bool ConsumerGroup::all_classic() const {
  return !members_.empty() && std::ranges::all_of(members_, [](const auto& entry) {
    return entry.second.classic.has_value();
  });
}

void ConsumerGroup::hand_over(Timestamp now) {
  members_.clear();
  static_ids_.clear();
  holders_.clear();
  sizes_.clear();
  empty_since_ = now;
}

std::expected<ClassicJoined, Denial> ConsumerGroup::join(const ClassicJoin& request,
                                                         const TopicView& topics,
                                                         Timestamp now) {
  for (const auto& [id, member] : members_) {
    if (!member.classic || id == request.member_id) continue;
    if (request.instance_id && member.instance_id == request.instance_id) continue;
    if (!shares_protocol(request.protocols, member.classic->protocols)) {
      return std::unexpected(Denial::kInconsistentProtocol);
    }
  }
  std::string id = request.member_id;
  if (request.instance_id) {
    const auto known = static_ids_.find(*request.instance_id);
    if (known == static_ids_.end() && !request.is_new) {
      return std::unexpected(Denial::kUnknownMember);
    }
    if (known != static_ids_.end() && known->second != id) {
      if (!request.is_new) return std::unexpected(Denial::kFencedInstance);
      const std::string old_id = known->second;
      Member& again = rename(old_id, id);
      let_go(again, again.revoking);
      again.revoking.clear();
      again.epoch = again.previous_epoch = kJoinEpoch;
      again.state = MemberState::kStable;
    }
  }
  const bool joined = !members_.contains(id);
  if (joined && members_.size() >= config_.members_max) return std::unexpected(Denial::kFull);
  Member& member = joined ? add(id, request.instance_id) : members_.at(id);
  const bool subscribed = joined || member.names != request.names || !member.pattern.empty();
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  member.rebalance_timeout = request.rebalance_timeout;
  member.names = request.names;
  member.pattern.clear();
  member.assignor.reset();
  member.classic = ClassicSide{request.session_timeout, request.protocols};
  rebalance(subscribed, topics, now);
  reconcile(member, request.owned, now);

  member.session_deadline = now + request.session_timeout;
  member.sync_deadline = now + request.rebalance_timeout;
  member.join_deadline = Timestamp::never();
  // It is told by heartbeats to come back and say what it owns; that has its own deadline.
  member.revoke_deadline = Timestamp::never();
  return ClassicJoined{member.epoch, member.classic->protocols.front().name};
}

ConsumerGroup::Known ConsumerGroup::find_classic(const std::string& member_id,
                                                 const std::optional<std::string>& instance_id) {
  if (instance_id) {
    const auto known = static_ids_.find(*instance_id);
    if (known == static_ids_.end()) return std::unexpected(Denial::kUnknownMember);
    if (known->second != member_id) return std::unexpected(Denial::kFencedInstance);
  }
  const auto found = members_.find(member_id);
  if (found == members_.end() || !found->second.classic) {
    return std::unexpected(Denial::kUnknownMember);
  }
  return &found->second;
}

std::expected<Partitions, Denial> ConsumerGroup::sync(const SyncRequest& request, Timestamp now) {
  const auto found = find_classic(request.member_id, request.instance_id);
  if (!found) return std::unexpected(found.error());
  Member& member = **found;
  if (request.generation != member.epoch) return std::unexpected(Denial::kIllegalGeneration);
  if (request.protocol && *request.protocol != member.classic->protocols.front().name) {
    return std::unexpected(Denial::kInconsistentProtocol);
  }
  member.session_deadline = now + member.classic->session_timeout;
  // Whoever has to give something up learns that from its share, and then joins again by itself.
  if (epoch_ > member.epoch && member.state != MemberState::kUnrevoked) {
    member.sync_deadline = Timestamp::never();
    if (member.join_deadline == Timestamp::never()) {
      member.join_deadline = now + member.rebalance_timeout;
    }
    return std::unexpected(Denial::kRebalanceInProgress);
  }
  member.sync_deadline = Timestamp::never();
  return member.assigned;
}

std::optional<Denial> ConsumerGroup::classic_heartbeat(
    const std::string& member_id,
    const std::optional<std::string>& instance_id,
    int32_t generation,
    Timestamp now) {
  const auto found = find_classic(member_id, instance_id);
  if (!found) return found.error();
  Member& member = **found;
  if (generation != member.epoch) return Denial::kIllegalGeneration;
  member.session_deadline = now + member.classic->session_timeout;
  const bool more = member.state == MemberState::kUnreleased && !waits_for_others(member);
  if (member.epoch == epoch_ && member.state != MemberState::kUnrevoked && !more) {
    return std::nullopt;
  }
  if (member.join_deadline == Timestamp::never()) {
    member.join_deadline = now + member.rebalance_timeout;
  }
  return Denial::kRebalanceInProgress;
}

std::optional<Denial> ConsumerGroup::leave(const LeavingMember& who, Timestamp now) {
  std::string id = who.member_id;
  if (who.instance_id) {
    const auto known = static_ids_.find(*who.instance_id);
    if (known == static_ids_.end()) return Denial::kUnknownMember;
    if (!id.empty() && known->second != id) return Denial::kFencedInstance;
    id = known->second;
  }
  if (!members_.contains(id)) return Denial::kUnknownMember;
  remove(id, now);
  return std::nullopt;
}

}  // namespace weir::group
