#pragma once
// A consumer group as a cell: its committed offsets are durable, its membership is not.
// protocols/kafka decides on both, journals what it committed (an event of group::Offsets behind
// the kind byte), and keeps the clock of the membership.

#include "broker/cell.h"
#include "core/group/membership.h"
#include "core/group/offsets.h"

namespace weir::broker {

class GroupCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kGroup;
  GroupCell() : Cell(kKind) {}

  static std::string encoded(const group::OffsetsEvent& event) {
    std::string bytes(1, static_cast<char>(kKind));
    group::encode(event, bytes);
    return bytes;
  }

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& /*released*/,
                      std::vector<Extent>& /*held*/) override {
    const auto event = group::decode_offsets_event(entry.event);
    if (!event) return std::unexpected(event.error());
    offsets.apply(*event);
    return {};
  }
  Result<void> load(ByteView image, std::vector<Extent>& /*held*/) override {
    Reader reader(image);
    auto loaded = group::Offsets::load(reader);
    if (!loaded) return std::unexpected(loaded.error());
    if (!reader.done()) {
      return fail(ErrorCode::kStorageCorrupt, "a group's image has trailing bytes");
    }
    offsets = std::move(*loaded);
    return {};
  }
  void save(CellImage& image) const override {
    Writer writer(image.head);
    offsets.save(writer);
  }

  group::Offsets offsets;
  group::Membership members;
};

}  // namespace weir::broker
