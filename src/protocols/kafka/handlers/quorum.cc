#include "protocols/kafka/handlers/quorum.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {
namespace {

constexpr std::string_view kMetadataTopic = "__cluster_metadata";
// Voters are told the names of their listeners; this one is as good as any.
constexpr std::string_view kListener = "CONTROLLER";
// The journal has had one writer since it was made.
constexpr int32_t kLeaderEpoch = 1;

bool is_metadata_log(const DescribeQuorumRequest& request) {
  return request.topics.size() == 1 && request.topics[0].topic_name.view() == kMetadataTopic &&
         request.topics[0].partitions.size() == 1 &&
         request.topics[0].partitions[0].partition_index == 0;
}

DescribeQuorumResponse unknown_logs(const DescribeQuorumRequest& request) {
  DescribeQuorumResponse response;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.topic_name = topic.topic_name;
    for (const auto& partition : topic.partitions) {
      auto& result = answer.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = wire_code(KafkaError::kUnknownTopicOrPartition);
    }
  }
  return response;
}

DescribeQuorumResponse describe(Engine& engine, const Call& call) {
  DescribeQuorumResponse response;
  const int32_t node = call.config().node_id;
  auto& topic = response.topics.emplace_back();
  topic.topic_name = wire::literal(kMetadataTopic);
  auto& partition = topic.partitions.emplace_back();
  partition.leader_id = node;
  partition.leader_epoch = kLeaderEpoch;
  // What is not durable yet is told to nobody.
  partition.high_watermark = static_cast<int64_t>(engine.broker.durable_lsn().next().value());
  auto& voter = partition.current_voters.emplace_back();
  voter.replica_id = node;
  voter.log_end_offset = partition.high_watermark;
  voter.last_fetch_timestamp = engine.now().ms();
  voter.last_caught_up_timestamp = voter.last_fetch_timestamp;
  auto& place = response.nodes.emplace_back();
  place.node_id = node;
  auto& listener = place.listeners.emplace_back();
  listener.name = wire::literal(kListener);
  listener.host = Bytes::copy_of(call.peer().advertised_host);
  listener.port = static_cast<int16_t>(call.peer().advertised_port);
  return response;
}

template <typename Response>
void set_error(Response& response, KafkaError error, std::string text) {
  response.error_code = wire_code(error);
  response.error_message = Bytes::take(std::move(text));
}

// What both changes of voters are refused for before it is looked at who is meant. True: refused.
template <typename Request, typename Response>
bool refused(const Call& call, const Request& request, Response& response) {
  const std::string& cluster = call.config().cluster_id;
  if (request.cluster_id && request.cluster_id->view() != cluster) {
    set_error(response, KafkaError::kInconsistentClusterId,
              fmt::format("this is the cluster {}", cluster));
    return true;
  }
  if (request.voter_id < 0 || request.voter_directory_id.is_zero()) {
    set_error(response, KafkaError::kInvalidRequest, "a voter has an id and a directory");
    return true;
  }
  return false;
}

// Calls `answer` on the state shard with an empty response, if the client may alter the cluster.
template <typename Response, typename Answer>
void alter_cluster(Call call, Answer answer) {
  call.engine().call([call = std::move(call), answer = std::move(answer)](Engine& engine) mutable {
    Response response;
    if (Authorizer(engine.broker, call).cluster(Operation::kAlter)) {
      answer(call, response);
    } else {
      set_error(response, KafkaError::kClusterAuthorizationFailed, "not allowed on this cluster");
    }
    call.answer(response, engine.broker.catalog_depends());
  });
}

}  // namespace

void DescribeQuorumHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        DescribeQuorumResponse response;
        if (!Authorizer(engine.broker, call).cluster(Operation::kDescribe)) {
          response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
        } else if (!is_metadata_log(request)) {
          response = unknown_logs(request);
        } else {
          response = describe(engine, call);
        }
        call.answer(response);
      });
}

void AddRaftVoterHandler::handle(Call call, Request request) {
  alter_cluster<AddRaftVoterResponse>(
      std::move(call), [request = std::move(request)](const Call& asked, auto& response) {
        if (refused(asked, request, response)) return;
        const bool reachable = std::ranges::any_of(
            request.listeners, [](const auto& one) { return one.name.view() == kListener; });
        if (!reachable) {
          return set_error(response, KafkaError::kInvalidRequest,
                           fmt::format("a voter has an address for the listener {}", kListener));
        }
        set_error(response, KafkaError::kUnsupportedVersion,
                  "this broker keeps its metadata alone; there cannot be another voter");
      });
}

void RemoveRaftVoterHandler::handle(Call call, Request request) {
  alter_cluster<RemoveRaftVoterResponse>(
      std::move(call), [request = std::move(request)](const Call& asked, auto& response) {
        if (refused(asked, request, response)) return;
        set_error(response, KafkaError::kUnsupportedVersion,
                  "this broker keeps its metadata alone; the one voter cannot be removed");
      });
}

void UnregisterBrokerHandler::handle(Call call, Request request) {
  alter_cluster<UnregisterBrokerResponse>(
      std::move(call), [id = request.broker_id](const Call& asked, auto& response) {
        const int32_t node = asked.config().node_id;
        if (id == node) {
          return set_error(response, KafkaError::kInvalidRequest,
                           fmt::format("broker {} is the one that runs", node));
        }
        set_error(response, KafkaError::kBrokerIdNotRegistered,
                  fmt::format("there is only broker {}", node));
      });
}

}  // namespace weir::kafka
