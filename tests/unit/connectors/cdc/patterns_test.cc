#include "connectors/cdc/patterns.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace weir::cdc {
namespace {

Patterns patterns(std::string_view text) {
  auto compiled = Patterns::compile(text);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return *compiled;
}

TEST(Patterns, MatchTheWholeNameWhateverItsCase) {
  const Patterns list = patterns(R"(public\.orders, sales\.(a|b))");
  EXPECT_TRUE(list.matches("public.orders"));
  EXPECT_TRUE(list.matches("PUBLIC.Orders"));
  EXPECT_TRUE(list.matches("sales.b"));
  EXPECT_FALSE(list.matches("public.orders2"));
  EXPECT_FALSE(list.matches("xpublic.orders"));
}

TEST(Patterns, ACommaInsideAnExpressionBelongsToIt) {
  const Patterns list = patterns(R"(s\.t{1,2},s\.[a,b],s\.\,x)");
  EXPECT_EQ(list.all().size(), 3u);
  EXPECT_TRUE(list.matches("s.tt"));
  EXPECT_TRUE(list.matches("s.,"));
  EXPECT_TRUE(list.matches("s.,x"));
}

TEST(Patterns, WhatCannotBeMatchedInLinearTimeIsRefused) {
  EXPECT_FALSE(Patterns::compile("(?=a)b"));
  EXPECT_FALSE(Patterns::compile(R"((a)\1)"));
  EXPECT_FALSE(Patterns::compile("(unclosed"));
  EXPECT_FALSE(Patterns::compile(std::string(5000, 'x')));
}

TEST(Patterns, AnEvilExpressionTakesNoTime) {
  const Patterns list = patterns("(a|a)*(a|a)*(a|a)*b");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(list.matches(std::string(20'000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Patterns, JavasNamedGroupsAreUnderstood) {
  const auto pattern = Pattern::compile("(?<routedByValue>.*)", false);
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->replace("Order", "outbox.event.${routedByValue}"), "outbox.event.Order");
  EXPECT_EQ(pattern->replace("Order", "x.$1.y$"), "x.Order.y$");
  EXPECT_EQ(pattern->replace("Order", "${unknown}"), std::nullopt);
  EXPECT_EQ(pattern->replace("Order", "$9"), std::nullopt);
}

}  // namespace
}  // namespace weir::cdc
