// ReceiveRequestAttemptId: whoever lost an answer asks again and gets the same.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class Attempts : public SqsTest {
 protected:
  void SetUp() override {
    make("q.fifo", R"("FifoQueue":"true","ContentBasedDeduplication":"true")");
    for (const char* body : {"a", "b"}) send("q.fifo", body, R"(,"MessageGroupId":"g")");
  }
  std::vector<Value> attempt(const std::string& id, const std::string& more = "") {
    return receive("q.fifo", fmt::format(R"(,"ReceiveRequestAttemptId":"{}"{})", id, more));
  }
  static Strings handles(const std::vector<Value>& messages) {
    Strings result;
    for (const Value& message : messages) result.push_back(text(message, "ReceiptHandle"));
    return result;
  }
};

TEST_F(Attempts, TheSameAttemptGetsTheSameMessagesAndHandles) {
  const auto first = attempt("one");
  EXPECT_EQ(bodies(first), (Strings{"a", "b"}));
  const auto again = attempt("one");
  EXPECT_EQ(bodies(again), (Strings{"a", "b"}));
  EXPECT_EQ(handles(again), handles(first));
  EXPECT_TRUE(attempt("another").empty());
}

TEST_F(Attempts, ARepetitionHidesTheMessagesAnew) {
  attempt("one", R"(,"VisibilityTimeout":30)");
  pass(20);
  EXPECT_EQ(attempt("one", R"(,"VisibilityTimeout":30)").size(), 2U);
  pass(20);
  EXPECT_TRUE(attempt("another").empty());
  pass(11);
  EXPECT_EQ(attempt("another").size(), 2U);
}

TEST_F(Attempts, AfterADeletionOrANewTimeoutAnAttemptIsANewReceive) {
  const auto first = attempt("one");
  good(delete_message, R"({"QueueUrl":"q.fifo",)" + handle(first[0]) + "}");
  EXPECT_TRUE(attempt("one").empty());  // its group is still in flight
  good(delete_message, R"({"QueueUrl":"q.fifo",)" + handle(first[1]) + "}");
  send("q.fifo", "c", R"(,"MessageGroupId":"g")");
  const auto next = attempt("two");
  EXPECT_EQ(bodies(next), Strings{"c"});
  good(change_message_visibility,
       R"({"QueueUrl":"q.fifo","VisibilityTimeout":0,)" + handle(next[0]) + "}");
  const auto again = attempt("two");
  EXPECT_EQ(bodies(again), Strings{"c"});
  EXPECT_NE(handles(again), handles(next));
}

TEST_F(Attempts, AnAttemptIsKnownForFiveMinutes) {
  attempt("one", R"(,"VisibilityTimeout":600)");
  pass(299);
  EXPECT_EQ(attempt("one", R"(,"VisibilityTimeout":600)").size(), 2U);
  pass(301);
  EXPECT_TRUE(attempt("one").empty());
}

TEST_F(Attempts, RefusalsSayWhatIsWrong) {
  EXPECT_EQ(refused(fmt::format(R"({{"QueueUrl":"q.fifo","ReceiveRequestAttemptId":"{}"}})",
                                std::string(129, 'x'))),
            "InvalidParameterValueException: ReceiveRequestAttemptId can only include alphanumeric "
            "and punctuation characters. 1 to 128 in length.");
  make("standard");
  EXPECT_EQ(refused(R"({"QueueUrl":"standard","ReceiveRequestAttemptId":"x"})"),
            "InvalidParameterValueException: Value x for parameter ReceiveRequestAttemptId is "
            "invalid. Reason: The request include parameter that is not valid for this queue "
            "type.");
}

}  // namespace
}  // namespace weir::sqs
