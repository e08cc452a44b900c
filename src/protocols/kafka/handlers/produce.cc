#include "protocols/kafka/handlers/produce.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/log/compaction.h"
#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/quota/throttle.h"
#include "protocols/kafka/topic_config.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

// So many records without a key are named to the producer of a compacted topic.
constexpr size_t kRecordErrorsMax = 1000;
// Several appends share a commit as long as they fit well into one.
constexpr size_t kSharedCommitBytesMax = broker::kCommitBytesMax / 2;

using Prepared = Result<broker::PreparedBatch>;

struct Job {
  ProduceRequest request;
  std::vector<Prepared> batches;  // one per partition, in the order of the request
  size_t bytes = 0;
  KafkaError refused = KafkaError::kNone;  // of the whole request
};

// Also reads the bytes of compressed batches only as far as their checksum needs.
Prepared prepare(const ProduceRequest::Partition& partition, const Config& config) {
  if (!partition.records || partition.records->empty()) {
    return fail(ErrorCode::kInvalidArgument, "a partition without records");
  }
  log::DoorRules rules;
  rules.batch_bytes_max = config.batch_bytes_max;
  return broker::Broker::prepare_batch(partition.records->pieces.front(), rules);
}

KafkaError error_of_batch(const Error& error) {
  // What a transactional batch meets at the door.
  if (error.code == ErrorCode::kUnsupported) return kNoTransactions;
  return topic_error(error.code);
}

void refuse(ProduceResponse::Partition& partition, KafkaError error, std::string_view message) {
  partition.error_code = wire_code(error);
  partition.base_offset = -1;
  if (!message.empty()) partition.error_message = Bytes::copy_of(message);
}

// What a compacted topic refuses. Compressed batches are opened for it here, since the door did
// not know the topic.
void check_keys(const broker::PreparedBatch& batch, ProduceResponse::Partition& partition) {
  const auto without = log::records_without_key(batch.bytes, batch.header, kRecordErrorsMax);
  if (!without) {
    return refuse(partition, topic_error(without.error().code), without.error().message);
  }
  if (without->empty()) return;
  refuse(
      partition, KafkaError::kInvalidRecord,
      fmt::format("the topic is compacted, and {} records of the batch have no key",
                  without->size() < kRecordErrorsMax ? std::to_string(without->size()) : "many"));
  for (const int32_t index : *without) {
    auto& error = partition.record_errors.emplace_back();
    error.batch_index = index;
    error.batch_index_error_message = wire::literal("a compacted topic needs a key");
  }
}

// By the first and by the highest time of the batch, which its header tells.
bool is_out_of_time(const log::BatchHeader& header, const broker::Thing& thing, Timestamp now) {
  if (thing.log_policy.log_append_time) return false;
  const TimestampWindow window = timestamp_window(thing);
  const auto further = [](int64_t later, int64_t earlier, int64_t most) {
    return later > earlier && static_cast<uint64_t>(later) - static_cast<uint64_t>(earlier) >
                                  static_cast<uint64_t>(most);
  };
  return (header.max_timestamp != log::kNoTimestamp &&
          further(header.max_timestamp, now.ms(), window.after_max_ms)) ||
         (header.base_timestamp != log::kNoTimestamp &&
          further(now.ms(), header.base_timestamp, window.before_max_ms));
}

class Appender {
 public:
  Appender(Engine& engine, const Call& call, Job& job)
      : engine_(engine), authorizer_(engine.broker, call), version_(call.version()), job_(job) {}

  ProduceResponse run() {
    // One commit for the whole request, if it is admitted at once; otherwise each batch stands or
    // falls alone.
    std::optional<broker::Broker::Turn> turn;
    if (job_.bytes <= kSharedCommitBytesMax) {
      turn.emplace(engine_.broker, engine_.now(), broker::Admission::kData, job_.bytes);
    }
    ProduceResponse response;
    size_t next = 0;
    for (const ProduceRequest::Topic& topic : job_.request.topic_data) {
      ProduceResponse::Topic& answer = response.responses.emplace_back();
      answer.name = topic.name;
      answer.topic_id = topic.topic_id;
      for (const ProduceRequest::Partition& partition : topic.partition_data) {
        ProduceResponse::Partition& result = answer.partition_responses.emplace_back();
        result.index = partition.index;
        append(topic, partition, job_.batches[next++], result);
      }
    }
    return response;
  }

  const broker::Depends& depends() const { return depends_; }
  bool failed() const { return failed_; }

 private:
  void append(const ProduceRequest::Topic& topic,
              const ProduceRequest::Partition& partition,
              const Prepared& batch,
              ProduceResponse::Partition& result) {
    const auto refused = [&](KafkaError error, std::string_view message) {
      failed_ = true;
      refuse(result, error, message);
    };
    if (job_.refused != KafkaError::kNone) return refused(job_.refused, "");
    const TopicRef ref = authorizer_.topic(
        Operation::kWrite,
        resolve(engine_.broker, version_ >= 13, topic.name.view(), topic.topic_id),
        topic.name.view());
    if (!ref.thing) return refused(ref.error, "");
    const auto log = partition_log(*ref.thing, partition.index);
    if (!log) return refused(KafkaError::kUnknownTopicOrPartition, "");
    if (!batch) return refused(error_of_batch(batch.error()), batch.error().message);
    if (is_out_of_time(batch->header, *ref.thing, engine_.now())) {
      return refused(KafkaError::kInvalidTimestamp,
                     "a timestamp lies too far from the broker's time");
    }
    if (ref.thing->log_policy.compaction) {
      check_keys(*batch, result);
      if (result.error_code != 0) {
        failed_ = true;
        return;
      }
    }
    const auto appended = engine_.broker.append(*log, *batch, engine_.now());
    if (!appended) return refused(topic_error(appended.error().code), appended.error().message);
    result.base_offset = appended->base_offset.value();
    result.log_start_offset = appended->log_start.value();
    if (ref.thing->log_policy.log_append_time) result.log_append_time_ms = appended->appended.ms();
    add(depends_, appended->depends);
  }

  Engine& engine_;
  const Authorizer authorizer_;
  const int16_t version_;
  Job& job_;
  broker::Depends depends_;
  bool failed_ = false;
};

}  // namespace

void ProduceHandler::handle(Call call, Request request) {
  Job job;
  for (const Request::Topic& topic : request.topic_data) {
    for (const Request::Partition& partition : topic.partition_data) {
      job.batches.push_back(prepare(partition, call.config()));
      if (partition.records) job.bytes += partition.records->size();
    }
  }
  const int16_t acks = request.acks;
  if (acks < -1 || acks > 1) job.refused = KafkaError::kInvalidRequiredAcks;
  if (request.transactional_id) job.refused = kNoTransactions;
  job.request = std::move(request);
  call.engine().call([call = std::move(call), job = std::move(job), acks](Engine& engine) mutable {
    Appender appender(engine, call, job);
    ProduceResponse response = appender.run();
    response.throttle_time_ms = throttle(engine, call, Metered::kProduced, job.bytes);
    if (acks != 0) return call.answer(response, appender.depends());
    if (!appender.failed())
      call.answer_nothing();  // else the call is dropped, and the connection with it
  });
}

}  // namespace weir::kafka
