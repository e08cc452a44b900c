// The rules that AWS has beside the meaning, and that only aws_strict keeps.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class Strict : public SqsTest {
 protected:
  void SetUp() override { state.options.strict = true; }
};

TEST_F(Strict, AQueuesNameIsFreeAgainAfterSixtySeconds) {
  make("q");
  good(delete_queue, R"({"QueueUrl":"q"})");
  pass(59);
  EXPECT_EQ(bad(create_queue, R"({"QueueName":"q"})"),
            "QueueDeletedRecently: You must wait 60 seconds after deleting a queue before you can "
            "create another with the same name.");
  make("other");
  pass(1);
  make("q");
}

TEST_F(Strict, APurgeIsAllowedEverySixtySeconds) {
  make("q");
  make("other");
  good(purge_queue, R"({"QueueUrl":"q"})");
  good(purge_queue, R"({"QueueUrl":"other"})");
  pass(59);
  EXPECT_EQ(
      bad(purge_queue, R"({"QueueUrl":"q"})"),
      "PurgeQueueInProgress: Only one PurgeQueue operation on q is allowed every 60 seconds.");
  pass(1);
  good(purge_queue, R"({"QueueUrl":"q"})");
}

TEST_F(Strict, AFifoQueueTakesThreeHundredCallsASecondOfEachKind) {
  make("q.fifo", R"("FifoQueue":"true")");
  const auto call = [&] {
    return bad(delete_message, R"({"QueueUrl":"q.fifo","ReceiptHandle":"x"})");
  };
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(call().starts_with("ReceiptHandleIsInvalid")) << i;
  EXPECT_EQ(call(), "RequestThrottled: Request is throttled.");
  pass(1);
  EXPECT_TRUE(call().starts_with("ReceiptHandleIsInvalid"));
  good(set_queue_attributes,
       R"({"QueueUrl":"q.fifo","Attributes":{"DeduplicationScope":"messageGroup",)"
       R"("FifoThroughputLimit":"perMessageGroupId"}})");
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(call().starts_with("ReceiptHandleIsInvalid")) << i;
}

TEST_F(Strict, AHundredAndTwentyThousandMessagesMayBeInFlight) {
  make("q", R"("VisibilityTimeout":"600")");
  for (uint64_t i = 0; i < FrontState::kInFlightMax + 5; ++i) send("q", "m");
  const CellId cell = broker->catalog().find({"", "q"})->queue;
  broker->receive(cell, {.count = 1000, .lease = {}, .wait_until = {}}, now, [](auto) {});
  while (broker->find_queue(cell, now)->counts().leased < FrontState::kInFlightMax - 4) {
    broker->receive(cell, {.count = 4, .lease = {}, .wait_until = {}}, now, [](auto) {});
    journal.poll();
  }
  EXPECT_EQ(receive("q").size(), 4U);
  EXPECT_EQ(refused(R"({"QueueUrl":"q"})"),
            "OverLimit: Too many messages are in flight in this queue.");
}

class Lenient : public SqsTest {};

TEST_F(Lenient, NothingOfThisIsRefusedOtherwise) {
  for (int i = 0; i < 3; ++i) {
    make("q");
    good(purge_queue, R"({"QueueUrl":"q"})");
    good(purge_queue, R"({"QueueUrl":"q"})");
    good(delete_queue, R"({"QueueUrl":"q"})");
  }
}

}  // namespace
}  // namespace weir::sqs
