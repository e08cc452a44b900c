#include "protocols/kafka/handlers/group_membership.h"

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"

namespace weir::kafka {
namespace {

constexpr int8_t kGroupKey = 0;
constexpr int8_t kTransactionKey = 1;
constexpr int16_t kIdRequiredSince = 4;      // KIP-394
constexpr int16_t kSkipAssignmentSince = 9;  // KIP-814
constexpr int16_t kProtocolTypeSince = 7;  // of the join's answer: null instead of empty on errors
constexpr int16_t kManyCoordinatorsSince = 4;
constexpr int16_t kManyLeaveSince = 3;

KafkaError refuse_key(int8_t type) {
  return type == kGroupKey ? KafkaError::kNone : KafkaError::kInvalidRequest;
}

Bytes why_refused(int8_t type) {
  if (type == kGroupKey) return {};
  return wire::literal(type == kTransactionKey ? "transactions are not supported"
                                               : "only consumer groups have a coordinator here");
}

size_t bytes_brought(const JoinGroupRequest& request) {
  size_t bytes = 0;
  for (const auto& protocol : request.protocols)
    bytes += protocol.name.size() + protocol.metadata.size();
  return bytes;
}

KafkaError refuse_join(const JoinGroupRequest& request, const Config& config) {
  if (request.group_id.empty()) return KafkaError::kInvalidGroupId;
  const Milliseconds session(request.session_timeout_ms);
  if (session < config.group_session_timeout_min || session > config.group_session_timeout_max) {
    return KafkaError::kInvalidSessionTimeout;
  }
  if (bytes_brought(request) > config.group_member_bytes_max) return KafkaError::kInvalidRequest;
  return KafkaError::kNone;
}

group::JoinRequest to_group(const JoinGroupRequest& request, const Call& call) {
  group::JoinRequest join;
  join.member_id = text_of(request.member_id);
  join.instance_id = text_of(request.group_instance_id);
  join.client_id = text_of(call.client_id());
  join.client_host = "/" + call.peer().host;
  join.protocol_type = text_of(request.protocol_type);
  // Copies: what a member brings outlives the read buffer by far.
  for (const auto& protocol : request.protocols) {
    join.protocols.push_back({text_of(protocol.name), Bytes::copy_of(protocol.metadata.view())});
  }
  join.session_timeout = Milliseconds(request.session_timeout_ms);
  const bool has_rebalance_timeout = call.version() >= 1 && request.rebalance_timeout_ms > 0;
  join.rebalance_timeout = Milliseconds(has_rebalance_timeout ? request.rebalance_timeout_ms
                                                              : request.session_timeout_ms);
  join.id_required_first = call.version() >= kIdRequiredSince;
  join.skip_assignment_supported = call.version() >= kSkipAssignmentSince;
  return join;
}

JoinGroupResponse to_wire(const group::JoinAnswer& answer, int16_t version) {
  JoinGroupResponse response;
  response.member_id = Bytes::copy_of(answer.member_id);
  if (answer.error || answer.id_required) {
    const KafkaError error =
        answer.id_required ? KafkaError::kMemberIdRequired : group_error(answer.error);
    response.error_code = wire_code(error);
    if (version < kProtocolTypeSince) response.protocol_name = Bytes();
    return response;
  }
  response.generation_id = answer.generation;
  response.protocol_type = Bytes::copy_of(answer.protocol_type);
  response.protocol_name = Bytes::copy_of(answer.protocol);
  response.leader = Bytes::copy_of(answer.leader);
  response.skip_assignment = answer.skip_assignment;
  for (const group::JoinedMember& member : answer.members) {
    response.members.push_back(
        {Bytes::copy_of(member.member_id), bytes_of(member.instance_id), member.metadata});
  }
  return response;
}

bool may_read(const Engine& engine, const Call& call, std::string_view group) {
  return Authorizer(engine.broker, call).group(Operation::kRead, group);
}

FindCoordinatorResponse find_coordinator(const Engine& engine,
                                         const Call& call,
                                         const FindCoordinatorRequest& request) {
  FindCoordinatorResponse response;
  const Authorizer authorizer(engine.broker, call);
  const auto fill = [&](auto& place, const Bytes& key) {
    bool known = request.key_type == kGroupKey;
    place.error_code = wire_code(refuse_key(request.key_type));
    place.error_message = why_refused(request.key_type);
    if (known && !authorizer.group(Operation::kDescribe, key.view())) {
      place.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
      known = false;
    }
    place.node_id = known ? call.config().node_id : -1;
    place.host = known ? Bytes::copy_of(call.peer().advertised_host) : Bytes();
    place.port = known ? call.peer().advertised_port : -1;
  };
  if (call.version() < kManyCoordinatorsSince) {
    fill(response, request.key);
    // Apache Kafka says so in these versions, and kafkajs looks at it.
    if (response.error_code == 0) response.error_message = wire::literal("NONE");
  } else {
    for (const Bytes& key : request.coordinator_keys) {
      auto& coordinator = response.coordinators.emplace_back();
      coordinator.key = key;
      fill(coordinator, key);
    }
  }
  return response;
}

}  // namespace

void FindCoordinatorHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = find_coordinator(engine, call, request);
        call.answer(response);
      });
}

