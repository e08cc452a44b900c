#include "protocols/kafka/handlers/offsets.h"

#include <memory>
#include <optional>
#include <vector>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kHighestTime = -3;
constexpr int64_t kEarliestLocal = -4;
constexpr int64_t kLatestTiered = -5;
constexpr int64_t kEarliestPendingUpload = -6;

// The first version in which a special time has its meaning; nothing: it has none.
std::optional<int16_t> since(int64_t special) {
  switch (special) {
    case kLatest:
    case kEarliest: return 1;
    case kHighestTime: return 7;
    case kEarliestLocal: return 8;
    case kLatestTiered: return 9;
    case kEarliestPendingUpload: return 11;
    default: return std::nullopt;
  }
}

// Look-ups by time may read files, so the answer is kept until the last of them is back.
class OffsetList : public std::enable_shared_from_this<OffsetList> {
 public:
  OffsetList(Call call, ListOffsetsRequest request)
      : call_(std::move(call)), request_(std::move(request)) {}

  void run(Engine& engine) {
    // All places are made first: callbacks write into them.
    for (const ListOffsetsRequest::Topic& topic : request_.topics) {
      ListOffsetsResponse::Topic& answer = response_.topics.emplace_back();
      answer.name = topic.name;
      answer.partitions.resize(topic.partitions.size());
    }
    const Authorizer authorizer(engine.broker, call_);
    for (size_t t = 0; t < request_.topics.size(); ++t) {
      const ListOffsetsRequest::Topic& topic = request_.topics[t];
      const TopicRef ref =
          authorizer.topic(Operation::kDescribe,
                           resolve(engine.broker, false, topic.name.view(), {}), topic.name.view());
      for (size_t p = 0; p < topic.partitions.size(); ++p) {
        find(engine, ref, topic.partitions[p], response_.topics[t].partitions[p]);
      }
    }
    leave();
  }

 private:
  void find(Engine& engine,
            const TopicRef& ref,
            const ListOffsetsRequest::Partition& wanted,
            ListOffsetsResponse::Partition& answer) {
    answer.partition_index = wanted.partition_index;
    if (!ref.thing) return fail(answer, ref.error);
    const auto id = partition_log(*ref.thing, wanted.partition_index);
    const log::Log* log = id ? engine.broker.find_log(*id) : nullptr;
    if (!log) return fail(answer, KafkaError::kUnknownTopicOrPartition);
    const KafkaError epoch_error = check_leader_epoch(*log, wanted.current_leader_epoch);
    if (epoch_error != KafkaError::kNone) return fail(answer, epoch_error);
    if (wanted.timestamp < 0) {
      const auto first = since(wanted.timestamp);
      if (!first || call_.version() < *first) return fail(answer, KafkaError::kUnsupportedVersion);
    }
    answer.leader_epoch = log->current_epoch();
    switch (wanted.timestamp) {
      case kLatest:
        answer.offset = engine.broker.visible_end(*id, broker::Visibility::kSafe).value();
        return;
      case kEarliest:
      case kEarliestLocal: answer.offset = log->start().value(); return;
      case kLatestTiered:
      case kEarliestPendingUpload: return;  // there are no tiers
      case kHighestTime:
        if (!log->empty()) highest(engine, *id, {0, log->max_timestamp(), true}, answer);
        return;
      default: break;
    }
    by_time(engine, *id, Timestamp(wanted.timestamp), answer);
  }

  // Between which times the highest one is looked for.
  struct Between {
    int64_t low;
    int64_t high;
    bool first;
  };

  // The highest time of the rows may be that of a record that was deleted, or cannot be seen yet.
  // Then it is narrowed down by halves: what is found at a time tells of a later one.
  void highest(Engine& engine,
               CellId log,
               Between between,
               ListOffsetsResponse::Partition& answer) {
    const int64_t time =
        between.first ? between.high : between.low + (between.high - between.low) / 2;
    ++under_way_;
    engine.broker.find_by_time(log, Timestamp(time), broker::Visibility::kSafe,
                               [self = shared_from_this(), &engine, &answer, log, between,
                                time](Result<broker::FoundOffset> found) {
                                 Between rest{between.low, time - 1, false};
                                 if (!found) {
                                   fail(answer, topic_error(found.error().code));
                                   rest.high = -1;
                                 } else if (found->record) {
                                   answer.offset = found->record->offset.value();
                                   answer.timestamp = found->record->timestamp.ms();
                                   add(self->depends_, found->depends);
                                   rest = {answer.timestamp + 1, between.first ? -1 : between.high,
                                           false};
                                 }
                                 if (rest.low <= rest.high)
                                   self->highest(engine, log, rest, answer);
                                 self->leave();
                               });
  }

  void by_time(Engine& engine, CellId log, Timestamp time, ListOffsetsResponse::Partition& answer) {
    ++under_way_;
    engine.broker.find_by_time(
        log, time, broker::Visibility::kSafe,
        [self = shared_from_this(), &answer](Result<broker::FoundOffset> found) {
          if (!found) {
            fail(answer, topic_error(found.error().code));
          } else if (found->record) {
            answer.offset = found->record->offset.value();
            answer.timestamp = found->record->timestamp.ms();
            add(self->depends_, found->depends);
          }
          self->leave();
        });
  }

