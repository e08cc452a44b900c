#include "protocols/kafka/handlers/fetch.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/quota/throttle.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {
namespace {

constexpr int32_t kMaxWaitMs = 10 * 60 * 1000;
constexpr int16_t kTopicIdsSince = 13;
constexpr int32_t kNoNewSession = -1;  // the epoch of a request that ends its session, or has none

using broker::Broker;

// One fetch, from its arrival to its answer. Thread: the state shard's, except its construction.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(Call call, FetchRequest request) : call_(std::move(call)), request_(std::move(request)) {}

  Call& call() { return call_; }

  void begin(Engine& engine) {
    engine_ = &engine;
    deadline_ = engine.now() + Milliseconds(std::clamp(request_.max_wait_ms, 0, kMaxWaitMs));
    const Quotas::Allowance allowance =
        engine.quotas.allowance(Metered::kFetched, quota_client(call_), engine.now());
    bytes_max_ = std::min({static_cast<size_t>(std::max(request_.max_bytes, 0)),
                           call_.config().fetch_bytes_max, allowance.burst});
    const bool owes = allowance.owed.count() > 0;
    // No session begins with an answer that says nothing of its partitions.
    if (owes && request_.session_epoch <= 0) request_.session_epoch = kNoNewSession;
    FetchSessions::Opened opened = engine.fetch_sessions.open(
        request_, call_.version() >= kTopicIdsSince, engine.now(), engine.broker.random());
    if (opened.error != KafkaError::kNone) return refuse(opened.error);
    session_ = std::move(opened.session);
    incremental_ = opened.incremental;
    if (owes) return answer_later(allowance.owed);
    const Authorizer authorizer(engine.broker, call_);
    for (size_t t = 0; t < request_.topics.size(); ++t) {
      const FetchRequest::Topic& topic = request_.topics[t];
      const TopicRef ref =
          authorizer.topic(Operation::kRead,
                           resolve(engine.broker, call_.version() >= kTopicIdsSince,
                                   topic.topic.view(), topic.topic_id),
                           topic.topic.view());
      for (const FetchRequest::Partition& partition : topic.partitions) add(t, partition, ref);
    }
    attempt();
  }

  // The client is gone: nobody reads the answer.
  void abandon() {
    if (done_) return;
    done_ = true;
    if (waiter_ != broker::WaiterId()) engine_->broker.cancel_wait(waiter_);
    call_.answer_nothing();
  }

 private:
  struct Wanted {
    size_t topic = 0;
    const FetchRequest::Partition* request = nullptr;
    CellId log;
    size_t limit = 0;      // of bytes, in the attempt under way
    bool reading = false;  // until what was read is taken
    std::optional<Result<broker::ReadAnswer>> read;
    Offset seen_end;  // of the last attempt
    FetchResponse::Partition result;
  };

  void add(size_t topic, const FetchRequest::Partition& partition, const TopicRef& ref) {
    Wanted& wanted = wanted_.emplace_back();
    wanted.topic = topic;
    wanted.request = &partition;
    wanted.result.partition_index = partition.partition;
    KafkaError error = ref.error;
    if (ref.thing) {
      const auto id = partition_log(*ref.thing, partition.partition);
      const log::Log* log = id ? engine_->broker.find_log(*id) : nullptr;
      error = log ? check_leader_epoch(*log, partition.current_leader_epoch)
                  : KafkaError::kUnknownTopicOrPartition;
      wanted.log = id.value_or(CellId());
    }
    if (error != KafkaError::kNone) fail(wanted, error);
  }

  void fail(Wanted& wanted, KafkaError error) {
    wanted.result.error_code = wire_code(error);
    wanted.result.high_watermark = -1;
    wanted.result.records = wire::Records();
    failed_ = true;
  }

  // Partitions are taken in their order, since each may use what the ones before have left; they
  // are read at the same time while there is room for all that they may bring.
  void attempt() {
    next_ = 0;
    taken_ = 0;
    bytes_ = 0;
    step();
  }

  // Callbacks that come within the call go on in this loop, later ones start it again; no recursion
  // either way.
  void step() {
    if (stepping_ || done_) return;
    stepping_ = true;
    do {
      while (next_ < wanted_.size() && ask(wanted_[next_])) ++next_;
    } while (take_next());
    stepping_ = false;
    if (taken_ == wanted_.size()) finish_or_wait();
  }

  // False: those before it may use up what is left.
  bool ask(Wanted& wanted) {
    if (wanted.result.error_code != 0) return true;
    const size_t left = bytes_max_ - std::min(bytes_, bytes_max_);
    const auto most = static_cast<size_t>(std::max(wanted.request->partition_max_bytes, 0));
    if (taken_ < next_ && asked_ + most > left) return false;
    if (left == 0 && bytes_ > 0) {
      show_ends(wanted);
      return true;
    }
    wanted.limit = std::min(left, most);
    wanted.reading = true;
    asked_ += wanted.limit;
    engine_->broker.read({.log = wanted.log,
                          .from = Offset(wanted.request->fetch_offset),
                          .bytes_max = wanted.limit,
                          .end = std::nullopt},
                         [self = shared_from_this(), &wanted](Result<broker::ReadAnswer> read) {
                           wanted.read = std::move(read);
                           self->step();
                         });
    return true;
  }

  // False: there is none, or it is being read.
  bool take_next() {
    if (taken_ == next_) return false;
    Wanted& wanted = wanted_[taken_];
    if (wanted.reading) {
      if (!wanted.read) return false;
      wanted.reading = false;
      asked_ -= wanted.limit;
      take(wanted, *std::exchange(wanted.read, std::nullopt));
    }
    ++taken_;
    return true;
  }

