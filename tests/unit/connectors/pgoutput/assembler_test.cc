#include "connectors/pgoutput/assembler.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/pgoutput/types.h"
#include "tests/unit/connectors/pgoutput/builder.h"

namespace weir::pgoutput {
namespace {

using cdc::Operation;
using cdc::TypeKind;
using cdc::Value;
using testing::begin;
using testing::Builder;
using testing::commit;
using testing::relation;

class Catalog final : public Describer {
 public:
  Result<RelationFacts> describe(const Relation& announced) override {
    ++asked;
    RelationFacts known = facts;
    known.id = announced.id;
    return known;
  }
  RelationFacts facts;
  int asked = 0;
};

class Recorder final : public Sink {
 public:
  Result<> begin(const cdc::Transaction&) override { return {}; }
  Result<> change(const cdc::Change& change) override {
    changes.push_back(change);
    return {};
  }
  Result<> commit(const cdc::Transaction& transaction) override {
    commits.push_back(transaction);
    return {};
  }
  std::vector<cdc::Change> changes;
  std::vector<cdc::Transaction> commits;
};

class AssemblerTest : public ::testing::Test {
 protected:
  Result<> feed(std::string message, uint64_t lsn = 1) {
    kept_.push_back(std::make_unique<std::string>(std::move(message)));
    return assembler_.feed({.start = lsn, .message = *kept_.back()}, recorder_);
  }

