#include "core/group/streams_group.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/core/group/streams_world.h"

namespace weir::group {
namespace {

class StreamsGroups : public testing::Test {
 protected:
  StreamsGroups() { topics.put("words", 4); }

  std::expected<StreamsAnswer, StreamsRefusal> try_beat(const StreamsHeartbeat& request) {
    return group.heartbeat(request, topics, maker, now);
  }
  StreamsAnswer beat(const StreamsHeartbeat& request) {
    auto answer = try_beat(request);
    EXPECT_TRUE(answer.has_value()) << answer.error().detail;
    return answer.value_or(StreamsAnswer{});
  }
  std::optional<Denial> refused(const StreamsHeartbeat& request) {
    const auto answer = try_beat(request);
    return answer ? std::nullopt : std::optional(answer.error().denial);
  }
  static bool tells(const StreamsAnswer& answer, StreamsStatus status) {
    return std::ranges::find(answer.statuses, status, &StatusReport::status) !=
           answer.statuses.end();
  }
  void pass(int64_t ms) {
    now = now + Milliseconds(ms);
    group.expire(now);
  }
  // Two members in two processes, each with half of the tasks.
  void two_at_rest() {
    group.configure(config);
    int32_t a = beat(joining("a", "p", counting())).epoch;
    int32_t b = beat(joining("b", "q", counting())).epoch;
    for (int round = 0; round < 4; ++round) {
      pass(1'000);
      a = beat(beating("a", a, group.members().at("a").assigned)).epoch;
      b = beat(beating("b", b, group.members().at("b").assigned)).epoch;
    }
    ASSERT_EQ(group.state(), StreamsGroup::State::kStable);
    ASSERT_EQ(group.members().at("a").assigned.active.size(), 2U);
  }

  KnownTopics topics;
  Making maker{topics};
  StreamsConfig config;
  StreamsGroup group;
  Timestamp now{1'000'000};
};

TEST_F(StreamsGroups, TheFirstMemberGetsAllTasksAndInternalTopicsAreMade) {
  const StreamsAnswer answer = beat(joining("a", "p"));
  EXPECT_EQ(answer.epoch, 1);
  ASSERT_TRUE(answer.assigned.has_value());
  EXPECT_EQ(answer.assigned->active.size(), 8U);
  EXPECT_TRUE(answer.statuses.empty());
  EXPECT_EQ(topics.find("by-word")->partitions, 4U);
  EXPECT_EQ(topics.find("counts")->partitions, 4U);
  EXPECT_EQ(group.state(), StreamsGroup::State::kStable);
}

TEST_F(StreamsGroups, NobodyWorksWhileSourcesAreMissing) {
  topics.remove("words");
  StreamsAnswer answer = beat(joining("a", "p"));
  EXPECT_TRUE(tells(answer, StreamsStatus::kMissingSourceTopics));
  EXPECT_TRUE(answer.assigned->empty());
  EXPECT_EQ(group.state(), StreamsGroup::State::kNotReady);
  EXPECT_EQ(maker.asked, 0);
  topics.put("words", 2);
  pass(1'000);
  answer = beat(beating("a", answer.epoch));
  EXPECT_TRUE(answer.statuses.empty());
  EXPECT_EQ(answer.assigned->active.size(), 4U);
}

TEST_F(StreamsGroups, TopicsThatCannotBeMadeAreAskedForAgain) {
  maker.wrong = "The disk is full.";
  StreamsAnswer answer = beat(joining("a", "p"));
  ASSERT_EQ(answer.statuses.size(), 1U);
  EXPECT_EQ(answer.statuses[0].status, StreamsStatus::kMissingInternalTopics);
  EXPECT_TRUE(answer.statuses[0].detail.ends_with("The disk is full."));
  EXPECT_TRUE(answer.assigned->empty());
  pass(500);
  beat(beating("a", answer.epoch));
  EXPECT_EQ(maker.asked, 1);
  maker.wrong.clear();
  pass(500);
  answer = beat(beating("a", answer.epoch));
  EXPECT_EQ(answer.assigned->active.size(), 8U);
}

TEST_F(StreamsGroups, AMemberGivesUpBeforeAnotherGets) {
  const StreamsAnswer a = beat(joining("a", "p"));
  pass(1'000);
  const StreamsAnswer b = beat(joining("b", "q"));
  EXPECT_TRUE(b.assigned->empty());
  EXPECT_EQ(group.members().at("b").state, StreamsGroup::MemberState::kUnreleased);
  const StreamsAnswer less = beat(beating("a", a.epoch, a.assigned));
  ASSERT_TRUE(less.assigned.has_value());
  EXPECT_EQ(less.assigned->active.size(), 4U);
  EXPECT_EQ(less.epoch, a.epoch);
  // It still has them, and says nothing else.
  EXPECT_FALSE(beat(beating("a", a.epoch)).assigned.has_value());
  EXPECT_FALSE(beat(beating("b", b.epoch)).assigned.has_value());
  EXPECT_EQ(beat(beating("a", a.epoch, less.assigned)).epoch, b.epoch);
  EXPECT_EQ(beat(beating("b", b.epoch)).assigned->active.size(), 4U);
  EXPECT_EQ(group.state(), StreamsGroup::State::kStable);
}

TEST_F(StreamsGroups, WhoDoesNotGiveUpInTimeIsOut) {
  const StreamsAnswer a = beat(joining("a", "p"));
  pass(1'000);
  const StreamsAnswer b = beat(joining("b", "q"));
  beat(beating("a", a.epoch, a.assigned));
  pass(29'999);
  beat(beating("a", a.epoch));
  beat(beating("b", b.epoch));
  EXPECT_EQ(group.members().size(), 2U);
  pass(1);
  EXPECT_EQ(refused(beating("a", a.epoch)), Denial::kUnknownMember);
  EXPECT_EQ(beat(beating("b", b.epoch)).assigned->active.size(), 8U);
}

TEST_F(StreamsGroups, SilenceEndsAMembership) {
  beat(joining("a", "p"));
  EXPECT_EQ(group.next_deadline(), now + config.session_timeout);
  pass(44'999);
  EXPECT_EQ(group.members().size(), 1U);
  pass(1);
  EXPECT_EQ(group.state(), StreamsGroup::State::kEmpty);
  EXPECT_EQ(group.empty_since(), now);
  EXPECT_EQ(group.next_deadline(), Timestamp::never());
}

TEST_F(StreamsGroups, EpochsFenceAndALostAnswerIsForgiven) {
  const StreamsAnswer a = beat(joining("a", "p"));
  EXPECT_EQ(refused(beating("a", a.epoch + 1)), Denial::kFencedEpoch);
  pass(1'000);
  topics.put("words", 5);
  topics.put("by-word", 5);
  topics.put("counts", 5);
  EXPECT_EQ(beat(beating("a", a.epoch)).epoch, a.epoch + 1);
  // The answer was lost.
  EXPECT_EQ(refused(beating("a", a.epoch)), Denial::kFencedEpoch);
  const StreamsAnswer again = beat(beating("a", a.epoch, a.assigned));
  EXPECT_EQ(again.epoch, a.epoch + 1);
  EXPECT_EQ(again.assigned->active.size(), 10U);
  EXPECT_EQ(refused(beating("b", 1)), Denial::kUnknownMember);
}

TEST_F(StreamsGroups, WhoJoinsAgainBeginsWithNothingAndGetsItsTasksBack) {
  const StreamsAnswer a = beat(joining("a", "p"));
  const StreamsAnswer again = beat(joining("a", "p"));
  EXPECT_EQ(again.epoch, a.epoch);
  EXPECT_EQ(again.assigned, a.assigned);
}

TEST_F(StreamsGroups, OwningWhatDoesNotExistIsRefused) {
  const StreamsAnswer a = beat(joining("a", "p"));
  Assignment owned = *a.assigned;
  owned.active.push_back({1, 9});
  EXPECT_EQ(refused(beating("a", a.epoch, owned)), Denial::kInvalidTask);
  owned.active.back() = {7, 0};
  EXPECT_EQ(refused(beating("a", a.epoch, owned)), Denial::kInvalidTask);
}

TEST_F(StreamsGroups, WhatATopicNoLongerHasMayStillBeOwned) {
  const StreamsAnswer a = beat(joining("a", "p"));
  for (const auto* name : {"words", "by-word", "counts"}) {
    topics.remove(name);
    topics.put(name, 2);
  }
  pass(1'000);
  const StreamsAnswer less = beat(beating("a", a.epoch, a.assigned));
  EXPECT_EQ(less.assigned->active.size(), 4U);
  EXPECT_EQ(beat(beating("a", a.epoch, less.assigned)).epoch, a.epoch + 1);
}

TEST_F(StreamsGroups, TheTopologyHoldsWhileAnybodyIsIn) {
  const StreamsAnswer a = beat(joining("a", "p", word_count(1)));
  EXPECT_EQ(refused(joining("b", "q", counting())), std::nullopt);  // an older one
  EXPECT_TRUE(tells(beat(joining("b", "q", counting())), StreamsStatus::kStaleTopology));
  EXPECT_EQ(refused(joining("c", "r", word_count(2))), Denial::kOtherTopology);
  EXPECT_FALSE(group.members().contains("c"));
  beat(beating("a", kLeaveEpoch));
  beat(beating("b", kLeaveEpoch));
  EXPECT_TRUE(beat(joining("c", "r", word_count(2))).statuses.empty());
  EXPECT_EQ(group.topology()->epoch, 2);
  EXPECT_GT(group.epoch(), a.epoch);
}

TEST_F(StreamsGroups, ARestoredTopologyIsLookedAtWhenSomebodyComes) {
  group.restore(word_count(3));
  EXPECT_EQ(group.state(), StreamsGroup::State::kEmpty);
  EXPECT_TRUE(tells(beat(joining("old", "p", word_count(2))), StreamsStatus::kStaleTopology));
  EXPECT_EQ(beat(joining("a", "p", word_count(3))).statuses.size(), 1U);  // tasks come in a second
  EXPECT_EQ(group.members().at("old").assigned.active.size(), 8U);
}

TEST_F(StreamsGroups, ATopologyThatCannotWorkLeavesNothingBehind) {
  const Topology reads_nothing{.parts = {{.id = "0", .changelogs = {internal("state")}}}};
  EXPECT_EQ(refused(joining("a", "p", reads_nothing)), Denial::kInvalidTopology);
  EXPECT_TRUE(group.members().empty());
  EXPECT_FALSE(group.topology().has_value());
}

TEST_F(StreamsGroups, TasksAreNotSharedOutTooOften) {
  const StreamsAnswer a = beat(joining("a", "p"));
  pass(400);
  const StreamsAnswer b = beat(joining("b", "q"));
  EXPECT_TRUE(tells(b, StreamsStatus::kAssignmentDelayed));
  EXPECT_EQ(b.again_in, Milliseconds(600));
  EXPECT_EQ(b.epoch, a.epoch);
  EXPECT_EQ(group.state(), StreamsGroup::State::kAssigning);
  pass(600);
  EXPECT_EQ(beat(beating("b", b.epoch)).epoch, a.epoch + 1);
}

TEST_F(StreamsGroups, TheFirstMembersWaitForMoreWhenTold) {
  config.initial_delay = Milliseconds(3'000);
  group.configure(config);
  const StreamsAnswer a = beat(joining("a", "p"));
  EXPECT_GT(a.epoch, kJoinEpoch);
  EXPECT_TRUE(a.assigned->empty());
  EXPECT_TRUE(tells(a, StreamsStatus::kAssignmentDelayed));
  const StreamsAnswer b = beat(joining("b", "q"));
  pass(3'000);
  EXPECT_EQ(beat(beating("a", a.epoch)).assigned->active.size(), 4U);
  EXPECT_EQ(beat(beating("b", b.epoch)).assigned->active.size(), 4U);
}

TEST_F(StreamsGroups, StandbysFollowInOtherProcesses) {
  two_at_rest();
  EXPECT_TRUE(group.members().at("a").assigned.standby.empty());
  config.standbys = 1;
  group.configure(config);
  pass(1'000);
  const int32_t epoch = group.members().at("a").epoch;
  EXPECT_EQ(beat(beating("a", epoch)).assigned->standby, group.members().at("b").assigned.active);
  EXPECT_EQ(beat(beating("b", epoch)).assigned->standby, group.members().at("a").assigned.active);
}

TEST_F(StreamsGroups, OneAsksAllToEnd) {
  two_at_rest();
  StreamsHeartbeat leaving = beating("a", kLeaveEpoch);
  leaving.shutdown = true;
  beat(leaving);
  const int32_t epoch = group.members().at("b").epoch;
  EXPECT_TRUE(tells(beat(beating("b", epoch)), StreamsStatus::kShutdownApplication));
  beat(beating("b", kLeaveEpoch));
  EXPECT_FALSE(tells(beat(joining("a", "p", counting())), StreamsStatus::kShutdownApplication));
}

TEST_F(StreamsGroups, EndpointsAreToldToWhoHasAnotherList) {
  StreamsHeartbeat join = joining("a", "p");
  join.endpoint = Endpoint{"here", 7070};
  const StreamsAnswer a = beat(join);
  EXPECT_TRUE(a.tells_endpoints);
  StreamsHeartbeat next = beating("a", a.epoch);
  next.endpoint_epoch = a.endpoint_epoch;
  EXPECT_FALSE(beat(next).tells_endpoints);
  pass(1'000);
  const StreamsAnswer b = beat(joining("b", "q"));
  EXPECT_TRUE(b.tells_endpoints);
  const StreamsAnswer moved = beat(beating("a", a.epoch, a.assigned));
  EXPECT_NE(moved.endpoint_epoch, a.endpoint_epoch);
}

TEST_F(StreamsGroups, OnlyMembersCommitAndWithOlderEpochsWhatWasTheirsThen) {
  EXPECT_EQ(group.may_commit("", -1), std::nullopt);
  const StreamsAnswer a = beat(joining("a", "p", counting()));
  EXPECT_EQ(group.may_commit("", -1), Denial::kUnknownMember);
  EXPECT_EQ(group.may_commit("a", a.epoch), std::nullopt);
  EXPECT_EQ(group.may_commit("a", a.epoch + 1), Denial::kStaleEpoch);
  pass(1'000);
  const StreamsAnswer b = beat(joining("b", "q", counting()));
  const StreamsAnswer less = beat(beating("a", a.epoch, a.assigned));
  beat(beating("a", a.epoch, less.assigned));
  beat(beating("b", b.epoch));
  const Task kept = less.assigned->active.at(0);
  const Task lost = group.members().at("b").assigned.active.at(0);
  EXPECT_EQ(group.may_commit("a", a.epoch), std::nullopt);
  EXPECT_TRUE(group.may_commit_at("a", a.epoch, "words", kept.partition));
  EXPECT_FALSE(group.may_commit_at("a", a.epoch, "words", lost.partition));
  EXPECT_FALSE(group.may_commit_at("a", a.epoch, "elsewhere", 0));
  EXPECT_TRUE(group.may_commit_at("a", a.epoch + 1, "words", kept.partition));
  EXPECT_FALSE(group.may_commit_at("b", b.epoch - 1, "words", lost.partition));
}

TEST_F(StreamsGroups, OnlyMembersAndOutsidersSeeWhatIsCommitted) {
  const StreamsAnswer a = beat(joining("a", "p"));
  EXPECT_EQ(group.may_fetch(std::nullopt, -1), std::nullopt);
  EXPECT_EQ(group.may_fetch("a", a.epoch), std::nullopt);
  EXPECT_EQ(group.may_fetch("a", a.epoch + 1), Denial::kStaleEpoch);
  EXPECT_EQ(group.may_fetch("b", 1), Denial::kUnknownMember);
}

TEST_F(StreamsGroups, AreFullAtSomePoint) {
  config.members_max = 1;
  group.configure(config);
  beat(joining("a", "p"));
  EXPECT_EQ(refused(joining("b", "q")), Denial::kFull);
  EXPECT_EQ(refused(joining("a", "p")), std::nullopt);
}

}  // namespace
}  // namespace weir::group
