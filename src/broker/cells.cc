#include "broker/cells.h"

#include <memory>
#include <utility>

namespace weir::broker {
namespace {

// Where a bridge's event has a partition: the number of events that it missed.
constexpr uint64_t kMissedMark = uint64_t{UINT16_MAX} + 1;
// Or the topic that the places are in.
constexpr uint64_t kSourceMark = kMissedMark + 1;
// A queue of more entries and deduplication ids is pinned and written off the shard.
constexpr size_t kEntriesAtOnce = 1024;

}  // namespace

Result<void> LogCell::replay(const Replayed& entry,
                             std::vector<Extent>& released,
                             std::vector<Extent>& held) {
  if (const auto done = log.replay(entry.event, entry.payload, entry.extent, entry.lsn, released);
      !done) {
    return done;
  }
  if (!entry.payload.empty()) return {};
  const auto event = log::decode_event(entry.event);
  if (const auto* moved = event ? std::get_if<log::MovedEvent>(&*event) : nullptr) {
    for (const log::MovedRow& row : moved->rows) {
      held.push_back({row.to.file, row.to.frame, row.to.position, row.bytes});
    }
  }
  return {};
}

Result<void> LogCell::load(ByteView image, std::vector<Extent>& held) {
  auto loaded = log::Log::load(image);
  if (!loaded) return std::unexpected(loaded.error());
  log = std::move(*loaded);
  log.held(held);
  return {};
}

void LogCell::save(CellImage& image) const {
  log::Log::Image parts = log.image();
  image.head.append(parts.head);
  for (auto& block : parts.blocks) {
    image.deferred.push_back(
        [block = std::move(block)](std::string& out) { block->serialize(out); });
  }
}

Result<void> QueueCell::replay(const Replayed& entry,
                               std::vector<Extent>& /*released*/,
                               std::vector<Extent>& /*held*/) {
  const auto event = queue::decode_event(entry.event);
  if (!event) return std::unexpected(event.error());
  queue.apply(*event);
  return {};
}

Result<void> QueueCell::load(ByteView image, std::vector<Extent>& /*held*/) {
  Reader reader(image);
  auto loaded = queue::Queue::load(reader);
  if (!loaded) return std::unexpected(loaded.error());
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "a queue's image has trailing bytes");
  }
  queue = std::move(*loaded);
  return {};
}

void QueueCell::forget_identities(const queue::Event& event) {
  if (carried.empty()) return;
  if (const auto* settled = std::get_if<queue::Settled>(&event)) {
    for (const Offset offset : settled->offsets) carried.erase(offset);
  } else if (const auto* moved = std::get_if<queue::FloorMoved>(&event)) {
    if (moved->keep_leased) return;
    absl::erase_if(carried, [&](const auto& entry) { return entry.first < moved->floor; });
  }
}

void QueueCell::save(CellImage& image) const {
  if (queue.entries() + queue.remembered_ids() <= kEntriesAtOnce) {
    Writer writer(image.head);
    return queue.save(writer);
  }
  queue::Queue::Image parts = queue.image();
  image.head.append(parts.head);
  image.deferred.push_back([parts = std::move(parts)](std::string& out) {
    Writer writer(out);
    queue::Queue::write_rest(parts, writer);
  });
}

std::string BridgeCell::advanced(uint32_t partition, Offset next) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(CellKind::kBridge));
  writer.varint(partition);
  writer.varint(static_cast<uint64_t>(next.value()));
  return std::move(writer.out());
}

std::string BridgeCell::missed_so_far(uint64_t missed) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(CellKind::kBridge));
  writer.varint(kMissedMark);
  writer.varint(missed);
  return std::move(writer.out());
}

std::string BridgeCell::began(CellId source) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(CellKind::kBridge));
  writer.varint(kSourceMark);
  writer.varint(source.value());
  return std::move(writer.out());
}

Result<void> BridgeCell::replay(const Replayed& entry,
                                std::vector<Extent>& /*released*/,
                                std::vector<Extent>& /*held*/) {
  Reader reader(entry.event);
  const uint64_t partition = reader.varint();
  const uint64_t next = reader.varint();
  if (!reader.done() || partition > kSourceMark || next > INT64_MAX) {
    return fail(ErrorCode::kStorageCorrupt, "a bridge's position cannot be read");
  }
  if (partition == kMissedMark) {
    missed = next;
    return {};
  }
  if (partition == kSourceMark) {
    begin(CellId(next));
    return {};
  }
  apply(static_cast<uint32_t>(partition), Offset(static_cast<int64_t>(next)));
  return {};
}

Result<void> BridgeCell::load(ByteView image, std::vector<Extent>& /*held*/) {
  Reader reader(image);
  std::vector<Offset> fresh(reader.count());
  for (Offset& position : fresh) position = Offset(static_cast<int64_t>(reader.varint()));
  const uint64_t so_far = reader.varint();
  const CellId place_in(reader.remaining() > 0 ? reader.varint() : 0);
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "a bridge's image cannot be read");
  }
  positions = std::move(fresh);
  missed = so_far;
  source = place_in;
  return {};
}

void BridgeCell::save(CellImage& image) const {
  Writer writer(image.head);
  writer.varint(positions.size());
  for (const Offset position : positions) writer.varint(static_cast<uint64_t>(position.value()));
  writer.varint(missed);
  writer.varint(source.value());
}

void BridgeCell::apply(uint32_t partition, Offset next) {
  if (positions.size() <= partition) positions.resize(partition + 1);
  positions[partition] = next;
}

void BridgeCell::begin(CellId fresh) {
  // Places that were noted without their topic are in the one that was there.
  if (source != CellId{}) positions.clear();
  source = fresh;
}

Offset BridgeCell::position(const catalog::Thing& from, uint32_t partition) const {
  const bool known = knows(from) || source == CellId{};
  return known && partition < positions.size() ? positions[partition] : Offset(0);
}

}  // namespace weir::broker
