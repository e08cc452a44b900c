#include "protocols/kafka/handlers/group_offsets.h"

#include <absl/container/flat_hash_set.h>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/subscription.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int16_t kTopicIdsSince = 10;
constexpr int16_t kManyGroupsSince = 8;
constexpr int16_t kErrorOfGroupSince = 2;
constexpr int16_t kMemberEpochsSince = 9;

group::TopicId id_of(const broker::Thing& thing) {
  return {thing.uuid.high, thing.uuid.low};
}

// ---- commit

KafkaError may_commit(Engine& engine, int16_t version, const OffsetCommitRequest& request) {
  return engine.groups.may_commit(
      text_of(request.group_id), text_of(request.member_id), text_of(request.group_instance_id),
      request.generation_id_or_member_epoch, version >= kMemberEpochsSince);
}

KafkaError commit_one(Engine& engine,
                      const Config& config,
                      const OffsetCommitRequest& request,
                      const TopicRef& ref,
                      const OffsetCommitRequest::Partition& partition,
                      group::OffsetsCommitted& event) {
  if (!ref.thing) return ref.error;
  if (!partition_log(*ref.thing, partition.partition_index)) {
    return KafkaError::kUnknownTopicOrPartition;
  }
  const group::TopicPartition key{id_of(*ref.thing),
                                  static_cast<uint32_t>(partition.partition_index)};
  const std::string group = text_of(request.group_id);
  const broker::GroupCell* cell = engine.groups.find(group);
  if (cell && !cell->streams.may_commit_at(text_of(request.member_id),
                                           request.generation_id_or_member_epoch,
                                           ref.thing->name.name, key.partition)) {
    return KafkaError::kStaleMemberEpoch;
  }
  group::CommittedOffset offset;
  offset.offset = partition.committed_offset;
  offset.leader_epoch = partition.committed_leader_epoch;
  offset.metadata = text_of(partition.committed_metadata.value_or(Bytes()));
  offset.committed = engine.now();
  if (offset.metadata.size() > config.offset_metadata_bytes_max) {
    return KafkaError::kOffsetMetadataTooLarge;
  }
  if (cell) {
    const auto refused = cell->offsets.refuses(key, offset);
    if (refused) return group_error(*refused);
  }
  event.offsets.emplace_back(key, std::move(offset));
  return KafkaError::kNone;
}

void commit(Engine& engine, Call call, const OffsetCommitRequest& request) {
  const std::string group = text_of(request.group_id);
  const Authorizer authorizer(engine.broker, call);
  const KafkaError refused = authorizer.group(Operation::kRead, group)
                                 ? may_commit(engine, call.version(), request)
                                 : KafkaError::kGroupAuthorizationFailed;
  group::OffsetsCommitted event;
  OffsetCommitResponse response;
  for (const OffsetCommitRequest::Topic& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    answer.topic_id = topic.topic_id;
    const bool by_id = call.version() >= kTopicIdsSince;
    const TopicRef ref = authorizer.topic(
        Operation::kRead, resolve(engine.broker, by_id, topic.name.view(), topic.topic_id),
        topic.name.view());
    for (const OffsetCommitRequest::Partition& partition : topic.partitions) {
      auto& result = answer.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      const KafkaError error =
          refused != KafkaError::kNone
              ? refused
              : commit_one(engine, call.config(), request, ref, partition, event);
      result.error_code = wire_code(error);
    }
  }
  if (event.offsets.empty()) return call.answer(response);
  const auto committed = engine.groups.change_offsets(group, event, true);
  if (!committed) {
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) {
        if (partition.error_code == 0) {
          partition.error_code = wire_code(group_error(committed.error().code));
        }
      }
    }
    return call.answer(response);
  }
  call.answer(response, *committed);
}

// ---- fetch

// The answers of both generations of this request have the same fields under other types.
template <typename Partition>
Partition found(int32_t index, const group::CommittedOffset* offset) {
  Partition partition;
  partition.partition_index = index;
  partition.committed_offset = offset ? offset->offset : -1;
  partition.committed_leader_epoch = offset ? offset->leader_epoch : -1;
  partition.metadata = Bytes::copy_of(offset ? offset->metadata : "");
  return partition;
}

