#include "protocols/redis/id_cache.h"

#include <gtest/gtest.h>

namespace weir::redis {
namespace {

constexpr CellId kLog(7);

StreamId id_at(int64_t offset) {
  return {1'700'000'000'000 + static_cast<uint64_t>(offset) / 50,
          static_cast<uint64_t>(offset) % 50};
}

TEST(IdCache, KnowsNothingAtFirst) {
  const IdCache cache;
  EXPECT_FALSE(cache.offset_of(kLog, id_at(0)));
  EXPECT_FALSE(cache.id_of(kLog, Offset(0)));
}

TEST(IdCache, AnswersBothWays) {
  IdCache cache;
  cache.put(kLog, id_at(3), Offset(3));
  EXPECT_EQ(cache.offset_of(kLog, id_at(3)), Offset(3));
  EXPECT_EQ(cache.id_of(kLog, Offset(3)), id_at(3));
  EXPECT_FALSE(cache.offset_of(CellId(8), id_at(3)));
  EXPECT_FALSE(cache.id_of(CellId(8), Offset(3)));
}

// Fifty connections that each have sixteen reads of ten entries under way.
TEST(IdCache, RemembersWhatManyConsumersHavePending) {
  IdCache cache;
  constexpr int64_t kPending = 8'000;
  constexpr int64_t kEnd = 100'000;
  for (int64_t offset = 0; offset < kEnd; ++offset) cache.put(kLog, id_at(offset), Offset(offset));
  int64_t known = 0;
  for (int64_t offset = kEnd - kPending; offset < kEnd; ++offset) {
    known += cache.offset_of(kLog, id_at(offset)) == Offset(offset) ? 1 : 0;
  }
  EXPECT_GT(known, kPending * 98 / 100);
}

TEST(IdCache, KeepsTheSameEntryOnce) {
  IdCache cache;
  for (int round = 0; round < 100; ++round) cache.put(kLog, id_at(1), Offset(1));
  for (int64_t offset = 2; offset < 1000; ++offset) cache.put(kLog, id_at(offset), Offset(offset));
  EXPECT_EQ(cache.offset_of(kLog, id_at(1)), Offset(1));
}

TEST(IdCache, KeepsWhatItIsToldToUntilItIsLetGo) {
  IdCache cache;
  EXPECT_TRUE(cache.keep(kLog, Offset(1), id_at(1)));
  EXPECT_TRUE(cache.keep(CellId(kLog.value() + 1), Offset(1), id_at(1)));
  for (int64_t offset = 2; offset < 200'000; ++offset)
    cache.put(kLog, id_at(offset), Offset(offset));
  EXPECT_EQ(cache.offset_of(kLog, id_at(1)), Offset(1));
  EXPECT_EQ(cache.id_of(kLog, Offset(1)), id_at(1));
  cache.let_go(kLog, Offset(1));
  EXPECT_FALSE(cache.kept(kLog, Offset(1)));
  EXPECT_FALSE(cache.offset_of(kLog, id_at(1)));
  cache.forget(kLog);
  EXPECT_TRUE(cache.kept(CellId(kLog.value() + 1), Offset(1)));
  cache.forget(CellId(kLog.value() + 1));
  EXPECT_FALSE(cache.id_of(CellId(kLog.value() + 1), Offset(1)));
}

TEST(IdCache, KeepsNoMoreThanItsLimit) {
  IdCache cache;
  for (size_t i = 0; i < IdCache::kKeptMax; ++i) {
    const auto number = static_cast<int64_t>(i);
    ASSERT_TRUE(cache.keep(kLog, Offset(number), id_at(number)));
  }
  EXPECT_FALSE(cache.keep(kLog, Offset(-1), id_at(1'000'000)));
  EXPECT_TRUE(cache.keep(kLog, Offset(5), id_at(5)));  // it is kept already
}

}  // namespace
}  // namespace weir::redis
