// What each answer waits for: a test a row of docs/durability.md. An answer that depends on a
// commit names its LSN; one that may leave at once names none beyond what is durable.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsDurability : public SqsTest {
 protected:
  SqsDurability() {
    make("jobs");
    journal.sync();
    durable_ = newest();
  }

  Lsn newest() const { return Lsn(broker->next_lsn().value() - 1); }
  // Of the fault that the call answers.
  broker::Depends fault(Handler handler, const std::string& input) {
    const Answer answer = run(handler, input);
    EXPECT_FALSE(answer) << input;
    return depends_of(*broker, answer);
  }

  Lsn durable_;
};

TEST_F(SqsDurability, ASendWaitsForItsOwnCommit) {
  send("jobs", "x");
  EXPECT_EQ(last.lsn, newest());
  EXPECT_GT(last.lsn, durable_);
  EXPECT_EQ(last.durability, Durability::kFsync);
}

TEST_F(SqsDurability, ABatchIsOneCommit) {
  good(send_message_batch, R"({"QueueUrl":"jobs","Entries":[{"Id":"a","MessageBody":"x"},)"
                           R"({"Id":"b","MessageBody":"y"}]})");
  EXPECT_EQ(last.lsn, newest());
  EXPECT_EQ(newest().value(), durable_.value() + 1);
}

TEST_F(SqsDurability, ADuplicateWaitsForTheFirst) {
  make("jobs.fifo", R"("FifoQueue":"true")");
  const std::string ids = R"(,"MessageGroupId":"a","MessageDeduplicationId":"a")";
  send("jobs.fifo", "x", ids);
  const Lsn first = last.lsn;
  send("jobs.fifo", "x", ids);
  EXPECT_GE(last.lsn, first);
  EXPECT_GT(last.lsn, durable_);
}

TEST_F(SqsDurability, ADeliveryWaitsForItsLease) {
  send("jobs", "x");
  journal.sync();
  const Lsn before = newest();
  EXPECT_EQ(receive("jobs").size(), 1U);
  EXPECT_GT(last.lsn, before);
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, ARepeatedAttemptWaitsForItsNewDeadline) {
  make("jobs.fifo", R"("FifoQueue":"true","ContentBasedDeduplication":"true")");
  send("jobs.fifo", "x", R"(,"MessageGroupId":"a")");
  const std::string attempt = R"(,"ReceiveRequestAttemptId":"one")";
  EXPECT_EQ(receive("jobs.fifo", attempt).size(), 1U);
  journal.sync();
  const Lsn before = newest();
  EXPECT_EQ(receive("jobs.fifo", attempt).size(), 1U);
  EXPECT_GT(last.lsn, before);
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, PermissionsWaitForTheCatalog) {
  good(add_permission,
       R"({"QueueUrl":"jobs","Label":"l","AWSAccountIds":["111122223333"],"Actions":["*"]})");
  EXPECT_GT(last.lsn, durable_);
  EXPECT_EQ(last.lsn, newest());
  const Lsn added = last.lsn;
  good(remove_permission, R"({"QueueUrl":"jobs","Label":"l"})");
  EXPECT_GT(last.lsn, added);
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, MoveTasksWaitForTheirNoteAndAListForTheNewestStep) {
  make("source", R"("RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:)"
                 R"(000000000000:jobs\",\"maxReceiveCount\":1}")");
  send("jobs", "x");
  journal.sync();
  const Lsn before = newest();
  const std::string arn = R"({"SourceArn":"arn:aws:sqs:us-east-1:000000000000:jobs")";
  const Value started =
      good(start_message_move_task, arn + R"(,"MaxNumberOfMessagesPerSecond":1})");
  EXPECT_GT(last.lsn, before);
  EXPECT_EQ(last.lsn, newest());
  const Lsn start = last.lsn;
  good(list_message_move_tasks, arn + "}");
  EXPECT_EQ(last.lsn, start);
  good(cancel_message_move_task, R"({"TaskHandle":")" + text(started, "TaskHandle") + R"("})");
  EXPECT_GT(last.lsn, start);
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, AnEmptyReceiveWaitsForWhatEmptiedTheQueue) {
  send("jobs", "x");
  receive("jobs");
  const Lsn lease = last.lsn;
  EXPECT_TRUE(receive("jobs").empty());
  EXPECT_GE(last.lsn, lease);
  journal.sync();
  EXPECT_TRUE(receive("jobs").empty());
  EXPECT_LE(last.lsn, newest());  // nothing new: it leaves at once
}

