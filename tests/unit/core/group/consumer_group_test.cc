#include "core/group/consumer_group.h"

#include <gtest/gtest.h>

#include "tests/unit/core/group/known_topics.h"

namespace weir::group {
namespace {

class ConsumerGroups : public testing::Test {
 protected:
  ConsumerGroups() {
    topics.put("a", 4);
    topics.put("b", 2);
  }

  static ConsumerHeartbeat joining(const std::string& id, std::vector<std::string> names = {"a"}) {
    ConsumerHeartbeat beat;
    beat.member_id = id;
    beat.rebalance_timeout = Milliseconds(10'000);
    beat.names = std::move(names);
    beat.owned.emplace();
    return beat;
  }
  static ConsumerHeartbeat beating(const std::string& id, int32_t epoch) {
    ConsumerHeartbeat beat;
    beat.member_id = id;
    beat.epoch = epoch;
    return beat;
  }
  HeartbeatAnswer beat(const ConsumerHeartbeat& request) {
    const auto answer = group.heartbeat(request, topics, now);
    EXPECT_TRUE(answer) << static_cast<int>(answer.error());
    return answer.value_or(HeartbeatAnswer{});
  }
  std::optional<Denial> denied(const ConsumerHeartbeat& request) {
    const auto answer = group.heartbeat(request, topics, now);
    return answer ? std::nullopt : std::optional(answer.error());
  }
  Partitions of(const std::string& topic, std::initializer_list<uint32_t> numbers) {
    Partitions partitions;
    for (const uint32_t number : numbers) partitions.push_back({topics.find(topic)->id, number});
    return partitions;
  }

  KnownTopics topics;
  Timestamp now{1'000'000};
  ConsumerGroup group;
};

TEST_F(ConsumerGroups, TheFirstMemberGetsEverythingAtOnce) {
  const auto answer = beat(joining("m1"));
  EXPECT_EQ(answer.epoch, 1);
  EXPECT_EQ(answer.assigned, of("a", {0, 1, 2, 3}));
  EXPECT_EQ(group.state(), ConsumerGroup::State::kStable);
  EXPECT_FALSE(beat(beating("m1", 1)).assigned) << "nothing has changed";
}

TEST_F(ConsumerGroups, ANewcomerGetsPartitionsWhenTheyWereGivenUp) {
  beat(joining("m1"));
  const auto second = beat(joining("m2"));
  EXPECT_EQ(second.epoch, 2);
  EXPECT_EQ(second.assigned, Partitions());
  EXPECT_EQ(group.state(), ConsumerGroup::State::kReconciling);

  const auto told = beat(beating("m1", 1));
  EXPECT_EQ(told.epoch, 1) << "it stays at its epoch until it has given up";
  EXPECT_EQ(told.assigned, of("a", {0, 1}));
  EXPECT_FALSE(beat(beating("m2", 2)).assigned);

  auto still = beating("m1", 1);
  still.owned = of("a", {0, 1, 3});
  EXPECT_EQ(beat(still).epoch, 1);
  still.owned = of("a", {0, 1});
  EXPECT_EQ(beat(still).epoch, 2);
  EXPECT_EQ(beat(beating("m2", 2)).assigned, of("a", {2, 3}));
  EXPECT_EQ(group.state(), ConsumerGroup::State::kStable);
}

TEST_F(ConsumerGroups, AMemberThatLeavesFreesItsPartitionsForTheNextHeartbeat) {
  beat(joining("m1"));
  beat(joining("m2"));
  EXPECT_EQ(beat(beating("m2", kLeaveEpoch)).epoch, kLeaveEpoch);
  EXPECT_EQ(group.state(), ConsumerGroup::State::kAssigning);
  EXPECT_EQ(denied(beating("m2", 2)), Denial::kUnknownMember);
  const auto rest = beat(beating("m1", 1));
  EXPECT_EQ(rest.epoch, 3);
  EXPECT_EQ(group.members().at("m1").assigned, of("a", {0, 1, 2, 3}));
}

TEST_F(ConsumerGroups, EpochsThatAreNotTheMembersAreFenced) {
  beat(joining("m1"));
  EXPECT_EQ(denied(beating("m1", 2)), Denial::kFencedEpoch);
  EXPECT_EQ(denied(beating("nobody", 1)), Denial::kUnknownMember);
  auto more = joining("m1", {"a", "b"});
  more.epoch = 1;
  EXPECT_EQ(beat(more).epoch, 2);
  // The answer was lost: the epoch before is taken from whoever has taken up nothing of the new.
  auto late = beating("m1", 1);
  EXPECT_EQ(denied(late), Denial::kFencedEpoch);
  late.owned = of("a", {0, 1, 2, 3});
  EXPECT_EQ(beat(late).epoch, 2);
  late.owned = of("a", {0, 9});
  EXPECT_EQ(denied(late), Denial::kFencedEpoch);
}

TEST_F(ConsumerGroups, WhoeverJoinsAgainBeginsWithNothing) {
  beat(joining("m1"));
  const auto again = beat(joining("m1"));
  EXPECT_EQ(again.epoch, 1);
  EXPECT_EQ(again.assigned, of("a", {0, 1, 2, 3}));
}

TEST_F(ConsumerGroups, ASilentMemberIsOutAndAHeartbeatKeepsItIn) {
  beat(joining("m1"));
  now = now + Milliseconds(44'999);
  group.expire(now);
  EXPECT_EQ(group.members().size(), 1U);
  beat(beating("m1", 1));
  now = now + Milliseconds(44'999);
  group.expire(now);
  EXPECT_EQ(group.members().size(), 1U);
  EXPECT_EQ(group.next_deadline(), now + Milliseconds(1));
  group.expire(now + Milliseconds(1));
  EXPECT_EQ(group.state(), ConsumerGroup::State::kEmpty);
}

TEST_F(ConsumerGroups, AMemberThatDoesNotGiveUpInTimeIsOut) {
  beat(joining("m1"));
  beat(joining("m2"));
  beat(beating("m1", 1));
  for (int i = 0; i < 4; ++i) {
    now = now + Milliseconds(2'500);
    if (i < 3) beat(beating("m1", 1));
    beat(beating("m2", 2));
  }
  group.expire(now);
  EXPECT_FALSE(group.members().contains("m1"));
  beat(beating("m2", 2));
  EXPECT_EQ(group.members().at("m2").assigned, of("a", {0, 1, 2, 3}));
}

TEST_F(ConsumerGroups, NewPartitionsAndTopicsAreSharedOutWhenTheyAreSeen) {
  auto request = joining("m1", {"a", "later"});
  beat(request);
  topics.put("later", 1);
  EXPECT_EQ(beat(beating("m1", 1)).epoch, 1) << "topics are looked at once a second";
  now = now + Milliseconds(1'000);
  const auto more = beat(beating("m1", 1));
  EXPECT_EQ(more.epoch, 2);
  EXPECT_EQ(more.assigned->size(), 5U);
  topics.put("a", 5);
  now = now + Milliseconds(1'000);
  EXPECT_EQ(beat(beating("m1", 2)).assigned->size(), 6U);
  topics.remove("a");
  now = now + Milliseconds(1'000);
  EXPECT_EQ(beat(beating("m1", 3)).assigned, of("later", {0}));
}

TEST_F(ConsumerGroups, PatternsFollowTheTopicsThatThereAre) {
  auto request = joining("m1", {});
  request.pattern = "a.*";
  EXPECT_EQ(beat(request).assigned->size(), 4U);
  topics.put("ab", 3);
  now = now + Milliseconds(1'000);
  EXPECT_EQ(beat(beating("m1", 1)).assigned->size(), 7U);
  auto none = beating("m1", 2);
  none.pattern = "";
  none.owned = group.members().at("m1").assigned;
  EXPECT_EQ(beat(none).assigned, Partitions());
}

TEST_F(ConsumerGroups, AStaticMemberComesBackToItsPlace) {
  auto request = joining("m1");
  request.instance_id = "worker";
  beat(request);
  auto other = joining("m2");
  other.instance_id = "worker";
  EXPECT_EQ(denied(other), Denial::kUnreleasedInstance);
  auto leaving = beating("m1", kStaticLeaveEpoch);
  leaving.instance_id = "worker";
  EXPECT_EQ(beat(leaving).epoch, kStaticLeaveEpoch);
  EXPECT_EQ(group.epoch(), 1) << "nobody else is disturbed";

  const auto back = beat(other);
  EXPECT_EQ(back.epoch, 1);
  EXPECT_EQ(back.assigned, of("a", {0, 1, 2, 3}));
  auto zombie = beating("m1", 1);
  zombie.instance_id = "worker";
  EXPECT_EQ(denied(zombie), Denial::kFencedInstance);
  EXPECT_EQ(denied(beating("m1", 1)), Denial::kUnknownMember);
}

TEST_F(ConsumerGroups, AStaticMemberThatStaysAwayIsOut) {
  auto request = joining("m1");
  request.instance_id = "worker";
  beat(request);
  auto leaving = beating("m1", kStaticLeaveEpoch);
  leaving.instance_id = "worker";
  beat(leaving);
  group.expire(now + Milliseconds(45'000));
  EXPECT_TRUE(group.members().empty());
  EXPECT_EQ(denied(leaving), Denial::kUnknownMember);
}

TEST_F(ConsumerGroups, CommitsAreTakenFromMembersAtTheirEpoch) {
  EXPECT_EQ(group.may_commit("", -1), std::nullopt) << "from outside, while it is empty";
  beat(joining("m1"));
  EXPECT_EQ(group.may_commit("", -1), Denial::kUnknownMember);
  EXPECT_EQ(group.may_commit("m1", 1), std::nullopt);
  EXPECT_EQ(group.may_commit("m1", 0), Denial::kStaleEpoch);
  EXPECT_EQ(group.may_fetch(std::nullopt, -1), std::nullopt);
  EXPECT_EQ(group.may_fetch("m1", 2), Denial::kStaleEpoch);
  EXPECT_EQ(group.may_fetch("m2", 1), Denial::kUnknownMember);
}

TEST_F(ConsumerGroups, TheAssignorThatMostMembersWantIsUsed) {
  EXPECT_EQ(group.assignor(), Assignor::kUniform);
  auto request = joining("m1", {"a", "b"});
  request.assignor = Assignor::kRange;
  beat(request);
  EXPECT_EQ(group.assignor(), Assignor::kRange);
  request.member_id = "m2";
  beat(request);
  EXPECT_EQ(group.members().at("m2").target,
            (Partitions{of("a", {2, 3})[0], of("a", {2, 3})[1], of("b", {1})[0]}));
}

TEST_F(ConsumerGroups, AFullGroupTakesNobodyElse) {
  group.configure({.members_max = 1});
  beat(joining("m1"));
  EXPECT_EQ(denied(joining("m2")), Denial::kFull);
  EXPECT_EQ(denied(joining("m1")), std::nullopt);
}

// ---- classic members among the others

class MixedGroups : public ConsumerGroups {
 protected:
  static ClassicJoin classic(const std::string& id, Partitions owned = {}) {
    return {.member_id = id,
            .session_timeout = Milliseconds(10'000),
            .rebalance_timeout = Milliseconds(20'000),
            .protocols = {{"range", Bytes()}},
            .names = {"a"},
            .owned = std::move(owned)};
  }
  std::expected<Partitions, Denial> sync(const std::string& id, int32_t generation) {
    SyncRequest request;
    request.member_id = id;
    request.generation = generation;
    return group.sync(request, now);
  }
};

TEST_F(MixedGroups, AClassicGroupIsTakenOverAndGoesOn) {
  group.adopt({{classic("c1"), of("a", {0, 1})}, {classic("c2"), of("a", {1, 2, 3})}}, 7, now);
  EXPECT_TRUE(group.all_classic());
  EXPECT_EQ(group.members().at("c2").assigned, of("a", {2, 3}))
      << "what two have got is the first one's";
  const auto joined = beat(joining("m1"));
  EXPECT_EQ(joined.epoch, 8);
  EXPECT_FALSE(group.all_classic());
  EXPECT_EQ(group.may_commit("c1", 7), std::nullopt);
  EXPECT_EQ(group.may_commit("c1", 6), Denial::kIllegalGeneration);
  EXPECT_EQ(group.classic_heartbeat("c1", std::nullopt, 7, now), Denial::kRebalanceInProgress);

  // Each in turn gives up everything, as an eager member does, and joins again.
  for (const char* id : {"c1", "c2"}) {
    const auto again = group.join(classic(id), topics, now);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->generation, 8);
    ASSERT_TRUE(sync(id, 8));
    EXPECT_EQ(group.classic_heartbeat(id, std::nullopt, 8, now), std::nullopt);
  }
  auto owned = beating("m1", 8);
  owned.owned.emplace();
  beat(owned);
  size_t total = 0;
  for (const auto& [id, member] : group.members()) total += member.assigned.size();
  EXPECT_EQ(total, 4U);
  EXPECT_EQ(group.state(), ConsumerGroup::State::kStable);
}

TEST_F(MixedGroups, ACooperativeMemberGivesUpAfterItsSyncAndJoinsAgain) {
  group.adopt({{classic("c1"), of("a", {0, 1, 2, 3})}}, 3, now);
  beat(joining("m1"));
  const auto first = group.join(classic("c1", of("a", {0, 1, 2, 3})), topics, now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->generation, 3);
  EXPECT_EQ(sync("c1", 3), of("a", {0, 1}));
  EXPECT_EQ(group.classic_heartbeat("c1", std::nullopt, 3, now), Denial::kRebalanceInProgress);
  EXPECT_FALSE(beat(beating("m1", 4)).assigned) << "they are not free yet";
  const auto second = group.join(classic("c1", of("a", {0, 1})), topics, now);
  EXPECT_EQ(second->generation, 4);
  EXPECT_EQ(sync("c1", 4), of("a", {0, 1}));
  EXPECT_EQ(beat(beating("m1", 4)).assigned, of("a", {2, 3}));
}

TEST_F(MixedGroups, AClassicMemberThatDoesNotComeAgainIsOut) {
  group.adopt({{classic("c1"), of("a", {0, 1, 2, 3})}}, 3, now);
  beat(joining("m1"));
  EXPECT_EQ(group.classic_heartbeat("c1", std::nullopt, 3, now), Denial::kRebalanceInProgress);
  for (int i = 0; i < 4; ++i) {
    now = now + Milliseconds(5'000);
    beat(beating("m1", 4));
    if (i < 3) group.classic_heartbeat("c1", std::nullopt, 3, now);
  }
  group.expire(now);
  EXPECT_FALSE(group.has_member("c1"));
}

TEST_F(MixedGroups, WhenTheLastMemberOfTheNewProtocolLeavesOnlyClassicOnesAreLeft) {
  beat(joining("m1"));
  auto join = classic("c1");
  join.is_new = true;
  ASSERT_TRUE(group.join(join, topics, now));
  EXPECT_FALSE(group.all_classic());
  beat(beating("m1", kLeaveEpoch));
  EXPECT_TRUE(group.all_classic());
  group.hand_over(now);
  EXPECT_EQ(group.state(), ConsumerGroup::State::kEmpty);
}

TEST_F(MixedGroups, StaticMembersAreReplacedAcrossProtocols) {
  auto join = classic("c1");
  join.instance_id = "worker";
  join.is_new = true;
  ASSERT_TRUE(group.join(join, topics, now));
  auto upgraded = joining("m1");
  upgraded.instance_id = "worker";
  EXPECT_EQ(beat(upgraded).assigned, of("a", {0, 1, 2, 3}));
  EXPECT_EQ(group.classic_heartbeat("c1", "worker", 1, now), Denial::kFencedInstance);
  join.member_id = "c2";
  ASSERT_TRUE(group.join(join, topics, now));
  EXPECT_TRUE(group.all_classic());
  EXPECT_EQ(group.members().size(), 1U);
}

TEST_F(MixedGroups, ClassicRequestsAreCheckedAsInAClassicGroup) {
  beat(joining("m1"));
  EXPECT_EQ(group.classic_heartbeat("m1", std::nullopt, 1, now), Denial::kUnknownMember);
  auto join = classic("c1");
  join.is_new = true;
  ASSERT_TRUE(group.join(join, topics, now));
  EXPECT_EQ(sync("c1", 1).error(), Denial::kIllegalGeneration);
  EXPECT_EQ(sync("c2", 2).error(), Denial::kUnknownMember);
  auto stranger = classic("c3");
  stranger.is_new = true;
  stranger.protocols = {{"other", Bytes()}};
  EXPECT_EQ(group.join(stranger, topics, now).error(), Denial::kInconsistentProtocol);
  EXPECT_EQ(group.leave({"c1", std::nullopt}, now), std::nullopt);
  EXPECT_EQ(group.leave({"c1", std::nullopt}, now), Denial::kUnknownMember);
  EXPECT_EQ(denied(beating("m1", 9)), Denial::kFencedEpoch);
}

}  // namespace
}  // namespace weir::group
