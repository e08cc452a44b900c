#include "core/group/streams_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::group {
namespace {

bool contains(const Tasks& all, const Tasks& some) {
  return std::ranges::includes(all, some);
}

template <typename T>
bool replace(T& place, const std::optional<T>& given) {
  if (!given || *given == place) return false;
  place = *given;
  return true;
}

}  // namespace

std::string_view to_string(StreamsGroup::State state) {
  switch (state) {
    case StreamsGroup::State::kEmpty: return "Empty";
    case StreamsGroup::State::kNotReady: return "NotReady";
    case StreamsGroup::State::kAssigning: return "Assigning";
    case StreamsGroup::State::kReconciling: return "Reconciling";
    case StreamsGroup::State::kStable: return "Stable";
  }
  return "Unknown";
}

std::expected<StreamsAnswer, StreamsRefusal> StreamsGroup::heartbeat(const StreamsHeartbeat& beat,
                                                                     const TopicView& topics,
                                                                     TopicMaker& maker,
                                                                     Timestamp now) {
  if (beat.epoch < kJoinEpoch) return leave(beat, now);
  if (auto refused = check_member(beat)) return std::unexpected(std::move(*refused));
  const auto taken = take_topology(beat, topics, maker, now);
  if (!taken) return std::unexpected(taken.error());
  const auto other_plan = refresh(topics, maker, now);
  if (!other_plan) return std::unexpected(other_plan.error());

  const bool joins = beat.epoch == kJoinEpoch;
  const size_t before = members_.size();
  Member& member = joins ? begin(beat, now) : members_.at(beat.member_id);
  std::optional<Assignment> owned;
  if (beat.owned) {
    auto known = numbered(*beat.owned, member);
    if (!known) return std::unexpected(std::move(known.error()));
    owned = std::move(*known);
  }
  member.session_deadline = now + config_.session_timeout;
  bool changed = update(member, beat) || members_.size() > before || *taken || *other_plan;
  if (std::exchange(standbys_, config_.standbys) != config_.standbys) changed = true;
  if (beat.shutdown) shutdown_by_ = member.id;

  // An epoch ahead of the target's stands for any number of changes.
  if (changed && epoch_ == target_epoch_) ++epoch_;
  const auto delayed = epoch_ > target_epoch_ ? delayed_until(now) : std::nullopt;
  if (epoch_ > target_epoch_ && !delayed) share_out_again(now);
  // Epoch 0 is for joining: whoever has to wait is in at an epoch that gives nothing.
  if (target_epoch_ == 0) target_epoch_ = epoch_++;

  const Assignment assigned = member.assigned;
  reconcile(member, owned, now);
  StreamsAnswer answer{.epoch = member.epoch};
  const bool moved = member.assigned != assigned;
  if (member.endpoint && (joins || moved)) ++endpoint_epoch_;
  // Whoever comes with another epoch, or has something else, may have missed an answer.
  const bool missed = beat.epoch != member.epoch || (owned && *owned != member.assigned);
  if (joins || moved || missed) answer.assigned = member.assigned;
  if (delayed) {
    answer.again_in = Milliseconds(std::max<int64_t>(1, (*delayed - now).count()));
    answer.statuses.push_back(
        {StreamsStatus::kAssignmentDelayed,
         fmt::format("Tasks are shared out in {} ms.", answer.again_in->count())});
  }
  report(member, answer.statuses);
  answer.endpoint_epoch = endpoint_epoch_;
  answer.tells_endpoints = beat.endpoint_epoch != endpoint_epoch_;
  return answer;
}

void StreamsGroup::report(const Member& member, std::vector<StatusReport>& statuses) const {
  if (member.topology_epoch < topology_->epoch) {
    statuses.push_back({StreamsStatus::kStaleTopology,
                        fmt::format("The member's topology has epoch {}, the group's {}.",
                                    member.topology_epoch, topology_->epoch)});
  }
  if (plan_.problem) statuses.push_back(*plan_.problem);
  if (shutdown_by_) {
    statuses.push_back({StreamsStatus::kShutdownApplication,
                        fmt::format("The member {} asks all members to end.", *shutdown_by_)});
  }
}

