#include "base/chunked_map.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"

namespace weir {
namespace {

using Map = ChunkedMap<int64_t, std::string>;
using Model = std::map<int64_t, std::string>;

template <typename Of>
Model contents(const Of& map) {
  Model all;
  map.for_each([&](const auto& item) { all.emplace_hint(all.end(), item.first, item.second); });
  EXPECT_EQ(all.size(), map.size());
  return all;
}

void one_step(Random& random, Map& map, Model& model, int64_t bound) {
  const auto key = static_cast<int64_t>(random.below(static_cast<uint64_t>(bound)));
  const std::string value = std::to_string(random.next());
  switch (random.below(4)) {
    case 0: {
      const auto at = map.find(key);
      ASSERT_EQ(at == map.end(), !model.contains(key));
      if (at != map.end()) map.erase(at);
      model.erase(key);
      return;
    }
    case 1:
      if (const auto at = map.find(key); at != map.end()) {
        at->second = value;
        model[key] = value;
      }
      return;
    default: {
      const auto [at, fresh] = map.try_emplace(key, value);
      const auto [expected, was_fresh] = model.try_emplace(key, value);
      ASSERT_EQ(fresh, was_fresh);
      ASSERT_EQ(at->second, expected->second);
    }
  }
}

TEST(ChunkedMap, BehavesAsAMapUnderRandomChangesAndAPinStaysAsItWas) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Map map;
    Model model;
    std::optional<Map::Pinned> pinned;
    Model before;
    for (int step = 0; step < 8000; ++step) {
      one_step(random, map, model, step % 4000 < 2000 ? 900 : 60);
      if (step % 500 == 0) {
        if (pinned) ASSERT_EQ(contents(*pinned), before);
        pinned = map.pin();
        before = model;
      }
      const auto key = static_cast<int64_t>(random.below(900));
      const auto at = std::as_const(map).lower_bound(key);
      const auto expected = model.lower_bound(key);
      ASSERT_EQ(at == std::as_const(map).end(), expected == model.end());
      if (expected != model.end()) ASSERT_EQ(at->first, expected->first);
      ASSERT_EQ(map.size(), model.size());
    }
    EXPECT_EQ(contents(map), model);
    auto expected = model.rbegin();
    for (auto at = std::as_const(map).end(); at != std::as_const(map).begin(); ++expected)
      ASSERT_EQ((--at)->first, expected->first);
    EXPECT_EQ(expected, model.rend());
  }
}

TEST(ChunkedMap, AWriteAfterAPinCopiesOneChunkHoweverLargeTheMapIs) {
  Map map;
  for (int64_t key = 0; key < 100'000; ++key) map.try_emplace(key);
  EXPECT_EQ(map.copied(), 0U);
  const auto pinned = map.pin();
  map.find(50'000)->second = "changed";
  EXPECT_GT(map.copied(), 0U);
  EXPECT_LE(map.copied(), Map::kChunkItemsMax);
  const size_t once = map.copied();
  map.find(50'000)->second = "again";
  EXPECT_EQ(map.copied(), once);
  map.erase(map.find(0));
  map.try_emplace(100'000);
  EXPECT_LE(map.copied(), 3 * Map::kChunkItemsMax);
}

TEST(ChunkedMap, AReadCopiesNothing) {
  Map map;
  for (int64_t key = 0; key < 1000; ++key) map.try_emplace(key);
  const auto pinned = map.pin();
  int64_t sum = 0;
  for (const auto& [key, value] : std::as_const(map)) sum += key;
  EXPECT_EQ(sum, 499'500);
  EXPECT_TRUE(map.contains(7));
  EXPECT_EQ(map.copied(), 0U);
}

}  // namespace
}  // namespace weir