template <typename Topic, typename Partition>
void fetch_all(Engine& engine,
               const Authorizer& authorizer,
               const group::Offsets& offsets,
               std::vector<Topic>& topics) {
  const broker::Thing* thing = nullptr;
  std::optional<group::TopicId> current;
  for (const auto& [key, offset] : offsets.all()) {
    if (key.topic != current) {
      current = key.topic;
      thing = find_topic(engine.broker, to_wire(catalog::Uuid{key.topic.high, key.topic.low}));
      if (thing && !authorizer.topic(Operation::kDescribe, thing->name.name)) thing = nullptr;
      if (thing) {
        Topic& topic = topics.emplace_back();
        topic.name = Bytes::copy_of(thing->name.name);
        if constexpr (requires { topic.topic_id; }) topic.topic_id = to_wire(thing->uuid);
      }
    }
    if (thing)
      topics.back().partitions.push_back(
          found<Partition>(static_cast<int32_t>(key.partition), &offset));
  }
}

template <typename Partition>
void fetch_some(const group::Offsets* offsets,
                const TopicRef& ref,
                const std::vector<int32_t>& indexes,
                std::vector<Partition>& partitions) {
  for (const int32_t index : indexes) {
    const group::CommittedOffset* offset = nullptr;
    if (offsets && ref.thing && index >= 0) {
      offset = offsets->find({id_of(*ref.thing), static_cast<uint32_t>(index)});
    }
    partitions.push_back(found<Partition>(index, offset));
    if (ref.error == KafkaError::kUnknownTopicId ||
        ref.error == KafkaError::kTopicAuthorizationFailed) {
      partitions.back().error_code = wire_code(ref.error);
    }
  }
}

// Of one group: from version 2 on the answer has an error of its own.
void refuse(Call call, const OffsetFetchRequest& request) {
  const int16_t error = wire_code(KafkaError::kGroupAuthorizationFailed);
  OffsetFetchResponse response;
  response.error_code = error;
  if (call.version() < kErrorOfGroupSince && request.topics) {
    for (const auto& topic : *request.topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = topic.name;
      for (const int32_t index : topic.partition_indexes) {
        answer.partitions.push_back(found<OffsetFetchResponse::Partition>(index, nullptr));
        answer.partitions.back().error_code = error;
      }
    }
  }
  call.answer(response);
}

void fetch(Engine& engine, Call call, const OffsetFetchRequest& request) {
  using Response = OffsetFetchResponse;
  Response response;
  broker::Depends depends;
  const Authorizer authorizer(engine.broker, call);
  const auto offsets_of = [&](const Bytes& group) -> const group::Offsets* {
    const auto id = engine.broker.catalog().find_group({"", text_of(group)});
    if (!id) return nullptr;
    add(depends, engine.broker.cell_depends(*id));
    return &engine.groups.find(text_of(group))->offsets;
  };
  if (call.version() < kManyGroupsSince) {
    if (!authorizer.group(Operation::kDescribe, request.group_id.view())) {
      return refuse(std::move(call), request);
    }
    const group::Offsets* offsets = offsets_of(request.group_id);
    if (!request.topics) {
      if (offsets)
        fetch_all<Response::Topic, Response::Partition>(engine, authorizer, *offsets,
                                                        response.topics);
    } else {
      for (const auto& topic : *request.topics) {
        auto& answer = response.topics.emplace_back();
        answer.name = topic.name;
        const TopicRef ref = authorizer.topic(Operation::kDescribe,
                                              resolve(engine.broker, false, topic.name.view(), {}),
                                              topic.name.view());
        fetch_some(offsets, ref, topic.partition_indexes, answer.partitions);
      }
    }
    return call.answer(response, depends);
  }
  for (const OffsetFetchRequest::Group& wanted : request.groups) {
    Response::Group& group = response.groups.emplace_back();
    group.group_id = wanted.group_id;
    if (!authorizer.group(Operation::kDescribe, wanted.group_id.view())) {
      group.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
      continue;
    }
    const KafkaError denied = engine.groups.may_fetch(
        text_of(wanted.group_id), text_of(wanted.member_id), wanted.member_epoch);
    if (denied != KafkaError::kNone) {
      group.error_code = wire_code(denied);
      continue;
    }
    const group::Offsets* offsets = offsets_of(wanted.group_id);
    if (!wanted.topics) {
      if (offsets)
        fetch_all<Response::GroupTopic, Response::GroupPartition>(engine, authorizer, *offsets,
                                                                  group.topics);
      continue;
    }
    for (const auto& topic : *wanted.topics) {
      auto& answer = group.topics.emplace_back();
      answer.name = topic.name;
      answer.topic_id = topic.topic_id;
      const bool by_id = call.version() >= kTopicIdsSince;
      const TopicRef ref = authorizer.topic(
          Operation::kDescribe, resolve(engine.broker, by_id, topic.name.view(), topic.topic_id),
          topic.name.view());
      fetch_some(offsets, ref, topic.partition_indexes, answer.partitions);
    }
  }
  call.answer(response, depends);
}

