// Topics, queues, groups and keyspaces: the catalog's entries and the cells that go with them.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"
#include "broker/event_store.h"
#include "broker/group_cell.h"
#include "core/keyspace/keyspace.h"

namespace weir::broker {
namespace {

constexpr CellId kCatalogCell{0};

queue::Policy policy_of(const catalog::QueuePolicy& policy) {
  queue::Policy result;
  result.order =
      policy.order == catalog::Order::kPerGroup ? queue::Order::kGroups : queue::Order::kNone;
  result.lease_duration = Milliseconds(policy.lease_ms);
  result.default_delay = Milliseconds(policy.delay_ms);
  result.priorities = policy.priorities;
  // Without a place to move them to, messages are delivered again and again.
  result.delivery_limit = policy.dead_letter.empty() ? 0 : policy.receives_max;
  return result;
}

std::string encoded(const queue::Event& event) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(CellKind::kQueue));
  queue::encode(event, writer);
  return std::move(writer.out());
}

}  // namespace

CellId Broker::allocate_cell() {
  return catalog_.next_cell();
}

void Broker::apply_catalog(const std::string& event) {
  const auto applied = catalog_.apply(event);
  WEIR_ASSERT(applied.has_value(), "the catalog refused its own event: {}",
              applied.error().message);
  commit_.add(kCatalogCell, std::string(1, static_cast<char>(CellKind::kCatalog)) + event);
  commit_.require(Durability::kFsync);
  catalog_lsn_ = journal_.next_lsn();
}

Result<Broker::Changed> Broker::changed(const Name& name) {
  return Changed{catalog_.find(name), {catalog_lsn_, Durability::kFsync}};
}

void Broker::create_log_cell(CellId id) {
  cell<LogCell>(id);
}

Result<void> Broker::create_queue_cell(const Thing& thing, Offset start) {
  const auto event = queue::Queue::decide_create(start, policy_of(thing.queue_policy), now_);
  if (!event) return std::unexpected(event.error());
  auto& created = cell<QueueCell>(thing.queue);
  created.log = thing.logs.front();
  created.queue.apply(*event);
  journal_event(thing.queue, encoded(*event));
  return {};
}

// After recovery: which log a queue reads, and where that log ends.
void Broker::bind(const Thing& thing) {
  const auto* log = find<LogCell>(thing.logs.front());
  const auto attach = [&](CellId id) {
    auto& state = cell<QueueCell>(id);
    state.log = thing.logs.front();
    state.queue.apply_end(log->log.end());
  };
  if (thing.queue != CellId{}) attach(thing.queue);
  for (const auto& [group, id] : thing.stream_groups) attach(id);
}

namespace {

// What is delivered is never compacted: a queue's messages, a stream's entries.
Result<void> check_compaction(const Thing& thing) {
  if (!thing.log_policy.compaction) return {};
  if (thing.kind == catalog::Kind::kQueue || thing.origin == catalog::Origin::kRedis) {
    return fail(ErrorCode::kRefused,
                fmt::format("{} is a {} and cannot be compacted", thing.name.name,
                            thing.kind == catalog::Kind::kQueue ? "queue" : "stream of Redis"));
  }
  return {};
}

// A lock is for what is recorded for good; what is delivered ends, and compaction deletes.
Result<void> check_lock(const Thing& thing) {
  if (thing.log_policy.locked_until == Timestamp{}) return {};
  if (thing.kind == catalog::Kind::kQueue) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is a queue; retention.lock is for topics", thing.name.name));
  }
  if (thing.log_policy.compaction) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{} cannot be locked and compacted: compaction deletes", thing.name.name));
  }
  return {};
}

static_assert(catalog::kPrioritiesMax == queue::kPrioritiesMax);

// What goes in order has no other order beside it.
Result<void> check_priorities(const Thing& thing) {
  if (thing.queue_policy.priorities == 1 || thing.queue_policy.order == catalog::Order::kNone) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is a FIFO queue: its messages go in order, not by priority",
                          thing.name.name));
}

Result<void> check_policies(const Thing& thing) {
  if (auto ok = check_priorities(thing); !ok) return ok;
  if (auto ok = check_compaction(thing); !ok) return ok;
  if (auto ok = EventStore::check_policies(thing); !ok) return ok;
  return check_lock(thing);
}

// Whether less is promised than before.
bool shortens(const catalog::LogPolicy& before, const catalog::LogPolicy& after) {
  const auto less = [](int64_t old_limit, int64_t new_limit) {
    return new_limit != catalog::kUnlimited &&
           (old_limit == catalog::kUnlimited || new_limit < old_limit);
  };
  return after.locked_until < before.locked_until || after.compaction ||
         less(before.retention_ms, after.retention_ms) ||
         less(before.retention_bytes, after.retention_bytes);
}

}  // namespace

