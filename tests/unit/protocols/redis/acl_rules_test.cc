// Rules of access: how they are read, shown and combined.

#include "protocols/redis/acl_rules.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::redis {
namespace {

// The rules after these words; none of them may be refused.
AclRules rules_of(std::string_view words) {
  AclRules rules;
  for (const std::string& word : split_rules(words)) EXPECT_EQ(rules.apply(word), "") << word;
  return rules;
}

std::string commands_of(std::string_view words) {
  return rules_of(words).root().commands_text();
}

Denied judge(const AclRules& rules, const std::vector<ByteView>& words) {
  const Command* command = find_command(words[0]);
  return rules.judge({*command, find_subcommand(*command, words), words}).what;
}

TEST(AclRules, ANewerRuleTakesThePlaceOfOlderOnesAboutTheSame) {
  EXPECT_EQ(commands_of(""), "-@all");
  EXPECT_EQ(commands_of("+get -get +GET"), "-@all +get");
  EXPECT_EQ(commands_of("+client|id -client"), "-@all -client");
  EXPECT_EQ(commands_of("+@all -client +client|id +client|setname"),
            "+@all -client +client|id +client|setname");
  EXPECT_EQ(commands_of("+@all -@string -get +@all"), "+@all");
  EXPECT_EQ(commands_of("+@string -@all"), "-@all");
  EXPECT_EQ(commands_of("+@read -@Read"), "-@all -@read");
  EXPECT_EQ(commands_of("+memory|doctor +memory"), "-@all +memory");
}

TEST(AclRules, TheTextOfAllCategoriesReadsBackAsTheSame) {
  for (const std::string_view category : all_categories()) {
    const std::string added = "-@all +@" + std::string(category);
    const std::string removed = "+@all -@" + std::string(category);
    EXPECT_EQ(commands_of(added), added);
    EXPECT_EQ(commands_of(removed), removed);
  }
  const std::string text =
      "~a %R~b %W~c resetchannels &d -@all +@read -get (~* &* +@all -flushall) (resetchannels "
      "-@all)";
  EXPECT_EQ(AclRules::of(text).text(), text);
  EXPECT_EQ(AclRules::all().text(), "~* &* +@all");
  EXPECT_TRUE(AclRules::all().everything());
  EXPECT_FALSE(rules_of("+@all -get ~* &*").everything());
}

TEST(AclRules, EveryCommandHasCategoriesThatExistAndIsFastOrSlow) {
  const std::set<std::string_view> known(all_categories().begin(), all_categories().end());
  for (const Command* command : all_commands()) {
    const auto check = [&](const Subcommand* subcommand) {
      const auto categories = categories_of(*command, subcommand);
      const std::set<std::string_view> own(categories.begin(), categories.end());
      EXPECT_NE(own.contains("fast"), own.contains("slow")) << full_name(*command, subcommand);
      for (const std::string_view category : own) EXPECT_TRUE(known.contains(category)) << category;
    };
    check(nullptr);
    for (const Subcommand& subcommand : command->subcommands) check(&subcommand);
  }
}

TEST(AclRules, RefusedWordsSayWhyAsRedisDoes) {
  AclSelector selector;
  EXPECT_EQ(selector.apply("+nosuch"), "Unknown command or category name in ACL");
  EXPECT_EQ(selector.apply("-config|nosuch"), "Unknown command or category name in ACL");
  EXPECT_EQ(selector.apply("+config|nosuch"), "Unknown command or category name in ACL");
  EXPECT_EQ(selector.apply("-select|0"), "Unknown command or category name in ACL");
  EXPECT_EQ(selector.apply("+@nosuch"), "Unknown command or category name in ACL");
  EXPECT_EQ(selector.apply("+config|get|x"), "Allowing first-arg of a subcommand is not supported");
  EXPECT_EQ(selector.apply("+select|"), "Syntax error");
  for (const ByteView word : {"", "get", "%~a", "%RR~a", "%X~a", "%R", "~a b", "&a b", "(+get)"}) {
    EXPECT_EQ(selector.apply(word), "Syntax error") << word;
  }
  EXPECT_EQ(selector.apply("~*"), "");
  EXPECT_TRUE(selector.apply("~a").starts_with("Adding a pattern after the * pattern"));
  EXPECT_EQ(selector.apply("resetkeys"), "");
  EXPECT_EQ(selector.apply("~a"), "");
  EXPECT_EQ(selector.apply("allchannels"), "");
  EXPECT_TRUE(selector.apply("&a").starts_with("Adding a pattern after the * pattern"));
}

TEST(AclRules, WhatThisServerLeavesOutMayBeForbidden) {
  EXPECT_EQ(commands_of("+@all -debug -shutdown -cluster|nodes"),
            "+@all -debug -shutdown -cluster|nodes");
}

TEST(AclRules, RightsToReadAndToWriteTheSamePatternAddUp) {
  const AclRules rules = rules_of("+@all %R~a %W~a %r~b");
  EXPECT_EQ(rules.root().keys_text(), "~a %R~b");
  EXPECT_EQ(judge(rules, {"getset", "a", "v"}), Denied::kNot);
  EXPECT_EQ(judge(rules, {"get", "b"}), Denied::kNot);
  EXPECT_EQ(judge(rules, {"getset", "b", "v"}), Denied::kKey);
}

TEST(AclRules, TheSelectorThatCameFarthestSaysWhatIsMissing) {
  const AclRules rules = rules_of("+get ~a (+mget ~a ~b) (+publish)");
  EXPECT_EQ(judge(rules, {"set", "a", "v"}), Denied::kCommand);
  const std::vector<ByteView> words{"mget", "a", "b", "c"};
  const Command* command = find_command("mget");
  const Denial denial = rules.judge({*command, nullptr, words});
  EXPECT_EQ(denial.what, Denied::kKey);
  EXPECT_EQ(denial.argument, 3U);
  EXPECT_EQ(judge(rules, {"publish", "c", "m"}), Denied::kChannel);
}

TEST(AclRules, LoggingInIsAllowedToEverybody) {
  EXPECT_EQ(judge(AclRules(), {"auth", "p"}), Denied::kNot);
  EXPECT_EQ(judge(AclRules(), {"ping"}), Denied::kCommand);
}

TEST(AclRules, PatternsAndSelectorsAreBounded) {
  AclSelector selector;
  for (size_t i = 0; i < AclSelector::kPatternsMax; ++i) {
    ASSERT_EQ(selector.apply("~" + std::to_string(i)), "");
  }
  EXPECT_NE(selector.apply("~one more"), "");
  EXPECT_NE(selector.apply("~more"), "");
  AclRules rules;
  for (size_t i = 0; i < AclRules::kSelectorsMax; ++i) ASSERT_EQ(rules.apply("(+get)"), "");
  EXPECT_NE(rules.apply("(+get)"), "");
}

}  // namespace
}  // namespace weir::redis