  static void fail(ListOffsetsResponse::Partition& answer, KafkaError error) {
    answer.error_code = wire_code(error);
    answer.leader_epoch = -1;
  }

  void leave() {
    if (--under_way_ == 0) call_.answer(response_, depends_);
  }

  Call call_;
  const ListOffsetsRequest request_;
  ListOffsetsResponse response_;
  broker::Depends depends_;
  size_t under_way_ = 1;  // run() itself
};

KafkaError end_of_epoch(Engine& engine,
                        const TopicRef& ref,
                        const OffsetForLeaderEpochRequest::Partition& wanted,
                        OffsetForLeaderEpochResponse::Partition& answer) {
  if (!ref.thing) return ref.error;
  const auto id = partition_log(*ref.thing, wanted.partition);
  const log::Log* log = id ? engine.broker.find_log(*id) : nullptr;
  if (!log) return KafkaError::kUnknownTopicOrPartition;
  const KafkaError epoch_error = check_leader_epoch(*log, wanted.current_leader_epoch);
  if (epoch_error != KafkaError::kNone) return epoch_error;
  if (wanted.leader_epoch > log->current_epoch()) return KafkaError::kNone;  // unknown: -1 and -1
  const log::EpochEnd end = log->end_of_epoch(wanted.leader_epoch);
  answer.leader_epoch = end.epoch;
  answer.end_offset = end.epoch < 0 ? -1 : end.end.value();
  // The end of the present epoch is what may be seen of it.
  if (end.epoch == log->current_epoch()) {
    answer.end_offset = engine.broker.visible_end(*id, broker::Visibility::kSafe).value();
  }
  return KafkaError::kNone;
}

KafkaError delete_records(Engine& engine,
                          const TopicRef& ref,
                          const DeleteRecordsRequest::Partition& wanted,
                          DeleteRecordsResponse::Partition& answer,
                          broker::Depends& depends) {
  if (!ref.thing) return ref.error;
  const auto id = partition_log(*ref.thing, wanted.partition_index);
  if (!id) return KafkaError::kUnknownTopicOrPartition;
  if (ref.thing->kind != catalog::Kind::kTopic) return KafkaError::kPolicyViolation;
  const auto& compaction = ref.thing->log_policy.compaction;
  if (compaction && !compaction->with_retention) return KafkaError::kPolicyViolation;
  if (wanted.offset < -1) return KafkaError::kOffsetOutOfRange;
  const Offset start = wanted.offset == -1
                           ? engine.broker.visible_end(*id, broker::Visibility::kSafe)
                           : Offset(wanted.offset);
  const auto trimmed = engine.broker.trim(*id, start, engine.now());
  if (!trimmed) return topic_error(trimmed.error().code);
  answer.low_watermark = trimmed->start.value();
  add(depends, trimmed->depends);
  return KafkaError::kNone;
}

}  // namespace

void ListOffsetsHandler::handle(Call call, Request request) {
  const MeteredEngine engine = call.engine();
  auto list = std::make_shared<OffsetList>(std::move(call), std::move(request));
  engine.call([list = std::move(list)](Engine& here) { list->run(here); });
}

void OffsetForLeaderEpochHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call),
                      request = std::move(request)](Engine& engine) mutable {
    OffsetForLeaderEpochResponse response;
    const Authorizer authorizer(engine.broker, call);
    for (const Request::Topic& topic : request.topics) {
      OffsetForLeaderEpochResponse::Topic& answer = response.topics.emplace_back();
      answer.topic = topic.topic;
      const TopicRef ref = authorizer.topic(Operation::kDescribe,
                                            resolve(engine.broker, false, topic.topic.view(), {}),
                                            topic.topic.view());
      for (const Request::Partition& partition : topic.partitions) {
        OffsetForLeaderEpochResponse::Partition& result = answer.partitions.emplace_back();
        result.partition = partition.partition;
        result.error_code = wire_code(end_of_epoch(engine, ref, partition, result));
      }
    }
    call.answer(response);
  });
}

void DeleteRecordsHandler::handle(Call call, Request request) {
  call.engine().call([call = std::move(call),
                      request = std::move(request)](Engine& engine) mutable {
    DeleteRecordsResponse response;
    broker::Depends depends;
    const Authorizer authorizer(engine.broker, call);
    for (const Request::Topic& topic : request.topics) {
      DeleteRecordsResponse::Topic& answer = response.topics.emplace_back();
      answer.name = topic.name;
      const TopicRef ref =
          authorizer.topic(Operation::kDelete, resolve(engine.broker, false, topic.name.view(), {}),
                           topic.name.view());
      for (const Request::Partition& partition : topic.partitions) {
        DeleteRecordsResponse::Partition& result = answer.partitions.emplace_back();
        result.partition_index = partition.partition_index;
        result.low_watermark = -1;
        result.error_code = wire_code(delete_records(engine, ref, partition, result, depends));
      }
    }
    call.answer(response, depends);
  });
}

}  // namespace weir::kafka
