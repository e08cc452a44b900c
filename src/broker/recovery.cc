// Recovery, checkpoints and the tidier: what the journal asks of the broker.

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>

#include "broker/broker.h"
#include "broker/connector_cell.h"
#include "broker/event_store.h"
#include "broker/group_cell.h"
#include "broker/keyspace_cell.h"

namespace weir::broker {
namespace {

constexpr CellId kCatalogCell{0};

Error corrupt(CellId cell, std::string_view what) {
  return {ErrorCode::kStorageCorrupt,
          fmt::format("cell {} cannot be recovered: {}; start with --salvage to leave it out",
                      cell.value(), what)};
}

}  // namespace

std::unique_ptr<Cell> Broker::make_cell(CellKind kind) const {
  switch (kind) {
    case CellKind::kLog: return std::make_unique<LogCell>();
    case CellKind::kQueue: return std::make_unique<QueueCell>();
    case CellKind::kKeyspace: return std::make_unique<KeyspaceCell>();
    case CellKind::kBridge: return std::make_unique<BridgeCell>();
    case CellKind::kGroup: return std::make_unique<GroupCell>();
    case CellKind::kConnector: return std::make_unique<ConnectorCell>();
    case CellKind::kCatalog: break;
  }
  return nullptr;
}

Result<void> Broker::load_image(CellId id, ByteView image) {
  if (image.empty()) return std::unexpected(corrupt(id, "its image is empty"));
  const auto kind = static_cast<CellKind>(image.front());
  image.remove_prefix(1);
  if (kind == CellKind::kCatalog) return catalog_.load(image);
  std::unique_ptr<Cell> cell = make_cell(kind);
  if (cell == nullptr) return std::unexpected(corrupt(id, "its image is of an unknown kind"));
  std::vector<Extent> held;
  if (const auto loaded = cell->load(image, held); !loaded) {
    return std::unexpected(corrupt(id, loaded.error().message));
  }
  for (const Extent& extent : held) journal_.retain(extent);
  last_found_ = nullptr;
  cells_[id] = std::move(cell);
  return {};
}

Result<void> Broker::replay(
    Lsn lsn, Timestamp now, CellId id, ByteView event, ByteView payload, const Extent& extent) {
  now_ = std::max(now_, now);
  if (event.empty()) return std::unexpected(corrupt(id, "an entry has no kind"));
  const auto kind = static_cast<CellKind>(event.front());
  event.remove_prefix(1);
  if (kind == CellKind::kCatalog) return catalog_.apply(event);
  if (event.empty()) return {};  // it was removed: replayed() sees that nobody knows it

  std::unique_ptr<Cell>& slot = cells_[id];
  if (slot == nullptr) slot = make_cell(kind);
  if (slot == nullptr || slot->kind() != kind) {
    return std::unexpected(corrupt(id, "an entry is of another kind than its cell"));
  }
  std::vector<Extent> released;
  std::vector<Extent> held;
  if (const auto done = slot->replay({lsn, now, event, payload, extent}, released, held); !done) {
    return std::unexpected(corrupt(id, done.error().message));
  }
  for (const Extent& place : held) journal_.retain(place);
  for (const Extent& gone : released) journal_.release(gone, lsn);
  if (kind == CellKind::kLog && !payload.empty()) {
    // The queue learns of the log's end by the append itself; it has no entry of its own for a
    // plain message.
    if (const Thing* thing = catalog_.owner_of(id)) ends_moved(id, *thing);
  }
  return {};
}

// Entries of cells that were removed before the catalog's image was made have left cells behind. So
// have images of cells whose removal had no entry, in the first versions; they may refer to files
// that are gone.
void Broker::remove_unknown_cells() {
  absl::flat_hash_set<CellId> known;
  catalog_.each_thing_everywhere([&](const Thing& thing) {
    known.insert(thing.logs.begin(), thing.logs.end());
    if (thing.queue != CellId{}) known.insert(thing.queue);
    for (const auto& [group, cell] : thing.stream_groups) known.insert(cell);
    return true;
  });
  catalog_.each_group([&](const Name&, CellId cell) {
    known.insert(cell);
    return true;
  });
  for (const auto& [name, bridge] : catalog_.bridges()) known.insert(bridge.cell);
  for (const auto& [name, one] : catalog_.connectors()) known.insert(one.cell);
  for (const auto& [number, keyspace] : catalog_.keyspaces()) {
    for (uint32_t i = 0; i < keyspace.cells; ++i) known.insert(CellId(keyspace.first.value() + i));
  }
  std::vector<CellId> unknown;
  for (const auto& [id, cell] : cells_) {
    if (!known.contains(id)) unknown.push_back(id);
  }
  for (const CellId id : unknown) remove_cell(id);
}

void Broker::replayed() {
  remove_unknown_cells();
  for (const Extent& extent : std::exchange(released_, {})) journal_.release(extent, Lsn{});
}

Result<void> Broker::start(Timestamp now) {
  now_ = std::max(now_, now);
  catalog_.each_thing_everywhere([&](const Thing& thing) {
    for (const CellId log : thing.logs) cell<LogCell>(log);
    bind(thing);
    events_->consider(thing);
    return true;
  });

  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return turn.status();
  for (auto& [id, any] : cells_) {
    if (any->kind() == CellKind::kQueue) start_queue(id, static_cast<QueueCell&>(*any));
    if (any->kind() == CellKind::kLog) note_places(id, static_cast<LogCell&>(*any));
  }
  maintain_at_ = now_ + limits_.maintenance_every;
  start_bridges();
  return {};
}

void Broker::start_queue(CellId id, QueueCell& queue) {
  queue.queue.advance_time(now_);
  for (const queue::ConsumerId consumer : queue.queue.consumers_with_bound_leases()) {
    if (const auto event = queue.queue.decide_consumer_closed(consumer)) {
      apply_events(id, queue, {*event});
    }
  }
  queue.trim_due = true;
  trims_due_.push_back(id);
  touched_.push_back(id);
}

void Broker::note_places(CellId id, LogCell& log) {
  std::vector<Extent> held;
  log.held(held);
  for (const Extent& extent : held) note_place(id, log, extent.file);
}

std::optional<CellImage> Broker::image(CellId id) {
  CellImage image;
  if (id == kCatalogCell) {
    image.head.push_back(static_cast<char>(CellKind::kCatalog));
    auto pinned = catalog_.pinned_image();
    image.head.append(pinned.head);
    image.deferred.push_back([things = std::move(pinned.things)](std::string& out) {
      catalog::Catalog::write_things(things, out);
    });
    return image;
  }
  const auto found = cells_.find(id);
  if (found == cells_.end()) return std::nullopt;
  image.head.push_back(static_cast<char>(found->second->kind()));
  found->second->save(image);
  return image;
}

LiveSpans Broker::live_spans(FileId file, size_t left) {
  constexpr size_t kLogsAtOnce = 250;
  constexpr size_t kSpansAtOnce = 1000;
  LiveSpans found;
  const auto known = logs_in_.find(file);
  if (known == logs_in_.end()) return found;
  // From the back: forget_places() fills gaps from there, with what was looked at already.
  const std::vector<CellId>& logs = known->second;
  found.left = std::min(left, logs.size());
  const size_t end = found.left - std::min(found.left, kLogsAtOnce);
  std::vector<log::Row> rows;
  while (found.left > end && found.spans.size() < kSpansAtOnce) {
    const CellId id = logs[--found.left];
    const auto* cell = find<LogCell>(id);
    if (cell == nullptr) continue;
    rows.clear();
    cell->log.rows_in_file(file, rows);
    for (const log::Row& row : rows) found.spans.emplace_back(id, row.span);
  }
  return found;
}

// ---- which logs lie in a file

void Broker::note_place(CellId id, LogCell& cell, FileId file) {
  if (cell.newest_file == file) return;
  cell.newest_file = file;
  logs_in_[file].push_back(id);
}

// Some logs of one file each time: those that have nothing in it any more are left out, and so is
// it when there are none.
void Broker::forget_places() {
  constexpr size_t kLogsAtOnce = 1000;
  auto at = logs_in_.lower_bound(forget_from_);
  if (at == logs_in_.end()) at = logs_in_.begin();
  if (at == logs_in_.end()) return;
  const FileId file = at->first;
  if (file != forget_from_) forget_at_ = 0;
  std::vector<log::Row> rows;
  const auto gone = [&](CellId id) {
    const auto* cell = find<LogCell>(id);
    if (cell == nullptr) return true;
    if (cell->newest_file == file) return false;  // it would not be noted again
    rows.clear();
    cell->log.rows_in_file(file, rows);
    return rows.empty();
  };
  std::vector<CellId>& logs = at->second;
  for (size_t looked = 0; looked < kLogsAtOnce && forget_at_ < logs.size(); ++looked) {
    if (gone(logs[forget_at_])) {
      logs[forget_at_] = logs.back();
      logs.pop_back();
    } else {
      ++forget_at_;
    }
  }
  const bool all = forget_at_ >= logs.size();
  forget_from_ = all ? file.next() : file;
  if (all) forget_at_ = 0;
  if (logs.empty()) logs_in_.erase(at);
}

Lsn Broker::moved(std::span<const MovedSpan> spans) {
  const Turn turn(*this, now_, Admission::kRelease);
  if (!turn.ok()) return {};
  absl::flat_hash_map<CellId, std::vector<log::Log::Relocation>> by_log;
  for (const MovedSpan& span : spans) {
    // A row lies in one frame: copies that do not are left where they were.
    const bool one_frame = std::all_of(span.to.begin(), span.to.end(), [&](const Extent& extent) {
      return extent.file == span.to.front().file && extent.frame == span.to.front().frame;
    });
    if (span.to.empty() || !one_frame) {
      released_.insert(released_.end(), span.to.begin(), span.to.end());
      continue;
    }
    log::Log::Relocation relocation{span.from, span.to.front(), 0};
    const Extent& last = span.to.back();
    relocation.to.length = last.position + last.length - span.to.front().position;
    for (const Extent& extent : span.to) relocation.bytes += extent.length;
    std::vector<CellId>& there = logs_in_[relocation.to.file];
    if (there.empty() || there.back() != span.cell) there.push_back(span.cell);
    by_log[span.cell].push_back(relocation);
  }
  for (auto& [id, relocations] : by_log) {
    auto* cell = find<LogCell>(id);
    if (cell == nullptr) {
      for (const auto& relocation : relocations) {
        released_.push_back(
            {relocation.to.file, relocation.to.frame, relocation.to.position, relocation.bytes});
      }
      continue;
    }
    std::vector<Extent> released;
    const log::MovedEvent event = cell->log.decide_moved(std::move(relocations), released);
    if (!event.rows.empty()) {
      std::string bytes(1, static_cast<char>(CellKind::kLog));
      log::encode(event, bytes);
      journal_event(id, bytes);
      cell->log.apply(event, journal_.next_lsn(), released);
    }
    give_up(released);
  }
  return commit_.empty() ? Lsn{} : journal_.next_lsn();
}

}  // namespace weir::broker
