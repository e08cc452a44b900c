#include "core/log/offset_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace weir::log {
namespace {

void expect_equal(const OffsetSet& set,
                  const std::set<int64_t>& model,
                  Random& random,
                  int64_t space) {
  ASSERT_EQ(set.size(), static_cast<int64_t>(model.size()));
  for (int i = 0; i < 20; ++i) {
    const auto a = static_cast<int64_t>(random.below(static_cast<uint64_t>(space)));
    const auto b = a + static_cast<int64_t>(random.below(static_cast<uint64_t>(space - a)));
    const auto members = std::distance(model.lower_bound(a), model.lower_bound(b));
    ASSERT_EQ(set.count(Offset(a), Offset(b)), members) << a << " " << b;
    ASSERT_EQ(set.contains(Offset(a)), model.contains(a));
    int64_t absent = a;
    while (model.contains(absent)) ++absent;
    ASSERT_EQ(set.first_absent(Offset(a)).value(), absent);
    const int64_t live = b - a - members;
    const int64_t n =
        live == 0 ? 0 : static_cast<int64_t>(random.below(static_cast<uint64_t>(live + 2)));
    const Offset found = set.select_absent(Offset(a), Offset(b), n);
    if (n >= live) {
      ASSERT_EQ(found.value(), b);
    } else {
      ASSERT_FALSE(model.contains(found.value()));
      ASSERT_EQ(found.value() - a - set.count(Offset(a), found), n);
    }
  }
}

void check_round_trip(const OffsetSet& set) {
  Writer writer;
  set.serialize(writer);
  Reader reader(writer.out());
  OffsetSet back;
  ASSERT_TRUE(OffsetSet::load(reader, back));
  ASSERT_TRUE(reader.done());
  Writer again;
  back.serialize(again);
  ASSERT_EQ(writer.out(), again.out());
  ASSERT_EQ(back.size(), set.size());
}

TEST(OffsetSet, BehavesAsASetOfOffsets) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const int64_t space = seed % 2 == 0 ? 300'000 : 70'000;  // several blocks, or dense ones
    OffsetSet set;
    std::set<int64_t> model;
    for (int round = 0; round < 1500; ++round) {
      const auto first = static_cast<int64_t>(random.below(static_cast<uint64_t>(space)));
      const int64_t length = random.one_in(40) ? static_cast<int64_t>(random.below(9000))
                                               : static_cast<int64_t>(random.below(3)) + 1;
      int64_t added = 0;
      for (int64_t o = first; o < first + length; ++o) added += model.insert(o).second ? 1 : 0;
      ASSERT_EQ(set.insert({Offset(first), Offset(first + length)}), added);
      if (round % 150 == 0) expect_equal(set, model, random, space);
      if (round % 500 == 499) {
        check_round_trip(set);
        const auto below = static_cast<int64_t>(random.below(static_cast<uint64_t>(space / 3)));
        set.erase_below(Offset(below));
        model.erase(model.begin(), model.lower_bound(below));
      }
    }
    expect_equal(set, model, random, space);
    std::set<int64_t> listed;
    for (const OffsetRun& run : set.runs(Offset(0), Offset(space * 2))) {
      for (int64_t o = run.first.value(); o < run.end.value(); ++o) listed.insert(o);
    }
    EXPECT_EQ(listed, model);
  }
}

TEST(OffsetSet, ScatteredOffsetsCostAtMostABitAndRunsNextToNothing) {
  OffsetSet scattered;
  for (int64_t o = 0; o < 1'000'000; o += 2) scattered.insert({Offset(o), Offset(o + 1)});
  EXPECT_LT(scattered.memory_bytes(), 1'000'000U / 8 + 20'000);
  OffsetSet run;
  run.insert({Offset(0), Offset(100'000'000)});
  EXPECT_LT(run.memory_bytes(), 200'000U);
}

TEST(OffsetSet, AFullBitmapBecomesARun) {
  OffsetSet set;
  for (int64_t o = 0; o < 65'536; o += 2) set.insert({Offset(o), Offset(o + 1)});
  for (int64_t o = 1; o < 65'536; o += 2) set.insert({Offset(o), Offset(o + 1)});
  EXPECT_EQ(set.size(), 65'536);
  EXPECT_LT(set.memory_bytes(), 500U);
  EXPECT_EQ(set.first_absent(Offset(5)), Offset(65'536));
}

}  // namespace
}  // namespace weir::log