// ---- members

// The epoch before is taken when the answer with the newer one may have been lost: the member has
// taken up nothing of it.
StreamsGroup::Refused StreamsGroup::check_member(const StreamsHeartbeat& beat) const {
  const auto found = members_.find(beat.member_id);
  if (beat.epoch == kJoinEpoch) {
    if (found != members_.end() || members_.size() < config_.members_max) return std::nullopt;
    return StreamsRefusal{Denial::kFull};
  }
  if (found == members_.end()) return StreamsRefusal{Denial::kUnknownMember};
  const Member& member = found->second;
  if (beat.epoch == member.epoch) return std::nullopt;
  if (beat.epoch == member.previous_epoch && beat.epoch < member.epoch && beat.owned) {
    const auto owned = numbered(*beat.owned, member);
    if (owned && contains(member.assigned.active, owned->active) &&
        contains(member.assigned.standby, owned->standby)) {
      return std::nullopt;
    }
  }
  return StreamsRefusal{Denial::kFencedEpoch};
}

// Whoever joins begins anew and owns nothing, as a join says, also when it was in the group.
StreamsGroup::Member& StreamsGroup::begin(const StreamsHeartbeat& beat, Timestamp now) {
  if (members_.empty() && config_.initial_delay > Milliseconds(0)) {
    first_share_ = now + config_.initial_delay;
  }
  Member& member = members_[beat.member_id];
  member.id = beat.member_id;
  let_go(member, member.assigned);
  let_go(member, member.revoking);
  member.assigned = {};
  member.revoking = {};
  member.epoch = member.previous_epoch = kJoinEpoch;
  member.state = MemberState::kStable;
  member.revoke_deadline = Timestamp::never();
  return member;
}

// What a heartbeat brings; true when tasks may have to be shared out another way.
bool StreamsGroup::update(Member& member, const StreamsHeartbeat& beat) {
  bool changed = false;
  if (beat.epoch == kJoinEpoch) {
    changed |= replace(member.process, beat.process);
    changed |= std::exchange(member.topology_epoch, beat.topology->epoch) != beat.topology->epoch;
  }
  changed |= replace(member.tags, beat.tags);
  if (beat.rack && beat.rack != member.rack) {
    member.rack = beat.rack;
    changed = true;
  }
  if (beat.endpoint) member.endpoint = beat.endpoint;
  if (beat.rebalance_timeout) member.rebalance_timeout = *beat.rebalance_timeout;
  member.client_id = beat.client_id;
  member.client_host = beat.client_host;
  return changed;
}

std::expected<StreamsAnswer, StreamsRefusal> StreamsGroup::leave(const StreamsHeartbeat& beat,
                                                                 Timestamp now) {
  if (!members_.contains(beat.member_id)) {
    return std::unexpected(StreamsRefusal{Denial::kUnknownMember});
  }
  if (beat.shutdown) shutdown_by_ = beat.member_id;
  remove(beat.member_id, now);
  return StreamsAnswer{.epoch = beat.epoch};
}

void StreamsGroup::remove(const std::string& id, Timestamp now) {
  const auto found = members_.find(id);
  WEIR_ASSERT(found != members_.end(), "no member {}", id);
  Member& member = found->second;
  let_go(member, member.assigned);
  let_go(member, member.revoking);
  if (member.endpoint) ++endpoint_epoch_;
  members_.erase(found);
  // The next heartbeat of somebody shares out again.
  ++epoch_;
  if (!members_.empty()) return;
  empty_since_ = now;
  first_share_ = Timestamp::never();
  next_share_ = Timestamp();
  shutdown_by_.reset();
}

// ---- topology

