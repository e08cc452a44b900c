#include "core/group/membership.h"

#include <gtest/gtest.h>

namespace weir::group {
namespace {

constexpr Milliseconds kSession{10'000};
constexpr Milliseconds kRebalance{30'000};

class MembershipTest : public ::testing::Test {
 protected:
  JoinRequest request(const std::string& fresh, const std::string& member = "") {
    JoinRequest join;
    join.member_id = member;
    join.fresh_member_id = fresh;
    join.protocol_type = "consumer";
    join.protocols = {{"range", wire_of("r-" + (member.empty() ? fresh : member))}, {"rr", {}}};
    join.session_timeout = kSession;
    join.rebalance_timeout = kRebalance;
    return join;
  }
  static Bytes wire_of(const std::string& text) { return Bytes::copy_of(text); }

  Ticket join(const JoinRequest& join_request) {
    members_.join(join_request, ++ticket_, now_, answers_);
    return ticket_;
  }
  Ticket sync(const std::string& member,
              std::vector<std::pair<std::string, Bytes>> assignments = {},
              std::optional<int32_t> generation = {}) {
    SyncRequest sync_request;
    sync_request.member_id = member;
    sync_request.generation = generation.value_or(members_.generation());
    sync_request.assignments = std::move(assignments);
    members_.sync(sync_request, ++ticket_, now_, answers_);
    return ticket_;
  }
  // The answer of a ticket, taken out; fails when there is none or more than one.
  std::optional<JoinAnswer> join_answer(Ticket ticket) { return take(answers_.joins, ticket); }
  std::optional<SyncAnswer> sync_answer(Ticket ticket) { return take(answers_.syncs, ticket); }

  template <typename Answer>
  static std::optional<Answer> take(std::vector<Answer>& answers, Ticket ticket) {
    std::optional<Answer> found;
    std::erase_if(answers, [&](const Answer& answer) {
      if (answer.ticket != ticket) return false;
      EXPECT_FALSE(found.has_value());
      found = answer;
      return true;
    });
    return found;
  }

  // A stable group of a (leader) and b.
  void make_pair() {
    join(request("a"));
    const Ticket b = join(request("b"));
    const Ticket a = join(request("", "a"));
    ASSERT_FALSE(join_answer(a)->error);
    ASSERT_FALSE(join_answer(b)->error);
    sync("a", {{"a", wire_of("p0")}, {"b", wire_of("p1")}});
    sync("b");
    ASSERT_EQ(members_.state(), State::kStable);
    answers_ = {};
  }
  void later(Milliseconds by) {
    now_ = now_ + by;
    members_.expire(now_, answers_);
  }

  Membership members_;
  Answers answers_;
  Ticket ticket_ = 0;
  Timestamp now_{1000};
};

TEST_F(MembershipTest, ALoneMemberLeadsAndIsStableAfterItsSync) {
  const auto answer = join_answer(join(request("a")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->generation, 1);
  EXPECT_EQ(answer->leader, "a");
  EXPECT_EQ(answer->protocol, "range");
  ASSERT_EQ(answer->members.size(), 1U);
  EXPECT_EQ(answer->members[0].metadata.view(), "r-a");
  EXPECT_EQ(members_.state(), State::kCompletingRebalance);
  EXPECT_EQ(sync_answer(sync("a", {{"a", wire_of("all")}}))->assignment.view(), "all");
  EXPECT_EQ(members_.state(), State::kStable);
}

TEST_F(MembershipTest, ADynamicNewcomerIsAskedToComeAgainWithItsId) {
  JoinRequest first = request("a");
  first.id_required_first = true;
  const auto answer = join_answer(join(first));
  EXPECT_TRUE(answer->id_required);
  EXPECT_EQ(answer->member_id, "a");
  EXPECT_TRUE(members_.members().empty());
  EXPECT_FALSE(join_answer(join(request("", "a")))->error);
  EXPECT_EQ(members_.members().size(), 1U);
}

TEST_F(MembershipTest, AnIdThatIsNotUsedInTimeIsForgotten) {
  JoinRequest first = request("a");
  first.id_required_first = true;
  join(first);
  later(kSession);
  EXPECT_EQ(join_answer(join(request("", "a")))->error, ErrorCode::kUnknownMember);
}

TEST_F(MembershipTest, AJoinWaitsForTheOthersToJoinAgain) {
  join(request("a"));
  sync("a", {{"a", wire_of("all")}});
  answers_ = {};
  const Ticket b = join(request("b"));
  EXPECT_TRUE(answers_.empty());
  EXPECT_EQ(members_.heartbeat("a", {}, 1, now_), ErrorCode::kRebalanceInProgress);
  const Ticket a = join(request("", "a"));
  EXPECT_EQ(join_answer(a)->members.size(), 2U);
  const auto follower = join_answer(b);
  EXPECT_EQ(follower->generation, 2);
  EXPECT_EQ(follower->leader, "a");
  EXPECT_TRUE(follower->members.empty());
}

TEST_F(MembershipTest, SyncWaitsForTheLeader) {
  make_pair();
  const Ticket joined = join(request("", "a"));
  join(request("", "b"));
  ASSERT_TRUE(join_answer(joined));
  const Ticket b = sync("b");
  EXPECT_FALSE(sync_answer(b));
  sync("a", {{"a", wire_of("x")}, {"b", wire_of("y")}});
  EXPECT_EQ(sync_answer(b)->assignment.view(), "y");
}

TEST_F(MembershipTest, AMemberThatDoesNotJoinAgainInTimeIsOut) {
  make_pair();
  const Ticket c = join(request("c"));
  const Ticket a = join(request("", "a"));
  for (Milliseconds passed{0}; passed < kRebalance; passed += Milliseconds(5000)) {
    EXPECT_FALSE(join_answer(c));
    members_.heartbeat("b", {}, 2, now_);
    later(Milliseconds(5000));
  }
  EXPECT_EQ(join_answer(a)->members.size(), 2U);
  EXPECT_FALSE(join_answer(c)->error);
  EXPECT_FALSE(members_.members().contains("b"));
}

TEST_F(MembershipTest, ASilentMemberIsOutAndTheOthersRebalance) {
  make_pair();
  later(kSession - Milliseconds(1));
  EXPECT_EQ(members_.heartbeat("a", {}, 2, now_), std::nullopt);
  later(Milliseconds(1));
  EXPECT_FALSE(members_.members().contains("b"));
  EXPECT_EQ(members_.heartbeat("a", {}, 2, now_), ErrorCode::kRebalanceInProgress);
}

TEST_F(MembershipTest, NextDeadlineIsWhenSomethingExpires) {
  EXPECT_EQ(members_.next_deadline(), Timestamp::never());
  make_pair();
  EXPECT_EQ(members_.next_deadline(), now_ + kSession);
  EXPECT_EQ(members_.state(), State::kStable);
}

TEST_F(MembershipTest, GenerationIsCheckedBeforeTheState) {
  make_pair();
  join(request("c"));  // a rebalance begins
  EXPECT_EQ(members_.heartbeat("a", {}, 1, now_), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(members_.heartbeat("a", {}, 2, now_), ErrorCode::kRebalanceInProgress);
  EXPECT_EQ(members_.heartbeat("nobody", {}, 1, now_), ErrorCode::kUnknownMember);
  EXPECT_EQ(sync_answer(sync("a", {}, 1))->error, ErrorCode::kIllegalGeneration);
  EXPECT_EQ(sync_answer(sync("a"))->error, ErrorCode::kRebalanceInProgress);
}

TEST_F(MembershipTest, ARebalanceEndsWaitingSyncs) {
  make_pair();
  join(request("", "a"));
  join(request("", "b"));
  answers_ = {};
  const Ticket b = sync("b");
  join(request("c"));
  EXPECT_EQ(sync_answer(b)->error, ErrorCode::kRebalanceInProgress);
}

TEST_F(MembershipTest, ARepeatedJoinOfAFollowerInAStableGroupChangesNothing) {
  make_pair();
  const auto answer = join_answer(join(request("", "b")));
  EXPECT_EQ(answer->generation, members_.generation());
  EXPECT_EQ(members_.state(), State::kStable);
}

TEST_F(MembershipTest, ASecondWaitingJoinEndsTheFirst) {
  make_pair();
  const Ticket first = join(request("", "a"));
  const Ticket second = join(request("", "a"));
  EXPECT_EQ(join_answer(first)->error, ErrorCode::kRebalanceInProgress);
  EXPECT_FALSE(join_answer(second));
  join(request("", "b"));
  EXPECT_FALSE(join_answer(second)->error);
}

TEST_F(MembershipTest, TheLastLeaveEmptiesTheGroup) {
  make_pair();
  EXPECT_EQ(members_.leave({"a", {}}, now_, answers_), std::nullopt);
  EXPECT_EQ(members_.leave({"a", {}}, now_, answers_), ErrorCode::kUnknownMember);
  EXPECT_EQ(members_.leave({"b", {}}, now_, answers_), std::nullopt);
  EXPECT_EQ(members_.state(), State::kEmpty);
  EXPECT_EQ(members_.generation(), 3);
  EXPECT_EQ(members_.next_deadline(), Timestamp::never());
}

TEST_F(MembershipTest, ALeaveLetsARebalanceEnd) {
  make_pair();
  const Ticket a = join(request("", "a"));
  EXPECT_FALSE(join_answer(a));
  members_.leave({"b", {}}, now_, answers_);
  EXPECT_EQ(join_answer(a)->members.size(), 1U);
}

TEST_F(MembershipTest, AProtocolThatNobodySharesIsRefused) {
  make_pair();
  JoinRequest stranger = request("c");
  stranger.protocols = {{"sticky", {}}};
  EXPECT_EQ(join_answer(join(stranger))->error, ErrorCode::kInconsistentProtocol);
  stranger = request("c");
  stranger.protocol_type = "connect";
  EXPECT_EQ(join_answer(join(stranger))->error, ErrorCode::kInconsistentProtocol);
  EXPECT_EQ(members_.state(), State::kStable);
}

TEST_F(MembershipTest, TheProtocolThatMostPreferIsChosen) {
  JoinRequest a = request("a");
  JoinRequest b = request("b");
  JoinRequest c = request("c");
  a.protocols = {{"range", {}}, {"rr", {}}};
  b.protocols = {{"rr", {}}, {"range", {}}};
  c.protocols = b.protocols;
  join(a);
  join(b);
  join(c);
  a.member_id = "a";
  EXPECT_EQ(join_answer(join(a))->protocol, "rr");
}

TEST_F(MembershipTest, MembersAreBounded) {
  Membership small({.members_max = 1});
  Answers answers;
  small.join(request("a"), 1, now_, answers);
  small.join(request("b"), 2, now_, answers);
  EXPECT_EQ(take(answers.joins, 2)->error, ErrorCode::kLimitReached);
}

TEST_F(MembershipTest, AnEmptyGroupWaitsTheInitialDelayForNewcomers) {
  members_ = Membership({.initial_delay = Milliseconds(3000)});
  const Ticket a = join(request("a"));
  later(Milliseconds(2999));
  const Ticket b = join(request("b"));
  later(Milliseconds(1));
  EXPECT_FALSE(join_answer(a));  // b came: once more
  later(Milliseconds(3000));
  EXPECT_EQ(join_answer(a)->members.size(), 2U);
  EXPECT_EQ(join_answer(b)->generation, 1);
}

TEST_F(MembershipTest, MembersThatNeverSyncAreOut) {
  join(request("a"));
  const Ticket b = join(request("b"));
  join(request("", "a"));
  ASSERT_TRUE(join_answer(b));
  const Ticket waiting = sync("b");
  for (Milliseconds passed{0}; passed < kRebalance; passed += Milliseconds(5000)) {
    members_.heartbeat("a", {}, members_.generation(), now_);
    later(Milliseconds(5000));
  }
  EXPECT_EQ(sync_answer(waiting)->error, ErrorCode::kRebalanceInProgress);
  EXPECT_FALSE(members_.members().contains("a"));
}

TEST_F(MembershipTest, CommitsFromOutsideNeedAnEmptyGroup) {
  EXPECT_EQ(members_.may_commit("", {}, -1, now_), std::nullopt);
  make_pair();
  EXPECT_EQ(members_.may_commit("", {}, -1, now_), ErrorCode::kUnknownMember);
  EXPECT_EQ(members_.may_commit("b", {}, 2, now_), std::nullopt);
  EXPECT_EQ(members_.may_commit("b", {}, 1, now_), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(members_.may_commit("z", {}, 2, now_), ErrorCode::kUnknownMember);
  join(request("c"));
  EXPECT_EQ(members_.may_commit("b", {}, 2, now_),
            std::nullopt);  // what it has done may still be kept
  join(request("", "a"));
  join(request("", "b"));
  EXPECT_EQ(members_.may_commit("b", {}, 3, now_), ErrorCode::kRebalanceInProgress);
}

class StaticMembers : public MembershipTest {
 protected:
  JoinRequest static_request(const std::string& fresh, const std::string& member = "") {
    JoinRequest join = request(fresh, member);
    join.instance_id = "one";
    join.protocols[0].metadata = wire_of("same");
    return join;
  }
};

TEST_F(StaticMembers, AReturningMemberTakesItsOldPlaceWithoutARebalance) {
  join(static_request("s1"));
  sync("s1", {{"s1", wire_of("mine")}});
  answers_ = {};
  const auto old_client = join_answer(join(static_request("s2")));
  EXPECT_EQ(old_client->generation, 1);
  EXPECT_EQ(old_client->member_id, "s2");
  EXPECT_EQ(old_client->leader, "s1");  // so that it does not assign
  EXPECT_TRUE(old_client->members.empty());

  JoinRequest newer = static_request("s3");
  newer.skip_assignment_supported = true;
  const auto new_client = join_answer(join(newer));
  EXPECT_EQ(new_client->leader, "s3");
  EXPECT_TRUE(new_client->skip_assignment);
  SyncRequest again;
  again.member_id = "s3";
  again.instance_id = "one";
  again.generation = 1;
  members_.sync(again, 99, now_, answers_);
  EXPECT_EQ(sync_answer(99)->assignment.view(), "mine");
}

TEST_F(StaticMembers, TheFormerSelfIsFenced) {
  join(static_request("s1"));
  sync("s1", {});
  join(static_request("s2"));
  EXPECT_EQ(members_.heartbeat("s1", "one", 1, now_), ErrorCode::kFencedInstance);
  EXPECT_EQ(members_.may_commit("s1", "one", 1, now_), ErrorCode::kFencedInstance);
  EXPECT_EQ(members_.leave({"s1", "one"}, now_, answers_), ErrorCode::kFencedInstance);
  EXPECT_EQ(join_answer(join(static_request("", "s1")))->error, ErrorCode::kFencedInstance);
  EXPECT_EQ(members_.heartbeat("s1", "two", 1, now_), ErrorCode::kUnknownMember);
  EXPECT_EQ(members_.leave({"", "one"}, now_, answers_), std::nullopt);
  EXPECT_EQ(members_.state(), State::kEmpty);
}

TEST_F(StaticMembers, AWaitingJoinOfTheFormerSelfIsFenced) {
  join(request("a"));
  sync("a", {});
  const Ticket first = join(static_request("s1"));
  const Ticket second = join(static_request("s2"));
  EXPECT_EQ(join_answer(first)->error, ErrorCode::kFencedInstance);
  join(request("", "a"));
  EXPECT_EQ(join_answer(second)->member_id, "s2");
}

}  // namespace
}  // namespace weir::group
