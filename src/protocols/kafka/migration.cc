// A group moves from the classic protocol to KIP-848's and back, while its members go on reading:
// Kafka's online migration, both ways. Classic members keep speaking their protocol; the group's
// machine is another one.

#include <algorithm>

#include "protocols/kafka/coordinator.h"
#include "protocols/kafka/denials.h"
#include "protocols/kafka/subscription.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

using broker::GroupCell;

// What a member brought for the protocol in use, or for the one that it prefers.
const group::Protocol* brought(const group::Membership::Member& member,
                               const std::string& protocol) {
  if (const group::Protocol* one = member.find(protocol)) return one;
  return member.protocols.empty() ? nullptr : &member.protocols.front();
}

NamedPartitions named(const broker::Broker& broker, const group::Partitions& partitions) {
  NamedPartitions names;
  for (const group::TopicPartition& partition : partitions) {
    const broker::Thing* thing =
        find_topic(broker, to_wire(catalog::Uuid{partition.topic.high, partition.topic.low}));
    if (thing) names.emplace_back(thing->name.name, static_cast<int32_t>(partition.partition));
  }
  return names;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

}  // namespace

// False when the group's members are no consumers, or bring what cannot be read.
bool Coordinator::upgrade(GroupCell& cell, group::Answers& answers) {
  if (cell.members.protocol_type() != kConsumerProtocolType) return false;
  std::vector<group::ClassicMember> members;
  for (const auto& [id, member] : cell.members.members()) {
    const group::Protocol* protocol = brought(member, cell.members.protocol());
    if (!protocol) return false;
    auto subscription = read_subscription(protocol->metadata.view());
    const auto assigned = read_assignment(member.assignment.view());
    if (!subscription || !assigned) return false;
    group::ClassicMember& one = members.emplace_back();
    one.join = {.member_id = id,
                .instance_id = member.instance_id,
                .client_id = member.client_id,
                .client_host = member.client_host,
                .session_timeout = member.session_timeout,
                .rebalance_timeout = member.rebalance_timeout,
                .protocols = member.protocols,
                .names = sorted(std::move(subscription->topics))};
    one.assigned = partitions_of(broker_, *assigned);
  }
  const int32_t generation = cell.members.generation();
  cell.members.hand_over(now(), answers);
  cell.consumers.adopt(std::move(members), generation, now());
  return true;
}

void Coordinator::downgrade_if_due(GroupCell& cell, group::Answers& answers) {
  if (!cell.consumers.all_classic()) return;
  std::vector<group::Membership::Member> members;
  for (const auto& [id, member] : cell.consumers.members()) {
    group::Membership::Member& one = members.emplace_back();
    one.id = id;
    one.instance_id = member.instance_id;
    one.client_id = member.client_id;
    one.client_host = member.client_host;
    one.protocols = member.classic->protocols;
    one.session_timeout = member.classic->session_timeout;
    one.rebalance_timeout = member.rebalance_timeout;
  }
  // The epoch that they are at, so that a heartbeat tells them of the rebalance.
  const int32_t generation = cell.consumers.target_epoch();
  cell.consumers.hand_over(now());
  cell.members.adopt(std::move(members), std::string(kConsumerProtocolType), generation, now(),
                     answers);
  cell.kind = broker::GroupKind::kClassic;
}

void Coordinator::join_consumers(const std::string& group,
                                 GroupCell& cell,
                                 const group::JoinRequest& request,
                                 JoinDone done) {
  group::JoinAnswer answer{.member_id = request.member_id};
  const auto subscription = request.protocols.empty()
                                ? std::nullopt
                                : read_subscription(request.protocols.front().metadata.view());
  if (request.protocol_type != kConsumerProtocolType || !subscription) {
    answer.error = ErrorCode::kInconsistentProtocol;
    return done(answer);
  }
  const bool is_new = request.member_id.empty();
  if (is_new) answer.member_id = request.fresh_member_id;
  if (is_new && !request.instance_id && request.id_required_first) {
    answer.id_required = true;
    return done(answer);
  }
  const auto joined = cell.consumers.join({.member_id = answer.member_id,
                                           .instance_id = request.instance_id,
                                           .is_new = is_new,
                                           .client_id = request.client_id,
                                           .client_host = request.client_host,
                                           .session_timeout = request.session_timeout,
                                           .rebalance_timeout = request.rebalance_timeout,
                                           .protocols = request.protocols,
                                           .names = sorted(subscription->topics),
                                           .owned = partitions_of(broker_, subscription->owned)},
                                          topics_, now());
  if (!joined) {
    answer.error = classic_error(joined.error());
    return done(answer);
  }
  answer.generation = joined->generation;
  answer.protocol_type = kConsumerProtocolType;
  answer.protocol = joined->protocol;
  done(answer);
  // A static member may have replaced the last one of the new protocol.
  group::Answers answers;
  settle(group, cell, answers);
}

void Coordinator::sync_consumers(GroupCell& cell,
                                 const group::SyncRequest& request,
                                 SyncDone done) {
  group::SyncAnswer answer;
  const auto assigned = cell.consumers.sync(request, now());
  if (!assigned) {
    answer.error = classic_error(assigned.error());
    return done(answer);
  }
  const group::Protocol& protocol =
      cell.consumers.members().at(request.member_id).classic->protocols.front();
  const auto subscription = read_subscription(protocol.metadata.view());
  answer.protocol_type = kConsumerProtocolType;
  answer.protocol = protocol.name;
  answer.assignment = Bytes::take(write_assignment(
      subscription ? subscription->version : int16_t{0}, named(broker_, *assigned)));
  done(answer);
}

}  // namespace weir::kafka
