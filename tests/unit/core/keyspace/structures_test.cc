#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/keyspace/list.h"
#include "core/keyspace/ordered_map.h"
#include "core/keyspace/sorted_set.h"

namespace weir::keyspace {
namespace {

std::string word(Random& random, uint64_t bound) {
  return std::string(random.below(40), 'x') + std::to_string(random.below(bound));
}

std::vector<std::string> contents(const List& list) {
  std::vector<std::string> all;
  list.walk(0, Side::kLeft, [&](ByteView element) {
    all.emplace_back(element);
    return true;
  });
  return all;
}

void one_step(Random& random, List& list, std::deque<std::string>& model) {
  const bool large = random.one_in(60);
  const std::string value = large ? std::string(random.below(40'000), 'L') : word(random, 1000);
  const Side side = random.one_in(2) ? Side::kLeft : Side::kRight;
  const bool left = side == Side::kLeft;
  const size_t at = model.empty() ? 0 : random.below(model.size());
  switch (random.below(model.size() > 700 ? 6 : 9)) {
    case 0:
    case 1: {
      const size_t count =
          random.below(std::min<size_t>(model.size(), random.one_in(20) ? 600 : 4) + 1);
      list.drop(side, count);
      for (size_t i = 0; i < count; ++i) left ? model.pop_front() : model.pop_back();
      return;
    }
    case 2:
      if (model.empty()) return;
      list.set(at, value);
      model[at] = value;
      return;
    case 3:
      list.insert(at, value);
      model.insert(model.begin() + static_cast<ptrdiff_t>(at), value);
      return;
    case 4:
      if (model.empty()) return;
      list.erase(at);
      model.erase(model.begin() + static_cast<ptrdiff_t>(at));
      return;
    default: list.push(side, value); left ? model.push_front(value) : model.push_back(value);
  }
}

TEST(List, BehavesAsAPlainSequenceUnderRandomChanges) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    List list;
    std::deque<std::string> model;
    for (int step = 0; step < 4000; ++step) {
      one_step(random, list, model);
      ASSERT_EQ(list.size(), model.size());
      if (model.empty()) continue;
      const size_t at = random.below(model.size());
      ASSERT_EQ(list.at(at), model[at]) << "step " << step;
      ASSERT_EQ(list.end(Side::kLeft), model.front());
      ASSERT_EQ(list.end(Side::kRight), model.back());
      if (step % 97 == 0) {
        ASSERT_EQ(contents(list), std::vector<std::string>(model.begin(), model.end()));
      }
    }
    size_t bytes = 0;
    for (const auto& element : model) bytes += element.size();
    EXPECT_EQ(list.bytes(), bytes);
  }
}

TEST(Packed, ElementsOfEveryLengthAreFoundFromBothEnds) {
  std::string bytes;
  std::vector<std::string> elements;
  for (const size_t length : {0, 1, 125, 126, 127, 128, 129, 16380, 16381, 16382, 16383, 16384, 5})
    elements.emplace_back(length, static_cast<char>('a' + elements.size()));
  for (const std::string& element : elements) {
    const size_t at = bytes.size();
    bytes.resize(at + packed::size_of(element.size()));
    packed::put(bytes.data() + at, element);
  }
  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.data();
  for (const std::string& element : elements) {
    const packed::Element found = packed::after(at);
    ASSERT_EQ(found.bytes, element);
    at = found.end;
  }
  EXPECT_EQ(at, end);
  for (size_t i = elements.size(); i > 0; --i) {
    const packed::Element found = packed::before(at);
    ASSERT_EQ(found.bytes, elements[i - 1]);
    at = found.begin;
  }
  EXPECT_EQ(at, bytes.data());
}

TEST(List, ACopyStaysAsItWasWhileTheOriginalChanges) {
  Random random(7);
  List list;
  std::deque<std::string> model;
  for (int step = 0; step < 500; ++step) one_step(random, list, model);
  for (int round = 0; round < 40; ++round) {
    const List pinned = list;
    const auto before = contents(list);
    for (int step = 0; step < 50; ++step) one_step(random, list, model);
    ASSERT_EQ(contents(pinned), before) << "round " << round;
    ASSERT_EQ(contents(list), std::vector<std::string>(model.begin(), model.end()));
  }
}

TEST(List, WalksDownwardsFromAnyPosition) {
  List list;
  for (int i = 0; i < 400; ++i) list.push(Side::kRight, std::to_string(i));
  int expected = 333;
  list.walk(333, Side::kRight, [&](ByteView element) {
    EXPECT_EQ(element, std::to_string(expected--));
    return true;
  });
  EXPECT_EQ(expected, -1);
}

TEST(OrderedMap, BehavesAsAMapAndKeepsTheOrderOfInsertion) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    OrderedMap<int> map;
    std::map<std::string, int> model;
    std::vector<std::string> order;
    for (int step = 0; step < 6000; ++step) {
      const std::string key = std::to_string(random.below(step % 2000 < 1000 ? 800 : 60));
      if (random.one_in(2)) {
        const auto [value, fresh] = map.insert(key);
        ASSERT_EQ(fresh, !model.contains(key));
        if (fresh) order.push_back(key);
        *value = model[key] = step;
      } else {
        ASSERT_EQ(map.erase(key), model.erase(key) == 1);
        std::erase(order, key);
      }
      ASSERT_EQ(map.size(), model.size());
    }
    for (const auto& [key, value] : model) ASSERT_EQ(*map.find(key), value);
    std::vector<std::string> seen;
    map.for_each([&](const auto& slot) { seen.emplace_back(slot.key); });
    EXPECT_EQ(seen, order);
  }
}