TEST_F(SqsDurability, ADeleteWaitsForItsCommitAlsoWhenRepeated) {
  send("jobs", "x");
  const Value got = receive("jobs").at(0);
  const std::string request = R"({"QueueUrl":"jobs",)" + handle(got) + "}";
  good(delete_message, request);
  const Lsn first = last.lsn;
  EXPECT_EQ(first, newest());
  good(delete_message, request);
  EXPECT_GE(last.lsn, first);
  good(delete_message_batch, R"({"QueueUrl":"jobs","Entries":[{"Id":"a",)" + handle(got) + "}]}");
  EXPECT_GE(last.lsn, first);
}

TEST_F(SqsDurability, AChangeOfVisibilityWaitsForItsCommit) {
  send("jobs", "x");
  const Value got = receive("jobs").at(0);
  good(change_message_visibility,
       R"({"QueueUrl":"jobs","VisibilityTimeout":60,)" + handle(got) + "}");
  EXPECT_EQ(last.lsn, newest());
  good(change_message_visibility_batch,
       R"({"QueueUrl":"jobs","Entries":[{"Id":"a","VisibilityTimeout":70,)" + handle(got) + "}]}");
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, NamesWaitForTheCatalogsCommit) {
  for (const Handler handler : {create_queue, get_queue_url}) {
    good(handler, R"({"QueueName":"more"})");
    EXPECT_EQ(last.lsn, newest());
    EXPECT_GT(last.lsn, durable_);
  }
  good(list_queues, "{}");
  EXPECT_EQ(last.lsn, newest());
  good(tag_queue, R"({"QueueUrl":"more","Tags":{"a":"b"}})");
  EXPECT_EQ(last.lsn, newest());
  good(untag_queue, R"({"QueueUrl":"more","TagKeys":["a"]})");
  EXPECT_EQ(last.lsn, newest());
  good(list_dead_letter_source_queues, R"({"QueueUrl":"more"})");
  EXPECT_EQ(last.lsn, newest());
  good(set_queue_attributes, R"({"QueueUrl":"more","Attributes":{"DelaySeconds":"1"}})");
  EXPECT_EQ(last.lsn, newest());
  good(list_queue_tags, R"({"QueueUrl":"more"})");
  EXPECT_EQ(last.lsn, newest());
  good(delete_queue, R"({"QueueUrl":"more"})");
  EXPECT_EQ(last.lsn, newest());
}

TEST_F(SqsDurability, CountsWaitForWhatTheyCount) {
  send("jobs", "x");
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessages"), "1");
  EXPECT_EQ(last.lsn, newest());
  good(purge_queue, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(last.lsn, newest());
}

// That a queue is gone is news too: a client that hears of it must not see it again after a crash.
TEST_F(SqsDurability, AFaultWaitsForWhatItTellsOf) {
  good(delete_queue, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(fault(send_message, R"({"QueueUrl":"jobs","MessageBody":"x"})").lsn, newest());

  make("jobs.fifo", R"("FifoQueue":"true","VisibilityTimeout":"1")");
  send("jobs.fifo", "x", R"(,"MessageGroupId":"a","MessageDeduplicationId":"a")");
  const Value got = receive("jobs.fifo").at(0);
  pass(2);
  receive("jobs.fifo");
  EXPECT_EQ(fault(delete_message, R"({"QueueUrl":"jobs.fifo",)" + handle(got) + "}").lsn, last.lsn);
}

TEST_F(SqsDurability, AFaultOfAFailingDiskLeavesAtOnce) {
  make("more");
  journal.fail(Error{ErrorCode::kStorageUnavailable, "the disk is full"});
  const std::string request = R"({"QueueUrl":"jobs","MessageBody":"x"})";
  EXPECT_EQ(fault(send_message, request).lsn, Lsn{});
  EXPECT_EQ(bad(send_message, request), "ServiceUnavailable: the disk is full");
  journal.fail(std::nullopt);
  send("jobs", "x");
}

TEST_F(SqsDurability, WhatWasAcknowledgedIsThereAfterACrashAndWhatWasDeletedIsNot) {
  send("jobs", "a");
  send("jobs", "b");
  const auto got = receive("jobs");
  good(delete_message, R"({"QueueUrl":"jobs",)" + handle(got.at(0)) + "}");
  journal.sync();
  send("jobs", "lost");
  crash();
  EXPECT_TRUE(receive("jobs").empty());  // b's lease stands
  pass(31);
  EXPECT_EQ(bodies(receive("jobs")), Strings{"b"});
}

}  // namespace
}  // namespace weir::sqs
