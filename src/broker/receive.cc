// Receiving: lease, move dead letters, wait, and read the bodies after the lease.

#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"
#include "broker/redrive.h"

namespace weir::broker {

namespace {

std::vector<Offset> offsets_of(Offset from, Offset end) {
  std::vector<Offset> offsets;
  for (Offset offset = from; offset < end; offset = offset.next()) offsets.push_back(offset);
  return offsets;
}

// The group of each record of [from, end): those that are gone count as records without a key. What
// has no key is a group in an ordered queue, and none elsewhere.
std::vector<queue::GroupHash> groups_of(const absl::flat_hash_map<Offset, Delivery>& records,
                                        Offset from,
                                        Offset end,
                                        bool ordered) {
  std::vector<queue::GroupHash> groups;
  for (Offset offset = from; offset < end; offset = offset.next()) {
    const auto record = records.find(offset);
    const bool known = record != records.end() && record->second.record.key.has_value();
    const ByteView key = known ? *record->second.record.key : ByteView{};
    groups.push_back(key.empty() && !ordered ? 0 : group_hash(key));
  }
  return groups;
}

}  // namespace

struct Broker::ReceiveJob {
  ReceiveId id;
  CellId queue;
  ReceiveOptions options;
  ReceiveDone done;
  WaiterId waiter;
  bool cancelled = false;
  Records letters;  // bodies of dead letters that had to be read first
  std::vector<Offset> unreadable;

