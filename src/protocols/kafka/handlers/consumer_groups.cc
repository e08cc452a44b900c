#include "protocols/kafka/handlers/consumer_groups.h"

#include <algorithm>

#include "core/group/pattern.h"
#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/denials.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/operations.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int16_t kClientMakesIdSince = 1;

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;

  explicit operator bool() const { return error != KafkaError::kNone; }
};

Refusal invalid(std::string message) {
  return {KafkaError::kInvalidRequest, std::move(message)};
}

bool is_empty(const std::optional<Bytes>& text) {
  return text && text->empty();
}

size_t bytes_brought(const ConsumerGroupHeartbeatRequest& request) {
  size_t bytes = request.member_id.size();
  for (const auto* text :
       {&request.instance_id, &request.rack_id, &request.subscribed_topic_regex}) {
    if (*text) bytes += (*text)->size();
  }
  if (!request.subscribed_topic_names) return bytes;
  for (const Bytes& name : *request.subscribed_topic_names) bytes += name.size();
  return bytes;
}

Refusal check_ids(const ConsumerGroupHeartbeatRequest& request, int16_t version) {
  if (request.group_id.empty()) return {KafkaError::kInvalidGroupId, "the group needs a name"};
  if (is_empty(request.instance_id)) return invalid("an instance id must not be empty");
  if (is_empty(request.rack_id)) return invalid("a rack must not be empty");
  const bool may_be_empty =
      request.member_epoch == group::kJoinEpoch && version < kClientMakesIdSince;
  if (request.member_id.empty() && !may_be_empty) return invalid("the member needs an id");
  if (request.member_epoch < group::kStaticLeaveEpoch) return invalid("there is no such epoch");
  if (request.member_epoch == group::kStaticLeaveEpoch && !request.instance_id) {
    return invalid("only a static member leaves for a while");
  }
  return {};
}

Refusal check_join(const ConsumerGroupHeartbeatRequest& request) {
  if (request.member_epoch != group::kJoinEpoch) return {};
  if (request.rebalance_timeout_ms < 0) return invalid("whoever joins says its rebalance timeout");
  if (!request.topic_partitions || !request.topic_partitions->empty()) {
    return invalid("whoever joins owns no partitions, and says so");
  }
  const bool has_pattern =
      request.subscribed_topic_regex && !request.subscribed_topic_regex->empty();
  if (!request.subscribed_topic_names && !has_pattern) {
    return invalid("whoever joins says what it reads");
  }
  return {};
}

Refusal check(const ConsumerGroupHeartbeatRequest& request, const Call& call) {
  if (auto refusal = check_ids(request, call.version())) return refusal;
  if (auto refusal = check_join(request)) return refusal;
  if (request.rebalance_timeout_ms < -1) return invalid("a timeout must not be negative");
  if (request.server_assignor && !group::assignor_of(request.server_assignor->view())) {
    return {KafkaError::kUnsupportedAssignor, "the assignors are uniform and range"};
  }
  if (request.subscribed_topic_regex && !request.subscribed_topic_regex->empty()) {
    const auto pattern = group::Pattern::compile(request.subscribed_topic_regex->view());
    if (!pattern) return {KafkaError::kInvalidRegularExpression, pattern.error().message};
  }
  if (bytes_brought(request) > call.config().group_member_bytes_max) {
    return invalid("the member brings too much");
  }
  return {};
}

group::Partitions owned_by(
    const std::vector<ConsumerGroupHeartbeatRequest::TopicPartitions>& topics) {
  group::Partitions partitions;
  for (const auto& topic : topics) {
    const catalog::Uuid id = from_wire(topic.topic_id);
    for (const int32_t partition : topic.partitions) {
      if (partition < 0) continue;
      partitions.push_back({{id.high, id.low}, static_cast<uint32_t>(partition)});
    }
  }
  std::ranges::sort(partitions);
  partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
  return partitions;
}

