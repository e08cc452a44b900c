#include "core/catalog/tokens.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "core/catalog/catalog.h"

namespace weir::catalog {
namespace {

const std::string kKey(64, 'k');

Token token(std::string id, std::string owner = "User:alice", int64_t expires_ms = 2000) {
  return {.id = std::move(id),
          .owner = std::move(owner),
          .requester = "User:admin",
          .renewers = {"User:bob", "User:carol"},
          .issued = Timestamp(1000),
          .expires = Timestamp(expires_ms),
          .ends = Timestamp(9000)};
}

class TokensOfCatalog : public testing::Test {
 protected:
  void SetUp() override { apply(catalog.tokens().decide_make_key(kKey)); }
  void put(const Token& added) { apply(catalog.tokens().decide_put(added)); }
  void apply(const Result<std::string>& event) {
    ASSERT_TRUE(event) << event.error().message;
    ASSERT_TRUE(catalog.apply(*event));
  }

  Catalog catalog;
};

TEST_F(TokensOfCatalog, AreFoundByTheirIdAndByTheirSecret) {
  put(token("one"));
  put(token("two", "User:bob"));
  const std::string secret = catalog.tokens().secret_of("two");
  EXPECT_EQ(secret.size(), 64U);
  ASSERT_NE(catalog.tokens().find_by_secret(secret), nullptr);
  EXPECT_EQ(*catalog.tokens().find_by_secret(secret), token("two", "User:bob"));
  EXPECT_EQ(*catalog.tokens().find("one"), token("one"));
  EXPECT_EQ(catalog.tokens().find("three"), nullptr);
  EXPECT_EQ(catalog.tokens().find_by_secret(catalog.tokens().secret_of("three")), nullptr);
  EXPECT_EQ(catalog.tokens().find_by_secret(""), nullptr);
}

TEST_F(TokensOfCatalog, ARenewedOneTakesThePlaceOfTheOld) {
  put(token("one"));
  put(token("one", "User:alice", 5000));
  EXPECT_EQ(catalog.tokens().all().size(), 1U);
  EXPECT_EQ(catalog.tokens().find("one")->expires, Timestamp(5000));
  EXPECT_EQ(catalog.tokens().of_owner("User:alice"), std::vector<std::string>{"one"});
}

TEST_F(TokensOfCatalog, ThoseThatHaveEndedAreToldAndRemoved) {
  put(token("one"));
  put(token("two", "User:bob", 3000));
  EXPECT_TRUE(catalog.tokens().expired(Timestamp(1999)).empty());
  EXPECT_EQ(catalog.tokens().expired(Timestamp(2000)), std::vector<std::string>{"one"});
  const std::string secret = catalog.tokens().secret_of("one");
  apply(catalog.tokens().decide_remove("one"));
  EXPECT_EQ(catalog.tokens().find("one"), nullptr);
  EXPECT_EQ(catalog.tokens().find_by_secret(secret), nullptr);
  EXPECT_TRUE(catalog.tokens().of_owner("User:alice").empty());
  EXPECT_EQ(catalog.tokens().decide_remove("one").error().code, ErrorCode::kNotFound);
}

TEST_F(TokensOfCatalog, SurviveInAnImageWithTheirKey) {
  put(token("one"));
  put(token("two", "User:bob"));
  Catalog again;
  ASSERT_TRUE(again.load(catalog.image()));
  EXPECT_EQ(again.image(), catalog.image());
  const auto found = again.tokens().find_by_secret(catalog.tokens().secret_of("two"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found, token("two", "User:bob"));
  EXPECT_EQ(again.tokens().decide_make_key(kKey).error().code, ErrorCode::kAlreadyExists);
}

TEST_F(TokensOfCatalog, AnImageFromBeforeThereWereTokensLoads) {
  // Version 3, next cell 1; no groups, bridges, keyspaces, users, rules, quotas, connectors,
  // things.
  Catalog old;
  ASSERT_TRUE(old.load(ByteView("\x03\x01\0\0\0\0\0\0\0\0", 10)));
  EXPECT_EQ(old.image(), Catalog().image());
}

TEST_F(TokensOfCatalog, EventsThatAreCutOffChangeNothing) {
  put(token("one"));
  const std::string image = catalog.image();
  const std::string event = catalog.tokens().decide_put(token("two")).value();
  for (size_t length = 1; length < event.size(); ++length) {
    EXPECT_FALSE(catalog.apply(ByteView(event).substr(0, length))) << length;
  }
  EXPECT_EQ(catalog.image(), image);
}

TEST(Tokens, WhatIsNotWholeOrTooMuchIsRefused) {
  Catalog catalog;
  EXPECT_EQ(catalog.tokens().decide_put(token("one")).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(catalog.tokens().decide_make_key("short").error().code, ErrorCode::kInvalidArgument);

  Tokens tokens({.tokens_max = 3, .owner_tokens_max = 2, .name_bytes_max = 20, .bytes_max = 60});
  const auto apply = [&](const std::string& event) {
    Reader reader(event);
    const uint8_t kind = reader.u8();
    ASSERT_TRUE(tokens.apply(kind, reader));
  };
  apply(tokens.decide_make_key(kKey).value());
  Token bad = token("");
  EXPECT_EQ(tokens.decide_put(bad).error().code, ErrorCode::kInvalidArgument);
  bad = token("one");
  bad.expires = Timestamp(9001);
  EXPECT_EQ(tokens.decide_put(bad).error().code, ErrorCode::kInvalidArgument);
  bad = token("one");
  bad.renewers = {std::string(21, 'x')};
  EXPECT_EQ(tokens.decide_put(bad).error().code, ErrorCode::kTooLarge);
  bad.renewers.assign(10, "User:x");
  EXPECT_EQ(tokens.decide_put(bad).error().code, ErrorCode::kTooLarge);

  apply(tokens.decide_put(token("one")).value());
  apply(tokens.decide_put(token("two")).value());
  EXPECT_EQ(tokens.decide_put(token("three")).error().code, ErrorCode::kLimitReached);
  EXPECT_TRUE(tokens.decide_put(token("two"))) << "it is renewed";
  apply(tokens.decide_put(token("three", "User:bob")).value());
  EXPECT_EQ(tokens.decide_put(token("four", "User:carol")).error().code, ErrorCode::kLimitReached);
}

// Whatever is put, renewed and removed: the indices agree with the tokens, and an image has all.
TEST(Tokens, IndicesAgreeWithATrivialModel) {
  constexpr uint64_t kSeed = 48;
  Random random(kSeed);
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(catalog.tokens().decide_make_key(kKey).value()));
  std::map<std::string, Token> model;
  for (int step = 0; step < 2000; ++step) {
    const std::string id = "t" + std::to_string(random.below(12));
    if (random.one_in(3)) {
      const auto event = catalog.tokens().decide_remove(id);
      ASSERT_EQ(event.has_value(), model.erase(id) == 1) << "seed " << kSeed << ", step " << step;
      if (event) ASSERT_TRUE(catalog.apply(*event));
    } else {
      const Token added = token(id, "User:" + std::to_string(random.below(3)),
                                static_cast<int64_t>(random.below(9000)));
      ASSERT_TRUE(catalog.apply(catalog.tokens().decide_put(added).value()));
      model[id] = added;
    }
    if (random.one_in(50)) ASSERT_TRUE(catalog.load(catalog.image()));
    const Timestamp now(static_cast<int64_t>(random.below(9000)));
    size_t expired = 0;
    size_t owned = 0;
    for (const auto& [name, kept] : model) {
      const auto found = catalog.tokens().find_by_secret(catalog.tokens().secret_of(name));
      ASSERT_TRUE(found && *found == kept) << "seed " << kSeed << ", step " << step;
      expired += kept.is_expired(now) ? 1 : 0;
      owned += kept.owner == "User:1" ? 1 : 0;
    }
    ASSERT_EQ(catalog.tokens().all().size(), model.size());
    ASSERT_EQ(catalog.tokens().expired(now).size(), expired);
    ASSERT_EQ(catalog.tokens().of_owner("User:1").size(), owned);
  }
}

}  // namespace
}  // namespace weir::catalog
