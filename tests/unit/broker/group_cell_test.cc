// What a group keeps comes back from its events and from its image, in any combination.

#include "broker/group_cell.h"

#include <gtest/gtest.h>

#include <memory>

namespace weir::broker {
namespace {

std::optional<group::Topology> topology() {
  return group::Topology{.epoch = 2, .parts = {{.id = "0", .sources = {"words"}}}};
}

void replay(GroupCell& cell, const std::string& journaled) {
  std::vector<Extent> none;
  const std::string event = journaled.substr(1);  // behind the kind of the cell
  Replayed entry{};
  entry.event = event;
  ASSERT_TRUE(cell.replay(entry, none, none).has_value());
}

// A cell made from the image of another.
std::unique_ptr<GroupCell> again(const GroupCell& cell) {
  CellImage image;
  cell.save(image);
  auto loaded = std::make_unique<GroupCell>();
  std::vector<Extent> none;
  EXPECT_TRUE(loaded->load(image.head, none).has_value());
  return loaded;
}

TEST(GroupCell, KeepsSettingsAndTopologyAloneAndTogether) {
  GroupCell cell;
  EXPECT_EQ(again(cell)->streams.topology(), std::nullopt);
  replay(cell, GroupCell::encoded(topology()));
  EXPECT_EQ(again(cell)->streams.topology(), topology());
  EXPECT_TRUE(again(cell)->settings.empty());
  const group::Settings settings{{"streams.num.standby.replicas", "1"}};
  replay(cell, GroupCell::encoded(settings));
  EXPECT_EQ(again(cell)->streams.topology(), topology());
  EXPECT_EQ(again(cell)->settings, settings);
  replay(cell, GroupCell::encoded(std::optional<group::Topology>()));
  EXPECT_EQ(again(cell)->streams.topology(), std::nullopt);
  EXPECT_EQ(again(cell)->settings, settings);
}

TEST(GroupCell, WithATopologyIsOneOfKafkaStreams) {
  GroupCell cell;
  EXPECT_FALSE(cell.is_in_use());
  replay(cell, GroupCell::encoded(topology()));
  EXPECT_EQ(cell.kind, GroupKind::kStreams);
  EXPECT_TRUE(cell.is_in_use());
  EXPECT_EQ(again(cell)->kind, GroupKind::kStreams);
  replay(cell, GroupCell::encoded(std::optional<group::Topology>()));
  EXPECT_EQ(cell.kind, GroupKind::kClassic);
}

TEST(GroupCell, BytesBehindTheTopologyAreCorruption) {
  GroupCell cell;
  replay(cell, GroupCell::encoded(topology()));
  CellImage image;
  cell.save(image);
  GroupCell loaded;
  std::vector<Extent> none;
  EXPECT_FALSE(loaded.load(image.head + "x", none).has_value());
}

}  // namespace
}  // namespace weir::broker
