// Connectors: their catalog entries, and the cell with their notes.

#include <fmt/format.h>

#include "base/wire.h"
#include "broker/broker.h"
#include "broker/connector_cell.h"

namespace weir::broker {
namespace {

constexpr uint8_t kPut = 1;
constexpr uint8_t kErased = 2;

}  // namespace

std::string ConnectorCell::put(ByteView name, ByteView value) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(kKind));
  writer.u8(kPut);
  writer.bytes(name);
  writer.bytes(value);
  notes_[std::string(name)] = value;
  return std::move(writer.out());
}

std::string ConnectorCell::erase(ByteView name) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(kKind));
  writer.u8(kErased);
  writer.bytes(name);
  notes_.erase(std::string(name));
  return std::move(writer.out());
}

ByteView ConnectorCell::note(ByteView name) const {
  const auto found = notes_.find(name);
  return found == notes_.end() ? ByteView() : ByteView(found->second);
}

Result<void> ConnectorCell::replay(const Replayed& entry,
                                   std::vector<Extent>& /*released*/,
                                   std::vector<Extent>& /*held*/) {
  Reader reader(entry.event);
  const uint8_t what = reader.u8();
  const ByteView name = reader.bytes();
  const ByteView value = what == kPut ? reader.bytes() : ByteView();
  if (!reader.done() || (what != kPut && what != kErased)) {
    return fail(ErrorCode::kStorageCorrupt, "a connector's note cannot be read");
  }
  if (what == kPut) {
    notes_[std::string(name)] = value;
  } else {
    notes_.erase(std::string(name));
  }
  return {};
}

Result<void> ConnectorCell::load(ByteView image, std::vector<Extent>& /*held*/) {
  Reader reader(image);
  Notes loaded;
  for (uint64_t left = reader.count(2); left > 0 && !reader.failed(); --left) {
    const ByteView name = reader.bytes();
    const ByteView value = reader.bytes();
    loaded.emplace(name, value);
  }
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt, "a connector's image cannot be read");
  }
  notes_ = std::move(loaded);
  return {};
}

void ConnectorCell::save(CellImage& image) const {
  Writer writer(image.head);
  writer.varint(notes_.size());
  for (const auto& [name, value] : notes_) {
    writer.bytes(name);
    writer.bytes(value);
  }
}

Result<Depends> Broker::create_connector(const catalog::Connector& wanted, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  catalog::Connector connector = wanted;
  connector.cell = allocate_cell();
  connector.created = now_;
  const auto event = catalog_.decide_put_connector(connector, true);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  cell<ConnectorCell>(connector.cell).last_lsn = catalog_lsn_;
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::alter_connector(const catalog::Connector& wanted, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  catalog::Connector altered = wanted;
  if (const catalog::Connector* known = catalog_.find_connector(wanted.name)) {
    altered.kind = known->kind;
    altered.cell = known->cell;
    altered.created = known->created;
  }
  const auto event = catalog_.decide_put_connector(altered, false);
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  return Depends{catalog_lsn_, Durability::kFsync};
}

Result<Depends> Broker::remove_connector(const std::string& name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto event = catalog_.decide_remove_connector(name);
  if (!event) return std::unexpected(event.error());
  const CellId notes = catalog_.find_connector(name)->cell;
  apply_catalog(*event);
  remove_cell(notes);
  return Depends{catalog_lsn_, Durability::kFsync};
}

}  // namespace weir::broker