namespace {

void refuse(Call call, const Bytes& member_id, KafkaError error) {
  JoinGroupResponse response;
  response.error_code = wire_code(error);
  response.member_id = member_id;
  if (call.version() < kProtocolTypeSince) response.protocol_name = Bytes();
  call.answer(response);
}

}  // namespace

void JoinGroupHandler::handle(Call call, Request request) {
  const KafkaError refused = refuse_join(request, call.config());
  if (refused != KafkaError::kNone) return refuse(std::move(call), request.member_id, refused);
  group::JoinRequest join = to_group(request, call);
  call.engine().call([call = std::move(call), group = text_of(request.group_id),
                      join = std::move(join)](Engine& engine) mutable {
    if (!may_read(engine, call, group)) {
      return refuse(std::move(call), Bytes::copy_of(join.member_id),
                    KafkaError::kGroupAuthorizationFailed);
    }
    engine.groups.join(group, std::move(join),
                       [call = std::move(call)](const group::JoinAnswer& answer) mutable {
                         call.answer(to_wire(answer, call.version()));
                       });
  });
}

void SyncGroupHandler::handle(Call call, Request request) {
  group::SyncRequest sync;
  sync.member_id = text_of(request.member_id);
  sync.instance_id = text_of(request.group_instance_id);
  sync.generation = request.generation_id;
  sync.protocol_type = text_of(request.protocol_type);
  sync.protocol = text_of(request.protocol_name);
  for (const auto& assignment : request.assignments) {
    if (assignment.assignment.size() > call.config().group_member_bytes_max) {
      SyncGroupResponse response;
      response.error_code = wire_code(KafkaError::kInvalidRequest);
      return call.answer(response);
    }
    sync.assignments.emplace_back(text_of(assignment.member_id),
                                  Bytes::copy_of(assignment.assignment.view()));
  }
  call.engine().call([call = std::move(call), group = text_of(request.group_id),
                      sync = std::move(sync)](Engine& engine) mutable {
    if (!may_read(engine, call, group)) {
      SyncGroupResponse response;
      response.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
      return call.answer(response);
    }
    engine.groups.sync(group, sync,
                       [call = std::move(call)](const group::SyncAnswer& answer) mutable {
                         SyncGroupResponse response;
                         response.error_code = wire_code(group_error(answer.error));
                         if (!answer.error) {
                           response.protocol_type = Bytes::copy_of(answer.protocol_type);
                           response.protocol_name = Bytes::copy_of(answer.protocol);
                           response.assignment = answer.assignment;
                         }
                         call.answer(response);
                       });
  });
}

void HeartbeatHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        HeartbeatResponse response;
        if (!may_read(engine, call, request.group_id.view())) {
          response.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
          return call.answer(response);
        }
        const auto error =
            engine.groups.heartbeat(text_of(request.group_id), text_of(request.member_id),
                                    text_of(request.group_instance_id), request.generation_id);
        response.error_code = wire_code(group_error(error));
        call.answer(response);
      });
}

void LeaveGroupHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const std::string group = text_of(request.group_id);
        LeaveGroupResponse response;
        if (!may_read(engine, call, group)) {
          response.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
          return call.answer(response);
        }
        if (call.version() < kManyLeaveSince) {
          const auto error = engine.groups.leave(group, {text_of(request.member_id), std::nullopt});
          response.error_code = wire_code(group_error(error));
        }
        for (const Request::Member& member : request.members) {
          const auto error = engine.groups.leave(
              group, {text_of(member.member_id), text_of(member.group_instance_id)});
          response.members.push_back(
              {member.member_id, member.group_instance_id, wire_code(group_error(error))});
        }
        call.answer(response);
      });
}

}  // namespace weir::kafka
