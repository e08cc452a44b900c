#include "protocols/sqs/move_tasks.h"

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kDead = "arn:aws:sqs:us-east-1:000000000000:dead";
constexpr std::string_view kOther = "arn:aws:sqs:us-east-1:000000000000:other";

class MoveTasks : public SqsTest {
 protected:
  void SetUp() override {
    make("dead");
    make("work",
         R"("RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",)"
         R"(\"maxReceiveCount\":1}","VisibilityTimeout":"0")");
    make("other");
  }
  // Sends to the work queue and receives once too often.
  void fail(int count) {
    for (int i = 0; i < count; ++i) send("work", "m" + std::to_string(i));
    for (int i = 0; i < count * 3; ++i) receive("work");
    ASSERT_EQ(attribute("dead", "ApproximateNumberOfMessages"), std::to_string(count));
  }
  std::string start(const std::string& more = "") {
    return text(
        good(start_message_move_task, fmt::format(R"({{"SourceArn":"{}"{}}})", kDead, more)),
        "TaskHandle");
  }
  Value task() {
    const Value answer =
        good(list_message_move_tasks, fmt::format(R"({{"SourceArn":"{}"}})", kDead));
    const Value* results = answer.find("Results");
    return results == nullptr ? Value{} : results->items.front();
  }
  std::string status() { return text(task(), "Status"); }
  int64_t moved() { return task().find("ApproximateNumberOfMessagesMoved")->integer; }
  void tick(int64_t ms) {
    now = now + Milliseconds(ms);
    broker->tick(now);
    journal.poll();
  }
};

TEST_F(MoveTasks, MessagesGoBackToWhereTheyCameFromAsNewOnes) {
  fail(3);
  const std::string before = text(receive("dead").front(), "MessageId");
  pass(40);
  start();
  EXPECT_EQ(status(), "RUNNING");
  for (int i = 0; i < 10; ++i) tick(1);
  EXPECT_EQ(status(), "COMPLETED");
  EXPECT_EQ(moved(), 3);
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "0");
  const auto messages = receive("work", R"(,"MessageSystemAttributeNames":["All"])");
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(text(*messages[0].find("Attributes"), "ApproximateReceiveCount"), "1");
  EXPECT_EQ(messages[0].find("Attributes")->find("DeadLetterQueueSourceArn"), nullptr);
  for (const Value& message : messages) EXPECT_NE(text(message, "MessageId"), before);
}

TEST_F(MoveTasks, ADestinationMayBeNamed) {
  fail(2);
  start(fmt::format(R"(,"DestinationArn":"{}")", kOther));
  for (int i = 0; i < 10; ++i) tick(1);
  EXPECT_EQ(status(), "COMPLETED");
  EXPECT_EQ(bodies(receive("other")), (Strings{"m0", "m1"}));
}

TEST_F(MoveTasks, ARateIsKept) {
  fail(10);
  start(R"(,"MaxNumberOfMessagesPerSecond":1)");
  tick(900);
  EXPECT_EQ(moved(), 0);
  for (int i = 0; i < 40; ++i) tick(100);
  EXPECT_EQ(moved(), 4);
  EXPECT_EQ(status(), "RUNNING");
}

TEST_F(MoveTasks, ATaskGoesOnAfterARestartWithoutLossOrRepetition) {
  fail(10);
  start(R"(,"MaxNumberOfMessagesPerSecond":20)");
  tick(100);
  EXPECT_EQ(moved(), 2);
  journal.sync();
  tick(100);
  EXPECT_EQ(moved(), 4);
  crash();  // the second step was not durable: it has not happened, in whole
  resume_move_tasks(*broker);
  EXPECT_EQ(moved(), 2);
  EXPECT_EQ(attribute("work", "ApproximateNumberOfMessages"), "2");
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "8");
  for (int i = 0; i < 20; ++i) tick(100);
  EXPECT_EQ(status(), "COMPLETED");
  EXPECT_EQ(moved(), 10);
  EXPECT_EQ(attribute("work", "ApproximateNumberOfMessages"), "10");
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "0");
}

TEST_F(MoveTasks, ACancelledTaskMovesNothingMore) {
  fail(10);
  const std::string task_handle = start(R"(,"MaxNumberOfMessagesPerSecond":10)");
  for (int i = 0; i < 3; ++i) tick(100);
  const Value answer =
      good(cancel_message_move_task, fmt::format(R"({{"TaskHandle":"{}"}})", task_handle));
  EXPECT_EQ(answer.find("ApproximateNumberOfMessagesMoved")->integer, 3);
  for (int i = 0; i < 10; ++i) tick(100);
  EXPECT_EQ(status(), "CANCELLED");
  EXPECT_EQ(moved(), 3);
  EXPECT_EQ(text(task(), "TaskHandle"), "(absent)");
}

