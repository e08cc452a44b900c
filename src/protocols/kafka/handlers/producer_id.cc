#include "protocols/kafka/handlers/producer_id.h"

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

KafkaError describe_producers(Engine& engine,
                              const TopicRef& ref,
                              DescribeProducersResponse::Partition& answer,
                              broker::Depends& depends) {
  if (!ref.thing) return ref.error;
  const auto id = partition_log(*ref.thing, answer.partition_index);
  const log::Log* log = id ? engine.broker.find_log(*id) : nullptr;
  if (!log) return KafkaError::kUnknownTopicOrPartition;
  for (const log::ActiveProducer& active : log->active_producers(engine.now())) {
    auto& producer = answer.active_producers.emplace_back();
    producer.producer_id = active.id;
    producer.producer_epoch = active.epoch;
    producer.last_sequence = active.last_sequence;
    producer.last_timestamp = active.last_timestamp;
  }
  add(depends, engine.broker.log_depends(*id));
  return KafkaError::kNone;
}

}  // namespace

void InitProducerIdHandler::handle(Call call, Request request) {
  if (request.transactional_id) {
    InitProducerIdResponse response;
    response.error_code = wire_code(kNoTransactions);
    response.producer_epoch = -1;
    return call.answer(response);
  }
  call.engine().call([call = std::move(call)](Engine& engine) mutable {
    InitProducerIdResponse response;
    const Authorizer authorizer(engine.broker, call);
    if (!authorizer.cluster(Operation::kIdempotentWrite) &&
        !authorizer.allows_any(Operation::kWrite, ResourceType::kTopic)) {
      response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
      response.producer_epoch = -1;
      return call.answer(response);
    }
    response.producer_id = static_cast<int64_t>(engine.broker.random().next() >> 1);
    call.answer(response);
  });
}

void DescribeProducersHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call),
                      request = std::move(request)](Engine& engine) mutable {
    DescribeProducersResponse response;
    broker::Depends depends;
    const Authorizer authorizer(engine.broker, call);
    for (const Request::Topic& topic : request.topics) {
      DescribeProducersResponse::Topic& answer = response.topics.emplace_back();
      answer.name = topic.name;
      const TopicRef ref =
          authorizer.topic(Operation::kRead, resolve(engine.broker, false, topic.name.view(), {}),
                           topic.name.view());
      for (const int32_t partition : topic.partition_indexes) {
        DescribeProducersResponse::Partition& result = answer.partitions.emplace_back();
        result.partition_index = partition;
        result.error_code = wire_code(describe_producers(engine, ref, result, depends));
      }
    }
    call.answer(response, depends);
  });
}

}  // namespace weir::kafka
