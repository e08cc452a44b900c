// FIFO queues: groups, deduplication, and handles that end with their lease.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsFifo : public SqsTest {
 protected:
  SqsFifo() { make("jobs.fifo", R"("FifoQueue":"true")"); }

  Value put(const std::string& group, const std::string& body, const std::string& dedup = "") {
    return send("jobs.fifo", body,
                fmt::format(R"(,"MessageGroupId":"{}","MessageDeduplicationId":"{}")", group,
                            dedup.empty() ? group + body : dedup));
  }
  std::string put_bad(const std::string& more) {
    return bad(send_message, R"({"QueueUrl":"jobs.fifo","MessageBody":"x")" + more + "}");
  }
  void set(const std::string& name, const std::string& value) {
    good(set_queue_attributes,
         fmt::format(R"({{"QueueUrl":"jobs.fifo","Attributes":{{"{}":"{}"}}}})", name, value));
  }
};

TEST_F(SqsFifo, AGroupComesInOrderAndIsClosedWhileItIsInFlight) {
  put("a", "1");
  put("b", "1");
  put("a", "2");
  EXPECT_EQ(bodies(receive("jobs.fifo")), (Strings{"1", "2", "1"}));
  put("a", "3");
  put("c", "1");
  EXPECT_EQ(bodies(receive("jobs.fifo")), Strings{"1"});
}

TEST_F(SqsFifo, SequenceNumbersRise) {
  const std::string first = text(put("a", "1"), "SequenceNumber");
  const std::string second = text(put("a", "2"), "SequenceNumber");
  EXPECT_EQ(first.size(), 20U);
  EXPECT_LT(first, second);
  const auto got = receive("jobs.fifo", R"(,"AttributeNames":["All"])");
  EXPECT_EQ(text(*got.at(0).find("Attributes"), "SequenceNumber"), first);
  EXPECT_EQ(text(*got.at(0).find("Attributes"), "MessageGroupId"), "a");
  EXPECT_EQ(text(*got.at(0).find("Attributes"), "MessageDeduplicationId"), "a1");
}

TEST_F(SqsFifo, ADuplicateIsAnsweredWithTheFirstAndTheDigestOfThisBody) {
  const Value first = put("a", "1", "id");
  const Value again = put("a", "2", "id");
  EXPECT_EQ(text(again, "MessageId"), text(first, "MessageId"));
  EXPECT_EQ(text(again, "SequenceNumber"), text(first, "SequenceNumber"));
  EXPECT_EQ(text(again, "MD5OfMessageBody"), md5_hex("2"));
  EXPECT_EQ(bodies(receive("jobs.fifo")), Strings{"1"});
  pass(301);
  EXPECT_NE(text(put("a", "3", "id"), "MessageId"), text(first, "MessageId"));
}

TEST_F(SqsFifo, ADuplicateIsRememberedAfterTheDeleteAndNotAfterAPurge) {
  const Value first = put("a", "1", "id");
  const Value got = receive("jobs.fifo").at(0);
  good(delete_message, R"({"QueueUrl":"jobs.fifo",)" + handle(got) + "}");
  EXPECT_EQ(text(put("a", "1", "id"), "MessageId"), text(first, "MessageId"));
  good(purge_queue, R"({"QueueUrl":"jobs.fifo"})");
  EXPECT_NE(text(put("a", "1", "id"), "MessageId"), text(first, "MessageId"));
}

TEST_F(SqsFifo, TheScopeMayBeAGroup) {
  const Value first = put("a", "1", "id");
  EXPECT_EQ(text(put("b", "1", "id"), "MessageId"), text(first, "MessageId"));
  set("DeduplicationScope", "messageGroup");
  const Value a = put("a", "1", "other");
  EXPECT_NE(text(put("b", "1", "other"), "MessageId"), text(a, "MessageId"));
  EXPECT_EQ(text(put("a", "1", "other"), "MessageId"), text(a, "MessageId"));
}

TEST_F(SqsFifo, ContentBasedDeduplicationGoesByTheBody) {
  const auto by_content = [&](const std::string& body) {
    return text(send("jobs.fifo", body, R"(,"MessageGroupId":"a")"), "MessageId");
  };
  EXPECT_EQ(put_bad(R"(,"MessageGroupId":"a")"),
            "InvalidParameterValueException: The queue should either have "
            "ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
  set("ContentBasedDeduplication", "true");
  const std::string first = by_content("x");
  EXPECT_EQ(by_content("x"), first);
  EXPECT_NE(by_content("y"), first);
}

TEST_F(SqsFifo, WhatAQueueTypeDoesNotTakeIsRefused) {
  EXPECT_EQ(put_bad(""),
            "MissingRequiredParameterException: The request must contain the parameter "
            "MessageGroupId.");
  EXPECT_EQ(bad(send_message_batch,
                R"({"QueueUrl":"jobs.fifo","Entries":[{"Id":"a","MessageBody":"x"}]})"),
            "InvalidParameterValueException: The request must contain the parameter "
            "MessageGroupId.");
  EXPECT_EQ(put_bad(R"(,"MessageGroupId":"a","MessageDeduplicationId":"a b")"),
            "InvalidParameterValueException: MessageDeduplicationId can only include alphanumeric "
            "and punctuation characters. 1 to 128 in length.");
  EXPECT_EQ(put_bad(fmt::format(R"(,"MessageGroupId":"{}")", std::string(129, 'x'))),
            "InvalidParameterValueException: MessageGroupId can only include alphanumeric and "
            "punctuation characters. 1 to 128 in length.");
  EXPECT_EQ(put_bad(R"(,"MessageGroupId":"a","MessageDeduplicationId":"a","DelaySeconds":1)"),
            "InvalidParameterValueException: Value 1 for parameter DelaySeconds is invalid. "
            "Reason: The request include parameter that is not valid for this queue type.");
  send("jobs.fifo", "x", R"(,"MessageGroupId":"a","MessageDeduplicationId":"a","DelaySeconds":0)");
  make("jobs");
  send("jobs", "x", R"(,"MessageGroupId":"tenant")");
  EXPECT_EQ(
      bad(send_message, R"({"QueueUrl":"jobs","MessageBody":"x","MessageDeduplicationId":"a"})"),
      "InvalidParameterValueException: Value a for parameter MessageDeduplicationId is "
      "invalid. Reason: The request include parameter that is not valid for this queue "
      "type.");
}

TEST_F(SqsFifo, AHandleEndsWithItsLease) {
  put("a", "1");
  const Value got = receive("jobs.fifo").at(0);
  good(change_message_visibility,
       R"({"QueueUrl":"jobs.fifo","VisibilityTimeout":100,)" + handle(got) + "}");
  pass(99);
  EXPECT_TRUE(receive("jobs.fifo").empty());
  pass(2);
  const std::string answer = bad(delete_message, R"({"QueueUrl":"jobs.fifo",)" + handle(got) + "}");
  EXPECT_TRUE(answer.starts_with("InvalidParameterValueException: Value "));
  EXPECT_TRUE(answer.ends_with(
      " for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."));
  EXPECT_EQ(receive("jobs.fifo").size(), 1U);
}

}  // namespace
}  // namespace weir::sqs
