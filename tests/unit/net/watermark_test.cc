#include "net/watermark.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::net {
namespace {

struct Waiter final : Parked {
  Waiter(std::string name_, std::vector<std::string>& seen_)
      : name(std::move(name_)), seen(seen_) {}
  void released() override { seen.push_back(name); }
  std::string name;
  std::vector<std::string>& seen;
};

TEST(Watermark, ReleasesInLsnOrderWhatItCoversAndNothingElse) {
  Watermark watermark;
  std::vector<std::string> seen;
  const auto park = [&](uint64_t lsn, Durability durability, const std::string& name) {
    watermark.park(Lsn(lsn), durability, std::make_shared<Waiter>(name, seen));
  };
  park(5, Durability::kFsync, "five");
  park(3, Durability::kFsync, "three");
  park(4, Durability::kOs, "four, written");
  park(9, Durability::kFsync, "nine");
  watermark.advance(Lsn(4), Lsn(2));
  EXPECT_EQ(seen, std::vector<std::string>{"four, written"});
  watermark.advance(Lsn(6), Lsn(6));
  EXPECT_EQ(seen, (std::vector<std::string>{"four, written", "three", "five"}));
  EXPECT_EQ(watermark.parked(), 1U);
}

TEST(Watermark, NeverGoesBackAndWhatIsDurableWasWritten) {
  Watermark watermark;
  watermark.advance(Lsn(3), Lsn(7));
  EXPECT_EQ(watermark.written(), Lsn(7));
  watermark.advance(Lsn(1), Lsn(1));
  EXPECT_EQ(watermark.durable(), Lsn(7));
  EXPECT_TRUE(watermark.covers(Lsn(7), Durability::kFsync));
  EXPECT_FALSE(watermark.covers(Lsn(8), Durability::kOs));
  EXPECT_TRUE(watermark.covers(Lsn(8), Durability::kTransient));
  EXPECT_TRUE(watermark.covers(Lsn(0), Durability::kFsync));
}

}  // namespace
}  // namespace weir::net
