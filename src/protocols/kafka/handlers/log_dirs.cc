#include "protocols/kafka/handlers/log_dirs.h"

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr std::string_view kDirectory = "weir";

void describe(Engine& engine,
              const broker::Thing& thing,
              const std::vector<int32_t>* wanted,
              DescribeLogDirsResponse::LogDir& directory) {
  DescribeLogDirsResponse::Topic topic;
  topic.name = Bytes::copy_of(thing.name.name);
  const auto one = [&](int32_t index) {
    const auto id = partition_log(thing, index);
    const log::Log* log = id ? engine.broker.find_log(*id) : nullptr;
    if (!log) return;
    DescribeLogDirsResponse::Partition& partition = topic.partitions.emplace_back();
    partition.partition_index = index;
    partition.partition_size = static_cast<int64_t>(log->bytes());
  };
  if (wanted) {
    for (const int32_t index : *wanted) one(index);
  } else {
    for (size_t i = 0; i < thing.logs.size(); ++i) one(static_cast<int32_t>(i));
  }
  if (!topic.partitions.empty()) directory.topics.push_back(std::move(topic));
}

// What is in the one directory is where it shall be.
KafkaError move(Engine& engine, std::string_view path, std::string_view topic, int32_t partition) {
  if (path != kDirectory) return KafkaError::kLogDirNotFound;
  const broker::Thing* thing = find_topic(engine.broker, topic);
  const bool known = thing && partition_log(*thing, partition);
  return known ? KafkaError::kNone : KafkaError::kReplicaNotAvailable;
}

}  // namespace

void DescribeLogDirsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        DescribeLogDirsResponse response;
        if (!Authorizer(engine.broker, call).cluster(Operation::kDescribe)) {
          response.error_code = wire_code(KafkaError::kClusterAuthorizationFailed);
          return call.answer(response);
        }
        DescribeLogDirsResponse::LogDir& directory = response.results.emplace_back();
        directory.log_dir = wire::literal(kDirectory);
        if (request.topics) {
          for (const Request::Topic& topic : *request.topics) {
            const broker::Thing* thing = find_topic(engine.broker, topic.topic.view());
            if (thing) describe(engine, *thing, &topic.partitions, directory);
          }
        } else {
          engine.broker.catalog().each_thing("", "", [&](const broker::Thing& thing) {
            if (is_valid_topic_name(thing.name.name)) describe(engine, thing, nullptr, directory);
            return true;
          });
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void AlterReplicaLogDirsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        AlterReplicaLogDirsResponse response;
        const bool allowed = Authorizer(engine.broker, call).cluster(Operation::kAlter);
        for (const Request::Directory& directory : request.dirs) {
          for (const Request::Topic& topic : directory.topics) {
            auto& answer = response.results.emplace_back();
            answer.topic_name = topic.name;
            for (const int32_t partition : topic.partitions) {
              const KafkaError error =
                  allowed ? move(engine, directory.path.view(), topic.name.view(), partition)
                          : KafkaError::kClusterAuthorizationFailed;
              answer.partitions.push_back({partition, wire_code(error)});
            }
          }
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