Result<void> Broker::check_unlocked(const Thing& thing, Timestamp now) const {
  const Timestamp until = thing.log_policy.locked_until;
  if (until <= std::max(now, now_)) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("topic {} is locked until {:%Y-%m-%dT%H:%M:%SZ} (retention.lock): until "
                          "then nothing of it is deleted and its retention only grows",
                          thing.name.name, fmt::gmtime(until.ms() / 1000)));
}

Result<Broker::Changed> Broker::create_topic(const TopicSpec& spec, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  if (spec.partitions == 0 || spec.partitions > catalog::Limits{}.partitions_max) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a topic has 1 to {} partitions", catalog::Limits{}.partitions_max));
  }
  Thing thing;
  thing.kind = catalog::Kind::kTopic;
  thing.origin = spec.origin;
  thing.name = spec.name;
  thing.uuid = new_uuid();
  thing.created = thing.modified = now_;
  thing.log_policy = spec.log;
  thing.properties = spec.properties;
  CellId next = allocate_cell();
  for (uint32_t i = 0; i < spec.partitions; ++i, next = next.next()) thing.logs.push_back(next);
  if (auto ok = check_policies(thing); !ok) return std::unexpected(ok.error());
  auto event = catalog_.decide_create(thing);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  for (const CellId log : thing.logs) create_log_cell(log);
  events_->consider(thing);
  refresh_bridges();
  return changed(spec.name);
}

Result<Broker::Changed> Broker::create_queue(const QueueSpec& spec, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  Thing thing;
  thing.kind = catalog::Kind::kQueue;
  thing.origin = spec.origin;
  thing.name = spec.name;
  thing.uuid = new_uuid();
  thing.created = thing.modified = now_;
  thing.log_policy = spec.log;
  thing.queue_policy = spec.queue;
  thing.properties = spec.properties;
  if (auto ok = check_policies(thing); !ok) return std::unexpected(ok.error());
  if (!queue::is_valid(policy_of(spec.queue))) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the policy of queue {} is out of range", spec.name.name));
  }
  thing.logs = {allocate_cell()};
  thing.queue = thing.logs.front().next();
  auto event = catalog_.decide_create(thing);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  create_log_cell(thing.logs.front());
  if (const auto created = create_queue_cell(thing, Offset(0)); !created) {
    return std::unexpected(created.error());
  }
  refresh_bridges();
  return changed(spec.name);
}

Result<Broker::Changed> Broker::alter(const Thing& thing, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  Thing altered = thing;
  altered.modified = now_;
  if (auto ok = check_policies(altered); !ok) return std::unexpected(ok.error());
  const Thing* before = catalog_.find(altered.name);
  if (before != nullptr && shortens(before->log_policy, altered.log_policy)) {
    if (auto free = check_unlocked(*before, now_); !free) return std::unexpected(free.error());
  }
  auto event = catalog_.decide_alter(altered);
  if (!event) return std::unexpected(event.error());
  queue::Events policy;
  QueueCell* state =
      altered.kind == catalog::Kind::kQueue ? find<QueueCell>(altered.queue) : nullptr;
  if (state != nullptr) {
    state->queue.advance_time(now_);
    // The engine's own limits (look-ahead, remembered ids) stay as they are.
    const queue::Policy wanted = policy_of(altered.queue_policy);
    queue::Policy next = state->queue.policy();
    next.order = wanted.order;
    next.lease_duration = wanted.lease_duration;
    next.default_delay = wanted.default_delay;
    next.delivery_limit = wanted.delivery_limit;
    next.priorities = wanted.priorities;
    if (!(next == state->queue.policy())) {
      auto decided = state->queue.decide_policy(next);
      if (!decided) return std::unexpected(decided.error());
      policy.push_back(std::move(*decided));
    }
  }
  apply_catalog(*event);
  if (state != nullptr) apply_events(altered.queue, *state, policy);
  events_->consider(altered);
  return changed(altered.name);
}

Result<Depends> Broker::annotate(const Name& name,
                                 const std::string& property,
                                 const std::string& value,
                                 Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* existing = catalog_.find(name);
  if (existing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic or queue {}", name.name));
  }
  Thing noted = *existing;
  if (value.empty()) {
    noted.properties.erase(property);
  } else {
    noted.properties[property] = value;
  }
  auto event = catalog_.decide_alter(noted);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Broker::Changed> Broker::add_partitions(const Name& name,
                                               uint32_t partitions,
                                               Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* existing = catalog_.find(name);
  if (existing == nullptr || existing->kind != catalog::Kind::kTopic) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic {}", name.name));
  }
  if (partitions <= existing->logs.size()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("topic {} has {} partitions already",
                                                         name.name, existing->logs.size()));
  }
  if (partitions > catalog::Limits{}.partitions_max) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a topic has at most {} partitions", catalog::Limits{}.partitions_max));
  }
  Thing altered = *existing;
  altered.modified = now_;
  for (CellId next = allocate_cell(); altered.logs.size() < partitions; next = next.next()) {
    altered.logs.push_back(next);
  }
  if (auto ok = EventStore::check_policies(altered); !ok) return std::unexpected(ok.error());
  for (size_t i = existing->logs.size(); i < altered.logs.size(); ++i) {
    create_log_cell(altered.logs[i]);
  }
  auto event = catalog_.decide_alter(altered);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  refresh_bridges();
  return changed(name);
}

