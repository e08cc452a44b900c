#include "core/group/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"

namespace weir::group {
namespace {

constexpr TopicId kA{1, 1};
constexpr TopicId kB{2, 2};

struct Reader {
  std::string name;
  TopicIds topics;
  Partitions before;
};

std::vector<Partitions> share(Assignor assignor,
                              const std::vector<Reader>& readers,
                              const TopicSizes& sizes) {
  std::vector<Subscriber> subscribers;
  for (const Reader& reader : readers) {
    subscribers.push_back({reader.name, &reader.topics, &reader.before});
  }
  return share_out(assignor, subscribers, sizes);
}

Partitions parts(TopicId topic, std::initializer_list<uint32_t> numbers) {
  Partitions partitions;
  for (const uint32_t number : numbers) partitions.push_back({topic, number});
  return partitions;
}

// Each partition goes to exactly one member that subscribes to its topic, if there is one.
void expect_valid(const std::vector<Reader>& readers,
                  const TopicSizes& sizes,
                  const std::vector<Partitions>& shares) {
  absl::btree_map<TopicPartition, int> owners;
  for (size_t i = 0; i < readers.size(); ++i) {
    ASSERT_TRUE(std::ranges::is_sorted(shares[i]));
    for (const TopicPartition& partition : shares[i]) {
      EXPECT_EQ(++owners[partition], 1);
      EXPECT_TRUE(std::ranges::binary_search(readers[i].topics, partition.topic));
    }
  }
  for (const auto& [topic, count] : sizes) {
    const bool read = std::ranges::any_of(readers, [&](const Reader& reader) {
      return std::ranges::binary_search(reader.topics, topic);
    });
    for (uint32_t p = 0; p < count; ++p) EXPECT_EQ(owners.count({topic, p}), read ? 1U : 0U);
  }
}

TEST(Assignors, RangeGivesEachTheNextFewOfEveryTopic) {
  const auto shares =
      share(Assignor::kRange, {{"b", {kA, kB}, {}}, {"a", {kA, kB}, {}}}, {{kA, 3}, {kB, 2}});
  EXPECT_EQ(shares[1], (Partitions{{kA, 0}, {kA, 1}, {kB, 0}}));
  EXPECT_EQ(shares[0], (Partitions{{kA, 2}, {kB, 1}}));
}

TEST(Assignors, UniformEvensOutOverAllTopicsTogether) {
  const auto shares =
      share(Assignor::kUniform, {{"a", {kA, kB}, {}}, {"b", {kA, kB}, {}}}, {{kA, 3}, {kB, 3}});
  EXPECT_EQ(shares[0].size(), 3U);
  EXPECT_EQ(shares[1].size(), 3U);
}

TEST(Assignors, UniformTakesFromAMemberOnlyWhatEvennessAsksFor) {
  const auto shares =
      share(Assignor::kUniform, {{"a", {kA}, parts(kA, {0, 1, 2, 3})}, {"b", {kA}, {}}}, {{kA, 4}});
  EXPECT_EQ(shares[0], parts(kA, {0, 1}));
  EXPECT_EQ(shares[1], parts(kA, {2, 3}));
}

TEST(Assignors, UniformKeepsEverythingElseWhenAMemberGoes) {
  const auto shares =
      share(Assignor::kUniform, {{"a", {kA}, parts(kA, {0, 3})}, {"b", {kA}, parts(kA, {1, 4})}},
            {{kA, 6}});
  EXPECT_TRUE(std::ranges::includes(shares[0], parts(kA, {0, 3})));
  EXPECT_TRUE(std::ranges::includes(shares[1], parts(kA, {1, 4})));
  EXPECT_EQ(shares[0].size(), 3U);
}

TEST(Assignors, WhatIsNoLongerSubscribedToOrThereGoesElsewhere) {
  const std::vector<Reader> readers = {{"a", {kB}, parts(kA, {0, 1})},
                                       {"b", {kA}, parts(kA, {1, 9})}};
  const TopicSizes sizes = {{kA, 2}, {kB, 1}};
  const auto shares = share(Assignor::kUniform, readers, sizes);
  EXPECT_EQ(shares[0], parts(kB, {0}));
  EXPECT_EQ(shares[1], parts(kA, {0, 1}));
}

TEST(Assignors, ATopicThatNobodyReadsStaysUnread) {
  for (const Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    const auto shares = share(assignor, {{"a", {kA}, {}}}, {{kA, 1}, {kB, 1}});
    EXPECT_EQ(shares[0], parts(kA, {0}));
    EXPECT_TRUE(share(assignor, {}, {{kA, 1}}).empty());
  }
}

// Random subscriptions and histories: every share is valid; with equal subscriptions nobody has two
// more than another; and asking again changes nothing.
TEST(Assignors, RandomGroups) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    TopicSizes sizes;
    TopicIds all;
    for (uint64_t t = 0; t < 1 + random.below(6); ++t) {
      all.push_back({t, t});
      sizes[all.back()] = static_cast<uint32_t>(random.below(20));
    }
    const bool equal = random.below(2) == 0;
    std::vector<Reader> readers(1 + random.below(12));
    for (size_t i = 0; i < readers.size(); ++i) {
      readers[i].name = "m" + std::to_string(100 - i);
      for (const TopicId& topic : all) {
        if (equal || random.below(2) == 0) readers[i].topics.push_back(topic);
        for (uint32_t p = 0; p < 20; ++p) {
          if (random.below(8) == 0) readers[i].before.push_back({topic, p});
        }
      }
    }
    for (const Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
      const auto shares = share(assignor, readers, sizes);
      expect_valid(readers, sizes, shares);
      std::vector<Reader> again = readers;
      size_t least = SIZE_MAX;
      size_t most = 0;
      for (size_t i = 0; i < readers.size(); ++i) {
        again[i].before = shares[i];
        least = std::min(least, shares[i].size());
        most = std::max(most, shares[i].size());
      }
      EXPECT_EQ(share(assignor, again, sizes), shares);
      if (equal && assignor == Assignor::kUniform) EXPECT_LE(most, least + 1);
    }
  }
}

}  // namespace
}  // namespace weir::group
