#include "storage/local/span_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::storage {
namespace {

broker::Extent span_at(uint32_t position, uint32_t length) {
  return {.file = FileId(7), .frame = 1, .position = position, .length = length};
}

std::vector<broker::StoredEntry> entries(const std::string& payload) {
  return {{.event = Bytes::copy_of("event"), .payload = Bytes::copy_of(payload), .extent = {}}};
}

TEST(SpanCache, GivesTheEntriesOfTheCellThatReadThem) {
  SpanCache cache(1000);
  cache.put(CellId(1), span_at(4096, 100), entries("a"));
  cache.put(CellId(2), span_at(4096, 100), entries("b"));
  ASSERT_TRUE(cache.find(CellId(1), span_at(4096, 100)).has_value());
  EXPECT_EQ(cache.find(CellId(1), span_at(4096, 100))->front().payload.view(), "a");
  EXPECT_EQ(cache.find(CellId(2), span_at(4096, 100))->front().payload.view(), "b");
  EXPECT_FALSE(cache.find(CellId(3), span_at(4096, 100)).has_value());
  EXPECT_FALSE(cache.find(CellId(1), span_at(4096, 99)).has_value());
  EXPECT_FALSE(cache.find(CellId(1), span_at(8192, 100)).has_value());
}

TEST(SpanCache, GivesThePartOfASpanThatIsAskedFor) {
  SpanCache cache(1000);
  std::vector<broker::StoredEntry> stored;
  for (uint32_t i = 0; i < 5; ++i) {
    stored.push_back({.event = Bytes::copy_of("event"),
                      .payload = Bytes::copy_of(std::to_string(i)),
                      .extent = span_at(4096 + i * 20, 20)});
  }
  cache.put(CellId(1), span_at(4096, 100), stored);
  const auto one = cache.find(CellId(1), span_at(4136, 20));
  ASSERT_TRUE(one && one->size() == 1);
  EXPECT_EQ(one->front().payload.view(), "2");
  const auto two = cache.find(CellId(1), span_at(4156, 40));
  ASSERT_TRUE(two && two->size() == 2);
  EXPECT_EQ(two->back().payload.view(), "4");
  EXPECT_FALSE(cache.find(CellId(1), span_at(4186, 20)).has_value());
  EXPECT_FALSE(cache.find(CellId(2), span_at(4136, 20)).has_value());
}

TEST(SpanCache, DropsWhatWasNotAskedForTheLongest) {
  SpanCache cache(400);
  for (uint32_t i = 0; i < 4; ++i) cache.put(CellId(1), span_at(i * 100, 100), entries("x"));
  ASSERT_TRUE(cache.find(CellId(1), span_at(0, 100)).has_value());
  cache.put(CellId(1), span_at(400, 100), entries("x"));
  EXPECT_EQ(cache.bytes(), 400);
  EXPECT_TRUE(cache.find(CellId(1), span_at(0, 100)).has_value());
  EXPECT_FALSE(cache.find(CellId(1), span_at(100, 100)).has_value());
}

TEST(SpanCache, HoldsNoSpanOfMoreThanAQuarterOfItsLimitAndNoneTwice) {
  SpanCache cache(400);
  cache.put(CellId(1), span_at(0, 101), entries("x"));
  EXPECT_EQ(cache.bytes(), 0);
  cache.put(CellId(1), span_at(0, 100), entries("x"));
  cache.put(CellId(1), span_at(0, 100), entries("y"));
  EXPECT_EQ(cache.bytes(), 100);
  EXPECT_EQ(cache.find(CellId(1), span_at(0, 100))->front().payload.view(), "y");
  cache.clear();
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace weir::storage
