#include "core/group/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace weir::group {
namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto compiled = Pattern::compile(pattern);
  EXPECT_TRUE(compiled) << pattern << ": " << (compiled ? "" : compiled.error().message);
  return compiled && compiled->matches(name);
}

TEST(TopicPattern, TheWholeNameHasToMatch) {
  EXPECT_TRUE(matches("orders", "orders"));
  EXPECT_FALSE(matches("orders", "orders-eu"));
  EXPECT_FALSE(matches("orders", "my-orders"));
  EXPECT_TRUE(matches("^orders.*", "orders-eu"));
  EXPECT_TRUE(matches(".*orders$", "my-orders"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
}

TEST(TopicPattern, AlternativesGroupsAndRepetitions) {
  EXPECT_TRUE(matches("(eu|us)-orders", "us-orders"));
  EXPECT_TRUE(matches("(?:eu|us|)-orders", "-orders"));
  EXPECT_TRUE(matches("(?P<zone>eu|us)-.+", "eu-x"));
  EXPECT_TRUE(matches("a|b|cd", "cd"));
  EXPECT_TRUE(matches("a*b+c?", "aabbb"));
  EXPECT_FALSE(matches("a*b+c?", "aac"));
  EXPECT_TRUE(matches("(ab){2,3}", "ababab"));
  EXPECT_FALSE(matches("(ab){2,3}", "abababab"));
  EXPECT_FALSE(matches("(ab){2,3}", "ab"));
  EXPECT_TRUE(matches("a{2}", "aa"));
  EXPECT_TRUE(matches("a{2,}", "aaaaa"));
  EXPECT_TRUE(matches("a{0}b", "b"));
  EXPECT_TRUE(matches("x{,2}", "x{,2}"));  // no repetition to RE2
  EXPECT_TRUE(matches("a.*?b", "axxb"));
  EXPECT_TRUE(matches("(a*)*b", "aaab"));
  EXPECT_TRUE(matches("(|a)+", "aaa"));
}

TEST(TopicPattern, ClassesAndEscapes) {
  EXPECT_TRUE(matches("[a-c]+", "abc"));
  EXPECT_FALSE(matches("[^a-c]", "b"));
  EXPECT_TRUE(matches("[]a]+", "]a"));
  EXPECT_TRUE(matches("[a-]+", "a-a"));
  EXPECT_TRUE(matches("[[:digit:]x]+", "1x2"));
  EXPECT_TRUE(matches("[[:^digit:]]+", "abc"));
  EXPECT_TRUE(matches("[\\d.]+", "1.2"));
  EXPECT_TRUE(matches("\\w+\\.\\d+", "topic_a.12"));
  EXPECT_TRUE(matches("\\D\\W", "a-"));
  EXPECT_TRUE(matches("a\\.b", "a.b"));
  EXPECT_FALSE(matches("a\\.b", "axb"));
  EXPECT_TRUE(matches("\\x41\\x{42}\\103", "ABC"));
  EXPECT_TRUE(matches("\\Qa.b*\\E.", "a.b*c"));
  EXPECT_TRUE(matches("\\Aa\\bc?\\z", "a"));
  EXPECT_TRUE(matches("a\\b-\\bb", "a-b"));
  EXPECT_TRUE(matches("a\\Bb", "ab"));
  EXPECT_FALSE(matches("a\\bb", "ab"));
}

TEST(TopicPattern, FlagsHoldToTheEndOfTheirGroup) {
  EXPECT_TRUE(matches("(?i)orders", "OrDers"));
  EXPECT_TRUE(matches("(?i:o)rders", "Orders"));
  EXPECT_FALSE(matches("(?i:o)rders", "ORDERS"));
  EXPECT_TRUE(matches("((?i)a|b)c", "Bc"));
  EXPECT_FALSE(matches("((?i)a|b)c", "bC"));
  EXPECT_TRUE(matches("(?i)a(?-i)b", "Ab"));
  EXPECT_FALSE(matches("(?i)a(?-i)b", "AB"));
  EXPECT_TRUE(matches("(?i)[a-c]+", "aBC"));
  EXPECT_TRUE(matches("(?sm-U)a", "a"));
}

TEST(TopicPattern, WhatIsNotWellFormedIsRefusedWithAReason) {
  for (const char* pattern :
       {"(", ")", "a)", "[a", "*a", "a**", "a{2}{3}", "\\", "\\8", "[b-a]", "(?P<a", "(?x)a",
        "(?=a)", "a{1001}", "\\x", "\\xg1", "[[:no:]]", "(?P<>a)", "[a\\"}) {
    const auto compiled = Pattern::compile(pattern);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_EQ(compiled.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(compiled.error().message.empty()) << pattern;
  }
}

TEST(TopicPattern, WhatCostsTooMuchIsRefused) {
  EXPECT_FALSE(Pattern::compile(std::string(Pattern::kBytesMax + 1, 'a')));
  EXPECT_FALSE(Pattern::compile("((a{100}){100}){100}"));
  EXPECT_FALSE(Pattern::compile("((((){1000}){1000}){1000}){1000}"));
}

// A backtracking matcher needs more steps for this than there are seconds in a year.
TEST(TopicPattern, TimeDoesNotExplode) {
  const std::string name(249, 'a');
  EXPECT_FALSE(matches("(a+)+b", name));
  EXPECT_FALSE(matches("(a|a|aa)*b", name));
  EXPECT_FALSE(matches("(.*)(.*)(.*)(.*)(.*)[0-9]", name));
}

TEST(TopicPattern, AnyTextIsEitherCompiledOrRefused) {
  Random random(42);
  const std::string_view letters = "ab01()[]{}|*+?.^$\\-,:PQExidswbzA<>\xc3\xa9";
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    const size_t size = random.below(24);
    for (size_t i = 0; i < size; ++i) pattern += letters[random.below(letters.size())];
    const auto compiled = Pattern::compile(pattern);
    if (compiled) static_cast<void>(compiled->matches("ab01-ab"));
  }
}

}  // namespace
}  // namespace weir::group
