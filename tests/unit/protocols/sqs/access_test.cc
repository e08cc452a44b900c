#include "protocols/sqs/access.h"

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

const Account kOwner{"111122223333", "us-east-1"};
const Principal kOwnUser{"me", "111122223333"};
const Principal kStranger{"them", "444455556666"};

broker::Thing queue(std::string_view statements) {
  broker::Thing thing;
  thing.name = {kOwner.space(), "q"};
  if (!statements.empty()) {
    thing.properties["sqs.Policy"] = fmt::format(R"({{"Statement":{}}})", statements);
  }
  return thing;
}

bool may_they(std::string_view statements, std::string_view action = "SendMessage") {
  return may(kStranger, action, queue(statements), kOwner);
}

std::string allow(std::string_view principal, std::string_view action, std::string_view more = "") {
  return fmt::format(R"([{{"Effect":"Allow","Principal":{},"Action":{}{}}}])", principal, action,
                     more);
}

TEST(Access, WithoutAPolicyTheQueueIsItsAccountsAlone) {
  EXPECT_TRUE(may(kOwnUser, "SendMessage", queue(""), kOwner));
  EXPECT_FALSE(may(kStranger, "SendMessage", queue(""), kOwner));
}

TEST(Access, AStatementNamesWhoMayDoWhat) {
  EXPECT_TRUE(may_they(allow(R"("*")", R"("SQS:SendMessage")")));
  EXPECT_TRUE(may_they(allow(R"({"AWS":"444455556666"})", R"("sqs:sendmessage")")));
  EXPECT_TRUE(may_they(allow(R"({"AWS":["x","arn:aws:iam::444455556666:root"]})", R"(["sqs:*"])")));
  EXPECT_TRUE(
      may_they(allow(R"({"AWS":"arn:aws:iam::444455556666:user/them"})", R"("sqs:Send*")")));
  EXPECT_FALSE(may_they(allow(R"({"AWS":"arn:aws:iam::444455556666:user/else"})", R"("sqs:*")")));
  EXPECT_FALSE(may_they(allow(R"("*")", R"("SQS:ReceiveMessage")")));
  EXPECT_TRUE(may_they(allow(R"("*")", R"("SQS:SendMessage")"), "SendMessageBatch"));
}

TEST(Access, AResourceMustBeTheQueue) {
  const auto of = [](std::string_view resource) {
    return allow(R"("*")", R"("sqs:*")", fmt::format(R"(,"Resource":"{}")", resource));
  };
  EXPECT_TRUE(may_they(of("arn:aws:sqs:us-east-1:111122223333:q")));
  EXPECT_TRUE(may_they(of("arn:aws:sqs:*:111122223333:*")));
  EXPECT_FALSE(may_they(of("arn:aws:sqs:us-east-1:111122223333:other")));
}

TEST(Access, ADenialWinsAlsoAgainstTheOwner) {
  constexpr std::string_view kBoth =
      R"([{"Effect":"Allow","Principal":"*","Action":"sqs:*"},)"
      R"({"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage"}])";
  EXPECT_FALSE(may_they(kBoth));
  EXPECT_TRUE(may_they(kBoth, "ReceiveMessage"));
  EXPECT_FALSE(may(kOwnUser, "SendMessage", queue(kBoth), kOwner));
  constexpr std::string_view kAll = R"([{"Effect":"Deny","Principal":"*","Action":"*"}])";
  EXPECT_TRUE(may(kOwnUser, "SetQueueAttributes", queue(kAll), kOwner));
}

TEST(Access, WhatIsNotUnderstoodAllowsNothingAndDenies) {
  EXPECT_FALSE(may_they(allow(R"("*")", R"("sqs:*")", R"(,"Condition":{"Bool":{"x":"true"}})")));
  EXPECT_FALSE(may_they(R"([{"Effect":"Allow","NotPrincipal":"x","Action":"sqs:*"}])"));
  EXPECT_FALSE(may(kOwnUser, "SendMessage",
                   queue(R"([{"Effect":"Deny","Principal":"x","NotAction":"sqs:Nothing"}])"),
                   kOwner));
}

TEST(Access, SomeActionsAreTheOwnersWhateverThePolicySays) {
  for (const std::string_view action : {"DeleteQueue", "AddPermission", "StartMessageMoveTask"}) {
    EXPECT_FALSE(may_they(allow(R"("*")", R"("*")"), action)) << action;
  }
}

TEST(Access, WildcardsMatchAnythingAndOneCharacter) {
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("a*c?e", "abbbcde"));
  EXPECT_FALSE(matches_wildcard("a*c?e", "abbbce"));
  EXPECT_TRUE(matches_wildcard("*a*a*", "xaxxa"));
  EXPECT_FALSE(matches_wildcard("", "x"));
}

class Enforced : public SqsTest {};

TEST_F(Enforced, ARefusalNamesTheQueue) {
  make("q");
  Call call{"http://localhost:4566",
            {},
            *decode_json(R"({"QueueUrl":"http://h/000000000000/q","MessageBody":"b"})")};
  call.action = "SendMessage";
  call.principal = kStranger;
  const Answer refusal = send_message({*broker, now, state}, call);
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().query_code, "AccessDenied");
  EXPECT_EQ(refusal.error().status, 403);
  EXPECT_EQ(refusal.error().message,
            "Access to the resource http://localhost:4566/000000000000/q is denied.");
  good(
      add_permission,
      R"({"QueueUrl":"q","Label":"l","AWSAccountIds":["444455556666"],"Actions":["SendMessage"]})");
  EXPECT_TRUE(send_message({*broker, now, state}, call));
}

}  // namespace
}  // namespace weir::sqs