void StreamsGroup::restore(std::optional<Topology> topology) {
  WEIR_ASSERT(members_.empty(), "a group with {} members is restored", members_.size());
  topology_ = std::move(topology);
  plan_ = {};
}

std::expected<bool, StreamsRefusal> StreamsGroup::take_topology(const StreamsHeartbeat& beat,
                                                                const TopicView& topics,
                                                                TopicMaker& maker,
                                                                Timestamp now) {
  if (!beat.topology) {
    WEIR_ASSERT(topology_.has_value(), "members without a topology");
    return false;
  }
  if (topology_ && (beat.topology->epoch < topology_->epoch || *beat.topology == *topology_)) {
    return false;
  }
  if (topology_ && !members_.empty()) {
    return std::unexpected(
        StreamsRefusal{Denial::kOtherTopology,
                       "the group has another topology while it has members: end all of them "
                       "first, or use another application.id"});
  }
  auto plan = look(*beat.topology, topics, maker, now);
  if (!plan) return std::unexpected(std::move(plan.error()));
  topology_ = beat.topology;
  plan_ = std::move(*plan);
  return true;
}

std::expected<TaskPlan, StreamsRefusal> StreamsGroup::look(const Topology& topology,
                                                           const TopicView& topics,
                                                           TopicMaker& maker,
                                                           Timestamp now) {
  auto plan = plan_tasks(topology, topics, config_.tasks_max);
  if (plan && !plan->missing.empty()) {
    const std::string wrong = maker.make(plan->missing);
    plan = plan_tasks(topology, topics, config_.tasks_max);
    if (plan && !plan->missing.empty()) plan->problem->detail += " " + wrong;
  }
  seen_version_ = topics.version();
  refresh_due_ = now + config_.refresh_every;
  if (!plan) return std::unexpected(StreamsRefusal{Denial::kInvalidTopology, plan.error()});
  return std::move(*plan);
}

std::expected<bool, StreamsRefusal> StreamsGroup::refresh(const TopicView& topics,
                                                          TopicMaker& maker,
                                                          Timestamp now) {
  const bool is_new = !plan_.problem && plan_.tasks.empty();
  const bool look_again = is_new || topics.version() != seen_version_ || !plan_.missing.empty();
  if (!look_again || (!is_new && now < refresh_due_)) return false;
  auto plan = look(*topology_, topics, maker, now);
  if (!plan) return std::unexpected(std::move(plan.error()));
  if (*plan == plan_) return false;
  plan_ = std::move(*plan);
  return true;
}

bool StreamsGroup::reads(const std::string& topic) const {
  return !members_.empty() && topology_ && topology_->reader_of(topic).has_value();
}

// ---- targets

std::optional<Timestamp> StreamsGroup::delayed_until(Timestamp now) const {
  if (first_share_ != Timestamp::never() && now < first_share_) return first_share_;
  if (target_epoch_ > 0 && now < next_share_) return next_share_;
  return std::nullopt;
}

void StreamsGroup::share_out_again(Timestamp now) {
  first_share_ = Timestamp::never();
  next_share_ = now + config_.assignment_interval;
  target_epoch_ = epoch_;
  if (plan_.problem) {
    for (auto& [id, member] : members_) member.target = {};
    return;
  }
  std::vector<Worker> workers;
  workers.reserve(members_.size());
  for (const auto& [id, member] : members_) {
    workers.push_back({.process = member.process, .before = &member.target});
  }
  std::vector<PartSize> parts;
  parts.reserve(plan_.tasks.size());
  for (size_t i = 0; i < plan_.tasks.size(); ++i) {
    parts.push_back({plan_.tasks[i], topology_->parts[i].is_stateful()});
  }
  std::vector<Assignment> shares = share_out_tasks(workers, parts, config_.standbys);
  size_t next = 0;
  for (auto& [id, member] : members_) member.target = std::move(shares[next++]);
}

