#include "core/bridge/filter.h"

#include <gtest/gtest.h>

namespace weir::bridge {
namespace {

constexpr ByteView kOrder =
    R"({"type":"order","amount":12.50,"paid":true,"note":null,"a b":{"c.d":"deep"},)"
    R"("lines":[{"sku":"x-1","count":3},{"sku":"y-2"}],"big":18446744073709551615})";

bool passes(ByteView filter, ByteView value, std::optional<ByteView> key = {}) {
  const auto parsed = Filter::parse(filter);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message;
    return false;
  }
  log::ReadRecord record;
  record.key = key;
  record.value = value;
  Values values;
  values.open(record);
  return parsed->passes(values);
}

std::optional<std::string> at(ByteView path, ByteView value) {
  const auto field = Field::parse(path);
  if (!field) {
    ADD_FAILURE() << field.error().message;
    return std::nullopt;
  }
  log::ReadRecord record;
  record.value = value;
  Values values;
  values.open(record);
  return field->of(values);
}

TEST(Filter, AnEmptyOnePassesEverything) {
  EXPECT_TRUE(passes("", "no json"));
}

TEST(Filter, KeysAreComparedWholeOrByTheirBeginning) {
  EXPECT_TRUE(passes("key=order-1", "", "order-1"));
  EXPECT_FALSE(passes("key=order", "", "order-1"));
  EXPECT_TRUE(passes("key=order-*", "", "order-1"));
  EXPECT_FALSE(passes("key=order-*", "", std::nullopt));
  EXPECT_TRUE(passes("key!=order-*", "", "user-1"));
  EXPECT_FALSE(passes("key!=order-*", "", std::nullopt)) << "without a key no condition holds";
}

TEST(Filter, APathNamesAStringANumberOrATruthValue) {
  EXPECT_EQ(at("$.type", kOrder), "order");
  EXPECT_EQ(at("$.amount", kOrder), "12.5");
  EXPECT_EQ(at("$.paid", kOrder), "true");
  EXPECT_EQ(at("$.big", kOrder), "18446744073709551615");
  EXPECT_EQ(at("$['a b']['c.d']", kOrder), "deep");
  EXPECT_EQ(at("$.lines[1].sku", kOrder), "y-2");
  EXPECT_EQ(at("$", "\"alone\""), "alone");
}

TEST(Filter, WhatAPathDoesNotFindHasNoValue) {
  for (const ByteView path :
       {"$.note", "$.lines", "$.lines[2].sku", "$.type.more", "$.none", "$"}) {
    EXPECT_EQ(at(path, kOrder), std::nullopt) << path;
  }
  EXPECT_EQ(at("$.type", "no json"), std::nullopt);
  EXPECT_EQ(at("$.type", ""), std::nullopt);
  EXPECT_EQ(at("$.type", R"({"type":"cut)"), std::nullopt);
}

TEST(Filter, NumbersAreComparedAsNumbers) {
  EXPECT_TRUE(passes("$.amount>9", kOrder));
  EXPECT_FALSE(passes("$.amount<9", kOrder));
  EXPECT_TRUE(passes("$.lines[0].count>=3", kOrder));
  EXPECT_TRUE(passes("$.lines[0].count<=3", kOrder));
  EXPECT_FALSE(passes("$.type>1", kOrder)) << "no number is above nothing";
}

TEST(Filter, AllConditionsMustHold) {
  EXPECT_TRUE(passes("key=k && $.type=order && $.amount>10", kOrder, "k"));
  EXPECT_FALSE(passes("key=k && $.type=order && $.amount>100", kOrder, "k"));
}

TEST(Filter, TheNextRecordIsReadAnew) {
  const auto field = Field::parse("$.n");
  Values values;
  log::ReadRecord record;
  for (const ByteView value : {R"({"n":1})", "none", R"({"n":2})"}) {
    record.value = value;
    values.open(record);
    const auto found = field->of(values);
    EXPECT_EQ(found.has_value(), value != "none") << value;
  }
}

TEST(Filter, WhatIsNotUnderstoodIsRefusedWithItsReason) {
  for (const ByteView filter : {"key", "=x", "value=x", "header:=x", "$.=x", "$.a[x]=1", "$.a[1=1",
                                "$['a=1", "$.a>many", "$.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1"}) {
    EXPECT_FALSE(Filter::parse(filter)) << filter;
  }
  std::string many = "key=1";
  for (int i = 0; i < 16; ++i) many += " && key=1";
  EXPECT_FALSE(Filter::parse(many));
  EXPECT_NE(Filter::parse("payload=x").error().message.find("header:NAME"), std::string::npos);
}

}  // namespace
}  // namespace weir::bridge
