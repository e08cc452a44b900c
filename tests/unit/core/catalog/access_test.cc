#include "core/catalog/access.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/catalog/catalog.h"

namespace weir::catalog {
namespace {

User user(std::string name) {
  User made;
  made.name = std::move(name);
  made.credentials[ScramHash::kSha256] = {4096, "salt", std::string(32, 's'), std::string(32, 'k')};
  made.properties["redis.rights"] = "all";
  return made;
}

AccessRule rule(std::string principal,
                Operation operation,
                std::string name,
                Permission permission = Permission::kAllow,
                Pattern pattern = Pattern::kLiteral) {
  return {.type = ResourceType::kTopic,
          .pattern = pattern,
          .name = std::move(name),
          .principal = std::move(principal),
          .host = "*",
          .operation = operation,
          .permission = permission};
}

class Rules : public testing::Test {
 protected:
  void add(const AccessRule& added) {
    const auto event = catalog.access().decide_add_rules({&added, 1});
    ASSERT_TRUE(event) << event.error().message;
    ASSERT_TRUE(catalog.apply(*event));
  }
  Verdict ask(std::string_view principal,
              Operation operation,
              std::string_view name,
              std::string_view host = "127.0.0.1") {
    return catalog.access().judge({ResourceType::kTopic, name, operation, principal, host});
  }

