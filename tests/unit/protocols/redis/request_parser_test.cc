#include "protocols/redis/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "protocols/redis/limits.h"

namespace weir::redis {
namespace {

using Status = RequestParser::Status;
using Words = std::vector<std::string>;

Words words(const RequestParser& parser) {
  return {parser.arguments().begin(), parser.arguments().end()};
}

Words parse_one(ByteView input) {
  RequestParser parser;
  const auto outcome = parser.parse(input);
  EXPECT_EQ(outcome.status, Status::kRequest);
  EXPECT_EQ(outcome.consumed, input.size());
  return words(parser);
}

std::string error_of(ByteView input) {
  RequestParser parser;
  EXPECT_EQ(parser.parse(input).status, Status::kError);
  return parser.error();
}

TEST(RequestParser, ReadsAnArrayOfBulkStrings) {
  EXPECT_EQ(parse_one("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n"),
            (Words{"SET", "", "a\r\nb"}));
}

TEST(RequestParser, ReadsInlineCommandsWithQuotes) {
  EXPECT_EQ(parse_one("PING\r\n"), (Words{"PING"}));
  EXPECT_EQ(parse_one("set  k \"a b\\x41\\n\\\"\"\n"), (Words{"set", "k", "a bA\n\""}));
  EXPECT_EQ(parse_one("set k 'it\\'s \\n'\n"), (Words{"set", "k", "it's \\n"}));
}

TEST(RequestParser, ARequestInPiecesIsTheSameRequest) {
  const std::string input = "*2\r\n$4\r\nECHO\r\n$11\r\nhello\r\nrest\r\n";
  RequestParser parser;
  for (size_t length = 0; length < input.size(); ++length) {
    ASSERT_EQ(parser.parse(ByteView(input).substr(0, length)).status, Status::kMore) << length;
  }
  const auto outcome = parser.parse(input);
  EXPECT_EQ(outcome.status, Status::kRequest);
  EXPECT_EQ(outcome.consumed, input.size());
  EXPECT_EQ(words(parser), (Words{"ECHO", "hello\r\nrest"}));
}

TEST(RequestParser, ResumesInABufferThatMoved) {
  const std::string input = "*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.parse(std::string(input, 0, 18)).status, Status::kMore);
  const std::string moved = input;
  ASSERT_EQ(parser.parse(moved).status, Status::kRequest);
  EXPECT_EQ(words(parser), (Words{"ECHO", "abc"}));
}

TEST(RequestParser, EmptyLinesAndArraysAskForNothing) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("\r\n").status, Status::kEmpty);
  EXPECT_EQ(parser.parse("*0\r\n").status, Status::kEmpty);
  EXPECT_EQ(parser.parse("*-1\r\n").status, Status::kEmpty);
}

TEST(RequestParser, ErrorsHaveRedisWords) {
  EXPECT_EQ(error_of("*abc\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*1048577\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(error_of("*1\r\nx3\r\nfoo\r\n"), "Protocol error: expected '$', got 'x'");
  EXPECT_EQ(error_of("*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$x\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("*1\r\n$" + std::to_string(kBulkBytesMax + 1) + "\r\n"),
            "Protocol error: invalid bulk length");
  EXPECT_EQ(error_of("set k \"open\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(error_of(std::string(kLineBytesMax + 1, 'a')),
            "Protocol error: too big inline request");
  EXPECT_EQ(error_of("*" + std::string(kLineBytesMax + 1, '1')),
            "Protocol error: too big mbulk count string");
  EXPECT_EQ(error_of("*1\r\n$" + std::string(kLineBytesMax + 1, '1')),
            "Protocol error: too big bulk count string");
}

TEST(RequestParser, WhileRestrictedOnlyShortRequestsAreTaken) {
  RequestParser parser;
  parser.restrict(true);
  EXPECT_EQ(parser.parse("*11\r\n").status, Status::kError);
  EXPECT_EQ(parser.error(), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(parser.parse("*1000000\r\n").status, Status::kError);
  EXPECT_EQ(parser.error(), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(parser.parse("*2\r\n$3\r\nGET\r\n$16385\r\n").status, Status::kError);
  EXPECT_EQ(parser.error(), "Protocol error: unauthenticated bulk length");
  EXPECT_EQ(parser.parse("*10\r\n$16384\r\n").status, Status::kMore);
  parser = {};
  EXPECT_EQ(parser.parse("*11\r\n$16385\r\n").status, Status::kMore);
}

TEST(RequestParser, AHugeAnnouncedLengthTakesNoMemory) {
  RequestParser parser;
  EXPECT_EQ(parser.parse("*1048576\r\n$1000000\r\nabc").status, Status::kMore);
  EXPECT_GE(parser.expected_bytes(), 1000000U);
}

TEST(RequestParser, RandomBytesNeverConsumeMoreThanThereIs) {
  Random random(11);
  const std::string alphabet = "*$0123-\r\nabc\"'\\ ";
  for (int round = 0; round < 20000; ++round) {
    std::string input;
    for (uint64_t i = random.below(40); i > 0; --i)
      input += alphabet[random.below(alphabet.size())];
    RequestParser parser;
    size_t position = 0;
    while (position < input.size()) {
      const auto outcome = parser.parse(ByteView(input).substr(position));
      ASSERT_LE(outcome.consumed, input.size() - position);
      if (outcome.status == Status::kMore || outcome.status == Status::kError) break;
      ASSERT_GT(outcome.consumed, 0U) << input;
      position += outcome.consumed;
    }
  }
}

}  // namespace
}  // namespace weir::redis