  // The answer is full: the partition is told how far it reaches, without records.
  void show_ends(Wanted& wanted) {
    const log::Log* log = engine_->broker.find_log(wanted.log);
    if (!log) return fail(wanted, KafkaError::kUnknownTopicOrPartition);
    wanted.seen_end = end_of(wanted);
    wanted.result.high_watermark = wanted.seen_end.value();
    wanted.result.last_stable_offset = wanted.seen_end.value();
    wanted.result.log_start_offset = log->start().value();
    wanted.result.records = wire::Records();
    if (request_.isolation_level == 1) wanted.result.aborted_transactions.emplace();
  }

  void take(Wanted& wanted, Result<broker::ReadAnswer> read) {
    FetchResponse::Partition& result = wanted.result;
    if (!read) {
      fail(wanted, topic_error(read.error().code));
      if (const log::Log* log = engine_->broker.find_log(wanted.log)) {
        result.log_start_offset = log->start().value();
      }
      return;
    }
    wanted.seen_end = read->end;
    result.high_watermark = read->end.value();
    result.last_stable_offset = read->end.value();
    result.log_start_offset = read->start.value();
    if (request_.isolation_level == 1) result.aborted_transactions.emplace();
    wire::Records records;
    const size_t limit = std::min(wanted.limit, bytes_max_ - std::min(bytes_, bytes_max_));
    size_t size = 0;
    for (broker::StoredEntry& batch : read->batches) {
      const size_t with_this = size + batch.payload.size();
      // The very first batch of the answer goes out whatever the limits say.
      if (with_this > limit && bytes_ + size > 0) break;
      size = with_this;
      records.append(std::move(batch.payload));
    }
    bytes_ += size;
    result.records = std::move(records);
    weir::kafka::add(depends_, read->depends);
  }

  void finish_or_wait() {
    // A minimum that no answer may reach is not waited for: anything will do.
    const auto wanted_min = static_cast<size_t>(std::max(request_.min_bytes, 0));
    const size_t bytes_min = wanted_min > bytes_max_ ? 1 : wanted_min;
    if (failed_ || wanted_.empty() || bytes_ >= bytes_min || engine_->now() >= deadline_)
      return finish();
    // Something may have come while a file was read.
    std::vector<broker::WaitKey> keys;
    keys.reserve(wanted_.size());
    for (const Wanted& wanted : wanted_) {
      if (end_of(wanted) != wanted.seen_end) return attempt();
      keys.push_back(Broker::safe_key(wanted.log));
    }
    waiter_ = engine_->broker.wait(
        keys, deadline_, broker::WaitMode::kAll,
        [self = shared_from_this()](broker::WakeReason reason) { return self->woken(reason); });
  }

  Offset end_of(const Wanted& wanted) const {
    return engine_->broker.visible_end(wanted.log, broker::Visibility::kSafe);
  }

  bool woken(broker::WakeReason reason) {
    if (done_) return true;
    if (reason == broker::WakeReason::kChanged) {
      // A wake-up for nothing keeps its place. (A removed log has no end any more: the attempt
      // finds that out.)
      const bool moved = std::ranges::any_of(
          wanted_, [this](const Wanted& wanted) { return end_of(wanted) != wanted.seen_end; });
      if (!moved) return false;
    } else {
      deadline_ = engine_->now();
    }
    waiter_ = {};
    attempt();
    return true;
  }

  // Too much was fetched already: an answer without records, as Kafka gives, and a pause.
  void answer_later(Milliseconds owed) {
    done_ = true;
    FetchResponse response;
    if (session_) session_->answered(response, incremental_);
    response.throttle_time_ms = pause(*engine_, call_, owed);
    call_.answer(response);
  }

  void refuse(KafkaError error) {
    done_ = true;
    FetchResponse response;
    response.error_code = wire_code(error);
    call_.answer(response);
  }

  void finish() {
    done_ = true;
    FetchResponse response;
    response.responses.resize(request_.topics.size());
    for (size_t t = 0; t < request_.topics.size(); ++t) {
      response.responses[t].topic = request_.topics[t].topic;
      response.responses[t].topic_id = request_.topics[t].topic_id;
    }
    for (Wanted& wanted : wanted_) {
      response.responses[wanted.topic].partitions.push_back(std::move(wanted.result));
    }
    if (session_) session_->answered(response, incremental_);
    response.throttle_time_ms = throttle(*engine_, call_, Metered::kFetched, bytes_);
    call_.answer(response, depends_);
  }

  Call call_;
  FetchRequest request_;  // as it stands for itself, once begun
  Engine* engine_ = nullptr;
  std::shared_ptr<FetchSession> session_;  // none: the request stands for itself
  bool incremental_ = false;
  Timestamp deadline_;
  size_t bytes_max_ = 0;
  std::vector<Wanted> wanted_;
  size_t next_ = 0;   // to be asked for
  size_t taken_ = 0;  // those before are part of the answer
  size_t asked_ = 0;  // bytes that those between the two may bring
  size_t bytes_ = 0;  // of the answer
  bool failed_ = false;
  bool stepping_ = false;
  bool done_ = false;
  broker::Depends depends_;
  broker::WaiterId waiter_;
};

}  // namespace

void FetchHandler::handle(Call call, Request request) {
  const MeteredEngine engine = call.engine();
  auto fetch = std::make_shared<Fetch>(std::move(call), std::move(request));
  fetch->call().on_abandoned([engine, weak = std::weak_ptr(fetch)] {
    engine.call([weak](Engine&) {
      if (const auto still = weak.lock()) still->abandon();
    });
  });
  engine.call([fetch = std::move(fetch)](Engine& here) { fetch->begin(here); });
}

}  // namespace weir::kafka
