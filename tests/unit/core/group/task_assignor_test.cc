#include "core/group/task_assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/random.h"

namespace weir::group {
namespace {

struct Hand {
  std::string process;
  Assignment tasks;
};

void share(std::vector<Hand>& hands, const std::vector<PartSize>& parts, uint32_t standbys) {
  std::vector<Worker> workers;
  workers.reserve(hands.size());
  for (const Hand& hand : hands) workers.push_back({hand.process, &hand.tasks});
  auto shares = share_out_tasks(workers, parts, standbys);
  ASSERT_EQ(shares.size(), hands.size());
  for (size_t i = 0; i < hands.size(); ++i) hands[i].tasks = std::move(shares[i]);
}

// Everything once active, standbys where they belong, active tasks even.
void check(const std::vector<Hand>& hands, const std::vector<PartSize>& parts, uint32_t standbys) {
  std::map<Task, size_t> active;
  std::map<Task, size_t> standby;
  std::set<std::pair<std::string, Task>> in_process;
  size_t least = SIZE_MAX;
  size_t most = 0;
  std::set<std::string> processes;
  for (const Hand& hand : hands) {
    processes.insert(hand.process);
    EXPECT_TRUE(std::ranges::is_sorted(hand.tasks.active));
    EXPECT_TRUE(std::ranges::is_sorted(hand.tasks.standby));
    for (const Task& task : hand.tasks.active) {
      ++active[task];
      EXPECT_TRUE(in_process.emplace(hand.process, task).second);
    }
    for (const Task& task : hand.tasks.standby) {
      ++standby[task];
      EXPECT_TRUE(in_process.emplace(hand.process, task).second);
    }
    least = std::min(least, hand.tasks.active.size());
    most = std::max(most, hand.tasks.active.size());
  }
  EXPECT_LE(most, least + 1);
  const size_t copies = std::min<size_t>(standbys, processes.size() - 1);
  size_t total = 0;
  for (uint32_t part = 0; part < parts.size(); ++part) {
    for (uint32_t partition = 0; partition < parts[part].tasks; ++partition) {
      ++total;
      EXPECT_EQ(active[(Task{part, partition})], 1U);
      EXPECT_EQ(standby[(Task{part, partition})], parts[part].is_stateful ? copies : 0U);
    }
  }
  EXPECT_EQ(active.size(), total);
}

TEST(TaskAssignor, OneMemberDoesAll) {
  std::vector<Hand> hands{{"p", {}}};
  share(hands, {{2, false}, {3, true}}, 1);
  EXPECT_EQ(hands[0].tasks.active.size(), 5U);
  EXPECT_TRUE(hands[0].tasks.standby.empty());
}

TEST(TaskAssignor, ProcessesAreFilledEvenly) {
  std::vector<Hand> hands{{"p", {}}, {"p", {}}, {"p", {}}, {"q", {}}};
  share(hands, {{2, false}}, 0);
  EXPECT_EQ(
      hands[0].tasks.active.size() + hands[1].tasks.active.size() + hands[2].tasks.active.size(),
      1U);
  EXPECT_EQ(hands[3].tasks.active.size(), 1U);
}

TEST(TaskAssignor, ANewMemberTakesOnlyWhatIsItsShare) {
  std::vector<Hand> hands{{"p", {}}, {"q", {}}};
  share(hands, {{9, true}}, 0);
  const std::vector<Hand> before = hands;
  hands.push_back({"r", {}});
  share(hands, {{9, true}}, 0);
  check(hands, {{9, true}}, 0);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(std::ranges::includes(before[i].tasks.active, hands[i].tasks.active));
  }
}

TEST(TaskAssignor, ATaskGoesToWhereItsStateWasFollowed) {
  std::vector<Hand> hands{{"p", {}}, {"q", {}}, {"r", {}}};
  share(hands, {{6, true}}, 1);
  check(hands, {{6, true}}, 1);
  const Assignment gone = hands[0].tasks;
  hands.erase(hands.begin());
  const std::vector<Hand> before = hands;
  share(hands, {{6, true}}, 1);
  size_t followed = 0;
  for (size_t i = 0; i < hands.size(); ++i) {
    for (const Task& task : gone.active) {
      followed += std::ranges::binary_search(before[i].tasks.standby, task) &&
                          std::ranges::binary_search(hands[i].tasks.active, task)
                      ? 1
                      : 0;
    }
  }
  EXPECT_EQ(followed, gone.active.size());
}

TEST(TaskAssignor, TasksThatAreGoneAreForgotten) {
  std::vector<Hand> hands{{"p", {}}};
  share(hands, {{4, true}}, 0);
  share(hands, {{2, true}}, 0);
  EXPECT_EQ(hands[0].tasks.active, (Tasks{{0, 0}, {0, 1}}));
}

TEST(RandomTaskSharing, KeepsItsPromisesAndThenKeepsStill) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<PartSize> parts;
    for (uint64_t i = 0, count = 1 + random.below(4); i < count; ++i) {
      parts.push_back({static_cast<uint32_t>(1 + random.below(12)), random.below(2) == 0});
    }
    const auto standbys = static_cast<uint32_t>(random.below(3));
    std::vector<Hand> hands;
    for (int round = 0; round < 6; ++round) {
      if (hands.size() > 1 && random.below(3) == 0) {
        hands.erase(hands.begin() + static_cast<int64_t>(random.below(hands.size())));
      }
      for (uint64_t i = 0, count = hands.empty() ? 1 : random.below(4); i < count; ++i) {
        hands.push_back({"p" + std::to_string(random.below(5)), {}});
      }
      share(hands, parts, standbys);
      check(hands, parts, standbys);
      const std::vector<Hand> before = hands;
      share(hands, parts, standbys);
      for (size_t i = 0; i < hands.size(); ++i) {
        EXPECT_EQ(hands[i].tasks.active, before[i].tasks.active);
      }
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace weir::group
