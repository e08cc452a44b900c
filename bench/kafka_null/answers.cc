#include "bench/kafka_null/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/producer_id.h"
#include "protocols/kafka/gen/topics.h"

namespace weir::bench {

using namespace weir::kafka;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int32_t kNode = 1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kNoOffset = -1;
constexpr auto kUnknownTopic = wire_code(KafkaError::kUnknownTopicOrPartition);
// No end that a consumer could reach.
constexpr int64_t kFarEnd = int64_t{1} << 52;
const Bytes kMember = wire::literal("the-member");

}  // namespace

// One function for each request that is spoken.
struct Dispatch {
  Answers& here;

  ApiVersionsResponse operator()(const ApiVersionsRequest&) const;

  MetadataResponse operator()(const MetadataRequest& request) const {
    MetadataResponse response;
    response.brokers.push_back(
        {.node_id = kNode, .host = host(), .port = here.port_, .rack = std::nullopt});
    response.cluster_id = wire::literal("null");
    response.controller_id = kNode;
    const auto add = [&](ByteView name) {
      MetadataResponse::Topic& topic = response.topics.emplace_back();
      topic.name = Bytes::copy_of(name);
      const Answers::Topic* found = here.find(name);
      if (found == nullptr) topic.error_code = kUnknownTopic;
      for (size_t i = 0; found != nullptr && i < found->size(); ++i) {
        MetadataResponse::Partition& partition = topic.partitions.emplace_back();
        partition.partition_index = static_cast<int32_t>(i);
        partition.leader_id = kNode;
        partition.replica_nodes = partition.isr_nodes = {kNode};
      }
    };
    if (!request.topics) {
      for (const auto& [name, topic] : here.topics_) add(name);
    } else {
      for (const auto& topic : *request.topics) add(topic.name.value_or(Bytes()));
    }
    return response;
  }

  CreateTopicsResponse operator()(const CreateTopicsRequest& request) const {
    CreateTopicsResponse response;
    for (const auto& topic : request.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = Bytes::copy_of(topic.name);
      if (here.find(topic.name) != nullptr) {
        answer.error_code = wire_code(KafkaError::kTopicAlreadyExists);
      } else if (topic.num_partitions < 1 || topic.num_partitions > Answers::kPartitionsMax) {
        answer.error_code = wire_code(KafkaError::kInvalidPartitions);
      } else if (here.topics_.size() == Answers::kTopicsMax) {
        answer.error_code = wire_code(KafkaError::kPolicyViolation);
      } else {
        here.topics_.emplace(topic.name.view(), static_cast<size_t>(topic.num_partitions));
      }
    }
    return response;
  }

  DeleteTopicsResponse operator()(const DeleteTopicsRequest& request) const {
    DeleteTopicsResponse response;
    for (const Bytes& name : request.topic_names) {
      auto& answer = response.responses.emplace_back();
      answer.name = Bytes::copy_of(name);
      const auto found = here.topics_.find(name.view());
      if (found == here.topics_.end()) {
        answer.error_code = kUnknownTopic;
      } else {
        here.topics_.erase(found);
      }
    }
    return response;
  }

  InitProducerIdResponse operator()(const InitProducerIdRequest&) const {
    InitProducerIdResponse response;
    response.producer_id = 1;
    return response;
  }

  ProduceResponse operator()(const ProduceRequest& request) const {
    ProduceResponse response;
    for (const auto& topic : request.topic_data) {
      auto& answer = response.responses.emplace_back();
      answer.name = Bytes::copy_of(topic.name);
      for (const auto& partition : topic.partition_data) {
        auto& result = answer.partition_responses.emplace_back();
        result.index = partition.index;
        result.base_offset = kNoOffset;
        Kept* kept = here.find(topic.name, partition.index);
        if (kept == nullptr) {
          result.error_code = kUnknownTopic;
          continue;
        }
        const auto first = partition.records && !partition.records->empty()
                               ? kept->add(partition.records->pieces.front())
                               : std::nullopt;
        if (!first) result.error_code = wire_code(KafkaError::kCorruptMessage);
        result.base_offset = first.value_or(kNoOffset);
        result.log_start_offset = 0;
      }
    }
    return response;
  }

  FetchResponse operator()(const FetchRequest& request) const {
    FetchResponse response;
    auto left = static_cast<size_t>(std::max(request.max_bytes, 0));
    for (const auto& topic : request.topics) {
      auto& answer = response.responses.emplace_back();
      answer.topic = Bytes::copy_of(topic.topic);
      for (const auto& partition : topic.partitions) {
        auto& result = answer.partitions.emplace_back();
        result.partition_index = partition.partition;
        result.records.emplace();
        const Kept* kept = here.find(topic.topic, partition.partition);
        if (kept == nullptr) {
          result.error_code = kUnknownTopic;
          continue;
        }
        result.high_watermark = result.last_stable_offset = kept->empty() ? 0 : kFarEnd;
        result.log_start_offset = 0;
        const auto most = static_cast<size_t>(std::max(partition.partition_max_bytes, 0));
        if (left > 0) result.records = kept->read(partition.fetch_offset, std::min(left, most));
        left -= std::min(left, result.records->size());
      }
    }
    return response;
  }

  ListOffsetsResponse operator()(const ListOffsetsRequest& request) const {
    ListOffsetsResponse response;
    for (const auto& topic : request.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = Bytes::copy_of(topic.name);
      for (const auto& partition : topic.partitions) {
        auto& result = answer.partitions.emplace_back();
        result.partition_index = partition.partition_index;
        const Kept* kept = here.find(topic.name, partition.partition_index);
        if (kept == nullptr) {
          result.error_code = kUnknownTopic;
        } else {
          result.offset = partition.timestamp == kEarliest ? 0 : kept->end();
        }
      }
    }
    return response;
  }

