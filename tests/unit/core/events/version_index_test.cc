#include "core/events/version_index.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace weir::events {
namespace {

constexpr Digest kSecret{1, 2};

Incoming of_key(const VersionIndex& index, const std::string& key) {
  return {index.digest(key), {}, {}};
}

TEST(Expectation, IsReadAsItIsWritten) {
  for (const std::string text : {"any", "none", "exists", "0", "17", "4294967295"}) {
    const auto expected = Expectation::parse(text);
    ASSERT_TRUE(expected) << text;
    EXPECT_EQ(expected->text(), text);
  }
  for (const std::string text : {"", "-1", "1x", " 1", "4294967296", "None"}) {
    EXPECT_FALSE(Expectation::parse(text)) << text;
  }
}

TEST(VersionIndex, CountsTheEventsOfEachKeyFromZero) {
  VersionIndex index(Offset(5), kSecret);
  index.add(Offset(5), of_key(index, "a"));
  index.add(Offset(6), {});
  index.add(Offset(7), of_key(index, "b"));
  index.add(Offset(8), of_key(index, "a"));
  EXPECT_EQ(index.last_version(index.digest("a")), 1U);
  EXPECT_EQ(index.last_version(index.digest("b")), 0U);
  EXPECT_EQ(index.last_version(index.digest("c")), std::nullopt);
  EXPECT_EQ(index.version_at(Offset(6)), std::nullopt);
  EXPECT_EQ(index.version_at(Offset(8)), 1U);
  EXPECT_EQ(index.last_offset(index.digest("a")), Offset(8));
}

// Against a plain list of events for each key.
TEST(VersionIndex, FindsWhatAPlainListFinds) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    auto made = std::make_unique<VersionIndex>(Offset(3), kSecret);
    std::map<std::string, std::vector<Offset>> model;
    std::vector<std::pair<Offset, std::string>> log;
    Offset next(3);
    for (int i = 0; i < 3000; ++i) {
      if (random.one_in(50)) next = next + static_cast<int64_t>(random.below(9000));
      if (random.one_in(500)) {
        // A restart: another secret, the same log.
        made = std::make_unique<VersionIndex>(Offset(3), Digest{random.next(), random.next()});
        for (const auto& [offset, key] : log) made->add(offset, of_key(*made, key));
        made->skip_to(next);
      }
      VersionIndex& index = *made;
      const std::string key = "k" + std::to_string(random.below(1 + random.below(20)));
      std::vector<Offset>& known = model[key];
      Incoming record = of_key(index, key);
      const int64_t guess = static_cast<int64_t>(known.size()) - 1 + (random.one_in(3) ? 1 : 0);
      if (guess >= 0) {
        record.expected = {Expectation::Kind::kExact, static_cast<Version>(guess)};
      } else {
        record.expected.kind = Expectation::Kind::kNone;
      }
      const bool right = guess == static_cast<int64_t>(known.size()) - 1;
      const Decision decision = index.decide({&record, 1});
      ASSERT_EQ(decision.kind == Decision::Kind::kAppend, right);
      if (!right) continue;
      index.add(next, record);
      known.push_back(next);
      log.emplace_back(next, key);
      next = next.next();
    }
    const VersionIndex& index = *made;
    for (const auto& [key, known] : model) {
      const Digest digest = index.digest(key);
      for (int i = 0; i < 50; ++i) {
        const uint64_t first = random.below(known.size() + 2);
        const uint64_t end = first + random.below(20);
        std::vector<Offset> wanted;
        for (uint64_t v = first; v < std::min<uint64_t>(end, known.size()); ++v) {
          wanted.push_back(known[v]);
        }
        ASSERT_EQ(index.offsets(digest, static_cast<Version>(first), end), wanted);
      }
    }
  }
}

