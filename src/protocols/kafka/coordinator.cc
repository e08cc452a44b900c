#include "protocols/kafka/coordinator.h"

#include <algorithm>
#include <vector>

#include "protocols/kafka/denials.h"
#include "protocols/kafka/group_config.h"

namespace weir::kafka {

using broker::GroupCell;

Coordinator::Coordinator(broker::Broker& broker, runtime::Clock& clock, const Config& config)
    : broker_(broker),
      topics_(broker, config),
      clock_(clock),
      config_(config),
      started_(clock.now()) {}

GroupCell* Coordinator::find(const std::string& group) {
  const auto id = broker_.catalog().find_group({"", group});
  return id ? &prepared(*id) : nullptr;
}

GroupCell* Coordinator::find_or_make(const std::string& group, std::optional<ErrorCode>& error) {
  const auto id = broker_.group_cell({"", group}, true, now());
  if (!id) {
    error = id.error().code;
    return nullptr;
  }
  return &prepared(**id);
}

GroupCell& Coordinator::prepared(CellId id) {
  auto& cell = broker_.cell<GroupCell>(id);
  cell.members.configure({.initial_delay = config_.group_initial_rebalance_delay,
                          .members_max = config_.group_members_max});
  cell.consumers.configure({.session_timeout = session_timeout(cell.settings, config_),
                            .members_max = config_.group_members_max});
  cell.streams.configure(streams_config(cell.settings, config_));
  if (!retention_armed_) arm_retention();
  return cell;
}

void Coordinator::join(const std::string& group, group::JoinRequest request, JoinDone done) {
  std::optional<ErrorCode> error;
  GroupCell* cell = find_or_make(group, error);
  if (!cell) {
    return done({.ticket = 0, .error = error, .member_id = request.member_id});
  }
  request.fresh_member_id =
      request.instance_id.value_or(request.client_id) + "-" + broker::to_string(broker_.new_uuid());
  if (!cell->streams.members().empty()) {
    return done(
        {.ticket = 0, .error = ErrorCode::kInconsistentProtocol, .member_id = request.member_id});
  }
  if (forget_topology(group, *cell) != KafkaError::kNone) {
    return done(
        {.ticket = 0, .error = ErrorCode::kStorageUnavailable, .member_id = request.member_id});
  }
  if (!cell->consumers.members().empty()) {
    return join_consumers(group, *cell, request, std::move(done));
  }
  cell->kind = broker::GroupKind::kClassic;
  const group::Ticket ticket = ++last_ticket_;
  joins_.emplace(ticket, std::move(done));
  group::Answers answers;
  cell->members.join(request, ticket, now(), answers);
  const bool refused = std::ranges::any_of(answers.joins, [ticket](const auto& answer) {
    return answer.ticket == ticket && answer.error.has_value();
  });
  if (!refused) cell->used = true;
  settle(group, *cell, answers);
  if (refused) forget_unused(group);
}

void Coordinator::sync(const std::string& group, const group::SyncRequest& request, SyncDone done) {
  GroupCell* cell = find(group);
  if (!cell) return done({.ticket = 0, .error = ErrorCode::kUnknownMember});
  if (!cell->consumers.members().empty()) return sync_consumers(*cell, request, std::move(done));
  const group::Ticket ticket = ++last_ticket_;
  syncs_.emplace(ticket, std::move(done));
  group::Answers answers;
  cell->members.sync(request, ticket, now(), answers);
  settle(group, *cell, answers);
}

std::optional<ErrorCode> Coordinator::heartbeat(const std::string& group,
                                                const std::string& member_id,
                                                const std::optional<std::string>& instance_id,
                                                int32_t generation) {
  GroupCell* cell = find(group);
  if (!cell) return ErrorCode::kUnknownMember;
  if (cell->consumers.members().empty()) {
    return cell->members.heartbeat(member_id, instance_id, generation, now());
  }
  const auto denied = cell->consumers.classic_heartbeat(member_id, instance_id, generation, now());
  arm(group, *cell);
  return denied ? std::optional(classic_error(*denied)) : std::nullopt;
}

std::optional<ErrorCode> Coordinator::leave(const std::string& group,
                                            const group::LeavingMember& who) {
  GroupCell* cell = find(group);
  if (!cell) return ErrorCode::kUnknownMember;
  group::Answers answers;
  std::optional<ErrorCode> error;
  if (cell->consumers.members().empty()) {
    error = cell->members.leave(who, now(), answers);
  } else if (const auto denied = cell->consumers.leave(who, now())) {
    error = classic_error(*denied);
  }
  settle(group, *cell, answers);
  return error;
}

// ---- KIP-848

Coordinator::Beat Coordinator::beat(const std::string& group,
                                    const group::ConsumerHeartbeat& request) {
  std::optional<ErrorCode> error;
  GroupCell* cell = request.epoch == group::kJoinEpoch ? find_or_make(group, error) : find(group);
  if (error) return {.error = group_error(*error)};
  if (!cell) return {.error = KafkaError::kUnknownMemberId};
  if (!cell->streams.members().empty()) return {.error = KafkaError::kGroupIdNotFound};
  const KafkaError refused = forget_topology(group, *cell);
  if (refused != KafkaError::kNone) return {.error = refused};
  group::Answers answers;
  if (!cell->members.members().empty()) {
    // Whoever was in it before a restart, or under the other protocol, begins anew.
    if (request.epoch != group::kJoinEpoch) return {.error = KafkaError::kUnknownMemberId};
    if (!upgrade(*cell, answers)) return {.error = KafkaError::kGroupIdNotFound};
  }
  const auto answer = cell->consumers.heartbeat(request, topics_, now());
  if (answer) {
    cell->used = true;
    // Unless only classic members are left, as settling finds.
    cell->kind = broker::GroupKind::kConsumer;
  }
  settle(group, *cell, answers);
  if (!answer) {
    forget_unused(group);
    return {.error = denial_error(answer.error())};
  }
  return {.answer = *answer, .interval = heartbeat_interval(cell->settings, config_)};
}

KafkaError Coordinator::may_commit(const std::string& group,
                                   const std::string& member_id,
                                   const std::optional<std::string>& instance_id,
                                   int32_t epoch,
                                   bool knows_epochs) {
  if (group.empty()) return KafkaError::kInvalidGroupId;
  GroupCell* cell = find(group);
  // Somebody from outside may commit to a group that does not exist yet.
  if (!cell) return epoch < 0 ? KafkaError::kNone : KafkaError::kIllegalGeneration;
  if (!cell->streams.members().empty()) {
    if (cell->streams.members().contains(member_id) && !knows_epochs) {
      return KafkaError::kUnsupportedVersion;
    }
    return denial_error(cell->streams.may_commit(member_id, epoch));
  }
  if (cell->consumers.members().empty()) {
    return group_error(cell->members.may_commit(member_id, instance_id, epoch, now()));
  }
  const auto member = cell->consumers.members().find(member_id);
  const bool is_known = member != cell->consumers.members().end();
  if (is_known && !member->second.classic && !knows_epochs) {
    return KafkaError::kUnsupportedVersion;
  }
  return denial_error(cell->consumers.may_commit(member_id, epoch));
}

KafkaError Coordinator::may_fetch(const std::string& group,
                                  const std::optional<std::string>& member_id,
                                  int32_t epoch) {
  const GroupCell* cell = find(group);
  if (!cell) return KafkaError::kNone;
  if (!cell->streams.members().empty()) {
    return denial_error(cell->streams.may_fetch(member_id, epoch));
  }
  if (cell->consumers.members().empty()) return KafkaError::kNone;
  return denial_error(cell->consumers.may_fetch(member_id, epoch));
}

Result<broker::Depends> Coordinator::change_settings(const std::string& group,
                                                     const group::Settings& settings) {
  const broker::Broker::Turn turn(broker_, now(), broker::Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto id = broker_.group_cell({"", group}, true, now());
  if (!id) return std::unexpected(id.error());
  GroupCell& cell = prepared(**id);
  cell.settings = settings;
  broker_.journal_event(**id, GroupCell::encoded(settings));
  static_cast<void>(prepared(**id));  // they hold from now on
  return broker::Depends{turn.lsn()};
}

Result<broker::Depends> Coordinator::change_offsets(const std::string& group,
                                                    const group::OffsetsEvent& event,
                                                    bool create) {
  const broker::Broker::Turn turn(broker_, now(), broker::Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto id = broker_.group_cell({"", group}, create, now());
  if (!id) return std::unexpected(id.error());
  if (!*id) return fail(ErrorCode::kNotFound, "there is no group " + group);
  GroupCell& cell = prepared(**id);
  cell.offsets.apply(event);
  broker_.journal_event(**id, GroupCell::encoded(event));
  return broker::Depends{turn.lsn()};
}

Result<broker::Depends> Coordinator::remove(const std::string& group) {
  const GroupCell* cell = find(group);
  if (!cell) return fail(ErrorCode::kNotFound, "there is no group " + group);
  if (cell->has_members()) {
    return fail(ErrorCode::kGroupNotEmpty, "group " + group + " has members");
  }
  if (const auto timer = timers_.find(group); timer != timers_.end()) {
    broker_.cancel_wait(timer->second.waiter);
    timers_.erase(timer);
  }
  return broker_.remove_group({"", group}, now());
}

void Coordinator::forget_unused(const std::string& group) {
  const GroupCell* cell = find(group);
  if (!cell || cell->is_in_use() || !cell->settings.empty()) return;
  // When this is refused the name stays until its retention is over.
  static_cast<void>(remove(group));
}

void Coordinator::forget_topic(const catalog::Uuid& topic) {
  const group::TopicId id{topic.high, topic.low};
  std::vector<std::string> concerned;
  broker_.catalog().each_group([&](const broker::Name& name, CellId cell) {
    if (name.space.empty() && prepared(cell).offsets.knows(id)) concerned.push_back(name.name);
    return true;
  });
  for (const std::string& group : concerned) {
    // When this is refused the offsets stay, but no topic of that identity will ever ask for them.
    static_cast<void>(change_offsets(group, find(group)->offsets.decide_remove(id), false));
  }
}

// ---- waiting calls

void Coordinator::settle(const std::string& group, GroupCell& cell, group::Answers& answers) {
  downgrade_if_due(cell, answers);
  arm(group, cell);
  deliver(answers);
}

void Coordinator::deliver(const group::Answers& answers) {
  for (const group::JoinAnswer& answer : answers.joins) {
    if (auto waiting = joins_.extract(answer.ticket)) waiting.mapped()(answer);
  }
  for (const group::SyncAnswer& answer : answers.syncs) {
    if (auto waiting = syncs_.extract(answer.ticket)) waiting.mapped()(answer);
  }
}

// The broker stops: who waits for a rebalance is disconnected, and joins again elsewhere or later.
void Coordinator::give_up() {
  joins_.clear();
  syncs_.clear();
}

// ---- time

// Heartbeats move deadlines back without touching the timer: when it fires too early it is set
// again.
void Coordinator::arm(const std::string& group, const GroupCell& cell) {
  const Timestamp due = std::min(
      {cell.members.next_deadline(), cell.consumers.next_deadline(), cell.streams.next_deadline()});
  if (const auto timer = timers_.find(group); timer != timers_.end()) {
    if (timer->second.due <= due) return;
    broker_.cancel_wait(timer->second.waiter);
    timers_.erase(timer);
  }
  if (due == Timestamp::never()) return;
  const auto waiter =
      broker_.wait({}, due, broker::WaitMode::kAll, [this, group](broker::WakeReason reason) {
        timers_.erase(group);
        if (reason == broker::WakeReason::kDeadline) on_timer(group);
        if (reason == broker::WakeReason::kStopping) give_up();
        return true;
      });
  if (waiter != broker::WaiterId()) timers_[group] = {waiter, due};
}

void Coordinator::on_timer(const std::string& group) {
  GroupCell* cell = find(group);
  if (!cell) return;
  group::Answers answers;
  cell->members.expire(now(), answers);
  cell->consumers.expire(now());
  cell->streams.expire(now());
  settle(group, *cell, answers);
}

void Coordinator::arm_retention() {
  retention_armed_ = true;
  broker_.wait({}, now() + config_.offsets_retention_check, broker::WaitMode::kAll,
               [this](broker::WakeReason reason) {
                 if (reason == broker::WakeReason::kStopping) give_up();
                 if (reason != broker::WakeReason::kDeadline) return true;
                 expire_offsets();
                 arm_retention();
                 return true;
               });
}

// KIP-211: the offsets of a group expire when it has been empty, and they have not been renewed,
// for the retention; a group that holds nothing any more goes with them.
void Coordinator::expire_offsets() {
  const Timestamp before = now() - config_.offsets_retention;
  std::vector<std::string> empty;
  broker_.catalog().each_group([&](const broker::Name& name, CellId cell) {
    const GroupCell& group = prepared(cell);
    const Timestamp since = std::max(started_, group.empty_since());
    if (name.space.empty() && !group.has_members() && since <= before) empty.push_back(name.name);
    return true;
  });
  for (const std::string& group : empty) {
    const group::OffsetsRemoved expired = find(group)->offsets.decide_expire(before);
    if (!expired.partitions.empty() && !change_offsets(group, expired, false)) return;
    const GroupCell& left = *find(group);
    if (left.offsets.empty() && left.settings.empty() && !remove(group)) return;
  }
}

}  // namespace weir::kafka
