// Bridges: what they are, when they run and how they stand. bridge_records.cc moves a topic's
// records, bridge_messages.cc a queue's messages, bridge_events.cc records what leaves a queue.
//
// Exactly once: what arrives and the bridge's position, or the end of the message, become durable
// in one commit, and so do an acknowledgement and its event. A source record that was applied but
// is lost in a crash takes the bridge's later commit with it.

#include <fmt/format.h>

#include <algorithm>

#include "base/wire.h"
#include "broker/broker.h"
#include "core/bridge/filter.h"

namespace weir::broker {
namespace {

using catalog::BridgeTrigger;

// A number (of milliseconds, or a priority), or the field that holds it.
Result<void> check_number(ByteView text, std::string_view option, std::string_view kind) {
  const bool number = text.find_first_not_of("0123456789") == ByteView::npos;
  if (number && text.size() < 15) return {};
  const auto field = bridge::Field::parse(text);
  if (field) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {} is neither {} nor a field: {}",
                                                       option, text, kind, field.error().message));
}

// Whether what the bridge wants to take from a record can be taken.
Result<void> check_fields(const catalog::Bridge& bridge, const Thing& target) {
  const bool of_records = bridge.trigger == BridgeTrigger::kRecord;
  if (!bridge.filter.empty() && !of_records) {
    return fail(ErrorCode::kInvalidArgument,
                "a filter chooses among the records of a topic; a queue's messages are not chosen");
  }
  const bool fields = !bridge.group.empty() || !bridge.deduplication.empty() ||
                      !bridge.delay.empty() || !bridge.priority.empty();
  const bool moves = of_records || bridge.trigger == BridgeTrigger::kMessage;
  if (fields && (target.kind != catalog::Kind::kQueue || !moves)) {
    return fail(
        ErrorCode::kInvalidArgument,
        "group, deduplication, delay and priority are for messages that are moved to a queue");
  }
  if (!bridge.priority.empty() && target.queue_policy.priorities == 1) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has no priorities; give it some while it is empty "
                            "(weir queue set {} --priorities 10)",
                            target.name.name, target.name.name));
  }
  if (const auto filter = bridge::Filter::parse(bridge.filter); !filter) {
    return std::unexpected(filter.error());
  }
  for (const std::string& text : {bridge.group, bridge.deduplication}) {
    if (text.empty()) continue;
    if (const auto field = bridge::Field::parse(text); !field) {
      return std::unexpected(field.error());
    }
  }
  if (!bridge.delay.empty()) {
    if (auto delay = check_number(bridge.delay, "delay", "a time"); !delay) return delay;
  }
  return bridge.priority.empty() ? Result<void>()
                                 : check_number(bridge.priority, "priority", "a number");
}

bool reads_topic(const catalog::Bridge& bridge) {
  return bridge.trigger == BridgeTrigger::kRecord;
}

}  // namespace

// ---- catalog

bool Broker::makes_loop(const catalog::Bridge& bridge) const {
  std::vector<Name> reached{bridge.to};
  for (size_t i = 0; i < reached.size(); ++i) {
    if (reached[i] == bridge.from) return true;
    for (const auto& [name, other] : catalog_.bridges()) {
      const bool new_end = std::find(reached.begin(), reached.end(), other.to) == reached.end();
      if (other.from == reached[i] && name != bridge.name && new_end) reached.push_back(other.to);
    }
  }
  return false;
}

Result<void> Broker::check_bridge_ends(const catalog::Bridge& wanted) const {
  const Thing* from = catalog_.find(wanted.from);
  const Thing* to = catalog_.find(wanted.to);
  if (from == nullptr || to == nullptr) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no topic or queue {}; create it first",
                            from == nullptr ? wanted.from.name : wanted.to.name));
  }
  if (reads_topic(wanted) != (from->kind == catalog::Kind::kTopic)) {
    return fail(ErrorCode::kInvalidArgument,
                reads_topic(wanted)
                    ? fmt::format("{} is a queue; say on what: --on ack, dead-letter, expiry or "
                                  "message",
                                  wanted.from.name)
                    : fmt::format("{} is a topic; only a queue has messages that are acknowledged, "
                                  "expire or become dead letters",
                                  wanted.from.name));
  }
  const bool records_events = !reads_topic(wanted) && wanted.trigger != BridgeTrigger::kMessage;
  if (records_events && to->kind != catalog::Kind::kTopic) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("what leaves a queue is recorded in a topic, and {} is a queue",
                            wanted.to.name));
  }
  if (const auto valid = check_fields(wanted, *to); !valid) return valid;
  if (makes_loop(wanted)) {
    return fail(ErrorCode::kRefused,
                fmt::format("a bridge from {} to {} would close a loop of bridges",
                            wanted.from.name, wanted.to.name));
  }
  return {};
}