TEST(VersionIndex, ABatchIsDecidedAsAWhole) {
  VersionIndex index(Offset(0), kSecret);
  std::vector<Incoming> batch{of_key(index, "a"), of_key(index, "b"), of_key(index, "a")};
  batch[0].expected.kind = Expectation::Kind::kNone;
  batch[2].expected = {Expectation::Kind::kExact, 0};  // what the first makes
  EXPECT_EQ(index.decide(batch).kind, Decision::Kind::kAppend);
  batch[2].expected.version = 1;
  const Decision refused = index.decide(batch);
  EXPECT_EQ(refused.kind, Decision::Kind::kConflict);
  EXPECT_EQ(refused.index, 2U);
  EXPECT_EQ(refused.current, 0U);
  EXPECT_EQ(index.last_version(index.digest("a")), std::nullopt);
}

TEST(VersionIndex, ARepeatedAppendIsKnownByItsIds) {
  VersionIndex index(Offset(0), kSecret);
  std::vector<Incoming> batch{of_key(index, "a"), of_key(index, "b")};
  batch[0].id = index.digest("id-1");
  batch[0].expected.kind = Expectation::Kind::kNone;
  batch[1].id = index.digest("id-2");
  ASSERT_EQ(index.decide(batch).kind, Decision::Kind::kAppend);
  index.add(Offset(0), batch[0]);
  index.add(Offset(1), batch[1]);
  const Decision again = index.decide(batch);
  EXPECT_EQ(again.kind, Decision::Kind::kRepeated);
  EXPECT_EQ(again.first, Offset(0));
  EXPECT_EQ(index.decide({batch.data(), 1}).kind, Decision::Kind::kRepeated);
  batch[1].id = index.digest("id-3");
  EXPECT_EQ(index.decide(batch).kind, Decision::Kind::kPartRepeated);
  batch[1].id = batch[0].id;
  EXPECT_EQ(index.decide(batch).kind, Decision::Kind::kPartRepeated);
  Incoming other = of_key(index, "c");
  other.id = index.digest("id-1");
  EXPECT_EQ(index.decide({&other, 1}).kind, Decision::Kind::kPartRepeated);
}

TEST(VersionIndex, RemembersAtLeastTheLastIds) {
  VersionIndex index(Offset(0), kSecret);
  const int64_t count = 3 * static_cast<int64_t>(kIdsRemembered);
  for (int64_t i = 0; i < count; ++i) {
    index.add(Offset(i), {index.digest("k"), index.digest(std::to_string(i)), {}});
  }
  const auto repeated = [&](int64_t i) {
    const Incoming record{index.digest("k"), index.digest(std::to_string(i)), {}};
    return index.decide({&record, 1}).kind == Decision::Kind::kRepeated;
  };
  EXPECT_TRUE(repeated(count - 1));
  EXPECT_TRUE(repeated(count - static_cast<int64_t>(kIdsRemembered)));
  EXPECT_FALSE(repeated(0));
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
constexpr bool kCountsHeap = true;
#else
constexpr bool kCountsHeap = false;  // a sanitizer's heap is its own
#endif

// Larger blocks are counted apart.
size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Counted at every size on the way: tables that have just grown are the largest for what they hold.
TEST(VersionIndex, AKeyAndAnEventCostWhatIsPromised) {
  constexpr int64_t kKeys = 1'000'000;
  constexpr int64_t kEventsOfAKey = 3;
  const size_t before = heap_bytes();
  VersionIndex index(Offset(0), kSecret);
  const auto bound = [&](int64_t keys, int64_t events) {
    return static_cast<size_t>(keys) * kKeyBytesMax + static_cast<size_t>(events) * kEventBytes;
  };
  for (int64_t i = 0; i < kKeys * kEventsOfAKey; ++i) {
    index.add(Offset(i), of_key(index, "customer-" + std::to_string(i % kKeys)));
    if ((i + 1) % 50'000 != 0) continue;
    const size_t promised = bound(std::min(i + 1, kKeys), i + 1);
    ASSERT_LE(index.memory_bytes(), promised) << i;
    if (kCountsHeap) ASSERT_LE(heap_bytes() - before, promised) << i;
  }
  EXPECT_EQ(index.keys(), static_cast<size_t>(kKeys));
  EXPECT_EQ(index.last_version(index.digest("customer-777777")), 2U);
}

}  // namespace
}  // namespace weir::events
