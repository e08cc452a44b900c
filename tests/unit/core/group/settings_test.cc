#include "core/group/settings.h"

#include <gtest/gtest.h>

namespace weir::group {
namespace {

TEST(GroupSettings, AnEventCarriesAllOfThem) {
  const Settings settings = {{"a", "1"}, {"b", ""}};
  std::string bytes;
  encode(settings, bytes);
  const auto decoded = decode_settings_event(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, settings);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_settings_event(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_settings_event(bytes + "x"));
  bytes[0] = 9;
  EXPECT_FALSE(decode_settings_event(bytes));
}

}  // namespace
}  // namespace weir::group