std::expected<Assignment, StreamsRefusal> StreamsGroup::numbered(const OwnedTasks& owned,
                                                                 const Member& member) const {
  Assignment tasks;
  Assignment known;
  std::ranges::set_union(member.assigned.active, member.revoking.active,
                         std::back_inserter(known.active));
  std::ranges::set_union(member.assigned.standby, member.revoking.standby,
                         std::back_inserter(known.standby));
  if (auto wrong = number(owned.active, known.active, tasks.active)) {
    return std::unexpected(std::move(*wrong));
  }
  if (auto wrong = number(owned.standby, known.standby, tasks.standby)) {
    return std::unexpected(std::move(*wrong));
  }
  return tasks;
}

// What it has may be gone from the topics meanwhile.
StreamsGroup::Refused StreamsGroup::number(const NamedTasks& named,
                                           const Tasks& known,
                                           Tasks& tasks) const {
  const bool ready = !plan_.problem;
  for (const auto& [part, partitions] : named) {
    const auto place = topology_->find(part);
    for (const int32_t partition : partitions) {
      const Task task{place.value_or(0), static_cast<uint32_t>(partition)};
      const bool is_known = place && partition >= 0 && std::ranges::binary_search(known, task);
      const bool is_there =
          place && partition >= 0 && ready && task.partition < plan_.tasks[*place];
      if (is_known || is_there) {
        tasks.push_back(task);
      } else if (ready) {
        return StreamsRefusal{Denial::kInvalidTask,
                              fmt::format("there is no task {} of part {}", partition, part)};
      }
    }
  }
  std::ranges::sort(tasks);
  tasks.erase(std::ranges::unique(tasks).begin(), tasks.end());
  return std::nullopt;
}

// ---- commits

std::optional<Denial> StreamsGroup::may_commit(const std::string& member_id, int32_t epoch) const {
  if (epoch < 0 && members_.empty()) return std::nullopt;
  const auto found = members_.find(member_id);
  if (found == members_.end()) return Denial::kUnknownMember;
  return epoch > found->second.epoch ? std::optional(Denial::kStaleEpoch) : std::nullopt;
}

bool StreamsGroup::may_commit_at(const std::string& member_id,
                                 int32_t epoch,
                                 const std::string& topic,
                                 uint32_t partition) const {
  const auto found = members_.find(member_id);
  if (found == members_.end() || epoch == found->second.epoch) return true;
  const auto part = topology_->reader_of(topic);
  if (!part) return false;
  const auto since = found->second.active_since.find({*part, partition});
  return since != found->second.active_since.end() && since->second <= epoch;
}

std::optional<Denial> StreamsGroup::may_fetch(const std::optional<std::string>& member_id,
                                              int32_t epoch) const {
  if (!member_id && epoch < 0) return std::nullopt;
  const auto found = members_.find(member_id.value_or(""));
  if (found == members_.end()) return Denial::kUnknownMember;
  return found->second.epoch == epoch ? std::nullopt : std::optional(Denial::kStaleEpoch);
}

// ---- time

void StreamsGroup::expire(Timestamp now) {
  std::vector<std::string> gone;
  for (const auto& [id, member] : members_) {
    if (std::min(member.session_deadline, member.revoke_deadline) <= now) gone.push_back(id);
  }
  for (const std::string& id : gone) remove(id, now);
}

Timestamp StreamsGroup::next_deadline() const {
  Timestamp next = Timestamp::never();
  for (const auto& [id, member] : members_) {
    next = std::min({next, member.session_deadline, member.revoke_deadline});
  }
  return next;
}

StreamsGroup::State StreamsGroup::state() const {
  if (members_.empty()) return State::kEmpty;
  if (plan_.problem) return State::kNotReady;
  if (epoch_ > target_epoch_) return State::kAssigning;
  for (const auto& [id, member] : members_) {
    if (member.state != MemberState::kStable || member.epoch != target_epoch_) {
      return State::kReconciling;
    }
  }
  return State::kStable;
}

}  // namespace weir::group
