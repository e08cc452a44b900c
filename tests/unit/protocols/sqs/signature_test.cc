#include "protocols/sqs/signature.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocols/sqs/credentials.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
// 2015-08-30T12:36:00Z
constexpr Timestamp kThen{1'440'938'160'000};

// The request of the worked example in the AWS General Reference.
net::HttpRequest example(std::string_view signature) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/?Action=ListUsers&Version=2010-05-08";
  request.headers = {
      {"host", "iam.amazonaws.com"},
      {"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"x-amz-date", "20150830T123600Z"},
      {"authorization",
       fmt::format("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                   "SignedHeaders=content-type;host;x-amz-date, Signature={}",
                   signature)}};
  return request;
}

constexpr std::string_view kSignature =
    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

std::string checked(const net::HttpRequest& request, Timestamp now = kThen) {
  const auto claim = read_claim(request);
  if (!claim) return claim.error().shape;
  const auto valid = check_signature(request, *claim, signing_key(kSecret, *claim), now);
  return valid ? "valid" : valid.error().shape + ": " + valid.error().message;
}

// Signs a request as a client would.
void sign(net::HttpRequest& request, std::string_view credential, std::string_view headers) {
  request.headers.push_back(
      {"authorization", fmt::format("AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature=x",
                                    credential, headers)});
  const auto claim = read_claim(request);
  ASSERT_TRUE(claim);
  const std::string signature = expected_signature(request, *claim, signing_key(kSecret, *claim));
  std::string& header = request.headers.back().value;
  header.replace(header.size() - 1, 1, signature);
}

net::HttpRequest json_request(std::string_view body = "{}") {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers = {{"host", "localhost:4566"},
                     {"x-amz-target", "AmazonSQS.ListQueues"},
                     {"x-amz-date", "20150830T123600Z"}};
  request.body = body;
  return request;
}

TEST(Signature, TheWorkedExampleOfAwsIsValid) {
  EXPECT_EQ(checked(example(kSignature)), "valid");
  std::string wrong(kSignature);
  wrong[0] = '6';
  EXPECT_TRUE(
      checked(example(wrong)).starts_with("SignatureDoesNotMatch: The request signature we"));
}

TEST(Signature, AnythingThatWasSignedMayNotChange) {
  auto request = json_request();
  sign(request, "AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request", "host;x-amz-date;x-amz-target");
  EXPECT_EQ(checked(request), "valid");
  auto body = request;
  body.body = R"({"QueueNamePrefix":"x"})";
  EXPECT_NE(checked(body), "valid");
  auto target = request;
  target.headers[1].value = "AmazonSQS.PurgeQueue";
  EXPECT_NE(checked(target), "valid");
  auto path = request;
  path.target = "/000000000000/q";
  EXPECT_NE(checked(path), "valid");
  auto query = request;
  query.target = "/?a=b";
  EXPECT_NE(checked(query), "valid");
}

TEST(Signature, TheActionAndTheHostMustBeSigned) {
  auto request = json_request();
  sign(request, "AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request", "host;x-amz-date");
  EXPECT_EQ(checked(request), "SignatureDoesNotMatch: The header x-amz-target must be signed.");
}

