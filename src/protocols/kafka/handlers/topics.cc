#include "protocols/kafka/handlers/topics.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/quota/mutations.h"
#include "protocols/kafka/settings_answer.h"
#include "protocols/kafka/topic_config.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int16_t kByIdSince = 6;
// Versions that know THROTTLING_QUOTA_EXCEEDED.
constexpr int16_t kCreateRefusesSince = 6;
constexpr int16_t kDeleteRefusesSince = 5;
constexpr int16_t kGrowRefusesSince = 3;

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;

  explicit operator bool() const { return error != KafkaError::kNone; }
};

Refusal not_allowed() {
  return {KafkaError::kTopicAuthorizationFailed, "not allowed on this topic"};
}

Refusal over_quota() {
  return {KafkaError::kThrottlingQuotaExceeded, "the quota controller_mutation_rate is used up"};
}

Refusal refusal_of(const Error& error, KafkaError invalid_argument) {
  if (error.code == ErrorCode::kInvalidArgument) return {invalid_argument, error.message};
  if (error.code == ErrorCode::kTooLarge) return {KafkaError::kInvalidPartitions, error.message};
  return {topic_error(error.code), error.message};
}

constexpr auto kPartitionsMax = static_cast<int32_t>(catalog::Limits{}.partitions_max);

Refusal too_many_partitions() {
  return {KafkaError::kPolicyViolation,
          fmt::format("a topic has at most {} partitions", kPartitionsMax)};
}

// Replicas are named by the client: each partition must lie on this broker, and all of them must be
// there.
Refusal check_assignments(const std::vector<CreateTopicsRequest::Assignment>& assignments,
                          int32_t node_id) {
  std::vector<int32_t> indexes;
  for (const auto& assignment : assignments) {
    if (assignment.broker_ids != std::vector<int32_t>{node_id}) {
      return {KafkaError::kInvalidReplicaAssignment,
              fmt::format("there is only broker {}", node_id)};
    }
    indexes.push_back(assignment.partition_index);
  }
  std::ranges::sort(indexes);
  for (size_t i = 0; i < indexes.size(); ++i) {
    if (indexes[i] != static_cast<int32_t>(i)) {
      return {KafkaError::kInvalidReplicaAssignment, "partitions must be numbered from 0 on"};
    }
  }
  return {};
}

// What the request asks for, as a specification.
Refusal specify(const CreateTopicsRequest::Topic& topic,
                const Config& config,
                broker::TopicSpec& spec) {
  const std::string name = text_of(topic.name);
  if (!is_valid_topic_name(name)) return {KafkaError::kInvalidTopic, std::string(kTopicNameRule)};
  spec = default_topic(name, config);
  if (!topic.assignments.empty()) {
    if (topic.num_partitions != -1 || topic.replication_factor != -1) {
      return {KafkaError::kInvalidRequest, "give either assignments or numbers"};
    }
    if (auto refusal = check_assignments(topic.assignments, config.node_id)) return refusal;
    spec.partitions = static_cast<uint32_t>(topic.assignments.size());
  } else {
    if (topic.num_partitions == 0 || topic.num_partitions < -1) {
      return {KafkaError::kInvalidPartitions, "a topic has at least one partition"};
    }
    if (topic.replication_factor != -1 && topic.replication_factor != 1) {
      return {KafkaError::kInvalidReplicationFactor, "there is one broker, hence one copy"};
    }
    if (topic.num_partitions > kPartitionsMax) return too_many_partitions();
    if (topic.num_partitions > 0) spec.partitions = static_cast<uint32_t>(topic.num_partitions);
  }
  for (const CreateTopicsRequest::Config& setting : topic.configs) {
    if (!setting.value) continue;
    const auto set = set_topic_setting(setting.name.view(), text_of(setting.value), config,
                                       spec.log, spec.properties);
    if (!set) return {KafkaError::kInvalidConfig, set.error().message};
  }
  return {};
}