  Catalog catalog_;
  Recorder recorder_;
  Assembler assembler_{catalog_};
  std::vector<std::unique_ptr<std::string>> kept_;
};

TEST_F(AssemblerTest, ChangesOfATransactionAreNumberedInOrder) {
  ASSERT_TRUE(feed(begin(100, 7, 5000)));
  ASSERT_TRUE(feed(relation(3, "public", "t", 'd', {{true, "id", 23}, {false, "v", 25}})));
  ASSERT_TRUE(feed(Builder('I').u32(3).u8('N').tuple({"t1", "n"}).done(), 90));
  ASSERT_TRUE(feed(Builder('M').u8(1).u64(95).name("p").u32(1).raw("x").done(), 95));
  ASSERT_TRUE(
      feed(Builder('U').u32(3).u8('K').tuple({"t1", "n"}).u8('N').tuple({"t2", "u"}).done(), 97));
  ASSERT_TRUE(assembler_.in_transaction());
  ASSERT_TRUE(feed(commit(100, 110, 5000)));
  EXPECT_FALSE(assembler_.in_transaction());

  ASSERT_EQ(recorder_.changes.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(recorder_.changes[i].position, (cdc::Position{.commit_lsn = 100, .index = i}));
    EXPECT_EQ(recorder_.changes[i].commit_us, 5000);
  }
  EXPECT_EQ(recorder_.changes[0].lsn, 90u);
  EXPECT_EQ(recorder_.changes[1].operation, Operation::kMessage);
  const cdc::Change& update = recorder_.changes[2];
  EXPECT_EQ((*update.before)[1].state, Value::State::kAbsent);
  EXPECT_EQ((*update.after)[1].state, Value::State::kUnchanged);
  EXPECT_EQ(recorder_.commits.at(0).changes, 3u);
  EXPECT_EQ(recorder_.commits.at(0).end_lsn, 110u);
}

TEST_F(AssemblerTest, ATruncateIsAChangeOfEveryTable) {
  ASSERT_TRUE(feed(begin(100, 7)));
  ASSERT_TRUE(feed(relation(3, "public", "t", 'd', {{true, "id", 23}})));
  ASSERT_TRUE(feed(relation(4, "public", "u", 'd', {{true, "id", 23}})));
  ASSERT_TRUE(feed(Builder('T').u32(2).u8(0).u32(3).u32(4).done()));
  ASSERT_EQ(recorder_.changes.size(), 2u);
  EXPECT_EQ(recorder_.changes[1].relation->table, "u");
  EXPECT_EQ(recorder_.changes[1].position.index, 1u);
}

TEST_F(AssemblerTest, AMessageOutsideOfTransactionsStandsInsideItsOwnRecord) {
  ASSERT_TRUE(feed(Builder('M').u8(0).u64(95).name("p").u32(1).raw("x").done(), 95));
  ASSERT_EQ(recorder_.changes.size(), 1u);
  EXPECT_EQ(recorder_.changes[0].position, (cdc::Position{.commit_lsn = 94, .index = 0}));
  EXPECT_FALSE(recorder_.changes[0].transactional);
}

TEST_F(AssemblerTest, ATableIsAskedForAgainWhenItIsAnnouncedAgain) {
  const std::string announced = relation(3, "public", "t", 'd', {{true, "id", 23}});
  ASSERT_TRUE(feed(begin(100, 7)));
  ASSERT_TRUE(feed(announced));
  ASSERT_TRUE(feed(Builder('I').u32(3).u8('N').tuple({"t1"}).done()));
  ASSERT_TRUE(feed(announced));
  ASSERT_TRUE(feed(Builder('I').u32(3).u8('N').tuple({"t2"}).done()));
  EXPECT_EQ(catalog_.asked, 2);
  EXPECT_EQ(recorder_.changes[0].relation, recorder_.changes[1].relation) << "nothing changed";
  catalog_.facts.columns = {{.name = "id", .type = 23, .not_null = true, .default_expression = {}}};
  ASSERT_TRUE(feed(announced));
  ASSERT_TRUE(feed(Builder('I').u32(3).u8('N').tuple({"t3"}).done()));
  EXPECT_NE(recorder_.changes[0].relation, recorder_.changes[2].relation);
  EXPECT_FALSE(recorder_.changes[2].relation->columns[0].optional);
}

TEST_F(AssemblerTest, WhatCannotBeInAStreamIsRefused) {
  EXPECT_FALSE(feed(commit(1, 2)));
  EXPECT_FALSE(feed(Builder('I').u32(3).u8('N').tuple({"t1"}).done()));
  EXPECT_FALSE(feed(Builder('M').u8(1).u64(95).name("p").u32(0).done()));
  ASSERT_TRUE(feed(begin(100, 7)));
  EXPECT_FALSE(feed(begin(100, 7))) << "a transaction inside another";
  EXPECT_FALSE(feed(Builder('I').u32(3).u8('N').tuple({"t1"}).done())) << "an unknown relation";
  ASSERT_TRUE(feed(relation(3, "public", "t", 'd', {{true, "id", 23}})));
  EXPECT_FALSE(feed(Builder('I').u32(3).u8('N').tuple({"t1", "t2"}).done())) << "too many columns";
  EXPECT_FALSE(feed(Builder('I').u32(3).u8('N').tuple({"b1"}).done())) << "binary";
  EXPECT_FALSE(feed(commit(101, 110))) << "another transaction's commit";
}

TEST_F(AssemblerTest, TheTransactionBeforeMayBeKnownFromAnEarlierStream) {
  const auto first_change = [&](Assembler& assembler) {
    for (const std::string& message :
         {begin(100, 7), relation(3, "public", "t", 'd', {{true, "id", 23}}),
          Builder('I').u32(3).u8('N').tuple({"t1"}).done()}) {
      EXPECT_TRUE(assembler.feed({.start = 90, .message = message}, recorder_));
    }
    return recorder_.changes.back().previous_commit_lsn;
  };
  EXPECT_EQ(first_change(assembler_), 0u);
  Assembler resumed(catalog_, 80);
  EXPECT_EQ(first_change(resumed), 80u);
}

TEST(Types, BuiltInOnesGoByNumberAndModifier) {
  const cdc::Type numeric = type_of(1700, ((8 << 16) | 2) + 4, {});
  EXPECT_EQ(numeric.kind, TypeKind::kDecimal);
  EXPECT_EQ(numeric.length, 8);
  EXPECT_EQ(numeric.scale, 2);
  EXPECT_EQ(type_of(1700, ((3 << 16) | (-2 & 0x7FF)) + 4, {}).scale, -2);
  EXPECT_EQ(type_of(1700, -1, {}).kind, TypeKind::kVariableDecimal);
  EXPECT_EQ(type_of(1043, 24, {}).length, 20);
  EXPECT_EQ(type_of(1114, 3, {}).length, 3);
  EXPECT_EQ(type_of(1560, 3, {}).length, 3);
  EXPECT_TRUE(type_of(1007, -1, {}).array);
  EXPECT_EQ(type_of(1007, -1, {}).kind, TypeKind::kInt32);
  EXPECT_EQ(type_of(99999, -1, {}).kind, TypeKind::kUnknown);
}

TEST(Types, TheCatalogExplainsTheOthers) {
  const std::vector<TypeFacts> types = {
      {.oid = 50000, .name = "mood", .kind = 'e', .category = 'E', .labels = {"sad", "ok"}},
      {.oid = 50001, .name = "_mood", .category = 'A', .element = 50000, .labels = {}},
      {.oid = 50002,
       .name = "price",
       .kind = 'd',
       .base = 1700,
       .base_typmod = ((9 << 16) | 3) + 4,
       .labels = {}},
      {.oid = 50003, .name = "hstore", .labels = {}},
      {.oid = 50004, .name = "loop", .kind = 'd', .base = 50004, .labels = {}},
  };
  EXPECT_EQ(type_of(50000, -1, types).labels, (std::vector<std::string>{"sad", "ok"}));
  EXPECT_TRUE(type_of(50001, -1, types).array);
  EXPECT_EQ(type_of(50001, -1, types).kind, TypeKind::kEnum);
  EXPECT_EQ(type_of(50002, -1, types).kind, TypeKind::kDecimal);
  EXPECT_EQ(type_of(50002, -1, types).scale, 3);
  EXPECT_EQ(type_of(50003, -1, types).kind, TypeKind::kMap);
  EXPECT_EQ(type_of(50004, -1, types).kind, TypeKind::kUnknown);
}

TEST(Types, DefaultsAreConstantsOrTheZeroOfTheirType) {
  const auto number = [](std::string_view text) { return default_of(text, type_of(23, -1, {})); };
  const auto text = [](std::string_view from) { return default_of(from, type_of(25, -1, {})); };
  EXPECT_EQ(number("42"), "42");
  EXPECT_EQ(number("'-1'::integer"), "-1");
  EXPECT_EQ(number("(-1)"), "-1");
  EXPECT_EQ(number("nextval('s'::regclass)"), "0");
  EXPECT_EQ(number("NULL::integer"), std::nullopt);
  EXPECT_EQ(number("(1 + 2)"), std::nullopt);
  EXPECT_EQ(text("'it''s'::text"), "it's");
  EXPECT_EQ(text("upper('x'::text)"), "");
  EXPECT_EQ(default_of("now()", type_of(1184, -1, {})), "1970-01-01 00:00:00+00");
  EXPECT_EQ(default_of("CURRENT_DATE", type_of(1082, -1, {})), "1970-01-01");
  EXPECT_EQ(default_of("'\\x00'::bytea", type_of(17, -1, {})), std::nullopt);
}

}  // namespace
}  // namespace weir::pgoutput