Result<Broker::Changed> Broker::rename(const Name& from, const Name& to, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  if (const Thing* existing = catalog_.find(from)) {
    if (auto free = check_unlocked(*existing, now_); !free) return std::unexpected(free.error());
  }
  auto event = catalog_.decide_rename(from, to);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  refresh_bridges();
  return changed(to);
}

void Broker::remove_cell(CellId id) {
  const auto found = cells_.find(id);
  if (found == cells_.end()) return;
  Cell& cell = *found->second;
  std::vector<Extent> held;
  cell.held(held);
  give_up(held);
  if (cell.armed != Timestamp::never()) deadlines_.erase({cell.armed, id});
  signal(applied_key(id));
  if (cell.kind() == CellKind::kLog) signal(safe_key(id));
  // An entry of nothing but the kind. Without one the cell would be clean, and the next checkpoint
  // keep an image of it that refers to files which are free to go.
  commit_.add(id, static_cast<char>(cell.kind()), {});
  last_found_ = nullptr;
  cells_.erase(found);
}

Result<Depends> Broker::remove(const Name& name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* existing = catalog_.find(name);
  if (existing != nullptr) {
    if (auto free = check_unlocked(*existing, now_); !free) return std::unexpected(free.error());
  }
  auto event = catalog_.decide_remove(name);
  if (!event) return std::unexpected(event.error());
  WEIR_ASSERT(existing != nullptr, "the catalog would remove {}, which is not there", name.name);
  const Thing gone = *existing;
  const auto snapshots = events_->snapshots_topic(gone);
  apply_catalog(*event);
  events_->forget(gone);
  for (const CellId log : gone.logs) remove_cell(log);
  if (gone.queue != CellId{}) remove_cell(gone.queue);
  for (const auto& [group, id] : gone.stream_groups) remove_cell(id);
  if (snapshots) {
    if (const auto beside = remove(*snapshots, now); !beside) {
      return std::unexpected(beside.error());
    }
  }
  refresh_bridges();
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Broker::Changed> Broker::create_stream_group(const Name& topic,
                                                    const std::string& group,
                                                    Offset start,
                                                    const queue::Policy& policy,
                                                    Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* existing = catalog_.find(topic);
  if (existing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic {}", topic.name));
  }
  if (existing->stream_groups.contains(group)) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("group {} of {} exists already", group, topic.name));
  }
  auto created = queue::Queue::decide_create(start, policy, now_);
  if (!created) return std::unexpected(created.error());
  Thing altered = *existing;
  const CellId id = allocate_cell();
  altered.stream_groups.emplace(group, id);
  auto event = catalog_.decide_alter(altered);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  auto& state = cell<QueueCell>(id);
  state.log = altered.logs.front();
  apply_events(id, state, {*created});
  state.queue.apply_end(find<LogCell>(state.log)->log.end());
  return changed(topic);
}

Result<Depends> Broker::remove_stream_group(const Name& topic,
                                            const std::string& group,
                                            Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const Thing* existing = catalog_.find(topic);
  if (existing == nullptr || !existing->stream_groups.contains(group)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no group {} of {}", group, topic.name));
  }
  Thing altered = *existing;
  const CellId id = altered.stream_groups.at(group);
  altered.stream_groups.erase(group);
  auto event = catalog_.decide_alter(altered);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  remove_cell(id);
  signal(applied_key(altered.logs.front()));  // blocked readers of the group must hear of its end
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<std::optional<CellId>> Broker::group_cell(const Name& name, bool create, Timestamp now) {
  if (const auto known = catalog_.find_group(name)) {
    cell<GroupCell>(*known);
    return known;
  }
  if (!create) return std::nullopt;
  if (catalog_.groups() >= limits_.groups_max) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("there are {} consumer groups, the limit", limits_.groups_max));
  }
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const CellId id = allocate_cell();
  apply_catalog(catalog_.put_group(name, id));
  cell<GroupCell>(id).last_lsn = catalog_lsn_;
  return id;
}

Result<Depends> Broker::remove_group(const Name& name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto known = catalog_.find_group(name);
  if (!known) return fail(ErrorCode::kNotFound, fmt::format("there is no group {}", name.name));
  apply_catalog(catalog_.remove_group(name));
  remove_cell(*known);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<std::optional<catalog::Keyspace>> Broker::keyspace_cells(uint32_t database,
                                                                bool create,
                                                                Timestamp now) {
  if (const catalog::Keyspace* known = catalog_.find_keyspace(database)) return *known;
  if (!create) return std::nullopt;
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Keyspace made{database, allocate_cell(), keyspace::kBucketsPerDatabase};
  apply_catalog(catalog_.put_keyspace(made));
  return made;
}

}  // namespace weir::broker
