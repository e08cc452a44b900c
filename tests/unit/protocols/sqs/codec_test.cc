// The JSON codec and base64: what is refused, and what comes out as it went in.

#include <gtest/gtest.h>

#include "protocols/sqs/digest.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(SqsJson, TextsComeOutAsUtf8WhateverTheirSpelling) {
  const auto value = decode_json(R"({"a":"h\u00e9llo \ud83d\ude00\n\"","b":"héllo 😀"})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->find("a")->text, "h\xc3\xa9llo \xf0\x9f\x98\x80\n\"");
  EXPECT_EQ(value->find("b")->text, "h\xc3\xa9llo \xf0\x9f\x98\x80");
}

TEST(SqsJson, NullCountsAsAbsent) {
  const auto value = decode_json(R"({"a":null,"b":-7,"c":true,"d":[1],"e":{"f":"g"}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->find("a"), nullptr);
  EXPECT_EQ(value->find("b")->integer, -7);
  EXPECT_TRUE(value->find("c")->is(Value::Kind::kBoolean));
  EXPECT_EQ(value->find("d")->items.at(0).integer, 1);
  EXPECT_EQ(value->find("e")->find("f")->text, "g");
}

TEST(SqsJson, WhatIsNoObjectOfTextsAndIntegersIsRefused) {
  for (const std::string_view text :
       {"", "{", "[]", "7", "\"text\"", "{\"a\":1.5}", "{\"a\":18446744073709551615}", "{}{}",
        "{\"a\":\"\\ud83d\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", "{'a':1}", "nul"}) {
    const auto value = decode_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().shape, "SerializationException") << text;
    EXPECT_EQ(value.error().status, 400);
  }
}

TEST(SqsJson, NestingIsBounded) {
  EXPECT_TRUE(decode_json("{\"a\":" + nested(kJsonDepthMax - 2) + "}"));
  EXPECT_FALSE(decode_json("{\"a\":" + nested(kJsonDepthMax) + "}"));
  EXPECT_FALSE(decode_json(nested(100'000)));
}

TEST(SqsJson, ALargeRequestAfterASmallOneAndBackAgain) {
  const std::string body(3 << 20, 'x');
  for (const size_t size : {size_t{10}, body.size(), size_t{100}, size_t{1} << 17}) {
    const auto value = decode_json("{\"a\":\"" + body.substr(0, size) + "\"}");
    ASSERT_TRUE(value) << size;
    EXPECT_EQ(value->find("a")->text.size(), size);
  }
  EXPECT_FALSE(decode_json("{\"a\":\"" + std::string(kRequestBytesMost, 'x') + "\"}"));
}

TEST(SqsJson, WrittenTextReadsBackAsItWas) {
  std::string all;
  for (char c = 1; c < 127; ++c) all.push_back(c);
  all += "\xc3\xa9 \xf0\x9f\x98\x80";
  JsonWriter json;
  json.begin_object();
  json.member("text", all);
  json.member(all, "a key may be any text too");
  json.member("number", int64_t{INT64_MIN});
  json.member("truth", true);
  json.begin_array("list");
  json.element("one");
  json.begin_object();
  json.end_object();
  json.end_array();
  json.begin_object("empty");
  json.end_object();
  json.end_object();
  const std::string text = json.take();
  const auto value = decode_json(text);
  ASSERT_TRUE(value) << text;
  EXPECT_EQ(value->find("text")->text, all);
  EXPECT_EQ(value->find(all)->text, "a key may be any text too");
  EXPECT_EQ(value->find("number")->integer, INT64_MIN);
  EXPECT_EQ(value->find("list")->items.size(), 2U);
  EXPECT_TRUE(value->find("empty")->is(Value::Kind::kMap));
}

TEST(SqsJson, BytesThatAreNoTextAreReplaced) {
  std::string mended;
  EXPECT_EQ(valid_utf8("caf\xc3\xa9", mended), "caf\xc3\xa9");
  EXPECT_EQ(valid_utf8("a\xff\xc3\xa9\xc3", mended), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd");
  JsonWriter json;
  json.begin_object();
  json.member("a\xff", "b\xfe");
  json.end_object();
  const auto value = decode_json(json.take());
  ASSERT_TRUE(value);
  EXPECT_EQ(value->find("a\xef\xbf\xbd")->text, "b\xef\xbf\xbd");
}

// Known values: RFC 1321, FIPS 180-4, RFC 4648.
TEST(SqsDigest, KnownValues) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64(""), "");
}

// The layout written out: length, name, length, type, 1 or 2, length, value, in the order of names.
TEST(SqsDigest, AttributesAreDigestedInTheOrderOfTheirNames) {
  using namespace std::string_view_literals;
  const MessageAttribute b{"b", "Binary.png", std::string("\0\xff", 2)};
  const MessageAttribute a{"a", "Number", "42"};
  const std::string layout = md5_hex(
      "\0\0\0\1a\0\0\0\6Number\1\0\0\0\2"
      "42\0\0\0\1b\0\0\0\x0a"
      "Binary.png\2\0\0\0\2\0\xff"sv);
  const MessageAttribute given[] = {b, a};
  const MessageAttribute sorted[] = {a, b};
  EXPECT_EQ(md5_of_attributes(given), layout);
  EXPECT_EQ(md5_of_attributes(sorted), layout);
}

TEST(SqsDigest, Base64IsTakenInItsOneFormOnly) {
  EXPECT_EQ(from_base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(from_base64(""), "");
  for (const std::string_view text : {"Zm9v YmE", "  Zm", "Zg==\n", "Z", "====", "Zg=a", "Zm9_",
                                      "=Zm9", "Zm9vYmE", "\xff\xff\xff\xff"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

}  // namespace
}  // namespace weir::sqs
