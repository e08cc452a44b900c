#include "protocols/wire/codec.h"

#include <gtest/gtest.h>

#include "base/wire.h"
#include "protocols/wire/inspect.h"

namespace weir::wire {
namespace {

struct Part {
  int32_t number = -1;
  Bytes name;
  bool operator==(const Part&) const = default;
};

// One message with everything the tables can say; version 0 is fixed-length, version 1 nullable, 2
// flexible.
struct Sample {
  static const Message kMessage;

  bool flag = false;
  int16_t code = 0;
  int64_t big = 0;
  Uuid uuid;
  std::optional<Bytes> text;
  std::vector<Part> parts;
  std::optional<std::vector<int32_t>> numbers;
  std::optional<Records> records;
  int32_t extra = 7;
  std::vector<Part> tagged_parts;
  bool operator==(const Sample&) const = default;
};

constexpr VersionRange kAll{0, 2};
constexpr VersionRange kNever{0, -1};
constexpr Field kPartFields[] = {
    {.name = "number",
     .kind = Kind::kInt32,
     .versions = kAll,
     .nullable = kNever,
     .offset = offsetof(Part, number)},
    {.name = "name",
     .kind = Kind::kString,
     .versions = kAll,
     .nullable = kNever,
     .offset = offsetof(Part, name)},
};
constexpr Struct kPart{"Part", kPartFields};
constexpr Field kSampleFields[] = {
    {.name = "flag",
     .kind = Kind::kBool,
     .versions = kAll,
     .nullable = kNever,
     .offset = offsetof(Sample, flag)},
    {.name = "code",
     .kind = Kind::kInt16,
     .versions = kAll,
     .nullable = kNever,
     .offset = offsetof(Sample, code)},
    {.name = "big",
     .kind = Kind::kInt64,
     .versions = {1, 2},
     .nullable = kNever,
     .offset = offsetof(Sample, big)},
    {.name = "uuid",
     .kind = Kind::kUuid,
     .versions = {2, 2},
     .nullable = kNever,
     .offset = offsetof(Sample, uuid)},
    {.name = "text",
     .kind = Kind::kString,
     .versions = kAll,
     .nullable = {1, 2},
     .offset = offsetof(Sample, text),
     .optional = &kOptionalOf<Bytes>},
    {.name = "parts",
     .kind = Kind::kStruct,
     .versions = kAll,
     .nullable = kNever,
     .offset = offsetof(Sample, parts),
     .array = &kArrayOf<Part>,
     .structure = &kPart},
    {.name = "numbers",
     .kind = Kind::kInt32,
     .versions = kAll,
     .nullable = {1, 2},
     .offset = offsetof(Sample, numbers),
     .array = &kArrayOf<int32_t>,
     .optional = &kOptionalOf<std::vector<int32_t>>},
    {.name = "records",
     .kind = Kind::kRecords,
     .versions = kAll,
     .nullable = kAll,
     .offset = offsetof(Sample, records),
     .optional = &kOptionalOf<Records>},
    {.name = "extra",
     .kind = Kind::kInt32,
     .versions = {2, 2},
     .nullable = kNever,
     .tag = 0,
     .offset = offsetof(Sample, extra),
     .default_value = 7},
    {.name = "tagged_parts",
     .kind = Kind::kStruct,
     .versions = {2, 2},
     .nullable = kNever,
     .tag = 3,
     .offset = offsetof(Sample, tagged_parts),
     .array = &kArrayOf<Part>,
     .structure = &kPart},
};
constexpr Struct kSample{"Sample", kSampleFields};
constinit const Message Sample::kMessage =
    message_of<Sample>("Sample", 1000, true, kAll, {2, 2}, &kSample);

Bytes joined(const Pieces& pieces) {
  std::string text;
  for (const Bytes& piece : pieces) text.append(piece.view());
  return Bytes::take(std::move(text));
}

Sample example() {
  Sample sample;
  sample.flag = true;
  sample.code = 0x1234;
  sample.text = literal("hi");
  sample.parts = {{1, literal("a")}};
  sample.numbers = std::vector<int32_t>{5};
  sample.records = Records(literal("RR"));
  return sample;
}

TEST(Codec, FixedVersionsUseBigEndianLengths) {
  EXPECT_EQ(joined(encode(0, example())).view(), ByteView("\x01\x12\x34"
                                                          "\x00\x02hi"
                                                          "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01"
                                                          "a"
                                                          "\x00\x00\x00\x01\x00\x00\x00\x05"
                                                          "\x00\x00\x00\x02RR",
                                                          32));
}

TEST(Codec, FlexibleVersionsUseVarintsAndEndEveryStructWithTags) {
  Sample sample = example();
  sample.extra = 9;
  EXPECT_EQ(joined(encode(2, sample)).view(),
            ByteView("\x01\x12\x34"
                     "\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                     "\x03hi"
                     "\x02\x00\x00\x00\x01\x02"
                     "a\x00"
                     "\x02\x00\x00\x00\x05"
                     "\x03RR"
                     "\x01\x00\x04\x00\x00\x00\x09",
                     53));
}

TEST(Codec, ANullWhereTheVersionHasNoneIsWrittenAsEmptyAndRefusedOnTheWayIn) {
  Sample sample = example();
  sample.text.reset();
  const auto back = decode<Sample>(0, joined(encode(0, sample)));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, Bytes());

