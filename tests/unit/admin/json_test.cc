#include "admin/json.h"

#include <gtest/gtest.h>

#include "admin/fields.h"
#include "base/partition.h"

namespace weir::admin {
namespace {

TEST(Json, WritesWhatItRead) {
  const std::string text = R"({"a":[1,-2,true,null,"x\"y"],"b":{"c":[]},"d":{}})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(json->to_text(), text);
  EXPECT_EQ((*json)["a"].list().size(), 5U);
  EXPECT_EQ((*json)["nothing"]["below"].text(), "");
}

TEST(Json, RefusesWhatIsNotJsonAndWhatIsTooDeep) {
  EXPECT_FALSE(Json::parse(""));
  EXPECT_FALSE(Json::parse("{\"a\":}"));
  EXPECT_FALSE(Json::parse("{} {}"));
  EXPECT_TRUE(Json::parse(std::string(10, '[') + std::string(10, ']')));
  EXPECT_FALSE(Json::parse(std::string(1000, '[') + std::string(1000, ']')));
}

TEST(Base64, GoesThereAndBack) {
  // RFC 4648, section 10.
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  for (const std::string& bytes :
       {std::string("\0\xff\x80", 3), std::string("weir"), std::string()}) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  for (const char* text : {"Zg=", "Z", "Zg==Zg==", "Z===", "====", "Zm9*"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Fields, TellTheFirstMistake) {
  const Json json = *Json::parse(R"({"name":"a","lease_sm":1,"count":7})");
  Fields fields(json);
  EXPECT_EQ(fields.required_text("name"), "a");
  EXPECT_EQ(fields.integer("count", 0, 10), 7);
  EXPECT_EQ(fields.integer("lease_ms", 0, 10), std::nullopt);
  EXPECT_EQ(fields.finish().error().message, "unknown field lease_sm; did you mean lease_ms?");
  Fields strict(json);
  EXPECT_EQ(strict.integer("count", 0, 5), std::nullopt);
  EXPECT_EQ(strict.finish().error().message, "count must be from 0 to 5");
  Fields typed(json);
  EXPECT_EQ(typed.flag("name"), std::nullopt);
  EXPECT_EQ(typed.finish().error().message, "name must be true or false");
  const Json list = *Json::parse("[]");
  EXPECT_EQ(Fields(list).finish().error().message, "a JSON object is wanted");
}

TEST(Partition, IsTheOneOfKafkasClients) {
  // The values that Apache Kafka's own unit test of murmur2 expects.
  EXPECT_EQ(static_cast<int32_t>(murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<int32_t>(murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<int32_t>(murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<int32_t>(murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
            -58897971);
  EXPECT_EQ(static_cast<int32_t>(murmur2("abc")), 479470107);
  EXPECT_EQ(partition_of("abc", 10), 7U);
}

}  // namespace
}  // namespace weir::admin
