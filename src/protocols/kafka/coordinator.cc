#include "protocols/kafka/coordinator.h"

#include <algorithm>
#include <vector>

namespace weir::kafka {

using broker::GroupCell;

Coordinator::Coordinator(broker::Broker& broker, runtime::Clock& clock, const Config& config)
    : broker_(broker), clock_(clock), config_(config), started_(clock.now()) {}

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
  const group::Ticket ticket = ++last_ticket_;
  joins_.emplace(ticket, std::move(done));
  group::Answers answers;
  cell->members.join(request, ticket, now(), answers);
  arm(group, cell->members);
  deliver(std::move(answers));
}

void Coordinator::sync(const std::string& group, const group::SyncRequest& request, SyncDone done) {
  GroupCell* cell = find(group);
  if (!cell) return done({.ticket = 0, .error = ErrorCode::kUnknownMember});
  const group::Ticket ticket = ++last_ticket_;
  syncs_.emplace(ticket, std::move(done));
  group::Answers answers;
  cell->members.sync(request, ticket, now(), answers);
  arm(group, cell->members);
  deliver(std::move(answers));
}

std::optional<ErrorCode> Coordinator::heartbeat(const std::string& group,
                                                const std::string& member_id,
                                                const std::optional<std::string>& instance_id,
                                                int32_t generation) {
  GroupCell* cell = find(group);
  if (!cell) return ErrorCode::kUnknownMember;
  return cell->members.heartbeat(member_id, instance_id, generation, now());
}

std::optional<ErrorCode> Coordinator::leave(const std::string& group,
                                            const group::LeavingMember& who) {
  GroupCell* cell = find(group);
  if (!cell) return ErrorCode::kUnknownMember;
  group::Answers answers;
  const auto error = cell->members.leave(who, now(), answers);
  arm(group, cell->members);
  deliver(std::move(answers));
  return error;
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
  if (!cell->members.members().empty()) {
    return fail(ErrorCode::kGroupNotEmpty, "group " + group + " has members");
  }
  if (const auto timer = timers_.find(group); timer != timers_.end()) {
    broker_.cancel_wait(timer->second.waiter);
    timers_.erase(timer);
  }
  return broker_.remove_group({"", group}, now());
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
void Coordinator::arm(const std::string& group, const group::Membership& members) {
  const Timestamp due = members.next_deadline();
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
  arm(group, cell->members);
  deliver(std::move(answers));
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
    const group::Membership& members = prepared(cell).members;
    const Timestamp since = std::max(started_, members.empty_since());
    if (name.space.empty() && members.members().empty() && since <= before)
      empty.push_back(name.name);
    return true;
  });
  for (const std::string& group : empty) {
    const group::OffsetsRemoved expired = find(group)->offsets.decide_expire(before);
    if (!expired.partitions.empty() && !change_offsets(group, expired, false)) return;
    if (find(group)->offsets.empty() && !remove(group)) return;
  }
}

}  // namespace weir::kafka
