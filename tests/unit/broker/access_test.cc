#include "tests/unit/broker/fixture.h"

namespace weir::broker {
namespace {

class AccessOfTheBroker : public BrokerTest {
 protected:
  static catalog::User user(std::string name) {
    catalog::User made;
    made.name = std::move(name);
    return made;
  }
};

TEST_F(AccessOfTheBroker, WhatWasDurableIsThereAfterACrashAndWhatWasNotIsGone) {
  const catalog::AccessRule rule{.name = "orders", .principal = "User:alice", .host = "*"};
  const catalog::Quota quota{{{catalog::QuotaKind::kUser, true, ""}}, {{"request_percentage", 50}}};
  ASSERT_TRUE(broker->put_user(user("alice"), now));
  ASSERT_TRUE(broker->add_rules({&rule, 1}, now));
  ASSERT_TRUE(broker->put_quota(quota, now));
  journal.sync();
  ASSERT_TRUE(broker->put_user(user("bob"), now));
  crash();
  const catalog::Access& access = broker->catalog().access();
  EXPECT_NE(access.find_user("alice"), nullptr);
  EXPECT_EQ(access.find_user("bob"), nullptr);
  EXPECT_EQ(access.rules().size(), 1U);
  EXPECT_EQ(access.quotas().size(), 1U);
}

TEST_F(AccessOfTheBroker, AnAnswerWaitsForTheCommitOfTheChange) {
  const auto made = broker->put_user(user("alice"), now);
  ASSERT_TRUE(made);
  EXPECT_FALSE(broker->is_safe(*made));
  journal.sync();
  EXPECT_TRUE(broker->is_safe(*made));
  const auto removed = broker->remove_user("alice", now);
  ASSERT_TRUE(removed);
  EXPECT_FALSE(broker->is_safe(*removed));
  EXPECT_EQ(broker->remove_user("alice", now).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace weir::broker
