// Names, accounts, URLs, ARNs, and receipt handles.

#include "protocols/sqs/names.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "protocols/sqs/digest.h"
#include "protocols/sqs/handle.h"

namespace weir::sqs {
namespace {

TEST(SqsNames, AQueueIsNamedByAnyUrlOrByItsBareName) {
  const Account caller{"123456789012", "eu-west-1"};
  for (const std::string_view url : {"jobs", "http://localhost:4566/123456789012/jobs",
                                     "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs/",
                                     "http://proxy/some/path/123456789012/jobs", "/jobs",
                                     "http://[::1]:4566/123456789012/jobs"}) {
    const QueueName name = parse_queue_url(url, caller);
    EXPECT_EQ(name.name, "jobs") << url;
    EXPECT_EQ(name.account.account, "123456789012") << url;
    EXPECT_EQ(name.account.region, "eu-west-1") << url;
  }
  EXPECT_EQ(parse_queue_url("http://h/000000000000/jobs", caller).account.account, "000000000000");
  EXPECT_EQ(parse_queue_url("http://h/queue/jobs", caller).account.account, "123456789012");
  EXPECT_EQ(parse_queue_url("", caller).name, "");
  EXPECT_EQ(parse_queue_url("http://", caller).name, "");
}

TEST(SqsNames, OnlyTheDefaultAccountAndRegionShareTheDefaultNamespace) {
  EXPECT_EQ(Account{}.space(), "");
  EXPECT_EQ((Account{"123456789012", "us-east-1"}.space()), "123456789012/us-east-1");
  EXPECT_EQ((Account{"000000000000", "eu-west-1"}.space()), "000000000000/eu-west-1");
}

TEST(SqsNames, TheAccountIsTheAccessKeyWhereItIsTwelveDigits) {
  const auto of = [](std::string_view key) {
    return parse_account("AWS4-HMAC-SHA256 Credential=" + std::string(key) +
                         "/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host");
  };
  EXPECT_EQ(of("123456789012").account, "123456789012");
  EXPECT_EQ(of("AKIDEXAMPLE").account, kDefaultAccount);
  EXPECT_EQ(of("AKIDEXAMPLE").region, "eu-central-1");
  EXPECT_EQ(of("12345678901x").account, kDefaultAccount);
}

TEST(SqsNames, AnAuthorizationThatIsNoneMeansTheDefaults) {
  for (const std::string_view text :
       {"", "Basic dGVzdA==", "Credential=", "Credential=/", "Credential=a/b", "Credential=//,"}) {
    EXPECT_EQ(parse_account(text).space(), "") << text;
  }
  EXPECT_EQ(parse_account("Credential=a/b/" + std::string(65, 'r')).region, kDefaultRegion);
}

TEST(SqsNames, ArnsAndUrls) {
  EXPECT_EQ(queue_arn({}, "jobs"), "arn:aws:sqs:us-east-1:000000000000:jobs");
  EXPECT_EQ(name_of_arn("arn:aws:sqs:us-east-1:000000000000:jobs"), "jobs");
  EXPECT_EQ(name_of_arn("arn:aws:sqs:us-east-1:jobs"), "");
  EXPECT_EQ(name_of_arn("jobs"), "");
  EXPECT_EQ(queue_url("https://localhost:4566", {}, "jobs"),
            "https://localhost:4566/000000000000/jobs");
}

TEST(SqsNames, QueueNames) {
  for (const std::string& name :
       {std::string("a"), std::string("A-b_9"), std::string(80, 'x'), std::string("jobs.fifo")}) {
    EXPECT_TRUE(is_valid_queue_name(name)) << name;
  }
  for (const std::string& name : {std::string(), std::string(81, 'x'), std::string("a.b"),
                                  std::string(".fifo"), std::string("a b"), std::string("a/b"),
                                  std::string("caf\xc3\xa9"), std::string(76, 'x') + ".fifo"}) {
    EXPECT_FALSE(is_valid_queue_name(name)) << name;
  }
}

constexpr catalog::Uuid kQueue{0x0123456789abcdef, 0xfedcba9876543210};
constexpr catalog::Uuid kOther{0x0123456789abcdef, 0xfedcba9876543211};

TEST(SqsHandle, ReadsBackAsItWasMade) {
  const queue::Handle handle{Offset(INT64_MAX), queue::Generation(UINT64_MAX)};
  const auto parsed = parse_receipt_handle(kQueue, make_receipt_handle(kQueue, handle));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->offset, handle.offset);
  EXPECT_EQ(parsed->generation, handle.generation);
}

TEST(SqsHandle, AnotherQueuesHandleIsNone) {
  const std::string text = make_receipt_handle(kQueue, {Offset(7), queue::Generation(9)});
  EXPECT_TRUE(parse_receipt_handle(kQueue, text));
  EXPECT_FALSE(parse_receipt_handle(kOther, text));
}

TEST(SqsHandle, AnyChangedByteIsNoticed) {
  const std::string text = make_receipt_handle(kQueue, {Offset(7), queue::Generation(9)});
  std::string raw = *from_base64(text);
  for (size_t i = 0; i < raw.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      raw[i] = static_cast<char>(raw[i] ^ (1 << bit));
      EXPECT_FALSE(parse_receipt_handle(kQueue, base64(raw))) << i << " " << bit;
      raw[i] = static_cast<char>(raw[i] ^ (1 << bit));
    }
  }
  for (size_t length = 0; length < raw.size(); ++length) {
    EXPECT_FALSE(parse_receipt_handle(kQueue, base64(raw.substr(0, length))));
  }
  EXPECT_FALSE(parse_receipt_handle(kQueue, base64(raw + 'x')));
  EXPECT_FALSE(parse_receipt_handle(kQueue, std::string(1 << 20, 'A')));
}

TEST(SqsHandle, RandomTextIsNone) {
  Random random(20);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random.next() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random.next());
    ASSERT_FALSE(parse_receipt_handle(kQueue, text)) << i;
  }
}

}  // namespace
}  // namespace weir::sqs
