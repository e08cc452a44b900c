#include "protocols/kafka/handlers/streams_groups.h"

#include <algorithm>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/operations.h"
#include "protocols/kafka/quota/mutations.h"
#include "protocols/kafka/streams_text.h"

namespace weir::kafka {
namespace {

using Response = StreamsGroupHeartbeatResponse;

// Every version can tell that internal topics are missing, and why.
constexpr int16_t kMutationsRefusedSince = 0;

// A member of another application may not learn which topics there are.
bool may_describe_all(const Authorizer& authorizer, const group::Topology& topology) {
  return std::ranges::all_of(topics_of(topology), [&](const std::string& name) {
    return authorizer.topic(Operation::kDescribe, name);
  });
}

KafkaError check_allowed(const Authorizer& authorizer,
                         const std::string& group,
                         const group::StreamsHeartbeat& beat) {
  if (!authorizer.group(Operation::kRead, group)) return KafkaError::kGroupAuthorizationFailed;
  if (beat.topology && !may_describe_all(authorizer, *beat.topology)) {
    return KafkaError::kTopicAuthorizationFailed;
  }
  return KafkaError::kNone;
}

Response refused(KafkaError error, const std::string& message = {}) {
  Response response;
  response.error_code = wire_code(error);
  if (!message.empty()) response.error_message = Bytes::copy_of(message);
  return response;
}

void add_answer(const group::StreamsGroup& group,
                const group::StreamsAnswer& answer,
                Response& response) {
  response.status.emplace();
  for (const auto& [status, detail] : answer.statuses) {
    response.status->push_back({static_cast<int8_t>(status), Bytes::copy_of(detail)});
  }
  if (answer.assigned) {
    response.active_tasks = to_wire<Response::TaskIds>(answer.assigned->active, *group.topology());
    response.standby_tasks =
        to_wire<Response::TaskIds>(answer.assigned->standby, *group.topology());
    response.warmup_tasks.emplace();
  }
  response.endpoint_information_epoch = answer.endpoint_epoch;
  if (!answer.tells_endpoints) return;
  response.partitions_by_user_endpoint.emplace();
  for (const auto& [id, member] : group.members()) {
    if (member.endpoint) {
      response.partitions_by_user_endpoint->push_back(endpoint_row(group, member));
    }
  }
}

void beat(Engine& engine,
          Call call,
          const std::string& group,
          const group::StreamsHeartbeat& request) {
  const KafkaError denied = check_allowed(Authorizer(engine.broker, call), group, request);
  if (denied != KafkaError::kNone) return call.answer(refused(denied));
  Mutations mutations(engine, call, kMutationsRefusedSince);
  const Coordinator::StreamsBeat done = engine.groups.beat(group, request, call.peer(), mutations);
  const int32_t pause = mutations.finish();
  if (done.error != KafkaError::kNone) {
    Response response = refused(done.error, done.message);
    response.throttle_time_ms = pause;
    return call.answer(response);
  }
  Response response;
  response.throttle_time_ms = pause;
  response.member_id = Bytes::copy_of(request.member_id);
  response.member_epoch = done.answer.epoch;
  response.heartbeat_interval_ms = static_cast<int32_t>(done.interval.count());
  add_answer(engine.groups.find(group)->streams, done.answer, response);
  // What is assigned tells of topics, and some may just have been made.
  call.answer(response, engine.broker.catalog_depends());
}

}  // namespace

void StreamsGroupHeartbeatHandler::handle(Call call, Request request) {
  auto beaten = to_group(request, call.config().group_member_bytes_max);
  if (!beaten) return call.answer(refused(beaten.error().error, beaten.error().message));
  beaten->client_id = text_of(call.client_id());
  beaten->client_host = "/" + call.peer().host;
  call.engine().call([call = std::move(call), group = text_of(request.group_id),
                      beaten = std::move(*beaten)](Engine& engine) mutable {
    beat(engine, std::move(call), group, beaten);
  });
}

void StreamsGroupDescribeHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        StreamsGroupDescribeResponse response;
        const Authorizer authorizer(engine.broker, call);
        for (const Bytes& id : request.group_ids) {
          auto& group = response.groups.emplace_back();
          group.group_id = id;
          if (!authorizer.group(Operation::kDescribe, id.view())) {
            group.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
            continue;
          }
          const broker::GroupCell* cell = engine.groups.find(text_of(id));
          if (!cell || cell->kind != broker::GroupKind::kStreams) {
            group.error_code = wire_code(KafkaError::kGroupIdNotFound);
            group.error_message = wire::literal("there is no such group of Kafka Streams");
            continue;
          }
          if (!may_describe_all(authorizer, *cell->streams.topology())) {
            group.error_code = wire_code(KafkaError::kTopicAuthorizationFailed);
            group.error_message = wire::literal("not allowed to describe the topics of the group");
            continue;
          }
          if (request.include_authorized_operations) {
            group.authorized_operations =
                authorizer.operations(kGroupOperations, ResourceType::kGroup, id.view());
          }
          describe(cell->streams, group);
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
