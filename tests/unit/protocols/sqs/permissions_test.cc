#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class Permissions : public SqsTest {
 protected:
  void SetUp() override { make("q"); }
  void add(const std::string& label, const std::string& accounts, const std::string& actions) {
    good(add_permission, request(label, accounts, actions));
  }
  static std::string request(const std::string& label,
                             const std::string& accounts,
                             const std::string& actions) {
    return fmt::format(R"({{"QueueUrl":"q","Label":"{}","AWSAccountIds":[{}],"Actions":[{}]}})",
                       label, accounts, actions);
  }
  void remove(const std::string& label) {
    good(remove_permission, fmt::format(R"({{"QueueUrl":"q","Label":"{}"}})", label));
  }
};

TEST_F(Permissions, AStatementIsAddedToThePolicyDocument) {
  add("send", R"("111122223333")", R"("SendMessage")");
  EXPECT_EQ(
      attribute("q", "Policy"),
      R"({"Version":"2008-10-17","Id":"arn:aws:sqs:us-east-1:000000000000:q/SQSDefaultPolicy",)"
      R"("Statement":[{"Sid":"send","Effect":"Allow","Principal":{"AWS":)"
      R"("arn:aws:iam::111122223333:root"},"Action":"SQS:SendMessage","Resource":)"
      R"("arn:aws:sqs:us-east-1:000000000000:q"}]})");
}

TEST_F(Permissions, SeveralAccountsAndActionsStandInLists) {
  add("both", R"("111122223333","444455556666")", R"("SendMessage","*")");
  const std::string policy = attribute("q", "Policy");
  EXPECT_NE(
      policy.find(R"({"AWS":["arn:aws:iam::111122223333:root",)"
                  R"("arn:aws:iam::444455556666:root"]},"Action":["SQS:SendMessage","SQS:*"])"),
      std::string::npos)
      << policy;
}

TEST_F(Permissions, TheLastStatementTakesThePolicyWithIt) {
  add("a", R"("111122223333")", R"("SendMessage")");
  add("b", R"("111122223333")", R"("ReceiveMessage")");
  remove("a");
  EXPECT_EQ(attribute("q", "Policy").find("SendMessage"), std::string::npos);
  remove("b");
  EXPECT_EQ(attribute("q", "Policy"), "(none)");
}

TEST_F(Permissions, RefusalsSayWhatIsWrong) {
  add("a", R"("111122223333")", R"("SendMessage")");
  EXPECT_EQ(bad(add_permission, request("a", R"("111122223333")", R"("SendMessage")")),
            "InvalidParameterValueException: Value a for parameter Label is invalid. Reason: "
            "Already exists.");
  EXPECT_EQ(bad(add_permission, request("b", R"("me")", R"("SendMessage")")),
            "InvalidParameterValueException: Value [me] for parameter PrincipalId is invalid. "
            "Reason: Unable to verify.");
  EXPECT_EQ(bad(add_permission, request("b", "", R"("SendMessage")")),
            "InvalidParameterValueException: Value [] for parameter PrincipalId is invalid. "
            "Reason: Unable to verify.");
  EXPECT_EQ(bad(add_permission, request("b", R"("111122223333")", R"("DeleteQueue")")),
            "InvalidParameterValueException: Value SQS:DeleteQueue for parameter ActionName is "
            "invalid. Reason: Only the queue owner is allowed to invoke this action.");
  EXPECT_EQ(
      bad(add_permission, request("b", R"("111122223333")", R"("*","*","*","*","*","*","*","*")")),
      "OverLimit: 8 Actions were found, maximum allowed is 7.");
  EXPECT_EQ(bad(remove_permission, R"({"QueueUrl":"q","Label":"nobody"})"),
            "InvalidParameterValueException: Value nobody for parameter Label is invalid. Reason: "
            "can't find label.");
}

}  // namespace
}  // namespace weir::sqs