group::ConsumerHeartbeat to_group(const ConsumerGroupHeartbeatRequest& request, const Call& call) {
  group::ConsumerHeartbeat beat;
  beat.member_id = text_of(request.member_id);
  beat.instance_id = text_of(request.instance_id);
  beat.epoch = request.member_epoch;
  beat.rack = text_of(request.rack_id);
  if (request.rebalance_timeout_ms >= 0) {
    beat.rebalance_timeout = Milliseconds(request.rebalance_timeout_ms);
  }
  if (request.subscribed_topic_names) {
    beat.names.emplace();
    for (const Bytes& name : *request.subscribed_topic_names) {
      beat.names->push_back(text_of(name));
    }
    std::ranges::sort(*beat.names);
  }
  beat.pattern = text_of(request.subscribed_topic_regex);
  if (request.server_assignor) beat.assignor = group::assignor_of(request.server_assignor->view());
  if (request.topic_partitions) beat.owned = owned_by(*request.topic_partitions);
  beat.client_id = text_of(call.client_id());
  beat.client_host = "/" + call.peer().host;
  beat.reader = reader_of(call.peer());
  return beat;
}

// By topic; partitions of one stand together.
template <typename TopicPartitions>
std::vector<TopicPartitions> by_topic(const group::Partitions& partitions) {
  std::vector<TopicPartitions> topics;
  std::optional<group::TopicId> current;
  for (const group::TopicPartition& partition : partitions) {
    if (partition.topic != current) {
      current = partition.topic;
      topics.emplace_back().topic_id =
          to_wire(catalog::Uuid{partition.topic.high, partition.topic.low});
    }
    topics.back().partitions.push_back(static_cast<int32_t>(partition.partition));
  }
  return topics;
}

ConsumerGroupHeartbeatResponse to_wire(const Coordinator::Beat& beat, const std::string& member) {
  using Response = ConsumerGroupHeartbeatResponse;
  Response response;
  response.error_code = wire_code(beat.error);
  if (beat.error != KafkaError::kNone) return response;
  response.member_id = Bytes::copy_of(member);
  response.member_epoch = beat.answer.epoch;
  response.heartbeat_interval_ms = static_cast<int32_t>(beat.interval.count());
  if (beat.answer.assigned) {
    response.assignment.emplace().topic_partitions =
        by_topic<Response::TopicPartitions>(*beat.answer.assigned);
  }
  return response;
}

// Whoever reads a group must be allowed to, and must be allowed to know of the topics.
KafkaError check_allowed(const Authorizer& authorizer,
                         const std::string& group,
                         const group::ConsumerHeartbeat& beat) {
  if (!authorizer.group(Operation::kRead, group)) return KafkaError::kGroupAuthorizationFailed;
  if (!beat.names) return KafkaError::kNone;
  const bool known = std::ranges::all_of(*beat.names, [&](const std::string& name) {
    return authorizer.topic(Operation::kDescribe, name);
  });
  return known ? KafkaError::kNone : KafkaError::kTopicAuthorizationFailed;
}

// ---- describe

template <typename Assignment, typename TopicPartitions>
Assignment described(const broker::Broker& broker, const group::Partitions& partitions) {
  Assignment assignment;
  assignment.topic_partitions = by_topic<TopicPartitions>(partitions);
  for (TopicPartitions& topic : assignment.topic_partitions) {
    const broker::Thing* thing = find_topic(broker, topic.topic_id);
    if (thing) topic.topic_name = Bytes::copy_of(thing->name.name);
  }
  return assignment;
}

ConsumerGroupDescribeResponse::Member describe(const broker::Broker& broker,
                                               const group::ConsumerGroup::Member& member) {
  using Response = ConsumerGroupDescribeResponse;
  Response::Member one;
  one.member_id = Bytes::copy_of(member.id);
  one.instance_id = bytes_of(member.instance_id);
  one.rack_id = bytes_of(member.rack);
  one.member_epoch = member.epoch;
  one.client_id = Bytes::copy_of(member.client_id);
  one.client_host = Bytes::copy_of(member.client_host);
  for (const std::string& name : member.names) {
    one.subscribed_topic_names.push_back(Bytes::copy_of(name));
  }
  if (!member.pattern.empty()) one.subscribed_topic_regex = Bytes::copy_of(member.pattern);
  one.assignment =
      described<Response::Assignment, Response::TopicPartitions>(broker, member.assigned);
  one.target_assignment =
      described<Response::Target, Response::TargetPartitions>(broker, member.target);
  one.member_type = member.classic ? 0 : 1;
  return one;
}

