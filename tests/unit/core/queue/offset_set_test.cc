// OffsetSet against std::set, over block borders and both forms of a block.

#include "core/queue/offset_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace weir::queue {
namespace {

constexpr int64_t kStart = 3 * 65'536 - 5'000;
constexpr int64_t kSpan = 75'000;

void compare(const OffsetSet& set, const std::set<int64_t>& model, Random& random) {
  ASSERT_EQ(set.count(), model.size());
  ASSERT_EQ(set.min(), model.empty() ? std::nullopt : std::optional(*model.begin()));
  ASSERT_EQ(set.max(), model.empty() ? std::nullopt : std::optional(*model.rbegin()));
  for (int i = 0; i < 50; ++i) {
    const int64_t at = kStart + static_cast<int64_t>(random.below(kSpan));
    ASSERT_EQ(set.contains(at), model.contains(at)) << at;
    const auto next = model.lower_bound(at);
    ASSERT_EQ(set.next_present(at), next == model.end() ? std::nullopt : std::optional(*next))
        << at;
    int64_t absent = at;
    while (model.contains(absent)) ++absent;
    ASSERT_EQ(set.next_absent(at), absent) << at;
  }
  ASSERT_EQ(set.members(), std::vector<int64_t>(model.begin(), model.end()));
  Writer out;
  set.save(out);
  Reader in(out.out());
  OffsetSet loaded;
  ASSERT_TRUE(loaded.load(in, kStart, kStart + kSpan));
  ASSERT_TRUE(in.done() && loaded == set);
}

TEST(OffsetSet, DoesWhatASetDoes) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    OffsetSet set;
    std::set<int64_t> model;
    const bool mostly_insert = random.one_in(2);
    for (int i = 0; i < 12'000; ++i) {
      const int64_t at = kStart + static_cast<int64_t>(random.below(kSpan));
      const uint64_t what = random.below(1'000);
      if (what < (mostly_insert ? 800U : 500U)) {
        ASSERT_EQ(set.insert(at), model.insert(at).second);
      } else if (what < 990) {
        const auto near = model.lower_bound(at);
        const int64_t victim = near == model.end() || random.one_in(4) ? at : *near;
        ASSERT_EQ(set.erase(victim), model.erase(victim) == 1);
      } else if (what < 998) {
        const int64_t end =
            std::min(kStart + kSpan, at + static_cast<int64_t>(random.below(3'000)));
        set.insert_range(at, end);
        for (int64_t offset = at; offset < end; ++offset) model.insert(offset);
      } else if (random.one_in(8)) {
        set.erase_below(at);
        model.erase(model.begin(), model.lower_bound(at));
      }
      if (i % 1'000 == 0) compare(set, model, random);
      if (HasFatalFailure()) return;
    }
    set.insert_range(kStart, kStart + kSpan);
    EXPECT_EQ(set.count(), static_cast<uint64_t>(kSpan));
    Writer out;
    set.save(out);
    EXPECT_LT(out.size(), 16U) << "a full set is one run";
    set.erase_below(kStart + kSpan);
    EXPECT_TRUE(set.empty());
  }
}

TEST(OffsetSet, RefusesRunsOutsideItsBounds) {
  Writer out;
  out.varint(10);
  out.varint(1ULL << 62);
  out.varint(0);
  out.varint(0);
  OffsetSet set;
  Reader wide(out.out());
  EXPECT_FALSE(set.load(wide, 0, 100));
  Reader huge(out.out());
  EXPECT_FALSE(set.load(huge, 0, INT64_MAX - 1));
  EXPECT_TRUE(huge.failed());
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace weir::queue