TEST(OrderedMap, AScanReturnsWhatLivesThroughoutExactlyOnceWhileTheMapChanges) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    OrderedMap<int> map;
    for (int i = 0; i < 300; ++i) map.insert("stays" + std::to_string(i));
    for (int i = 0; i < 300; ++i) map.insert("goes" + std::to_string(i));
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    do {
      int budget = 7;
      cursor = map.scan(cursor, [&](const auto& slot) {
        seen.emplace(slot.key);
        return --budget > 0;
      });
      for (int i = 0; i < 20; ++i) map.erase("goes" + std::to_string(random.below(300)));
      for (int i = 0; i < 3; ++i) map.insert("new" + std::to_string(random.next()));
    } while (cursor != 0);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(seen.count("stays" + std::to_string(i)), 1U) << i;
  }
}

TEST(OrderedMap, APinnedMapStaysAsItWasWhileTheLiveOneChanges) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    OrderedMap<int> map;
    using Contents = std::vector<std::pair<std::string, int>>;
    const auto contents = [&map] {
      Contents seen;
      map.for_each([&](const auto& slot) { seen.emplace_back(slot.key, slot.value); });
      EXPECT_EQ(seen.size(), map.size());
      return seen;
    };
    const auto pinned_contents = [](const OrderedMap<int>::Pinned& pinned) {
      Contents seen;
      for (size_t chunk = 0; chunk < pinned.chunk_count(); ++chunk) {
        pinned.for_each_in(chunk, chunk + 1,
                           [&](const auto& slot) { seen.emplace_back(slot.key, slot.value); });
      }
      EXPECT_EQ(seen.size(), pinned.size());
      return seen;
    };
    for (int round = 0; round < 30; ++round) {
      const auto before = contents();
      const auto pinned = map.pin();
      for (int step = 0; step < 200; ++step) {
        const std::string key = std::to_string(random.below(600));
        if (random.one_in(3)) {
          map.erase(key);
        } else {
          *map.insert(key).first = step;
        }
      }
      if (random.one_in(10)) map.clear();
      ASSERT_EQ(pinned_contents(pinned), before) << "round " << round;
    }
  }
}

TEST(SortedSet, RanksAsAnOrderedSetOfPairs) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    SortedSet sorted;
    std::map<std::string, double> scores;
    std::set<std::pair<double, std::string>> order;
    for (int step = 0; step < 3000; ++step) {
      const std::string member = std::to_string(random.below(900));
      const double score = static_cast<double>(random.below(50)) / 2;
      if (scores.contains(member)) order.erase({scores[member], member});
      if (random.one_in(3)) {
        ASSERT_EQ(sorted.erase(member), scores.erase(member) == 1);
      } else {
        sorted.set(member, score);
        scores[member] = score;
        order.insert({score, member});
      }
      ASSERT_EQ(sorted.size(), order.size());
    }
    size_t rank = 0;
    for (const auto& [score, member] : order) {
      ASSERT_EQ(sorted.at(rank).member, member);
      ASSERT_EQ(sorted.rank(score, member), rank);
      ++rank;
    }
    size_t visited = order.size();
    auto expected = order.rbegin();
    sorted.walk(order.size() - 1, order.size(), true, [&](const SortedSet::Item& item) {
      EXPECT_EQ(item.member, (expected++)->second);
      --visited;
    });
    EXPECT_EQ(visited, 0U);
  }
}

}  // namespace
}  // namespace weir::keyspace
