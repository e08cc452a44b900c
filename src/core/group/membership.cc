#include "core/group/membership.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::group {

std::string_view to_string(State state) {
  switch (state) {
    case State::kEmpty: return "Empty";
    case State::kPreparingRebalance: return "PreparingRebalance";
    case State::kCompletingRebalance: return "CompletingRebalance";
    case State::kStable: return "Stable";
    case State::kDead: return "Dead";
  }
  return "Unknown";
}

const Protocol* Membership::Member::find(std::string_view protocol) const {
  const auto found =
      std::ranges::find_if(protocols, [&](const Protocol& one) { return one.name == protocol; });
  return found == protocols.end() ? nullptr : &*found;
}

void Membership::join(const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers) {
  if (!supports(request)) {
    return refuse(ticket, ErrorCode::kInconsistentProtocol, request.member_id, answers);
  }
  if (request.member_id.empty()) {
    join_newcomer(request, ticket, now, answers);
  } else {
    join_known(request, ticket, now, answers);
  }
}

void Membership::join_newcomer(const JoinRequest& request,
                               Ticket ticket,
                               Timestamp now,
                               Answers& answers) {
  if (request.instance_id) {
    const auto known = static_ids_.find(*request.instance_id);
    if (known != static_ids_.end()) {
      const std::string old_id = known->second;
      return replace_static(old_id, request, ticket, now, answers);
    }
  }
  if (members_.size() + pending_.size() >= config_.members_max) {
    return refuse(ticket, ErrorCode::kLimitReached, request.member_id, answers);
  }
  if (!request.instance_id && request.id_required_first) {
    pending_[request.fresh_member_id] = now + request.session_timeout;
    answers.joins.push_back(
        {.ticket = ticket, .id_required = true, .member_id = request.fresh_member_id});
    return;
  }
  add_and_rebalance(request.fresh_member_id, request, ticket, now, answers);
}

void Membership::join_known(const JoinRequest& request,
                            Ticket ticket,
                            Timestamp now,
                            Answers& answers) {
  if (pending_.contains(request.member_id)) {
    // A static member is never told to come again, so this id belongs to somebody else.
    if (request.instance_id) {
      return refuse(ticket, ErrorCode::kUnknownMember, request.member_id, answers);
    }
    pending_.erase(request.member_id);
    return add_and_rebalance(request.member_id, request, ticket, now, answers);
  }
  if (const auto error = check(request.member_id, request.instance_id)) {
    return refuse(ticket, *error, request.member_id, answers);
  }
  Member& member = members_.at(request.member_id);
  const bool same_protocols = member.protocols == request.protocols;
  const bool is_leader = member.id == leader_;
  // A repeated join gets the present generation, unless it brings news. In a stable group the
  // leader's join is news in itself: it has seen a change that calls for a new assignment.
  if (same_protocols &&
      (state_ == State::kCompletingRebalance || (state_ == State::kStable && !is_leader))) {
    touch(member, now);
    answers.joins.push_back(present_generation(member, ticket));
    return;
  }
  update_and_rebalance(member, request, ticket, now, answers);
}

void Membership::add_and_rebalance(const std::string& id,
                                   const JoinRequest& request,
                                   Ticket ticket,
                                   Timestamp now,
                                   Answers& answers) {
  Member& member = members_[id];
  member.id = id;
  member.instance_id = request.instance_id;
  if (request.instance_id) static_ids_[*request.instance_id] = id;
  if (leader_.empty()) leader_ = id;
  if (members_.size() == 1) protocol_type_ = request.protocol_type;
  newcomer_ = true;
  update_and_rebalance(member, request, ticket, now, answers);
}

void Membership::update_and_rebalance(
    Member& member, const JoinRequest& request, Ticket ticket, Timestamp now, Answers& answers) {
  end_waiting(member, ErrorCode::kRebalanceInProgress, answers);
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  member.protocols = request.protocols;
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  member.join = ticket;
  touch(member, now);
  prepare_rebalance(now, answers);
  complete_join_if_ready(now, answers);
}