TEST(Signature, ItIsValidForFifteenMinutesEitherWay) {
  const auto request = example(kSignature);
  EXPECT_EQ(checked(request, kThen + Milliseconds(900'000)), "valid");
  EXPECT_EQ(checked(request, kThen - Milliseconds(900'000)), "valid");
  EXPECT_TRUE(checked(request, kThen + Milliseconds(901'000))
                  .starts_with("SignatureDoesNotMatch: Signature expired: 20150830T123600Z"));
  EXPECT_TRUE(checked(request, kThen - Milliseconds(901'000))
                  .starts_with("SignatureDoesNotMatch: Signature not yet current"));
}

TEST(Signature, APresignedAddressIsValidUntilItExpires) {
  net::HttpRequest request;
  request.method = "GET";
  request.headers = {{"host", "localhost:4566"}};
  const std::string address =
      "/000000000000/q?Action=ReceiveMessage&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
      "AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20150830T123600Z&"
      "X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=";
  request.target = address;
  const auto claim = read_claim(request);
  ASSERT_TRUE(claim);
  EXPECT_TRUE(claim->presigned);
  EXPECT_EQ(claim->region, "us-east-1");
  request.target = address + expected_signature(request, *claim, signing_key(kSecret, *claim));
  EXPECT_EQ(checked(request), "valid");
  EXPECT_EQ(checked(request, kThen + Milliseconds(60'000)), "valid");
  EXPECT_NE(checked(request, kThen + Milliseconds(61'000)), "valid");
  request.target.replace(request.target.find("ReceiveMessage"), 14, "PurgeQueue");
  EXPECT_NE(checked(request), "valid");
}

TEST(Signature, WhatIsMissingIsNamed) {
  auto request = json_request();
  EXPECT_EQ(checked(request), "MissingAuthenticationToken");
  for (const std::string_view header :
       {"Basic abc", "AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 Credential=a/b/c",
        "AWS4-HMAC-SHA256 Credential=a/b/c/sqs/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/b/c/sqs/aws4_request, Signature=x"}) {
    request.headers.push_back({"authorization", std::string(header)});
    EXPECT_EQ(checked(request), "IncompleteSignature") << header;
    request.headers.pop_back();
  }
}

// ---- the file

constexpr std::string_view kFile =
    "# who may sign\n"
    "[orders]\n"
    "aws_access_key_id = AKIDEXAMPLE\n"
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\r\n"
    "region = eu-west-1\n"
    "\n"
    "[ billing ]\n"
    "aws_access_key_id=111122223333\n"
    "aws_secret_access_key=s\n"
    "[third]\n"
    "aws_access_key_id=K\n"
    "aws_secret_access_key=s\n"
    "aws_account_id=444455556666\n";

std::string parsed(std::string_view text) {
  const auto credentials = Credentials::parse(text);
  return credentials ? fmt::format("{} keys", (*credentials)->size()) : credentials.error().message;
}

TEST(Credentials, AFileOfTheFormThatSdksReadIsUnderstood) {
  EXPECT_EQ(parsed(kFile), "3 keys");
  EXPECT_EQ(parsed(""), "line 1: there is no key in it");
  EXPECT_EQ(parsed("aws_access_key_id=x"), "line 1: expected [name], or key = value behind it");
  EXPECT_EQ(parsed("[a]\naws_access_key_id=x\n"),
            "line 1: [a] needs aws_access_key_id and aws_secret_access_key");
  EXPECT_EQ(parsed("[a]\naws_access_key_id=x\naws_secret_access_key=y\naws_account_id=1\n"),
            "line 1: [a] has an aws_account_id that is not twelve digits");
  EXPECT_EQ(parsed("[a]\naws_access_key_id=x\naws_secret_access_key=y\n[b]\naws_access_key_id=x\n"
                   "aws_secret_access_key=z\n"),
            "line 4: this aws_access_key_id stands in it twice");
}

TEST(Credentials, AKeyOfTheFileAuthenticatesAndAnotherDoesNot) {
  const auto credentials = Credentials::parse(kFile);
  ASSERT_TRUE(credentials);
  auto request = json_request();
  sign(request, "AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request", "host;x-amz-date;x-amz-target");
  for (int i = 0; i < 2; ++i) {  // the second time with the derived key at hand
    const auto principal = (*credentials)->authenticate(request, kThen);
    ASSERT_TRUE(principal);
    EXPECT_EQ(principal->name, "orders");
    EXPECT_EQ(principal->account, "000000000000");
  }
  auto wrong_secret = json_request();
  sign(wrong_secret, "111122223333/20150830/us-east-1/sqs/aws4_request",
       "host;x-amz-date;x-amz-target");
  EXPECT_EQ((*credentials)->authenticate(wrong_secret, kThen).error().shape,
            "SignatureDoesNotMatch");
  auto nobody = json_request();
  sign(nobody, "NOBODY/20150830/us-east-1/sqs/aws4_request", "host;x-amz-date;x-amz-target");
  EXPECT_EQ((*credentials)->authenticate(nobody, kThen).error().shape, "InvalidClientTokenId");
  auto other = json_request();
  sign(other, "AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request", "host;x-amz-date;x-amz-target");
  EXPECT_EQ((*credentials)->authenticate(other, kThen).error().shape, "InvalidClientTokenId");
}

}  // namespace
}  // namespace weir::sqs