// ---- delete

void remove(Engine& engine, Call call, const OffsetDeleteRequest& request) {
  OffsetDeleteResponse response;
  const std::string group = text_of(request.group_id);
  const Authorizer authorizer(engine.broker, call);
  if (!authorizer.group(Operation::kDelete, group)) {
    response.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
    return call.answer(response);
  }
  broker::GroupCell* cell = engine.groups.find(group);
  if (!cell) {
    response.error_code = wire_code(KafkaError::kGroupIdNotFound);
    return call.answer(response);
  }
  if (!cell->members.members().empty() && cell->members.protocol_type() != kConsumerProtocolType) {
    response.error_code = wire_code(KafkaError::kNonEmptyGroup);
    return call.answer(response);
  }
  const absl::flat_hash_set<std::string> read = subscribed_topics(cell->members);
  const auto is_read = [&](const broker::Thing& thing) {
    return read.contains(thing.name.name) || cell->consumers.reads(id_of(thing)) ||
           cell->streams.reads(thing.name.name);
  };
  std::vector<group::TopicPartition> partitions;
  for (const OffsetDeleteRequest::Topic& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    const broker::Thing* thing = find_topic(engine.broker, topic.name.view());
    const bool allowed = authorizer.topic(Operation::kRead, topic.name.view());
    for (const OffsetDeleteRequest::Partition& partition : topic.partitions) {
      auto& result = answer.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      if (!allowed) {
        result.error_code = wire_code(KafkaError::kTopicAuthorizationFailed);
      } else if (!thing || !partition_log(*thing, partition.partition_index)) {
        result.error_code = wire_code(KafkaError::kUnknownTopicOrPartition);
      } else if (is_read(*thing)) {
        result.error_code = wire_code(KafkaError::kGroupSubscribedToTopic);
      } else {
        partitions.push_back({id_of(*thing), static_cast<uint32_t>(partition.partition_index)});
      }
    }
  }
  const group::OffsetsRemoved event = cell->offsets.decide_remove(partitions);
  if (event.partitions.empty()) return call.answer(response);
  const auto removed = engine.groups.change_offsets(group, event, false);
  if (!removed) {
    response.error_code = wire_code(group_error(removed.error().code));
    return call.answer(response);
  }
  call.answer(response, *removed);
}

}  // namespace

void OffsetCommitHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call), request = std::move(request)](
                         Engine& engine) mutable { commit(engine, std::move(call), request); });
}

void OffsetFetchHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call), request = std::move(request)](
                         Engine& engine) mutable { fetch(engine, std::move(call), request); });
}

void OffsetDeleteHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call), request = std::move(request)](
                         Engine& engine) mutable { remove(engine, std::move(call), request); });
}

}  // namespace weir::kafka
