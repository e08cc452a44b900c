#include "protocols/kafka/handlers/replicas.h"

#include <fmt/format.h>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

bool is_there(Engine& engine, const Bytes& topic, int32_t partition) {
  const broker::Thing* thing = find_topic(engine.broker, topic.view());
  return thing && partition_log(*thing, partition);
}

struct Outcome {
  KafkaError error = KafkaError::kNone;
  std::string message;
};

Outcome reassign(Engine& engine,
                 const Config& config,
                 const Bytes& topic,
                 const AlterPartitionReassignmentsRequest::Partition& partition) {
  if (!is_there(engine, topic, partition.partition_index)) {
    return {KafkaError::kUnknownTopicOrPartition, "there is no such partition"};
  }
  if (!partition.replicas) {
    return {KafkaError::kNoReassignmentInProgress, "nothing is being moved"};
  }
  if (*partition.replicas != std::vector<int32_t>{config.node_id}) {
    return {KafkaError::kInvalidReplicaAssignment,
            fmt::format("there is only broker {}", config.node_id)};
  }
  return {};  // it is there already
}

}  // namespace

// Asked for all partitions, it tells of those whose leader changed.
void ElectLeadersHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        ElectLeadersResponse response;
        if (!Authorizer(engine.broker, call).cluster(Operation::kAlter)) {
          response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
          return call.answer(response);
        }
        if (!request.topic_partitions) return call.answer(response);
        for (const Request::Topic& topic : *request.topic_partitions) {
          auto& answer = response.replica_election_results.emplace_back();
          answer.topic = topic.topic;
          for (const int32_t partition : topic.partitions) {
            const bool known = is_there(engine, topic.topic, partition);
            auto& result = answer.partition_result.emplace_back();
            result.partition_id = partition;
            result.error_code = wire_code(known ? KafkaError::kElectionNotNeeded
                                                : KafkaError::kUnknownTopicOrPartition);
            result.error_message =
                wire::literal(known ? "the one replica leads" : "there is no such partition");
          }
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void AlterPartitionReassignmentsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        AlterPartitionReassignmentsResponse response;
        response.allow_replication_factor_change = request.allow_replication_factor_change;
        if (!Authorizer(engine.broker, call).cluster(Operation::kAlter)) {
          response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
          return call.answer(response);
        }
        for (const Request::Topic& topic : request.topics) {
          auto& answer = response.responses.emplace_back();
          answer.name = topic.name;
          for (const Request::Partition& partition : topic.partitions) {
            const Outcome outcome = reassign(engine, call.config(), topic.name, partition);
            auto& result = answer.partitions.emplace_back();
            result.partition_index = partition.partition_index;
            result.error_code = wire_code(outcome.error);
            if (!outcome.message.empty()) result.error_message = Bytes::copy_of(outcome.message);
          }
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void ListPartitionReassignmentsHandler::handle(Call call, Request /*request*/) {
  call.engine().call([call = std::move(call)](Engine& engine) mutable {
    ListPartitionReassignmentsResponse response;
    if (!Authorizer(engine.broker, call).cluster(Operation::kDescribe)) {
      response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
    }
    call.answer(response);
  });
}

}  // namespace weir::kafka
