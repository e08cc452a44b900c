// How a message stands in a record, in both directions: a test a cell of the SQS columns of
// docs/interop.md.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsInterop : public SqsTest {
 protected:
  // The record at an offset of a queue's log, as any other protocol sees it.
  broker::Delivery record(const std::string& queue, int64_t offset = 0) {
    broker::Delivery result;
    const CellId log = broker->catalog().find({"", queue})->logs.at(0);
    broker->read_records(log, {Offset(offset)}, [&](Result<std::vector<broker::Delivery>> read) {
      ASSERT_TRUE(read && read->size() == 1);
      result = std::move(read->front());
    });
    journal.poll();
    return result;
  }
  static std::string header(const broker::Delivery& delivery, std::string_view name) {
    return std::string(delivery.record.headers.find(name).value_or("(absent)"));
  }
  // A record as another protocol would store it, received through SQS.
  Value received(const log::RecordInput& input) {
    make("in");
    EXPECT_TRUE(broker->send(broker->catalog().find({"", "in"})->queue, input, {}, now));
    return receive("in", R"(,"AttributeNames":["All"],"MessageAttributeNames":["All"])").at(0);
  }
};

TEST_F(SqsInterop, TheBodyIsTheValueAndAPlainMessageHasNothingElse) {
  make("jobs");
  send("jobs", R"(h\u00e9)");
  const auto stored = record("jobs");
  EXPECT_EQ(stored.record.value, "h\xc3\xa9");
  EXPECT_FALSE(stored.record.key);
  EXPECT_EQ(stored.record.headers.begin(), stored.record.headers.end());
  EXPECT_EQ(stored.record.timestamp, now);
}

TEST_F(SqsInterop, AMessageAttributeIsAHeaderAndItsTypeAnotherUnlessItIsString) {
  make("jobs");
  send("jobs", "x",
       R"(,"MessageAttributes":{"s":{"DataType":"String","StringValue":"t"},)"
       R"("n":{"DataType":"Number","StringValue":"1"},)"
       R"("b":{"DataType":"Binary","BinaryValue":"AP8="}})");
  const auto stored = record("jobs");
  EXPECT_EQ(header(stored, "s"), "t");
  EXPECT_EQ(header(stored, "weir.type:s"), "(absent)");
  EXPECT_EQ(header(stored, "n"), "1");
  EXPECT_EQ(header(stored, "weir.type:n"), "Number");
  EXPECT_EQ(header(stored, "b"), std::string("\0\xff", 2));
  EXPECT_EQ(header(stored, "weir.type:b"), "Binary");
}

TEST_F(SqsInterop, TheGroupIsTheKey) {
  make("jobs.fifo", R"("FifoQueue":"true")");
  send("jobs.fifo", "x", R"(,"MessageGroupId":"g","MessageDeduplicationId":"d")");
  const auto stored = record("jobs.fifo");
  EXPECT_EQ(stored.record.key, "g");
  EXPECT_EQ(header(stored, "weir.dedup-id"), "d");
}

TEST_F(SqsInterop, TheTraceHeaderHasAHeaderOfItsOwn) {
  make("jobs");
  send("jobs", "x",
       R"(,"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String",)"
       R"("StringValue":"Root=1"}})");
  EXPECT_EQ(header(record("jobs"), "weir.aws-trace"), "Root=1");
}

TEST_F(SqsInterop, IdentityAndNumberAreMadeOfThePlace) {
  make("jobs.fifo", R"("FifoQueue":"true")");
  send("jobs.fifo", "x", R"(,"MessageGroupId":"g","MessageDeduplicationId":"a")");
  const Value sent =
      send("jobs.fifo", "y", R"(,"MessageGroupId":"h","MessageDeduplicationId":"b")");
  const auto uuid = broker->catalog().find({"", "jobs.fifo"})->uuid;
  EXPECT_EQ(text(sent, "MessageId"), broker::to_string(broker::message_id(uuid, Offset(1))));
  EXPECT_EQ(text(sent, "SequenceNumber"), "10000000000000000001");
}