  FindCoordinatorResponse operator()(const FindCoordinatorRequest&) const {
    FindCoordinatorResponse response;
    response.node_id = kNode;
    response.host = host();
    response.port = here.port_;
    return response;
  }

  // Who joins leads, and assigns everything to itself.
  JoinGroupResponse operator()(const JoinGroupRequest& request) const {
    JoinGroupResponse response;
    if (request.protocols.empty()) {
      response.error_code = wire_code(KafkaError::kInconsistentGroupProtocol);
      return response;
    }
    const auto& protocol = request.protocols.front();
    response.generation_id = 1;
    response.protocol_type = Bytes::copy_of(request.protocol_type);
    response.protocol_name = Bytes::copy_of(protocol.name);
    response.leader = response.member_id = kMember;
    response.members.push_back({.member_id = kMember,
                                .group_instance_id = std::nullopt,
                                .metadata = Bytes::copy_of(protocol.metadata)});
    return response;
  }

  SyncGroupResponse operator()(const SyncGroupRequest& request) const {
    SyncGroupResponse response;
    if (request.protocol_type) response.protocol_type = Bytes::copy_of(*request.protocol_type);
    if (request.protocol_name) response.protocol_name = Bytes::copy_of(*request.protocol_name);
    if (request.assignments.empty()) {
      response.error_code = wire_code(KafkaError::kRebalanceInProgress);
    } else {
      response.assignment = Bytes::copy_of(request.assignments.front().assignment);
    }
    return response;
  }

  HeartbeatResponse operator()(const HeartbeatRequest&) const { return {}; }

  LeaveGroupResponse operator()(const LeaveGroupRequest& request) const {
    LeaveGroupResponse response;
    for (const auto& member : request.members) {
      response.members.emplace_back().member_id = Bytes::copy_of(member.member_id);
    }
    return response;
  }

  OffsetCommitResponse operator()(const OffsetCommitRequest& request) const {
    OffsetCommitResponse response;
    for (const auto& topic : request.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = Bytes::copy_of(topic.name);
      for (const auto& partition : topic.partitions) {
        answer.partitions.emplace_back().partition_index = partition.partition_index;
      }
    }
    return response;
  }

  OffsetFetchResponse operator()(const OffsetFetchRequest& request) const {
    OffsetFetchResponse response;
    if (!request.topics) return response;
    for (const auto& topic : *request.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = Bytes::copy_of(topic.name);
      for (const int32_t index : topic.partition_indexes) {
        auto& partition = answer.partitions.emplace_back();
        partition.partition_index = index;
        partition.committed_offset = kNoOffset;
      }
    }
    return response;
  }

 private:
  Bytes host() const { return Bytes::copy_of(here.host_); }
};

namespace {

struct Spoken {
  int16_t key;
  wire::VersionRange versions;
  Result<wire::Pieces> (*run)(Answers& here, const RequestFrame& frame);
};

template <typename Request>
bool wants_answer(const Request&) {
  return true;
}
bool wants_answer(const ProduceRequest& request) {
  return request.acks != 0;
}

template <typename Request>
constexpr Spoken spoken(int16_t last, int16_t first = Request::kVersionMin) {
  return {Request::kKey,
          {first, last},
          [](Answers& here, const RequestFrame& frame) -> Result<wire::Pieces> {
            const auto request = wire::decode<Request>(frame.version, frame.body);
            if (!request) return std::unexpected(request.error());
            const auto response = Dispatch{here}(*request);
            if (!wants_answer(*request)) return wire::Pieces();
            return response_frame(frame.version, frame.correlation_id, response);
          }};
}

// Versions without topic ids and with one group to a request: what the tools then send costs them
// the same.
std::span<const Spoken> all_spoken() {
  static constexpr Spoken kAll[] = {
      spoken<ProduceRequest>(9),         spoken<FetchRequest>(11),
      spoken<ListOffsetsRequest>(6),     spoken<MetadataRequest>(9),
      spoken<OffsetCommitRequest>(8),    spoken<OffsetFetchRequest>(7),
      spoken<FindCoordinatorRequest>(3), spoken<JoinGroupRequest>(7),
      spoken<HeartbeatRequest>(4),       spoken<LeaveGroupRequest>(4),
      spoken<SyncGroupRequest>(5),       spoken<ApiVersionsRequest>(4),
      spoken<CreateTopicsRequest>(5),    spoken<DeleteTopicsRequest>(5),
      spoken<InitProducerIdRequest>(4),
  };
  return kAll;
}

}  // namespace

ApiVersionsResponse Dispatch::operator()(const ApiVersionsRequest&) const {
  ApiVersionsResponse response;
  for (const Spoken& one : all_spoken()) {
    response.api_keys.push_back({one.key, one.versions.first, one.versions.last});
  }
  return response;
}

Answers::Topic* Answers::find(ByteView name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

Kept* Answers::find(ByteView topic, int32_t partition) {
  Topic* found = find(topic);
  const auto index = static_cast<size_t>(partition);
  return found != nullptr && partition >= 0 && index < found->size() ? &(*found)[index] : nullptr;
}

Result<wire::Pieces> Answers::answer(ByteView frame) {
  // Nothing outlives the call: slices of the frame are copied where they go into an answer.
  const auto request = open_request(Bytes::of_owner(nullptr, frame));
  if (!request) return std::unexpected(request.error());
  for (const Spoken& one : all_spoken()) {
    if (one.key == request->key && one.versions.contains(request->version)) {
      return one.run(*this, *request);
    }
  }
  return fail(ErrorCode::kUnsupported, fmt::format("request {} in version {} is not spoken",
                                                   request->key, request->version));
}

}  // namespace weir::bench
