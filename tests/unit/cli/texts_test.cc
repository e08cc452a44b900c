#include <gtest/gtest.h>

#include "cli/client.h"
#include "cli/format.h"
#include "cli/units.h"

namespace weir::cli {
namespace {

TEST(Units, DurationsNeedTheirUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500);
  EXPECT_EQ(parse_duration("30s"), 30'000);
  EXPECT_EQ(parse_duration("1h"), 3'600'000);
  EXPECT_EQ(parse_duration("7d"), 604'800'000);
  EXPECT_EQ(parse_duration("0"), 0);
  EXPECT_EQ(parse_duration("forever"), kWithoutEnd);
  for (const char* text : {"", "5", "s", "-1s", "1.5h", "1h30m", "99999999999999999d", "1 h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, AreShownAsTheyAreWritten) {
  for (const char* text : {"500ms", "30s", "90m", "1h", "7d", "forever"}) {
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  }
  for (const char* text : {"1B", "64KiB", "10MB", "2GiB", "unlimited"}) {
    EXPECT_EQ(size_text(*parse_size(text)), text);
  }
  EXPECT_EQ(duration_text(0), "0");
}

TEST(Format, ReplacesItsTokens) {
  const auto record = admin::Json::parse(
      R"({"partition":1,"offset":7,"timestamp_ms":9,"key":"k","value_base64":"/w==",)"
      R"("headers":[{"name":"a","value":"1"},{"name":"b"}]})");
  ASSERT_TRUE(record);
  EXPECT_EQ(formatted("%t %p %o %T %k %v %h %%\\n\\t\\\\", "events", *record),
            "events 1 7 9 k \xff a=1,b= %\n\t\\");
  EXPECT_TRUE(check_format("%v\\n"));
  for (const char* format : {"%z", "%", "\\q", "x\\"}) EXPECT_FALSE(check_format(format)) << format;
}

TEST(Target, EncodesNamesAndParameters) {
  EXPECT_EQ(Target("topics").segment("a/b c").parameter("namespace", "").text(),
            "/api/v1/topics/a%2Fb%20c");
  EXPECT_EQ(Target("topics").parameter("namespace", "1/x").parameter("from", "ä").text(),
            "/api/v1/topics?namespace=1%2Fx&from=%C3%A4");
}

}  // namespace
}  // namespace weir::cli
