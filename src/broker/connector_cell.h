#pragma once
// Where a connector stands, as a cell: named notes whose values only the connector understands (its
// position in the source, what of a snapshot is done). They are journaled in the commit of what
// they speak of: a record that came out of the source and the position behind it become durable
// together or not at all.
//
// Event: u8 1, name, value (a note is put) or u8 2, name (it is erased). Image: varint count, then
// names and values.

#include <map>
#include <string>

#include "broker/cell.h"

namespace weir::broker {

class ConnectorCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kConnector;
  ConnectorCell() : Cell(kKind) {}

  using Notes = std::map<std::string, std::string, std::less<>>;

  // Change the cell and return the event for Broker::journal_event.
  std::string put(ByteView name, ByteView value);
  std::string erase(ByteView name);

  const Notes& notes() const { return notes_; }
  // Empty when there is none.
  ByteView note(ByteView name) const;

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& released,
                      std::vector<Extent>& held) override;
  Result<void> load(ByteView image, std::vector<Extent>& held) override;
  void save(CellImage& image) const override;

 private:
  Notes notes_;
};

}  // namespace weir::broker