  Catalog catalog;
};

TEST_F(Rules, AResourceWithoutRulesHasNoVerdict) {
  add(rule("User:alice", Operation::kRead, "orders"));
  EXPECT_EQ(ask("User:alice", Operation::kRead, "orders"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:bob", Operation::kRead, "orders"), Verdict::kDenied);
  EXPECT_EQ(ask("User:alice", Operation::kWrite, "orders"), Verdict::kDenied);
  EXPECT_EQ(ask("User:alice", Operation::kRead, "events"), Verdict::kNoRule);
}

TEST_F(Rules, ADenialIsStrongerThanWhatAllows) {
  add(rule("User:*", Operation::kAll, "*"));
  add(rule("User:bob", Operation::kRead, "secret-", Permission::kDeny, Pattern::kPrefixed));
  EXPECT_EQ(ask("User:bob", Operation::kRead, "secret-plans"), Verdict::kDenied);
  EXPECT_EQ(ask("User:bob", Operation::kWrite, "secret-plans"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:bob", Operation::kRead, "secret"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:eve", Operation::kRead, "secret-plans"), Verdict::kAllowed);
}

TEST_F(Rules, WhoMayReadMayDescribeButADenialOfReadingDoesNotHide) {
  add(rule("User:alice", Operation::kRead, "orders"));
  add(rule("User:alice", Operation::kAlterConfigs, "settings"));
  EXPECT_EQ(ask("User:alice", Operation::kDescribe, "orders"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:alice", Operation::kDescribeConfigs, "settings"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:alice", Operation::kDescribe, "settings"), Verdict::kDenied);
  add(rule("User:alice", Operation::kWrite, "orders"));
  add(rule("User:alice", Operation::kRead, "orders", Permission::kDeny));
  EXPECT_EQ(ask("User:alice", Operation::kDescribe, "orders"), Verdict::kAllowed);
}

TEST_F(Rules, HoldForTheirHostAndTheirPatternOnly) {
  AccessRule local = rule("User:alice", Operation::kRead, "orders");
  local.host = "10.0.0.1";
  add(local);
  EXPECT_EQ(ask("User:alice", Operation::kRead, "orders", "10.0.0.1"), Verdict::kAllowed);
  EXPECT_EQ(ask("User:alice", Operation::kRead, "orders", "10.0.0.2"), Verdict::kDenied);
  EXPECT_EQ(ask("User:alice", Operation::kRead, "orders2", "10.0.0.1"), Verdict::kNoRule);
}

TEST_F(Rules, TellWhetherAnyResourceMayBeUsed) {
  const auto any = [&](std::string_view principal) {
    return catalog.access().allows_any(
        {ResourceType::kTopic, "", Operation::kWrite, principal, "127.0.0.1"});
  };
  EXPECT_FALSE(any("User:alice"));
  add(rule("User:alice", Operation::kWrite, "a-", Permission::kAllow, Pattern::kPrefixed));
  EXPECT_TRUE(any("User:alice"));
  add(rule("User:alice", Operation::kWrite, "a-", Permission::kDeny, Pattern::kPrefixed));
  EXPECT_FALSE(any("User:alice"));
  add(rule("User:alice", Operation::kWrite, "b"));
  EXPECT_TRUE(any("User:alice"));
  add(rule("User:*", Operation::kAll, "*", Permission::kDeny));
  EXPECT_FALSE(any("User:alice"));
}

// The index must find what a look at every rule finds.
TEST_F(Rules, AnswerAsASearchThroughAllOfThem) {
  Random random(17);
  const auto name = [&] { return std::string(1 + random.below(4), "ab"[random.below(2)]); };
  for (int step = 0; step < 600; ++step) {
    const AccessRule some = rule(random.one_in(3) ? "User:*" : "User:alice",
                                 random.one_in(2) ? Operation::kRead : Operation::kWrite,
                                 random.one_in(6) ? "*" : name(),
                                 random.one_in(3) ? Permission::kDeny : Permission::kAllow,
                                 random.one_in(2) ? Pattern::kPrefixed : Pattern::kLiteral);
    if (random.one_in(3)) {
      ASSERT_TRUE(catalog.apply(catalog.access().remove_rules({&some, 1})));
    } else {
      add(some);
    }
    const std::string asked = name() + name();
    bool any = false;
    bool allowed = false;
    bool denied = false;
    for (const AccessRule& one : catalog.access().rules()) {
      const bool fits = one.pattern == Pattern::kPrefixed ? asked.starts_with(one.name)
                                                          : one.name == asked || one.name == "*";
      any = any || fits;
      if (!fits || one.operation != Operation::kRead) continue;
      (one.permission == Permission::kAllow ? allowed : denied) = true;
    }
    const Verdict expected = !any                 ? Verdict::kNoRule
                             : allowed && !denied ? Verdict::kAllowed
                                                  : Verdict::kDenied;
    ASSERT_EQ(ask("User:alice", Operation::kRead, asked), expected) << "seed 17, step " << step;
  }
}

TEST(Access, UsersRulesAndQuotasSurviveInAnImage) {
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(catalog.access().decide_put_user(user("alice")).value()));
  ASSERT_TRUE(catalog.apply(catalog.access().decide_put_user(user("bob")).value()));
  ASSERT_TRUE(catalog.apply(catalog.access().decide_remove_user("bob").value()));
  const AccessRule some = rule("User:alice", Operation::kRead, "orders");
  ASSERT_TRUE(catalog.apply(catalog.access().decide_add_rules({&some, 1}).value()));
  const Quota quota{{{QuotaKind::kUser, false, "alice"}, {QuotaKind::kClientId, true, ""}},
                    {{"producer_byte_rate", 1024.5}}};
  ASSERT_TRUE(catalog.apply(catalog.access().decide_put_quota(quota).value()));

  Catalog again;
  ASSERT_TRUE(again.load(catalog.image()));
  EXPECT_EQ(*again.access().find_user("alice"), user("alice"));
  EXPECT_EQ(again.access().find_user("bob"), nullptr);
  EXPECT_EQ(again.access().rules(), catalog.access().rules());
  EXPECT_EQ(again.access().quotas(), catalog.access().quotas());
  EXPECT_EQ(again.image(), catalog.image());

  ASSERT_TRUE(again.apply(again.access().decide_put_quota({quota.entity, {}}).value()));
  EXPECT_TRUE(again.access().quotas().empty());
}

TEST(Access, AnImageFromBeforeThereWereUsersLoads) {
  // Version 1, next cell 1, no groups, bridges, keyspaces and things.
  Catalog catalog;
  ASSERT_TRUE(catalog.load(ByteView("\x01\x01\0\0\0\0", 6)));
  EXPECT_TRUE(catalog.access().users().empty());
  EXPECT_EQ(catalog.image(), Catalog().image());
}

TEST(Access, WhatIsNotWholeIsRefused) {
  const Access access({.users_max = 1, .rules_max = 1, .quotas_max = 1, .name_bytes_max = 20});
  User bad = user("");
  EXPECT_EQ(access.decide_put_user(bad).error().code, ErrorCode::kInvalidArgument);
  bad = user(std::string(21, 'x'));
  EXPECT_EQ(access.decide_put_user(bad).error().code, ErrorCode::kTooLarge);
  bad = user("a\nb");
  EXPECT_EQ(access.decide_put_user(bad).error().code, ErrorCode::kInvalidArgument);
  bad = user("alice");
  bad.credentials[ScramHash::kSha256].stored_key.pop_back();
  EXPECT_EQ(access.decide_put_user(bad).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(access.decide_remove_user("alice").error().code, ErrorCode::kNotFound);

  const AccessRule two[] = {rule("User:a", Operation::kRead, "a"),
                            rule("User:b", Operation::kRead, "b")};
  EXPECT_EQ(access.decide_add_rules(two).error().code, ErrorCode::kLimitReached);
  const AccessRule nameless = rule("User:a", Operation::kRead, "");
  EXPECT_EQ(access.decide_add_rules({&nameless, 1}).error().code, ErrorCode::kInvalidArgument);

  EXPECT_FALSE(access.decide_put_quota({{}, {{"x", 1.0}}}));
  EXPECT_FALSE(access.decide_put_quota({{{QuotaKind::kUser, true, "alice"}}, {{"x", 1.0}}}));
  EXPECT_FALSE(access.decide_put_quota({{{QuotaKind::kUser, true, ""}}, {{"x", -1.0}}}));
}

}  // namespace
}  // namespace weir::catalog