  void answer(Result<Received> result) {
    if (!cancelled) done(std::move(result));
  }
};

ReceiveId Broker::receive(CellId queue,
                          const ReceiveOptions& options,
                          Timestamp now,
                          ReceiveDone done) {
  now_ = std::max(now_, now);
  auto job = std::make_shared<ReceiveJob>();
  last_receive_ = last_receive_.next();
  job->id = last_receive_;
  job->queue = queue;
  job->options = options;
  job->options.count = std::min(options.count, limits_.receive_count_max);
  job->done = std::move(done);
  receives_.emplace(job->id, job);
  run_receive(job);
  return receives_.contains(job->id) ? job->id : ReceiveId{};
}

void Broker::cancel_receive(ReceiveId id) {
  const auto found = receives_.find(id);
  if (found == receives_.end()) return;
  const auto job = found->second;
  receives_.erase(found);
  job->cancelled = true;
  waiters_.cancel(job->waiter);
}

void Broker::run_receive(const std::shared_ptr<ReceiveJob>& job) {
  if (job->cancelled || attempt_receive(job) != Attempt::kEmpty) return;
  const auto give_up_waiting = [this, job] {
    receives_.erase(job->id);
    job->answer(Received{.deliveries = {}, .depends = queue_depends(job->queue)});
  };
  if (job->options.wait_until <= now_ || stopped_) return give_up_waiting();
  const WaitKey key = applied_key(job->queue);
  job->waiter = wait({&key, 1}, job->options.wait_until, WaitMode::kOne,
                     [this, job, give_up_waiting](WakeReason reason) {
                       if (reason == WakeReason::kChanged) {
                         return attempt_receive(job) != Attempt::kEmpty;
                       }
                       give_up_waiting();
                       return true;
                     });
}

void Broker::run_receive_later(const std::shared_ptr<ReceiveJob>& job) {
  constexpr Milliseconds kPause{1};
  wait({}, now_ + kPause, WaitMode::kAll, [this, job](WakeReason reason) {
    if (reason != WakeReason::kStopping) {
      run_receive(job);
      return true;
    }
    receives_.erase(job->id);
    job->answer(Received{.deliveries = {}, .depends = queue_depends(job->queue)});
    return true;
  });
}

Broker::Attempt Broker::attempt_receive(const std::shared_ptr<ReceiveJob>& job) {
  const auto answer = [&](Result<Received> result) {
    receives_.erase(job->id);
    job->answer(std::move(result));
    return Attempt::kAnswered;
  };
  const Turn turn(*this, now_, Admission::kRelease);
  if (!turn.ok()) return answer(std::unexpected(turn.status().error()));
  auto* cell = find<QueueCell>(job->queue);
  const Thing* thing = catalog_.owner_of(job->queue);
  if (cell == nullptr || thing == nullptr) {
    return answer(
        fail(ErrorCode::kNotFound, fmt::format("there is no queue {}", job->queue.value())));
  }
  const auto* data = find<LogCell>(cell->log);
  cell->queue.advance_time(now_);

  const queue::IsGone is_gone = [&log = data->log](Offset offset) {
    return offset < log.start() || log.deleted(offset);
  };
  // Without a place to move them to, messages are delivered on; the limit stands and is in force
  // again when there is one.
  const bool nowhere =
      cell->queue.policy().delivery_limit != 0 && dead_letter_queue(*thing) == nullptr;
  Received received;
  std::vector<queue::Lease> leases;
  for (bool more = true; more && leases.size() < job->options.count;) {
    if (!load_groups(*cell, job)) return Attempt::kReading;
    queue::LeaseCommand command;
    command.consumer = job->options.consumer;
    command.count = job->options.count - static_cast<uint32_t>(leases.size());
    command.duration = job->options.lease;
    command.bound = job->options.bound;
    command.no_ack = job->options.no_ack;
    command.is_gone = &is_gone;
    command.unlimited = nowhere;
    auto decision = cell->queue.decide_lease(command);
    if (!decision.dead_letters.empty()) {
      if (!pin_dead_letters(job, cell->log, decision.dead_letters)) return Attempt::kReading;
      const auto moved = move_dead_letters(*thing, decision.dead_letters, job->letters);
      if (!moved) return answer(std::unexpected(moved.error()));
    }
    apply_events(job->queue, *cell, decision.events);
    leases.insert(leases.end(), decision.leases.begin(), decision.leases.end());
    received.at_in_flight_limit |= decision.at_in_flight_limit;
    more = decision.more;
    if (!decision.dead_letters.empty()) settled(job->queue, *cell);
  }
  if (leases.empty() && !received.at_in_flight_limit) return Attempt::kEmpty;
  received.depends = queue_depends(job->queue);
  for (const queue::Lease& lease : leases) received.deliveries.push_back({lease, {}, {}});
  receives_.erase(job->id);
  deliver(job, std::move(received));
  return Attempt::kAnswered;
}

// Bodies are read after the lease. A body that is gone meanwhile is settled, not handed out; a
// lease that ended while its body was read is not handed out either, since somebody else may hold
// or have settled the message by now.
void Broker::deliver(const std::shared_ptr<ReceiveJob>& job, Received received) {
  std::vector<Offset> offsets;
  offsets.reserve(received.deliveries.size());
  for (const Delivery& delivery : received.deliveries) offsets.push_back(delivery.lease.offset);
  std::sort(offsets.begin(), offsets.end());
  const auto* cell = find<QueueCell>(job->queue);
  read_records(cell->log, std::move(offsets),
               [this, job, received = std::move(received), leased_at = now_,
                next = journal_.next_lsn()](Result<std::vector<Delivery>> records) mutable {
                 if (!records) return job->answer(std::unexpected(records.error()));
                 absl::flat_hash_map<Offset, Delivery*> by_offset;
                 for (Delivery& record : *records) by_offset[record.record.offset] = &record;
                 std::vector<Offset> gone;
                 std::erase_if(received.deliveries, [&](Delivery& delivery) {
                   const auto found = by_offset.find(delivery.lease.offset);
                   if (found == by_offset.end()) {
                     gone.push_back(delivery.lease.offset);
                     return true;
                   }
                   delivery.record = found->second->record;
                   delivery.holder = found->second->holder;
                   remember_identity(job->queue, delivery.record);
                   const bool moved_on = now_ > leased_at || journal_.next_lsn() != next;
                   return moved_on && !job->options.no_ack && !stands(job->queue, delivery.lease);
                 });
                 auto* still = find<QueueCell>(job->queue);
                 if (!gone.empty() && still != nullptr) {
                   const auto discarded = still->queue.decide_discard(gone);
                   static_cast<void>(apply(job->queue, discarded.events, now_));
                 }
                 job->answer(std::move(received));
               });
}

bool Broker::stands(CellId id, const queue::Lease& lease) {
  auto* cell = find<QueueCell>(id);
  if (cell == nullptr) return false;
  cell->queue.advance_time(now_);
  const auto present = cell->queue.lease_of(lease.offset);
  return present && present->generation == lease.generation;
}

// ---- message groups: the look-ahead of a FIFO queue is a cache over its log

// A receive looks ahead by one step, whatever the depth of the queue, as long as there is a group
// to deliver from. Without one it goes on until there is; what then takes long, others have their
// turn between. False when the job goes on later.
bool Broker::load_groups(QueueCell& cell, const std::shared_ptr<ReceiveJob>& job) {
  constexpr int64_t kStep = 1024;
  constexpr int kStepsInARow = 8;
  int steps = 0;
  for (; const auto from = cell.queue.needs_window_from(); ++steps) {
    const bool enough = steps > 0 || cell.loading;
    if (enough && !cell.queue.starved()) return true;
    if (cell.loading || steps == kStepsInARow) {
      run_receive_later(job);
      return false;
    }
    const auto* data = find<LogCell>(cell.log);
    const Offset last = std::min(*from + kStep, data->log.end());
    std::vector<Offset> offsets = offsets_of(*from, last);
    const auto load = [this, id = job->queue, from = *from, last](const Records& records) {
      auto* target = find<QueueCell>(id);
      if (target == nullptr || target->queue.needs_window_from() != from) return;
      const bool ordered = target->queue.policy().order == queue::Order::kGroups;
      target->queue.load_window(from, groups_of(records, from, last, ordered));
    };
    Records records;
    std::vector<Extent> missing;
    collect_cached(cell.log, offsets, records, missing);
    if (missing.empty()) {
      load(records);
      continue;
    }
    cell.loading = true;
    read_records(cell.log, std::move(offsets),
                 [this, job, load](Result<std::vector<Delivery>> read) {
                   if (auto* still = find<QueueCell>(job->queue)) still->loading = false;
                   if (!read) {
                     receives_.erase(job->id);
                     return job->answer(std::unexpected(read.error()));
                   }
                   Records found;
                   for (Delivery& record : *read)
                     found.emplace(record.record.offset, std::move(record));
                   load(found);
                   run_receive(job);
                 });
    return false;
  }
  return true;
}

// ---- dead letters

const Thing* Broker::dead_letter_queue(const Thing& from) const {
  const Thing* target = catalog_.find(Name{from.name.space, from.queue_policy.dead_letter});
  return target != nullptr && target->kind == catalog::Kind::kQueue ? target : nullptr;
}

bool Broker::pin_dead_letters(const std::shared_ptr<ReceiveJob>& job,
                              CellId log,
                              const std::vector<queue::DeadLetter>& letters) {
  std::vector<Offset> wanted;
  for (const queue::DeadLetter& letter : letters) {
    const auto unreadable =
        std::find(job->unreadable.begin(), job->unreadable.end(), letter.offset);
    if (!job->letters.contains(letter.offset) && unreadable == job->unreadable.end()) {
      wanted.push_back(letter.offset);
    }
  }
  if (wanted.empty()) return true;
  std::sort(wanted.begin(), wanted.end());
  std::vector<Extent> missing;
  collect_cached(log, wanted, job->letters, missing);
  if (missing.empty()) return true;
  read_records(log, wanted, [this, job, wanted](Result<std::vector<Delivery>> read) {
    if (!read) {
      receives_.erase(job->id);
      return job->answer(std::unexpected(read.error()));
    }
    for (Delivery& record : *read) job->letters.emplace(record.record.offset, std::move(record));
    for (const Offset offset : wanted) {
      if (!job->letters.contains(offset)) job->unreadable.push_back(offset);
    }
    run_receive(job);
  });
  return false;
}

Result<void> Broker::move_dead_letters(const Thing& from,
                                       const std::vector<queue::DeadLetter>& letters,
                                       const Records& records) {
  const Name source = from.name;
  const catalog::Uuid log_identity = from.uuid;
  const CellId source_queue = from.queue;
  const bool ordered = from.queue_policy.order != catalog::Order::kNone;
  const Thing* target = dead_letter_queue(from);
  if (target == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("the dead-letter queue {} of {} does not exist",
                                                  from.queue_policy.dead_letter, source.name));
  }
  const CellId target_queue = target->queue;
  // All of them or none: what follows must not be refused half way.
  size_t bytes = 0;
  for (const queue::DeadLetter& letter : letters) {
    const auto found = records.find(letter.offset);
    if (found != records.end()) bytes += found->second.holder.size() + 2 * kBridgeEventBytes;
  }
  const Turn room(*this, now_, Admission::kData, bytes);
  if (!room.ok()) return room.status();
  std::vector<Departed> moved;
  for (const queue::DeadLetter& letter : letters) {
    const auto found = records.find(letter.offset);
    if (found == records.end()) continue;  // its record is gone: nothing to move
    const log::ReadRecord& record = found->second.record;
    const catalog::Uuid identity = message_id_of(log_identity, record);
    const std::string id = to_string(identity);
    const Timestamp first_sent = first_sent_at(record);
    const std::string sent = std::to_string(first_sent.ms());
    const std::string deliveries = std::to_string(letter.deliveries);
    std::vector<log::RecordHeader> headers;
    for (const log::RecordHeader& header : record.headers) {
      const bool ours = header.key == kHeaderMessageId || header.key == kHeaderSent ||
                        header.key == kHeaderDeadLetterSource || header.key == kHeaderDeliveries;
      if (!ours) headers.push_back(header);
    }
    headers.push_back({kHeaderMessageId, id});
    headers.push_back({kHeaderSent, sent});
    headers.push_back({kHeaderDeadLetterSource, source.name});
    headers.push_back({kHeaderDeliveries, deliveries});
    // Retention goes on counting from the first send; of what is kept in order, from the move, so
    // that a queue's oldest message stays the first to go. As in SQS.
    const log::RecordInput input{record.key, record.value, headers, ordered ? now_ : first_sent};
    const auto sent_on =
        send(target_queue, input, SendOptions{Milliseconds(0), std::nullopt}, now_);
    if (!sent_on) return std::unexpected(sent_on.error());
    moved.push_back({.offset = letter.offset,
                     .deliveries = letter.deliveries,
                     .id = identity,
                     .first_delivered = letter.first_delivered});
  }
  record_events(source_queue, catalog::BridgeTrigger::kDeadLetter, moved);
  return {};
}

}  // namespace weir::broker