class Creator {
 public:
  Creator(Engine& engine, const Call& call, const CreateTopicsRequest& request)
      : engine_(engine),
        authorizer_(engine.broker, call),
        config_(call.config()),
        request_(request),
        mutations_(engine, call, kCreateRefusesSince) {}

  CreateTopicsResponse run() {
    CreateTopicsResponse response;
    for (const CreateTopicsRequest::Topic& topic : request_.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = topic.name;
      if (const Refusal refusal = create(topic, answer)) {
        answer.error_code = wire_code(refusal.error);
        answer.error_message = Bytes::copy_of(refusal.message);
      }
    }
    response.throttle_time_ms = mutations_.finish();
    return response;
  }
  const broker::Depends& depends() const { return depends_; }

 private:
  Refusal create(const CreateTopicsRequest::Topic& topic, CreateTopicsResponse::Topic& answer) {
    const auto same_name = [&](const auto& other) { return other.name == topic.name; };
    if (std::ranges::count_if(request_.topics, same_name) > 1) {
      return {KafkaError::kInvalidRequest, "the request names this topic twice"};
    }
    const std::string_view name = topic.name.view();
    if (!authorizer_.cluster(Operation::kCreate) && !authorizer_.topic(Operation::kCreate, name)) {
      return not_allowed();
    }
    broker::TopicSpec spec;
    if (auto refusal = specify(topic, config_, spec)) return refusal;
    if (engine_.broker.catalog().find(spec.name)) {
      add(depends_, engine_.broker.catalog_depends());
      return {KafkaError::kTopicAlreadyExists, "there is a topic or queue of this name"};
    }
    if (!mutations_.take(spec.partitions)) return over_quota();
    broker::Thing planned;
    planned.log_policy = spec.log;
    planned.properties = spec.properties;
    describe(planned, name, static_cast<int32_t>(spec.partitions), answer);
    if (request_.validate_only) return {};
    const auto made = engine_.broker.create_topic(spec, engine_.now());
    if (!made) return refusal_of(made.error(), KafkaError::kInvalidRequest);
    answer.topic_id = to_wire(made->thing->uuid);
    add(depends_, made->depends);
    return {};
  }

  // What the topic is like is for those alone who may ask for its settings.
  void describe(const broker::Thing& planned,
                std::string_view name,
                int32_t partitions,
                CreateTopicsResponse::Topic& answer) const {
    if (!authorizer_.topic(Operation::kDescribeConfigs, name)) {
      answer.topic_config_error_code = wire_code(KafkaError::kTopicAuthorizationFailed);
      return;
    }
    answer.num_partitions = partitions;
    answer.replication_factor = 1;
    answer.configs.emplace();
    for (const Setting& setting : topic_settings()) {
      answer.configs->push_back(setting_answer<CreateTopicsResponse::Config>(
          setting, topic_setting(planned, setting, config_)));
    }
  }

  Engine& engine_;
  const Authorizer authorizer_;
  const Config& config_;
  const CreateTopicsRequest& request_;
  Mutations mutations_;
  broker::Depends depends_;
};

Refusal remove_topic(Engine& engine,
                     const TopicRef& ref,
                     Mutations& mutations,
                     broker::Depends& depends) {
  if (ref.error == KafkaError::kTopicAuthorizationFailed) return not_allowed();
  if (!ref.thing) return {ref.error, "there is no such topic"};
  if (ref.thing->kind != catalog::Kind::kTopic) {
    return {KafkaError::kPolicyViolation, "this is a queue; delete it where it was made"};
  }
  if (!mutations.take(ref.thing->logs.size())) return over_quota();
  const catalog::Uuid uuid = ref.thing->uuid;
  const auto removed = engine.broker.remove(broker::Name(ref.thing->name), engine.now());
  if (!removed) return refusal_of(removed.error(), KafkaError::kInvalidRequest);
  add(depends, *removed);
  engine.groups.forget_topic(uuid);
  return {};
}