  const auto refused = decode<Sample>(0, literal(ByteView("\x01\x12\x34\xff\xff", 5)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "Sample request v0, byte 5, field text: must not be null");
}

TEST(Codec, LongRecordsAreReferencedAndShortOnesShareTheBuffer) {
  Sample sample = example();
  const Bytes big = Bytes::take(std::string(kReferenceMin, 'x'));
  sample.records = Records(big);
  sample.records->append(literal("tail"));
  const Pieces pieces = encode(2, sample, "prefix");
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].data(), big.data());
  EXPECT_TRUE(pieces[0].view().starts_with("prefix"));
  EXPECT_EQ(size_of(pieces), encoded_size(Sample::kMessage, 2, &sample) + 6);
}

TEST(Codec, DecodedBlobsAreSlicesOfTheInput) {
  const Bytes input = joined(encode(1, example()));
  const auto sample = decode<Sample>(1, input);
  ASSERT_TRUE(sample);
  EXPECT_GE(sample->text->data(), input.data());
  EXPECT_LT(sample->text->data(), input.data() + input.size());
}

TEST(Codec, UnknownTaggedFieldsAreSkippedUpToALimit) {
  Bytes plain = joined(encode(2, example()));
  std::string text(plain.view().substr(0, plain.size() - 1));
  Writer writer(text);
  writer.varint(2);
  writer.varint(1);
  writer.bytes("later");
  writer.varint(9);
  writer.bytes("");
  const Bytes input = Bytes::take(std::move(text));
  const auto sample = decode<Sample>(2, input);
  ASSERT_TRUE(sample) << sample.error().message;
  EXPECT_EQ(*sample, example());
  DecodeLimits limits;
  limits.unknown_tags_max = 1;
  EXPECT_FALSE(decode<Sample>(2, input, limits));
}

TEST(Codec, TagsMustAscend) {
  Bytes plain = joined(encode(2, example()));
  std::string text(plain.view().substr(0, plain.size() - 1));
  text += ByteView("\x02\x05\x00\x05\x00", 5);
  EXPECT_FALSE(decode<Sample>(2, Bytes::take(std::move(text))));
}

TEST(Codec, ATaggedFieldMustFillItsSize) {
  Bytes plain = joined(encode(2, example()));
  std::string text(plain.view().substr(0, plain.size() - 1));
  text += ByteView("\x01\x00\x05\x00\x00\x00\x09\x00", 8);
  EXPECT_FALSE(decode<Sample>(2, Bytes::take(std::move(text))));
}

TEST(Codec, EveryTruncationIsRefused) {
  for (int16_t version = 0; version <= 2; ++version) {
    const Bytes whole = joined(encode(version, example()));
    for (size_t length = 0; length < whole.size(); ++length) {
      EXPECT_FALSE(decode<Sample>(version, whole.slice(0, length))) << version << " " << length;
    }
    std::string longer(whole.view());
    longer += 'x';
    EXPECT_FALSE(decode<Sample>(version, Bytes::take(std::move(longer))));
  }
}

TEST(Codec, ACountBeyondTheRemainingBytesIsRefusedBeforeMemoryIsTaken) {
  const auto sample =
      decode<Sample>(0, literal(ByteView("\x01\x12\x34\x00\x00\x7f\xff\xff\xff", 9)));
  ASSERT_FALSE(sample);
  EXPECT_NE(sample.error().message.find("2147483647 bytes or elements announced"),
            std::string::npos);
}

TEST(Codec, TheMemoryOfArraysHasABudget) {
  Sample sample = example();
  sample.parts.resize(1000);
  const Bytes input = joined(encode(0, sample));
  DecodeLimits limits;
  limits.memory_bytes_max = 999 * sizeof(Part);
  const auto refused = decode<Sample>(0, input, limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(decode<Sample>(0, input));
}

TEST(Codec, AStringHasALimitAlsoWithAVarintLength) {
  Sample sample = example();
  sample.text = literal("four");
  DecodeLimits limits;
  limits.string_bytes_max = 3;
  EXPECT_FALSE(decode<Sample>(2, joined(encode(2, sample)), limits));
}

TEST(Dump, ShowsTheFieldsOfTheVersion) {
  EXPECT_EQ(
      dump(Sample::kMessage, 0, std::make_unique<Sample>(example()).get()),
      R"({flag: true, code: 4660, text: "hi", parts: [{number: 1, name: "a"}], numbers: [5], )"
      R"(records: <2 bytes 52 52>})");
}

}  // namespace
}  // namespace weir::wire
