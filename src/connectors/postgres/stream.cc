// Streaming: frames become changes, changes records, records commits, and commits what PostgreSQL
// hears.

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>

#include "connectors/pgoutput/statements.h"
#include "connectors/postgres/session.h"

namespace weir::postgres {
namespace {

// Small transactions share a commit up to so many bytes.
constexpr size_t kGatherBytes = size_t{1} << 20;
// A transaction beyond this is committed in parts: a commit of the journal holds 64 MiB.
constexpr size_t kPartBytes = size_t{24} << 20;
constexpr Milliseconds kIdle{200};
constexpr Milliseconds kSoon{2};  // while something waits for its commit to be durable
constexpr int64_t kAnswerUs = 100'000;

size_t size_of(const cdc::Output& output) {
  size_t bytes = 64;
  if (output.key) bytes += output.key->size();
  if (output.value) bytes += output.value->size();
  for (const cdc::Header& header : output.headers) {
    bytes += header.key.size() + header.value.value_or("").size();
  }
  return bytes;
}

// The answer of the state shard; it may come after the one who asked has stopped waiting.
struct Pending {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Result<broker::Depends>> answer;
  bool safe = false;
};

}  // namespace

int64_t Session::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<> Session::store() {
  if (!dirty_) return {};
  // Owned by the closure: the broker may get to it after this session has ended.
  const auto work = std::make_shared<cdc::Commit>();
  work->outputs = std::exchange(gathered_, {});
  work->progress = progress_;
  work->notes = std::exchange(notes_, {});
  work->snapshot = reading_;
  gathered_bytes_ = 0;
  const uint64_t transactions = std::exchange(gathered_transactions_, 0);
  for (;;) {
    const auto pending = std::make_shared<Pending>();
    runner_.broker_.call(
        [work, pending, name = runner_.name_, &clock = runner_.clock_](broker::Broker& broker) {
          auto answer = cdc::commit(broker, name, *work, clock.now());
          const std::lock_guard lock(pending->mutex);
          pending->answer = std::move(answer);
          pending->ready.notify_one();
        });
    std::unique_lock lock(pending->mutex);
    while (!pending->answer) {
      if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
      pending->ready.wait_for(lock, std::chrono::milliseconds(50));
    }
    const auto& answer = *pending->answer;
    if (answer) {
      stored_ = *answer;
      break;
    }
    const ErrorCode code = answer.error().code;
    const bool soon = code == ErrorCode::kOverloaded || code == ErrorCode::kStorageUnavailable;
    // The stream brings its changes again as they were; rows may be others at the next cut, so
    // what was begun with them is done with them.
    if (!soon && (!reading_ || code == ErrorCode::kNotFound)) {
      return std::unexpected(answer.error());
    }
    runner_.update([&](Status& status) { status.problem = answer.error().message; });
    if (runner_.stop_.wait(Milliseconds(100))) {
      return fail(ErrorCode::kTimedOut, "the connector stops");
    }
  }
  dirty_ = false;
  undurable_ = true;
  stored_flushed_ = progress_.flushed;
  runner_.update([&](Status& status) {
    status.problem.clear();
    status.events += work->outputs.size();
    status.transactions += transactions;
  });
  return {};
}

Result<> Session::note_durable(bool wait) {
  while (undurable_) {
    const auto pending = std::make_shared<Pending>();
    runner_.broker_.call([pending, depends = stored_](broker::Broker& broker) {
      const std::lock_guard lock(pending->mutex);
      pending->safe = broker.is_safe(depends);
      pending->answer = depends;
      pending->ready.notify_one();
    });
    bool safe = false;
    {
      std::unique_lock lock(pending->mutex);
      while (!pending->answer) {
        if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
        pending->ready.wait_for(lock, std::chrono::milliseconds(50));
      }
      safe = pending->safe;
    }
    if (safe) {
      undurable_ = false;
      durable_flushed_ = stored_flushed_;
      runner_.update([&](Status& status) { status.flushed_lsn = durable_flushed_; });
    } else if (!wait) {
      return {};
    } else if (runner_.stop_.wait(kSoon)) {
      return fail(ErrorCode::kTimedOut, "the connector stops");
    }
  }
  return {};
}

Result<> Session::begin_stream() {
  streaming_ = true;
  return replication_->start_copy_both(pgoutput::start_replication(config_, progress_.flushed));
}

Result<> Session::stream() {
  if (auto begun = begin_stream(); !begun) return begun;
  runner_.update([&](Status& status) {
    status.state = progress_.snapshot_done ? "streaming" : "snapshot";
    status.problem.clear();
  });
  const bool resumes = progress_.next.index > 0;
  assembler_ =
      std::make_unique<pgoutput::Assembler>(*describer_, resumes ? progress_.flushed : uint64_t{0});
  for (;;) {
    if (auto stepped = step(); !stepped) return stepped;
  }
}

// A frame, and a rest unless more are there to be gathered.
Result<> Session::step() {
  if (runner_.stop_.requested()) return fail(ErrorCode::kTimedOut, "the connector stops");
  if (holds()) return rest();
  const bool at_once = dirty_ && !assembler_->in_transaction();
  const bool soon = dirty_ || undurable_;
  auto frame = replication_->next_frame(at_once ? Milliseconds(0) : soon ? kSoon : kIdle);
  if (!frame) return std::unexpected(frame.error());
  if (!*frame) return rest();
  if (auto taken = take_frame(**frame); !taken) return taken;
  const bool full = gathered_bytes_ >= kPartBytes ||
                    (gathered_bytes_ >= kGatherBytes && !assembler_->in_transaction());
  return full ? rest() : Result<>();
}

// When nothing more is there, or enough is gathered.
Result<> Session::rest() {
  const bool part = assembler_->in_transaction() && gathered_bytes_ < kPartBytes;
  if (!part) {
    if (auto stored = store(); !stored) return stored;
  }
  if (auto noted = note_durable(false); !noted) return noted;
  if (auto answered = answer(false); !answered) return answered;
  if (auto taken = take_requests(); !taken) return taken;
  if (auto advanced = advance_cut(); !advanced) return advanced;
  if (auto beaten = heartbeat(); !beaten) return beaten;
  return now_us() - polled_us_ > kPollUs ? poll_slot() : Result<>();
}

Result<> Session::take_frame(const std::string& bytes) {
  if (cut_.point != 0) {
    if (auto passed = pass(bytes); !passed) return passed;
  }
  const auto frame = pgoutput::read_frame(bytes);
  if (!frame) return std::unexpected(frame.error());
  if (const auto* alive = std::get_if<pgoutput::Keepalive>(&*frame)) {
    received_ = std::max(received_, alive->end);
    // Nothing of ours lies before it: the database may forget so much. The note comes first, so
    // that the slot never stands beyond what is stored.
    constexpr uint64_t kWorthANote = uint64_t{1} << 20;
    if (!assembler_->in_transaction() && gathered_.empty() &&
        alive->end > progress_.flushed + kWorthANote) {
      progress_.flushed = alive->end;
      dirty_ = true;
    }
    return alive->reply_now ? answer(true) : Result<>();
  }
  const auto& data = std::get<pgoutput::XLogData>(*frame);
  received_ = std::max(received_, data.start);
  return assembler_->feed(data, *this);
}

// A record that shows that the capture lives, and a statement that keeps the database's log moving.
Result<> Session::heartbeat() {
  const int64_t now = now_us();
  const bool due = config_.heartbeat_interval_ms > 0 &&
                   now - heartbeat_us_ >= config_.heartbeat_interval_ms * 1000;
  if (!due || assembler_->in_transaction()) return {};
  heartbeat_us_ = now;
  renderer_.heartbeat(now, gathered_);
  dirty_ = true;
  if (config_.heartbeat_action_query.empty()) return {};
  const auto acted = ordinary_->query(config_.heartbeat_action_query);
  if (acted) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("heartbeat.action.query failed: {}", acted.error().message));
}