void Membership::replace_static(const std::string& old_id,
                                const JoinRequest& request,
                                Ticket ticket,
                                Timestamp now,
                                Answers& answers) {
  auto node = members_.extract(old_id);
  const bool was_leader = leader_ == old_id;
  end_waiting(node.mapped(), ErrorCode::kFencedInstance, answers);
  node.key() = request.fresh_member_id;
  Member& member = members_.insert(std::move(node)).position->second;
  member.id = request.fresh_member_id;
  static_ids_[*request.instance_id] = member.id;
  if (was_leader) leader_ = member.id;

  if (state_ != State::kStable) {
    return update_and_rebalance(member, request, ticket, now, answers);
  }
  member.client_id = request.client_id;
  member.client_host = request.client_host;
  member.protocols = request.protocols;
  member.session_timeout = request.session_timeout;
  member.rebalance_timeout = request.rebalance_timeout;
  if (choose_protocol() != protocol_) {
    return update_and_rebalance(member, request, ticket, now, answers);
  }
  // The member takes its old place without a rebalance. A leader must not assign again: it is told
  // so, or, if it does not know that word, that its former self leads.
  touch(member, now);
  JoinAnswer answer = present_generation(member, ticket);
  if (was_leader && request.skip_assignment_supported) {
    answer.skip_assignment = true;
  } else if (was_leader) {
    answer.leader = old_id;
    answer.members.clear();
  }
  answers.joins.push_back(std::move(answer));
}

bool Membership::supports(const JoinRequest& request) const {
  if (request.protocol_type.empty() || request.protocols.empty()) return false;
  if (members_.empty()) return true;
  if (request.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(request.protocols, [&](const Protocol& protocol) {
    return std::ranges::all_of(members_, [&](const auto& entry) {
      const bool itself = entry.first == request.member_id ||
                          (request.instance_id && entry.second.instance_id == request.instance_id);
      return (itself && members_.size() == 1) || entry.second.find(protocol.name) != nullptr;
    });
  });
}

std::optional<ErrorCode> Membership::check(const std::string& member_id,
                                           const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto known = static_ids_.find(*instance_id);
    if (known == static_ids_.end()) return ErrorCode::kUnknownMember;
    if (known->second != member_id) return ErrorCode::kFencedInstance;
    return std::nullopt;
  }
  if (!members_.contains(member_id)) return ErrorCode::kUnknownMember;
  return std::nullopt;
}

JoinAnswer Membership::present_generation(const Member& member, Ticket ticket) const {
  JoinAnswer answer{.ticket = ticket,
                    .generation = generation_,
                    .protocol_type = protocol_type_,
                    .protocol = protocol_,
                    .leader = leader_,
                    .member_id = member.id};
  if (member.id == leader_) answer.members = members_with_metadata();
  return answer;
}

std::vector<JoinedMember> Membership::members_with_metadata() const {
  std::vector<JoinedMember> joined;
  joined.reserve(members_.size());
  for (const auto& [id, member] : members_) {
    const Protocol* protocol = member.find(protocol_);
    joined.push_back({id, member.instance_id, protocol ? protocol->metadata : Bytes()});
  }
  return joined;
}

void Membership::refuse(Ticket ticket,
                        ErrorCode error,
                        const std::string& member_id,
                        Answers& answers) {
  answers.joins.push_back({.ticket = ticket, .error = error, .member_id = member_id});
}

