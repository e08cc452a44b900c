#include "protocols/kafka/handlers/metadata.h"

#include <algorithm>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/operations.h"
#include "protocols/kafka/quota/mutations.h"
#include "protocols/kafka/topic_config.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

// Whoever asks for metadata is served; making topics on demand makes him pause at most.
constexpr int16_t kNeverRefused = INT16_MAX;

MetadataResponse::Topic unknown(KafkaError error, const Bytes& name, const wire::Uuid& id) {
  MetadataResponse::Topic topic;
  topic.error_code = wire_code(error);
  if (id.is_zero()) topic.name = name;
  topic.topic_id = id;
  return topic;
}

class Answer {
 public:
  Answer(Engine& engine, const Call& call, const MetadataRequest& request)
      : engine_(engine),
        call_(call),
        authorizer_(engine.broker, call),
        request_(request),
        mutations_(engine, call, kNeverRefused) {}

  MetadataResponse make() {
    const Config& config = call_.config();
    MetadataResponse::Broker broker;
    broker.node_id = config.node_id;
    broker.host = Bytes::copy_of(call_.peer().advertised_host);
    broker.port = call_.peer().advertised_port;
    response_.brokers.push_back(std::move(broker));
    response_.cluster_id = Bytes::copy_of(config.cluster_id);
    response_.controller_id = config.node_id;
    if (request_.include_cluster_authorized_operations) {
      response_.cluster_authorized_operations = authorizer_.cluster_operations();
    }
    // Everything: a null list, or in version 0, which has no null, an empty one.
    if (!request_.topics || (call_.version() == 0 && request_.topics->empty())) {
      engine_.broker.catalog().each_thing("", "", [this](const broker::Thing& thing) {
        if (is_valid_topic_name(thing.name.name) && may_describe(thing.name.name)) describe(thing);
        return true;
      });
    } else {
      for (const MetadataRequest::Topic& topic : *request_.topics) look_up(topic);
    }
    response_.throttle_time_ms = mutations_.finish();
    return std::move(response_);
  }

 private:
  bool may_describe(std::string_view name) const {
    return authorizer_.topic(Operation::kDescribe, name);
  }
  bool may_create(std::string_view name) const {
    return authorizer_.cluster(Operation::kCreate) || authorizer_.topic(Operation::kCreate, name);
  }

  void look_up(const MetadataRequest::Topic& wanted) {
    if (!wanted.topic_id.is_zero()) {
      const TopicRef ref = authorizer_.topic(
          Operation::kDescribe, resolve(engine_.broker, true, {}, wanted.topic_id), {});
      if (ref.thing) return describe(*ref.thing);
      response_.topics.push_back(unknown(ref.error, {}, wanted.topic_id));
      return;
    }
    const Bytes name = wanted.name.value_or(Bytes());
    if (!may_describe(name.view())) {
      response_.topics.push_back(unknown(KafkaError::kTopicAuthorizationFailed, name, {}));
      return;
    }
    if (const broker::Thing* thing = find_topic(engine_.broker, name.view()))
      return describe(*thing);
    KafkaError error = KafkaError::kUnknownTopicOrPartition;
    if (!is_valid_topic_name(name.view())) {
      error = KafkaError::kInvalidTopic;
    } else if (call_.config().auto_create_topics &&
               (request_.allow_auto_topic_creation || call_.version() < 4)) {
      if (!may_create(name.view())) {
        response_.topics.push_back(unknown(KafkaError::kTopicAuthorizationFailed, name, {}));
        return;
      }
      const auto made = engine_.broker.create_topic(
          default_topic(std::string(name.view()), call_.config()), engine_.now());
      if (made) {
        mutations_.take(made->thing->logs.size());
        return describe(*made->thing);
      }
      error = topic_error(made.error().code);
    }
    response_.topics.push_back(unknown(error, name, {}));
  }

  void describe(const broker::Thing& thing) {
    const Config& config = call_.config();
    MetadataResponse::Topic topic;
    topic.name = Bytes::copy_of(thing.name.name);
    topic.topic_id = to_wire(thing.uuid);
    topic.partitions.resize(thing.logs.size());
    for (size_t i = 0; i < thing.logs.size(); ++i) {
      MetadataResponse::Partition& partition = topic.partitions[i];
      partition.partition_index = static_cast<int32_t>(i);
      partition.leader_id = config.node_id;
      const log::Log* log = engine_.broker.find_log(thing.logs[i]);
      partition.leader_epoch = log ? log->current_epoch() : 0;
      partition.replica_nodes = {config.node_id};
      partition.isr_nodes = {config.node_id};
    }
    if (request_.include_topic_authorized_operations) {
      topic.topic_authorized_operations =
          authorizer_.operations(kTopicOperations, ResourceType::kTopic, thing.name.name);
    }
    response_.topics.push_back(std::move(topic));
  }