Result<Depends> Broker::create_bridge(const catalog::Bridge& wanted, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  if (const auto valid = check_bridge_ends(wanted); !valid) return std::unexpected(valid.error());
  catalog::Bridge bridge = wanted;
  bridge.cell = allocate_cell();
  bridge.created = now_;
  auto event = catalog_.decide_put_bridge(bridge, true);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  cell<BridgeCell>(bridge.cell).last_lsn = catalog_lsn_;
  refresh_bridges();
  bridges_due_.insert(bridge.name);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::pause_bridge(const std::string& name, bool paused, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Bridge* known = catalog_.find_bridge(name);
  if (known == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", name));
  catalog::Bridge altered = *known;
  altered.paused = paused;
  auto event = catalog_.decide_put_bridge(altered, false);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  refresh_bridges();
  if (!paused) bridges_due_.insert(name);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::remove_bridge(const std::string& name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Bridge* known = catalog_.find_bridge(name);
  auto event = catalog_.decide_remove_bridge(name);
  if (!event) return std::unexpected(event.error());
  const CellId position = known->cell;
  apply_catalog(*event);
  remove_cell(position);
  refresh_bridges();
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::seek_bridge(const std::string& name,
                                    std::span<const std::pair<uint32_t, Offset>> positions,
                                    Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const catalog::Bridge* known = catalog_.find_bridge(name);
  if (known == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no bridge {}", name));
  if (!reads_topic(*known)) {
    return fail(ErrorCode::kWrongKind,
                fmt::format("bridge {} does not read a topic: it has no place to be moved", name));
  }
  const Thing* from = catalog_.find(known->from);
  if (from == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic {}", known->from.name));
  for (const auto& [partition, offset] : positions) {
    const log::Log* log = partition < from->logs.size() ? find_log(from->logs[partition]) : nullptr;
    if (log == nullptr || offset < log->start() || offset > log->end()) {
      return fail(ErrorCode::kOffsetOutOfRange,
                  fmt::format("partition {} of {} has no offset {}", partition, from->name.name,
                              offset.value()));
    }
  }
  auto& position = cell<BridgeCell>(known->cell);
  if (!position.knows(*from)) begin_source(*known, position, *from);
  for (const auto& [partition, offset] : positions) {
    position.apply(partition, offset);
    commit_.add(known->cell, BridgeCell::advanced(partition, offset));
  }
  commit_.require(Durability::kFsync);
  touch(known->cell, position);
  ++position.seeks;
  position.problem.clear();
  bridges_due_.insert(name);
  return cell_depends(known->cell);
}

void Broker::refresh_bridges() {
  const auto before = std::exchange(bridges_from_, {});
  for (const auto& [name, bridge] : catalog_.bridges()) {
    const Thing* from = catalog_.find(bridge.from);
    if (from == nullptr) continue;
    if (bridge.trigger == BridgeTrigger::kRecord) {
      if (bridge.paused) continue;
      for (const CellId log : from->logs) bridges_from_[log].push_back(name);
    } else if (from->kind != catalog::Kind::kQueue) {
      continue;
    } else if (bridge.trigger == BridgeTrigger::kMessage) {
      bridges_from_[from->logs.front()].push_back(name);  // due with each message that is sent
    } else {
      bridges_from_[from->queue].push_back(name);  // a paused one counts what it misses
      auto* queue = find<QueueCell>(from->queue);
      if (queue != nullptr && !queue->carried_known) learn_identities(from->queue, Offset(0));
    }
  }
  for (const auto& [source, names] : before) {
    auto* queue = find<QueueCell>(source);
    if (queue == nullptr || bridges_from_.contains(source)) continue;
    queue->carried.clear();
    queue->carried_known = false;
  }
}

void Broker::start_bridges() {
  refresh_bridges();
  for (const auto& [name, bridge] : catalog_.bridges()) {
    cell<BridgeCell>(bridge.cell);
    bridges_due_.insert(name);
  }
}

int64_t Broker::bridge_lag(const catalog::Bridge& bridge) const {
  const Thing* from = catalog_.find(bridge.from);
  const auto* position = find<BridgeCell>(bridge.cell);
  if (from == nullptr || position == nullptr) return 0;
  if (bridge.trigger == BridgeTrigger::kMessage) {
    const auto* queue = find<QueueCell>(from->queue);
    return queue == nullptr ? 0 : static_cast<int64_t>(queue->queue.counts().ready);
  }
  if (!reads_topic(bridge)) return 0;
  int64_t lag = 0;
  for (uint32_t i = 0; i < from->logs.size(); ++i) {
    const log::Log& log = find<LogCell>(from->logs[i])->log;
    lag += log.end() - std::max(log.start(), position->position(*from, i));
  }
  return lag;
}

std::vector<Broker::BridgeStatus> Broker::bridges() const {
  std::vector<BridgeStatus> result;
  for (const auto& [name, bridge] : catalog_.bridges()) {
    BridgeStatus status{.bridge = &bridge, .counts = {}, .lag = bridge_lag(bridge), .problem = {}};
    if (const auto* position = find<BridgeCell>(bridge.cell)) {
      status.counts = position->counts;
      status.missed = position->missed;
      status.problem = position->problem;
    }
    for (const Name& end : {bridge.from, bridge.to}) {
      if (catalog_.find(end) == nullptr)
        status.problem = fmt::format("{} does not exist", end.name);
    }
    result.push_back(std::move(status));
  }
  return result;
}

// ---- running

void Broker::run_bridges(Timestamp now) {
  const auto due = std::exchange(bridges_due_, {});
  for (const std::string& name : due) run_bridge(name, now);
}

void Broker::run_bridge(const std::string& name, Timestamp /*now*/) {
  const catalog::Bridge* bridge = catalog_.find_bridge(name);
  if (bridge == nullptr || stopped_) return;
  if (bridge->trigger == BridgeTrigger::kExpiry) return run_expiry(*bridge);
  if (bridge->paused) return;
  const bool messages = bridge->trigger == BridgeTrigger::kMessage;
  if (!reads_topic(*bridge) && !messages) return;
  auto& position = cell<BridgeCell>(bridge->cell);
  if (position.running) return;
  const Thing* from = catalog_.find(bridge->from);
  if (from == nullptr || catalog_.find(bridge->to) == nullptr) {
    position.problem =
        fmt::format("{} does not exist", from == nullptr ? bridge->from.name : bridge->to.name);
    return;
  }
  if (messages == (from->kind == catalog::Kind::kTopic)) {
    position.problem = fmt::format("{} is a {} now", from->name.name,
                                   from->kind == catalog::Kind::kTopic ? "topic" : "queue");
    return;
  }
  if (messages) return receive_for_bridge(*bridge, position, *from);
  if (!position.knows(*from)) {
    const Turn turn(*this, now_);
    if (!turn.ok()) {
      position.problem = turn.status().error().message;
      return;
    }
    begin_source(*bridge, position, *from);
  }
  read_for_bridge(*bridge, position, *from);
}

// Of another topic of that name a bridge begins at the start, as a new bridge does. One that was
// renamed and has its name back is no other.
void Broker::begin_source(const catalog::Bridge& bridge, BridgeCell& position, const Thing& from) {
  position.begin(from.logs.front());
  position.problem.clear();
  ++position.seeks;
  commit_.add(bridge.cell, BridgeCell::began(position.source));
  commit_.require(Durability::kFsync);
  touch(bridge.cell, position);
}

// Also of a paused one, which counts what it misses.
void Broker::run_expiry(const catalog::Bridge& bridge) {
  const Turn turn(*this, now_, Admission::kRelease);
  const Thing* from = catalog_.find(bridge.from);
  if (!turn.ok() || from == nullptr || from->kind != catalog::Kind::kQueue) return;
  retain_log(*from, from->logs.front(), now_);
}

// Once in a maintenance round: the rate, and another try of what could not go on.
void Broker::tend_bridges() {
  const double seconds = static_cast<double>(limits_.maintenance_every.count()) / 1000;
  for (const auto& [name, bridge] : catalog_.bridges()) {
    auto* position = find<BridgeCell>(bridge.cell);
    if (position == nullptr) continue;
    BridgeCounts& counts = position->counts;
    const auto moved = static_cast<double>(counts.moved - position->moved_before);
    position->moved_before = counts.moved;
    constexpr double kWeight = 0.2;  // of the last round; what was before fades
    counts.per_second += kWeight * (moved / seconds - counts.per_second);
    if (counts.per_second < 0.01) counts.per_second = 0;
    const bool waits = reads_topic(bridge) && !position->problem.empty();
    if (waits || bridge.trigger == BridgeTrigger::kMessage) bridges_due_.insert(name);
  }
}

}  // namespace weir::broker
