#include "base/suggest.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr std::string_view kNames[] = {"kafka.port", "redis.port", "data", "log.level"};

TEST(Suggest, FindsTheNameThatWasMeant) {
  EXPECT_EQ(nearest("kafka.prot", kNames), "kafka.port");
  EXPECT_EQ(nearest("dta", kNames), "data");
  EXPECT_EQ(nearest("log.leevl", kNames), "log.level");
  EXPECT_EQ(did_you_mean("rdis.port", kNames), "; did you mean redis.port?");
}

TEST(Suggest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("completely.different", kNames), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), kNames), "");
  EXPECT_EQ(did_you_mean("xyz", kNames), "");
}

}  // namespace
}  // namespace weir
