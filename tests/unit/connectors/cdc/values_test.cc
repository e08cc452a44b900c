#include "connectors/cdc/values.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/random.h"
#include "connectors/cdc/decimal.h"
#include "connectors/cdc/temporal.h"
#include "connectors/cdc/text.h"

namespace weir::cdc {
namespace {

std::string rendered(TypeKind kind,
                     std::string_view text,
                     const Style& style = {},
                     int32_t length = -1) {
  Type type;
  type.kind = kind;
  type.length = length;
  std::string out;
  return append_value(out, type, text, style) ? out : "refused";
}

std::string number(double value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

TEST(Values, FloatsArePrintedAsJavaPrintsThem) {
  EXPECT_EQ(number(1), "1.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(0.001), "0.001");
  EXPECT_EQ(number(0.0001), "1.0E-4");
  EXPECT_EQ(number(9'999'999), "9999999.0");
  EXPECT_EQ(number(1e7), "1.0E7");
  EXPECT_EQ(number(123456.789), "123456.789");
  EXPECT_EQ(number(1.7976931348623157e308), "1.7976931348623157E308");
  EXPECT_EQ(rendered(TypeKind::kFloat64, "NaN"), "\"NaN\"");
  EXPECT_EQ(rendered(TypeKind::kFloat32, "-Infinity"), "\"-Infinity\"");
}

TEST(Values, DecimalsAreTwosComplement) {
  const auto base64 = [](std::string_view text) {
    std::string out;
    append_base64(out, twos_complement(*read_decimal(text)));
    return out;
  };
  EXPECT_EQ(base64("12.34"), "BNI=");
  EXPECT_EQ(base64("0"), "AA==");
  EXPECT_EQ(base64("-0.01"), "/w==");
  EXPECT_EQ(base64("128"), "AIA=");
  EXPECT_EQ(base64("-128"), "gA==");
  EXPECT_EQ(base64("-999999.99"), "+gofAQ==");
  EXPECT_EQ(base64("12345678901234567890123456789.123456789"), "CUmw9vACMxPESZBQ5NhfFQ==");
  EXPECT_FALSE(read_decimal("NaN"));
  EXPECT_FALSE(read_decimal("1.2.3"));
  EXPECT_FALSE(read_decimal(""));
}

TEST(Values, SmallDecimalsAgreeWithMachineNumbers) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  Random random(kSeed);
  for (int round = 0; round < 5000; ++round) {
    const auto value = static_cast<int64_t>(random.next()) >> random.below(64);
    const std::string bytes = twos_complement(*read_decimal(std::to_string(value)));
    int64_t read = (bytes[0] & 0x80) != 0 ? -1 : 0;
    for (const char byte : bytes) {
      read =
          static_cast<int64_t>(static_cast<uint64_t>(read) << 8 | static_cast<unsigned char>(byte));
    }
    ASSERT_EQ(read, value);
    ASSERT_EQ(plain_text(*read_decimal(std::to_string(value))), std::to_string(value));
  }
}

TEST(Values, ScalesAreRaisedAndRounded) {
  const auto scaled = [](std::string_view text, int32_t scale) {
    Decimal decimal = *read_decimal(text);
    set_scale(decimal, scale);
    return plain_text(decimal);
  };
  EXPECT_EQ(scaled("1.5", 3), "1.500");
  EXPECT_EQ(scaled("1.25", 1), "1.3");
  EXPECT_EQ(scaled("9.99", 1), "10.0");
  EXPECT_EQ(scaled("-0.04", 1), "0.0");
  EXPECT_EQ(scaled("0.006", 2), "0.01");
}

TEST(Values, TimesBeforeTheEpochAreNumbersBelowZero) {
  EXPECT_EQ(rendered(TypeKind::kDate, "1969-12-31"), "-1");
  EXPECT_EQ(rendered(TypeKind::kDate, "0001-01-01 BC"), "-719528");
  EXPECT_EQ(rendered(TypeKind::kTimestamp, "1969-12-31 23:59:59.999999"), "-1");
  EXPECT_EQ(rendered(TypeKind::kTimestamp, "1969-12-31 23:59:59.9999", {}, 3), "-1");
}

TEST(Values, ReadableTimesSayNoZoneThatTheyDoNotHave) {
  Style style;
  style.readable = true;
  style.time = TimeMode::kIsoString;
  EXPECT_EQ(rendered(TypeKind::kTimestamp, "2026-01-02 03:04:05.5", style),
            "\"2026-01-02T03:04:05.5\"");
  EXPECT_EQ(rendered(TypeKind::kTimestampTz, "2026-01-02 03:04:05.5+01", style),
            "\"2026-01-02T02:04:05.5Z\"");
  EXPECT_EQ(rendered(TypeKind::kDate, "2026-01-02", style), "\"2026-01-02\"");
  EXPECT_EQ(rendered(TypeKind::kDate, "infinity", style), "\"infinity\"");
  EXPECT_EQ(rendered(TypeKind::kTime, "24:00:00", style), "\"24:00:00\"");
  EXPECT_EQ(rendered(TypeKind::kJson, R"({"a": 1})", style), R"({"a": 1})");
}

TEST(Values, ReadableArraysKeepTheirDimensions) {
  Type type;
  type.kind = TypeKind::kInt32;
  type.array = true;
  Style style;
  style.readable = true;
  std::string out;
  ASSERT_TRUE(append_value(out, type, "{{1,2},{3,NULL}}", style));
  EXPECT_EQ(out, "[[1,2],[3,null]]");
  out.clear();
  ASSERT_TRUE(append_value(out, type, "[0:1]={5,6}", style));
  EXPECT_EQ(out, "[5,6]");
}

TEST(Values, ATextThatIsNoneOfItsTypeIsRefused) {
  EXPECT_EQ(rendered(TypeKind::kInt32, "1x"), "refused");
  EXPECT_EQ(rendered(TypeKind::kDate, "2026-13-01"), "refused");
  EXPECT_EQ(rendered(TypeKind::kTime, "25:00:00"), "refused");
  EXPECT_EQ(rendered(TypeKind::kTimestampTz, "2026-01-01"), "refused");
  EXPECT_EQ(rendered(TypeKind::kInterval, "1 fortnight"), "refused");
  EXPECT_EQ(rendered(TypeKind::kBytes, "\\xzz"), "refused");
  EXPECT_EQ(rendered(TypeKind::kBits, "012"), "refused");
  EXPECT_EQ(rendered(TypeKind::kMap, "\"a\"=>"), "refused");
  EXPECT_EQ(rendered(TypeKind::kPoint, "(1)"), "refused");
}

TEST(Values, NaNIsNoPreciseDecimal) {
  Style precise;
  EXPECT_EQ(rendered(TypeKind::kVariableDecimal, "NaN", precise), "refused");
  Style texts;
  texts.decimal = DecimalMode::kString;
  EXPECT_EQ(rendered(TypeKind::kVariableDecimal, "NaN", texts), "\"NAN\"");
}

TEST(Values, AnyTextOfAnyTypeIsRenderedOrRefused) {
  constexpr uint64_t kSeed = 20261123;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  Random random(kSeed);
  constexpr std::string_view kAlphabet = "{}[]()<>,\"\\0123456789-+:. TBCinfyNULNa=>/x";
  for (int round = 0; round < 50'000; ++round) {
    std::string text(random.below(24), ' ');
    for (char& c : text) c = kAlphabet[random.below(kAlphabet.size())];
    Type type;
    type.kind =
        static_cast<TypeKind>(random.below(static_cast<uint64_t>(TypeKind::kSparseVector) + 1));
    type.array = random.one_in(3);
    type.length = static_cast<int32_t>(random.below(8)) - 1;
    Style style;
    style.readable = random.one_in(2);
    style.time = static_cast<TimeMode>(random.below(6));
    std::string out;
    (void)append_value(out, type, text, style);
  }
}

}  // namespace
}  // namespace weir::cdc