// What members have or shall have is told only to who may know of all those topics.
bool may_see_topics(const broker::Broker& broker,
                    const Authorizer& authorizer,
                    const group::ConsumerGroup& consumers) {
  std::optional<group::TopicId> last;
  const auto may_see = [&](const group::TopicPartition& partition) {
    if (partition.topic == last) return true;
    last = partition.topic;
    const auto* thing = find_topic(
        broker, weir::kafka::to_wire(catalog::Uuid{partition.topic.high, partition.topic.low}));
    return !thing || authorizer.topic(Operation::kDescribe, thing->name.name);
  };
  return std::ranges::all_of(consumers.members(), [&](const auto& entry) {
    const group::ConsumerGroup::Member& member = entry.second;
    return std::ranges::all_of(member.assigned, may_see) &&
           std::ranges::all_of(member.target, may_see);
  });
}

void describe(const Engine& engine,
              const Authorizer& authorizer,
              const group::ConsumerGroup& consumers,
              ConsumerGroupDescribeResponse::Group& group) {
  if (!may_see_topics(engine.broker, authorizer, consumers)) {
    group.error_code = wire_code(KafkaError::kTopicAuthorizationFailed);
    group.error_message = wire::literal("members read topics that you may not describe");
    return;
  }
  group.group_state = wire::literal(group::to_string(consumers.state()));
  group.group_epoch = consumers.epoch();
  group.assignment_epoch = consumers.target_epoch();
  group.assignor_name = wire::literal(group::to_string(consumers.assignor()));
  for (const auto& [id, member] : consumers.members()) {
    group.members.push_back(describe(engine.broker, member));
  }
}

}  // namespace

void ConsumerGroupHeartbeatHandler::handle(Call call, Request request) {
  if (const Refusal refusal = check(request, call)) {
    ConsumerGroupHeartbeatResponse response;
    response.error_code = wire_code(refusal.error);
    response.error_message = Bytes::copy_of(refusal.message);
    return call.answer(response);
  }
  group::ConsumerHeartbeat beat = to_group(request, call);
  call.engine().call([call = std::move(call), group = text_of(request.group_id),
                      beat = std::move(beat)](Engine& engine) mutable {
    const KafkaError refused = check_allowed(Authorizer(engine.broker, call), group, beat);
    if (refused != KafkaError::kNone) return call.answer(to_wire({.error = refused}, {}));
    if (beat.member_id.empty()) beat.member_id = broker::to_string(engine.broker.new_uuid());
    const Coordinator::Beat done = engine.groups.beat(group, beat);
    ConsumerGroupHeartbeatResponse response = to_wire(done, beat.member_id);
    if (done.error == KafkaError::kGroupIdNotFound) {
      response.error_message = wire::literal("this is not a group of consumers");
    }
    // What is assigned tells of topics.
    call.answer(response,
                response.assignment ? engine.broker.catalog_depends() : broker::Depends{});
  });
}

void ConsumerGroupDescribeHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        ConsumerGroupDescribeResponse response;
        const Authorizer authorizer(engine.broker, call);
        for (const Bytes& id : request.group_ids) {
          auto& group = response.groups.emplace_back();
          group.group_id = id;
          if (!authorizer.group(Operation::kDescribe, id.view())) {
            group.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
            continue;
          }
          if (request.include_authorized_operations) {
            group.authorized_operations =
                authorizer.operations(kGroupOperations, ResourceType::kGroup, id.view());
          }
          const broker::GroupCell* cell = engine.groups.find(text_of(id));
          if (!cell || cell->kind != broker::GroupKind::kConsumer) {
            group.error_code = wire_code(KafkaError::kGroupIdNotFound);
            group.error_message = wire::literal("there is no such group of the consumer protocol");
            continue;
          }
          describe(engine, authorizer, cell->consumers, group);
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