TEST_F(SqsInterop, WhatIsStateOfTheQueueIsNotInTheRecord) {
  make("jobs", R"("VisibilityTimeout":"0")");
  send("jobs", "x");
  const auto before = record("jobs");
  for (const char* count : {"1", "2"}) {
    const Value got = receive("jobs", R"(,"AttributeNames":["All"])").at(0);
    EXPECT_EQ(text(*got.find("Attributes"), "ApproximateReceiveCount"), count);
    pass(1);
  }
  const auto after = record("jobs");
  EXPECT_EQ(after.record.value, before.record.value);
  EXPECT_EQ(after.record.timestamp, before.record.timestamp);
  EXPECT_EQ(after.record.headers.begin(), after.record.headers.end());
}

TEST_F(SqsInterop, AnyRecordIsAMessage) {
  const std::vector<log::RecordHeader> headers = {
      {"plain", "t"}, {"raw", "\xff"}, {"none", std::nullopt}, {"plain", "again"}, {"a\"b", "q"}};
  const Value message = received({"key", "value", headers, now});
  EXPECT_EQ(text(message, "Body"), "value");
  EXPECT_EQ(text(*message.find("Attributes"), "MessageGroupId"), "key");
  EXPECT_EQ(text(*message.find("Attributes"), "SentTimestamp"), "1700000000000");
  const Value& attributes = *message.find("MessageAttributes");
  EXPECT_EQ(attributes.members.size(), 3U);
  EXPECT_EQ(text(*attributes.find("plain"), "StringValue"), "t");
  EXPECT_EQ(text(*attributes.find("plain"), "DataType"), "String");
  EXPECT_EQ(text(*attributes.find("raw"), "BinaryValue"), "/w==");
  EXPECT_EQ(text(*attributes.find("raw"), "DataType"), "Binary");
  EXPECT_EQ(text(*attributes.find("a\"b"), "StringValue"), "q");
}

TEST_F(SqsInterop, AValueThatIsNoTextIsShownMendedAndNoValueAsEmpty) {
  const Value message = received({std::nullopt, "a\xff", {}, now});
  EXPECT_EQ(text(message, "Body"), "a\xef\xbf\xbd");
  EXPECT_EQ(text(message, "MD5OfBody"), md5_hex("a\xef\xbf\xbd"));
  make("empty");
  ASSERT_TRUE(broker->send(broker->catalog().find({"", "empty"})->queue,
                           {std::nullopt, std::nullopt, {}, now}, {}, now));
  EXPECT_EQ(text(receive("empty").at(0), "Body"), "");
}

TEST_F(SqsInterop, ADeadLetterCarriesWhereItCameFrom) {
  make("dead");
  make("jobs", R"("VisibilityTimeout":"0","RedrivePolicy":"{\"deadLetterTargetArn\":)"
               R"(\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":1}")");
  const Value sent = send("jobs", "x");
  receive("jobs");
  pass(1);
  EXPECT_TRUE(receive("jobs").empty());
  const auto stored = record("dead");
  EXPECT_EQ(header(stored, "weir.message-id"), text(sent, "MessageId"));
  EXPECT_EQ(header(stored, "weir.sent"), "1700000000000");
  EXPECT_EQ(header(stored, "weir.dead-letter.source"), "jobs");
  EXPECT_EQ(header(stored, "weir.dead-letter.deliveries"), "1");
  const Value moved = receive("dead", R"(,"AttributeNames":["All"])").at(0);
  EXPECT_EQ(text(moved, "MessageId"), text(sent, "MessageId"));
  EXPECT_EQ(text(*moved.find("Attributes"), "SentTimestamp"), "1700000000000");
}

}  // namespace
}  // namespace weir::sqs
