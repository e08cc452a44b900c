// Bridges from a topic: each record that passes the filter becomes a message or a record.

#include <fmt/format.h>

#include <algorithm>

#include "base/canary.h"
#include "broker/bridge_step.h"
#include "broker/broker.h"

namespace weir::broker {

void Broker::read_for_bridge(const catalog::Bridge& bridge,
                             BridgeCell& position,
                             const Thing& from) {
  for (uint32_t partition = 0; partition < from.logs.size(); ++partition) {
    const log::Log& source = find<LogCell>(from.logs[partition])->log;
    Offset next = position.position(from, partition);
    if (next < source.start()) {
      position.problem =
          fmt::format("offsets {} to {} of partition {} were deleted before they were moved",
                      next.value(), source.start().value() - 1, partition);
      next = source.start();
    }
    if (next >= source.end()) continue;
    position.running = true;
    ReadRequest request{from.logs[partition], next, size_t{1} << 20, std::nullopt,
                        Visibility::kApplied};
    read(request, [this, name = bridge.name, cell = bridge.cell, partition, log = request.log,
                   seeks = position.seeks](Result<ReadAnswer> answer) {
      // Another bridge of that name has a cell of its own, and perhaps another topic.
      auto* state = find<BridgeCell>(cell);
      if (state == nullptr) return;
      state->running = false;
      if (state->seeks != seeks && !canary(Canary::kBridgeIgnoresSeek)) {
        bridges_due_.insert(name);  // it reads from somewhere else now
        return;
      }
      if (!answer) {
        state->problem = answer.error().message;
        ++state->counts.failures;
        return;  // tried again by the next tick's maintenance
      }
      bridge_records(name, partition, log, *answer, now_);
    });
    return;  // one partition at a time; the others follow when this step is done
  }
}

Result<void> Broker::bridge_record(BridgeStep& step, const log::ReadRecord& record) {
  const BridgeStep::Output output = step.output(record, now_);
  if (step.to.kind == catalog::Kind::kQueue) {
    const auto sent = send(step.to.queue, output.record, output.options, now_);
    return sent ? Result<void>() : std::unexpected(sent.error());
  }
  const uint64_t spread =
      record.key ? group_hash(*record.key) : static_cast<uint64_t>(record.offset.value());
  const CellId log = step.to.logs[spread % step.to.logs.size()];
  const auto appended = append_record(log, output.record, now_);
  return appended ? Result<void>() : std::unexpected(appended.error());
}

void Broker::bridge_records(const std::string& name,
                            uint32_t partition,
                            CellId log,
                            const ReadAnswer& answer,
                            Timestamp now) {
  const Turn turn(*this, now);
  const catalog::Bridge bridge = *catalog_.find_bridge(name);
  auto& position = cell<BridgeCell>(bridge.cell);
  if (!turn.ok()) {
    position.problem = turn.status().error().message;
    return;
  }
  const Thing* from = catalog_.find(bridge.from);
  const Thing* to = catalog_.find(bridge.to);
  if (from == nullptr || to == nullptr) return;
  if (partition >= from->logs.size() || from->logs[partition] != log) {
    bridges_due_.insert(name);  // another topic has the name now
    return;
  }
  const log::Log& source = find<LogCell>(log)->log;
  std::vector<log::StoredBatch> batches;
  batches.reserve(answer.batches.size());
  for (const StoredEntry& entry : answer.batches) batches.push_back({entry.event, entry.payload});
  Offset next = std::max(position.position(*from, partition), source.start());
  log::RecordReader reader(batches, next, source.end(), source.deletions());
  log::ReadRecord record;
  BridgeStep step(bridge, *to, partition);
  uint32_t moved = 0;
  bool drained = true;
  while (moved < limits_.bridge_batch && reader.next(record)) {
    next = record.offset.next();
    if (!step.passes(record)) {
      ++position.counts.passed_over;
      continue;
    }
    if (const auto done = bridge_record(step, record); !done) {
      next = record.offset;  // stays; nothing of it was written
      drained = false;
      position.problem = done.error().message;
      ++position.counts.failures;
      break;
    }
    ++moved;
    position.problem.clear();
  }
  if (reader.error()) position.problem = reader.error()->message;
  // A compacted batch may end behind its last record.
  if (drained && moved < limits_.bridge_batch && !reader.error() && !batches.empty()) {
    const auto last = log::parse_header(batches.back().payload);
    if (last) next = std::max(next, last->end_offset());
  }
  if (answer.batches.empty()) next = std::max(next, source.end());  // deleted records only
  if (next <= position.position(*from, partition)) return;
  const bool stuck = !position.problem.empty();
  position.apply(partition, next);
  position.counts.moved += moved;
  if (moved > 0) position.counts.last_moved = now_;
  if (!canary(Canary::kBridgeForgetsPlace))
    commit_.add(bridge.cell, BridgeCell::advanced(partition, next));
  commit_.require(Durability::kFsync);
  touch(bridge.cell, position);
  if (!stuck) bridges_due_.insert(name);
}

}  // namespace weir::broker