void Membership::sync(const SyncRequest& request, Ticket ticket, Timestamp now, Answers& answers) {
  const auto refused = [&](ErrorCode error) {
    answers.syncs.push_back({.ticket = ticket, .error = error});
  };
  if (const auto error = check(request.member_id, request.instance_id)) return refused(*error);
  // The generation comes before the state: whoever is behind has to know that it lost its
  // partitions.
  if (request.generation != generation_) return refused(ErrorCode::kIllegalGeneration);
  if ((request.protocol_type && *request.protocol_type != protocol_type_) ||
      (request.protocol && *request.protocol != protocol_)) {
    return refused(ErrorCode::kInconsistentProtocol);
  }
  Member& member = members_.at(request.member_id);
  switch (state_) {
    case State::kEmpty:
    case State::kDead: return refused(ErrorCode::kUnknownMember);
    case State::kPreparingRebalance: return refused(ErrorCode::kRebalanceInProgress);
    case State::kStable:
      touch(member, now);
      member.synced = true;
      answers.syncs.push_back({.ticket = ticket,
                               .protocol_type = protocol_type_,
                               .protocol = protocol_,
                               .assignment = member.assignment});
      return;
    case State::kCompletingRebalance: break;
  }
  end_waiting(member, ErrorCode::kRebalanceInProgress, answers);
  touch(member, now);
  member.sync = ticket;
  member.synced = true;
  if (member.id == leader_) assign(request, now, answers);
}

std::optional<ErrorCode> Membership::heartbeat(const std::string& member_id,
                                               const std::optional<std::string>& instance_id,
                                               int32_t generation,
                                               Timestamp now) {
  if (const auto error = check(member_id, instance_id)) return error;
  if (generation != generation_) return ErrorCode::kIllegalGeneration;
  touch(members_.at(member_id), now);
  if (state_ == State::kPreparingRebalance) return ErrorCode::kRebalanceInProgress;
  return std::nullopt;
}

std::optional<ErrorCode> Membership::leave(const LeavingMember& who,
                                           Timestamp now,
                                           Answers& answers) {
  std::string id = who.member_id;
  if (who.instance_id) {
    const auto known = static_ids_.find(*who.instance_id);
    if (known == static_ids_.end()) return ErrorCode::kUnknownMember;
    if (!id.empty() && known->second != id) return ErrorCode::kFencedInstance;
    id = known->second;
  } else if (pending_.erase(id) != 0) {
    complete_join_if_ready(now, answers);
    return std::nullopt;
  }
  if (!members_.contains(id)) return ErrorCode::kUnknownMember;
  remove_member(id, now, answers);
  return std::nullopt;
}

void Membership::hand_over(Timestamp now, Answers& answers) {
  for (auto& [id, member] : members_) end_waiting(member, ErrorCode::kRebalanceInProgress, answers);
  members_.clear();
  static_ids_.clear();
  pending_.clear();
  become_empty(now);
}

void Membership::adopt(std::vector<Member> members,
                       const std::string& protocol_type,
                       int32_t generation,
                       Timestamp now,
                       Answers& answers) {
  WEIR_ASSERT(members_.empty(), "a group with {} members adopts others", members_.size());
  if (members.empty()) return;
  for (Member& member : members) {
    if (member.instance_id) static_ids_[*member.instance_id] = member.id;
    touch(member, now);
    members_.emplace(member.id, std::move(member));
  }
  protocol_type_ = protocol_type;
  generation_ = generation;
  leader_ = members_.begin()->first;
  protocol_ = choose_protocol();
  state_ = State::kStable;
  prepare_rebalance(now, answers);
}

std::optional<ErrorCode> Membership::may_commit(const std::string& member_id,
                                                const std::optional<std::string>& instance_id,
                                                int32_t generation,
                                                Timestamp now) {
  if (generation < 0 && members_.empty()) return std::nullopt;
  if (generation < 0 && member_id.empty() && !instance_id) return ErrorCode::kUnknownMember;
  if (const auto error = check(member_id, instance_id)) return error;
  if (generation != generation_) return ErrorCode::kIllegalGeneration;
  if (state_ == State::kCompletingRebalance) return ErrorCode::kRebalanceInProgress;
  touch(members_.at(member_id), now);
  return std::nullopt;
}

}  // namespace weir::group