Refusal grow_topic(Engine& engine,
                   const Config& config,
                   const CreatePartitionsRequest::Topic& topic,
                   bool validate_only,
                   Mutations& mutations,
                   broker::Depends& depends) {
  const broker::Thing* thing = find_topic(engine.broker, topic.name.view());
  if (!thing) return {KafkaError::kUnknownTopicOrPartition, "there is no such topic"};
  const auto present = static_cast<int32_t>(thing->logs.size());
  if (topic.count <= present) {
    return {KafkaError::kInvalidPartitions,
            fmt::format("the topic has {} partitions already", present)};
  }
  if (topic.count > kPartitionsMax) return too_many_partitions();
  if (topic.assignments) {
    const bool fits = static_cast<int32_t>(topic.assignments->size()) == topic.count - present &&
                      std::ranges::all_of(*topic.assignments, [&](const auto& assignment) {
                        return assignment.broker_ids == std::vector<int32_t>{config.node_id};
                      });
    if (!fits) {
      return {KafkaError::kInvalidReplicaAssignment,
              fmt::format("every new partition must be assigned to broker {}", config.node_id)};
    }
  }
  if (!mutations.take(static_cast<size_t>(topic.count - present))) return over_quota();
  if (validate_only) return {};
  const auto grown = engine.broker.add_partitions(broker::Name(thing->name),
                                                  static_cast<uint32_t>(topic.count), engine.now());
  if (!grown) return refusal_of(grown.error(), KafkaError::kInvalidPartitions);
  add(depends, grown->depends);
  return {};
}

}  // namespace

void CreateTopicsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        Creator creator(engine, call, request);
        const CreateTopicsResponse response = creator.run();
        call.answer(response, creator.depends());
      });
}

void DeleteTopicsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        if (call.version() < kByIdSince) {
          for (const Bytes& name : request.topic_names) request.topics.push_back({name, {}});
        }
        DeleteTopicsResponse response;
        broker::Depends depends;
        Mutations mutations(engine, call, kDeleteRefusesSince);
        const Authorizer authorizer(engine.broker, call);
        for (const Request::Topic& topic : request.topics) {
          auto& answer = response.responses.emplace_back();
          const bool by_id = !topic.name;
          const Bytes name = topic.name.value_or(Bytes());
          const TopicRef found = resolve(engine.broker, by_id, name.view(), topic.topic_id);
          const TopicRef ref = authorizer.topic(Operation::kDelete, found, name.view());
          answer.name = topic.name;
          answer.topic_id = topic.topic_id;
          if (ref.thing) {
            answer.name = Bytes::copy_of(ref.thing->name.name);
            answer.topic_id = to_wire(ref.thing->uuid);
          }
          if (const Refusal refusal = remove_topic(engine, ref, mutations, depends)) {
            answer.error_code = wire_code(refusal.error);
            answer.error_message = Bytes::copy_of(refusal.message);
          }
        }
        response.throttle_time_ms = mutations.finish();
        call.answer(response, depends);
      });
}

void CreatePartitionsHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call),
                      request = std::move(request)](Engine& engine) mutable {
    CreatePartitionsResponse response;
    broker::Depends depends;
    Mutations mutations(engine, call, kGrowRefusesSince);
    const Authorizer authorizer(engine.broker, call);
    for (const Request::Topic& topic : request.topics) {
      auto& answer = response.results.emplace_back();
      answer.name = topic.name;
      const Refusal refusal =
          authorizer.topic(Operation::kAlter, topic.name.view())
              ? grow_topic(engine, call.config(), topic, request.validate_only, mutations, depends)
              : not_allowed();
      if (refusal) {
        answer.error_code = wire_code(refusal.error);
        answer.error_message = Bytes::copy_of(refusal.message);
      }
    }
    response.throttle_time_ms = mutations.finish();
    call.answer(response, depends);
  });
}

}  // namespace weir::kafka