  Engine& engine_;
  const Call& call_;
  const Authorizer authorizer_;
  const MetadataRequest& request_;
  Mutations mutations_;
  MetadataResponse response_;
};

}  // namespace

void MetadataHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const MetadataResponse response = Answer(engine, call, request).make();
        call.answer(response, engine.broker.catalog_depends());
      });
}

void DescribeClusterHandler::handle(Call call, Request request) {
  DescribeClusterResponse response;
  response.endpoint_type = request.endpoint_type;
  response.cluster_id = Bytes::copy_of(call.config().cluster_id);
  if (request.endpoint_type != 1) {
    response.error_code = wire_code(KafkaError::kInvalidRequest);
    response.error_message = wire::literal("only brokers can be described here");
    return call.answer(response);
  }
  response.controller_id = call.config().node_id;
  DescribeClusterResponse::Broker broker;
  broker.broker_id = call.config().node_id;
  broker.host = Bytes::copy_of(call.peer().advertised_host);
  broker.port = call.peer().advertised_port;
  response.brokers.push_back(std::move(broker));
  if (!request.include_cluster_authorized_operations) return call.answer(response);
  call.engine().call([call = std::move(call),
                      response = std::move(response)](Engine& engine) mutable {
    response.cluster_authorized_operations = Authorizer(engine.broker, call).cluster_operations();
    call.answer(response);
  });
}

namespace {

// All topics that the client may know of.
std::vector<Bytes> describable(const broker::Broker& broker, const Authorizer& authorizer) {
  std::vector<Bytes> names;
  broker.catalog().each_thing("", "", [&](const broker::Thing& thing) {
    const std::string& name = thing.name.name;
    if (is_valid_topic_name(name) && authorizer.topic(Operation::kDescribe, name)) {
      names.push_back(Bytes::copy_of(name));
    }
    return true;
  });
  return names;
}

// Topics in the order of their names, from the cursor on, until the partitions that an answer may
// hold are used up.
DescribeTopicPartitionsResponse describe_page(Engine& engine,
                                              const Call& call,
                                              const DescribeTopicPartitionsRequest& request) {
  constexpr int32_t kPartitionsMax = 2000;
  int32_t left = std::clamp(request.response_partition_limit, 1, kPartitionsMax);
  std::vector<Bytes> names;
  names.reserve(request.topics.size());
  for (const auto& topic : request.topics) names.push_back(topic.name);
  std::ranges::sort(names, {}, &Bytes::view);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const Authorizer authorizer(engine.broker, call);
  if (request.topics.empty()) names = describable(engine.broker, authorizer);

  DescribeTopicPartitionsResponse response;
  for (const Bytes& name : names) {
    const bool at_cursor = request.cursor && request.cursor->topic_name == name;
    if (request.cursor && name.view() < request.cursor->topic_name.view()) continue;
    if (left == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      break;
    }
    auto& topic = response.topics.emplace_back();
    topic.name = name;
    const TopicRef ref = authorizer.topic(
        Operation::kDescribe, resolve(engine.broker, false, name.view(), {}), name.view());
    if (!ref.thing) {
      topic.error_code = wire_code(ref.error);
      continue;
    }
    const broker::Thing* thing = ref.thing;
    topic.topic_authorized_operations =
        authorizer.operations(kTopicOperations, ResourceType::kTopic, name.view());
    topic.topic_id = to_wire(thing->uuid);
    const int32_t first = at_cursor ? std::max(request.cursor->partition_index, 0) : 0;
    for (int32_t i = first; const auto log_id = partition_log(*thing, i); ++i) {
      if (left == 0) {
        response.next_cursor.emplace();
        response.next_cursor->topic_name = name;
        response.next_cursor->partition_index = i;
        return response;
      }
      --left;
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = i;
      partition.leader_id = call.config().node_id;
      const log::Log* log = engine.broker.find_log(*log_id);
      partition.leader_epoch = log ? log->current_epoch() : 0;
      partition.replica_nodes = {call.config().node_id};
      partition.isr_nodes = {call.config().node_id};
      // Empty, not null: Java's Admin takes their sizes.
      partition.eligible_leader_replicas.emplace();
      partition.last_known_elr.emplace();
    }
  }
  return response;
}

}  // namespace

void DescribeTopicPartitionsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = describe_page(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