Result<> Session::answer(bool always, bool ask) {
  const int64_t now = now_us();
  const int64_t since = now - answered_us_;
  const bool due = since > config_.status_update_interval_ms * 1000;
  const bool news = durable_flushed_ != answered_flushed_ && since > kAnswerUs;
  if (!always && !due && !news) return {};
  answered_flushed_ = durable_flushed_;
  answered_us_ = now;
  return replication_->send_frame(pgoutput::status_reply(
      std::max(received_, durable_flushed_), durable_flushed_, durable_flushed_, now, ask));
}

Result<> Session::begin(const cdc::Transaction& transaction) {
  begun_lsn_ = transaction.commit_lsn;
  const size_t before = gathered_.size();
  renderer_.begin(transaction, gathered_);
  if (progress_.next.commit_lsn >= transaction.commit_lsn) gathered_.resize(before);
  return {};
}

Result<> Session::change(const cdc::Change& change) {
  const bool written = !is_new(change.position);
  // What was written before a restart counts in the numbers inside of its transaction.
  if (written && !config_.transaction_metadata) return {};
  const size_t before = gathered_.size();
  const bool ours =
      change.operation == cdc::Operation::kMessage && change.message_prefix.starts_with("weir.");
  const bool awaited = change.relation && awaited_.contains(change.relation->id);
  if (!ours && !awaited) {
    if (auto rendered = renderer_.render(change, now_us(), gathered_); !rendered) return rendered;
  }
  if (written) {
    gathered_.resize(before);
    return {};
  }
  for (size_t i = before; i < gathered_.size(); ++i) gathered_bytes_ += size_of(gathered_[i]);
  progress_.next = {change.position.commit_lsn, change.position.index + 1};
  dirty_ = true;
  // In the middle of a large transaction: the next commit carries the place inside it.
  if (gathered_bytes_ >= kPartBytes) return store();
  return {};
}

Result<> Session::commit(const cdc::Transaction& transaction) {
  if (progress_.next.commit_lsn < transaction.commit_lsn ||
      (progress_.next.commit_lsn == transaction.commit_lsn && progress_.next.index != UINT64_MAX)) {
    renderer_.end(transaction, gathered_);
    progress_.next = {transaction.commit_lsn, UINT64_MAX};
    ++gathered_transactions_;
    dirty_ = true;
    runner_.update([&](Status& status) { status.last_commit_us = transaction.commit_us; });
  }
  if (transaction.end_lsn > progress_.flushed) {
    progress_.flushed = transaction.end_lsn;
    dirty_ = true;
  }
  return {};
}

}  // namespace weir::postgres