TEST_F(MoveTasks, WhatIsReceivedMeanwhileStaysWithItsReceiver) {
  fail(2);
  const auto held = receive("dead", R"(,"VisibilityTimeout":600)");
  EXPECT_EQ(held.size(), 2U);
  start();
  for (int i = 0; i < 10; ++i) tick(1);
  EXPECT_EQ(status(), "COMPLETED");
  EXPECT_EQ(moved(), 0);
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessagesNotVisible"), "2");
}

TEST_F(MoveTasks, ATaskFailsWhenThereIsNoPlaceToMoveTo) {
  fail(2);
  start(fmt::format(R"(,"DestinationArn":"{}","MaxNumberOfMessagesPerSecond":1)", kOther));
  good(delete_queue, R"({"QueueUrl":"other"})");
  tick(1000);
  EXPECT_EQ(status(), "FAILED");
  EXPECT_EQ(text(task(), "FailureReason"), "AWS.SimpleQueueService.NonExistentQueue");
  send("dead", "sent here by hand");
  good(purge_queue, R"({"QueueUrl":"dead"})");
  send("dead", "sent here by hand");
  start();
  for (int i = 0; i < 10; ++i) tick(1);
  EXPECT_EQ(text(task(), "FailureReason"), "CouldNotDetermineMessageSource");
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "1");
}

TEST_F(MoveTasks, AQueueHasOneRunningTaskAndRemembersTen) {
  send("dead", "m");
  start(R"(,"MaxNumberOfMessagesPerSecond":1)");
  EXPECT_EQ(bad(start_message_move_task, fmt::format(R"({{"SourceArn":"{}"}})", kDead)),
            "InvalidParameterValueException: There is already a task running. Only one active task "
            "is allowed for a source queue arn at a given time.");
  good(purge_queue, R"({"QueueUrl":"dead"})");
  tick(1000);
  for (int i = 0; i < 12; ++i) {
    start();
    for (int j = 0; j < 3; ++j) tick(1);
  }
  const Value answer =
      good(list_message_move_tasks, fmt::format(R"({{"SourceArn":"{}","MaxResults":10}})", kDead));
  EXPECT_EQ(answer.find("Results")->items.size(), 10U);
}

TEST_F(MoveTasks, RefusalsSayWhatIsWrong) {
  EXPECT_EQ(bad(start_message_move_task, fmt::format(R"({{"SourceArn":"{}"}})", kOther)),
            "InvalidParameterValueException: Source queue must be configured as a Dead Letter "
            "Queue.");
  EXPECT_EQ(
      bad(start_message_move_task, R"({"SourceArn":"arn:aws:sqs:us-east-1:000000000000:nowhere"})"),
      "ResourceNotFoundException: The resource that you specified for the SourceArn parameter "
      "doesn't exist.");
  EXPECT_EQ(bad(start_message_move_task,
                fmt::format(R"({{"SourceArn":"{}","DestinationArn":"{}x"}})", kDead, kOther)),
            "ResourceNotFoundException: The resource that you specified for the DestinationArn "
            "parameter doesn't exist.");
  EXPECT_EQ(bad(start_message_move_task,
                fmt::format(R"({{"SourceArn":"{0}","DestinationArn":"{0}"}})", kDead)),
            "InvalidParameterValueException: Source queue arn and destination queue arn cannot be "
            "the same.");
  EXPECT_EQ(bad(cancel_message_move_task, R"({"TaskHandle":"foobared"})"),
            "InvalidParameterValueException: Value for parameter TaskHandle is invalid.");
  const auto made_up = [](std::string_view arn) {
    return fmt::format(R"({{"TaskHandle":"{}"}})",
                       base64(fmt::format(R"({{"taskId":"no-such-task","sourceArn":"{}"}})", arn)));
  };
  EXPECT_EQ(bad(cancel_message_move_task, made_up(kDead)),
            "ResourceNotFoundException: Task does not exist.");
  EXPECT_EQ(
      bad(cancel_message_move_task, made_up(fmt::format("{}x", kDead))),
      "ResourceNotFoundException: The resource that you specified for the SourceArn parameter "
      "doesn't exist.");
}

}  // namespace
}  // namespace weir::sqs
