// Sending, receiving and settling on standard queues.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsMessages : public SqsTest {
 protected:
  SqsMessages() { make("jobs"); }

  std::string send_bad(const std::string& more, const std::string& queue = "jobs") {
    return bad(send_message, fmt::format(R"({{"QueueUrl":"{}"{}}})", queue, more));
  }
  std::string attribute_bad(const std::string& name, const std::string& value) {
    return send_bad(
        fmt::format(R"(,"MessageBody":"x","MessageAttributes":{{"{}":{}}})", name, value));
  }
  std::string remove(const Value& message, const std::string& queue = "jobs") {
    return bad(delete_message, fmt::format(R"({{"QueueUrl":"{}",{}}})", queue, handle(message)));
  }
  std::string change(const Value& message, int seconds) {
    return bad(change_message_visibility,
               fmt::format(R"({{"QueueUrl":"jobs",{},"VisibilityTimeout":{}}})", handle(message),
                           seconds));
  }
  // Visible, in flight, delayed.
  std::string counts(const std::string& queue = "jobs") {
    return attribute(queue, "ApproximateNumberOfMessages") + " " +
           attribute(queue, "ApproximateNumberOfMessagesNotVisible") + " " +
           attribute(queue, "ApproximateNumberOfMessagesDelayed");
  }
};

TEST_F(SqsMessages, AMessageComesOutAsItWentIn) {
  const Value sent = send("jobs", R"(h\u00e9llo \ud83d\ude00)");
  EXPECT_EQ(text(sent, "MD5OfMessageBody"), md5_hex("h\xc3\xa9llo \xf0\x9f\x98\x80"));
  EXPECT_EQ(text(sent, "SequenceNumber"), "(absent)");
  pass(2);
  const auto got = receive("jobs", R"(,"AttributeNames":["All"])");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(text(got[0], "Body"), "h\xc3\xa9llo \xf0\x9f\x98\x80");
  EXPECT_EQ(text(got[0], "MD5OfBody"), text(sent, "MD5OfMessageBody"));
  EXPECT_EQ(text(got[0], "MessageId"), text(sent, "MessageId"));
  const Value& system = *got[0].find("Attributes");
  EXPECT_EQ(text(system, "SentTimestamp"), "1700000000000");
  EXPECT_EQ(text(system, "ApproximateFirstReceiveTimestamp"), "1700000002000");
  EXPECT_EQ(text(system, "ApproximateReceiveCount"), "1");
  EXPECT_EQ(text(system, "SenderId"), "000000000000");
}

TEST_F(SqsMessages, AttributesComeOutByTheFilterWithTheDigestOfWhatIsShown) {
  send("jobs", "x",
       R"(,"MessageAttributes":{"a.one":{"DataType":"String","StringValue":"1"},)"
       R"("a.two":{"DataType":"Number.int","StringValue":"-2.5e3"},)"
       R"("b":{"DataType":"Binary.gzip","BinaryValue":"AP8="}})");
  const auto shown = [&](const std::string& filter) {
    const Value message =
        receive("jobs", R"(,"VisibilityTimeout":0,"MessageAttributeNames":[)" + filter + "]").at(0);
    Strings names;
    if (const Value* all = message.find("MessageAttributes")) {
      for (const Member& one : all->members) names.push_back(one.name);
    }
    return names;
  };
  EXPECT_EQ(shown(""), Strings{});
  EXPECT_EQ(shown(R"("All")").size(), 3U);
  EXPECT_EQ(shown(R"(".*")").size(), 3U);
  EXPECT_EQ(shown(R"("a.*")"), (Strings{"a.one", "a.two"}));
  EXPECT_EQ(shown(R"("b","none")"), Strings{"b"});
  const Value message = receive("jobs", R"(,"MessageAttributeNames":["b"])").at(0);
  const MessageAttribute only{"b", "Binary.gzip", std::string("\0\xff", 2)};
  EXPECT_EQ(text(message, "MD5OfMessageAttributes"), md5_of_attributes({&only, 1}));
  const Value& b = *message.find("MessageAttributes")->find("b");
  EXPECT_EQ(text(b, "BinaryValue"), "AP8=");
  EXPECT_EQ(text(b, "DataType"), "Binary.gzip");
}

TEST_F(SqsMessages, TheTraceHeaderHasADigestOfItsOwn) {
  const Value sent = send("jobs", "x",
                          R"(,"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String",)"
                          R"("StringValue":"Root=1-2-3"}})");
  const MessageAttribute trace{"AWSTraceHeader", "String", "Root=1-2-3"};
  EXPECT_EQ(text(sent, "MD5OfMessageSystemAttributes"), md5_of_attributes({&trace, 1}));
  EXPECT_EQ(text(sent, "MD5OfMessageAttributes"), "(absent)");
  const auto got = receive("jobs", R"(,"MessageSystemAttributeNames":["AWSTraceHeader"])");
  EXPECT_EQ(text(*got.at(0).find("Attributes"), "AWSTraceHeader"), "Root=1-2-3");
  EXPECT_EQ(send_bad(R"(,"MessageBody":"x","MessageSystemAttributes":{"Foo":{}})"),
            "InvalidParameterValueException: Message system attribute name 'Foo' is invalid.");
}

TEST_F(SqsMessages, BodiesAreChecked) {
  good(set_queue_attributes, R"({"QueueUrl":"jobs","Attributes":{"MaximumMessageSize":"1024"}})");
  EXPECT_EQ(send_bad(""),
            "MissingRequiredParameterException: The request must contain the parameter "
            "MessageBody.");
  EXPECT_EQ(send_bad(R"(,"MessageBody":"")"),
            "MissingRequiredParameterException: The request must contain the parameter "
            "MessageBody.");
  EXPECT_EQ(send_bad(R"(,"MessageBody":7)"),
            "SerializationException: MessageBody must be a string");
  const std::string full(1024, 'x');
  send("jobs", full);
  const std::string too_long =
      "InvalidParameterValueException: One or more parameters are invalid. Reason: Message must be "
      "shorter than 1024 bytes.";
  EXPECT_EQ(send_bad(fmt::format(R"(,"MessageBody":"{}x")", full)), too_long);
  EXPECT_EQ(
      send_bad(fmt::format(
          R"(,"MessageBody":"{}","MessageAttributes":{{"a":{{"DataType":"String","StringValue":"1"}}}})",
          full.substr(7))),
      too_long);
  for (const std::string character : {R"(\u0000)", R"(\u0008)", R"(\uffff)", R"(\ufffe)"}) {
    EXPECT_TRUE(send_bad(fmt::format(R"(,"MessageBody":"a{}b")", character))
                    .starts_with("InvalidMessageContents: Invalid characters found."))
        << character;
  }
  send("jobs", R"(\t\n\r\ufffd\ud83d\ude00)");
}

TEST_F(SqsMessages, DelaysAndWaitsAreRanged) {
  EXPECT_EQ(send_bad(R"(,"MessageBody":"x","DelaySeconds":901)"),
            "InvalidParameterValueException: Value 901 for parameter DelaySeconds is invalid. "
            "Reason: DelaySeconds must be >= 0 and <= 900.");
  EXPECT_EQ(refused(R"({"QueueUrl":"jobs","WaitTimeSeconds":21})"),
            "InvalidParameterValueException: Value 21 for parameter WaitTimeSeconds is invalid. "
            "Reason: Must be >= 0 and <= 20, if provided.");
  EXPECT_EQ(refused(R"({"QueueUrl":"jobs","MaxNumberOfMessages":11})"),
            "InvalidParameterValueException: Value 11 for parameter MaxNumberOfMessages is "
            "invalid. Reason: Must be between 1 and 10, if provided.");
  EXPECT_EQ(refused(R"({"QueueUrl":"jobs","VisibilityTimeout":43201})"),
            "InvalidParameterValueException: Value 43201 for parameter VisibilityTimeout is "
            "invalid. Reason: Must be between 0 and 43200, if provided.");
  EXPECT_EQ(refused(R"({"QueueUrl":"jobs","WaitTimeSeconds":9223372036854775807})"),
            "InvalidParameterValueException: Value 9223372036854775807 for parameter "
            "WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.");
}

TEST_F(SqsMessages, MessageAttributesAreChecked) {
  const std::string text_value = R"({"DataType":"String","StringValue":"x"})";
  for (const std::string name : {".a", "a.", "a..b", "AWS.a", "Amazon.a", "a b", "weir.sent", ""}) {
    EXPECT_EQ(
        attribute_bad(name, text_value),
        "InvalidParameterValueException: Message (user) attribute name '" + name + "' is invalid.");
  }
  EXPECT_EQ(attribute_bad("a", "{}"),
            "InvalidParameterValueException: Message (user) attribute 'a' must contain a non-empty "
            "message attribute type.");
  EXPECT_EQ(attribute_bad("a", R"({"DataType":"Text","StringValue":"x"})"),
            "InvalidParameterValueException: The type of message (user) attribute 'a' is invalid. "
            "You must use only the following supported type prefixes: Binary, Number, String.");
  EXPECT_EQ(attribute_bad("a", R"({"DataType":"String","StringValue":""})"),
            "InvalidParameterValueException: Message (user) attribute 'a' must contain a non-empty "
            "value of type 'String'.");
  EXPECT_EQ(attribute_bad("a", R"({"DataType":"Binary","StringValue":"x"})"),
            "InvalidParameterValueException: Message (user) attribute 'a' must contain a non-empty "
            "value of type 'Binary'.");
  for (const std::string value : {"x", "1x", "inf", "nan", " 1", "1,5"}) {
    EXPECT_EQ(
        attribute_bad("a", fmt::format(R"({{"DataType":"Number","StringValue":"{}"}})", value)),
        "InvalidParameterValueException: Can't cast the value of message (user) attribute "
        "'a' to a number.");
  }
  EXPECT_EQ(attribute_bad("a", R"({"DataType":"String","StringListValues":["x"]})"),
            "UnsupportedOperation: Message attribute list values in SendMessage operation are not "
            "supported.");
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += fmt::format(R"({}"a{}":{})", i ? "," : "", i, text_value);
  EXPECT_EQ(send_bad(R"(,"MessageBody":"x","MessageAttributes":{)" + eleven + "}"),
            "InvalidParameterValueException: Number of message attributes [11] exceeds the allowed "
            "maximum [10].");
  EXPECT_EQ(send_bad(R"(,"MessageBody":"x","MessageAttributes":{"a":)" + text_value + R"(,"a":)" +
                     text_value + "}"),
            "InvalidParameterValueException: Message (user) attribute name 'a' already exists.");
  EXPECT_EQ(counts(), "0 0 0");
}

TEST_F(SqsMessages, CountsAreExact) {
  for (int i = 0; i < 3; ++i) send("jobs", "x");
  send("jobs", "later", R"(,"DelaySeconds":5)");
  EXPECT_EQ(counts(), "3 0 1");
  const auto got = receive("jobs");
  EXPECT_EQ(counts(), "0 3 1");
  remove(got[0]);
  EXPECT_EQ(counts(), "0 2 1");
  pass(31);
  EXPECT_EQ(counts(), "3 0 0");
}

TEST_F(SqsMessages, AHandleOfAnOlderReceiveStillDeletes) {
  send("jobs", "x");
  const Value first = receive("jobs").at(0);
  pass(31);
  const Value second = receive("jobs", R"(,"AttributeNames":["ApproximateReceiveCount"])").at(0);
  EXPECT_NE(text(first, "ReceiptHandle"), text(second, "ReceiptHandle"));
  EXPECT_EQ(text(*second.find("Attributes"), "ApproximateReceiveCount"), "2");
  EXPECT_EQ(remove(first), "no fault: {}");
  EXPECT_EQ(remove(second), "no fault: {}");
  EXPECT_EQ(counts(), "0 0 0");
}

TEST_F(SqsMessages, AHandleThatWasNeverMadeIsRefused) {
  make("other");
  send("other", "x");
  const Value foreign = receive("other").at(0);
  EXPECT_EQ(bad(delete_message, R"({"QueueUrl":"jobs","ReceiptHandle":"x"})"),
            "ReceiptHandleIsInvalid: The input receipt handle \"x\" is not a valid receipt "
            "handle.");
  EXPECT_TRUE(remove(foreign).starts_with("ReceiptHandleIsInvalid: "));
  EXPECT_EQ(bad(delete_message, R"({"QueueUrl":"jobs"})"),
            "MissingRequiredParameterException: The request must contain the parameter "
            "ReceiptHandle.");
}

TEST_F(SqsMessages, VisibilityCanBeChangedWhileTheLeaseStands) {
  send("jobs", "x");
  const Value got = receive("jobs").at(0);
  EXPECT_EQ(change(got, 100), "no fault: {}");
  pass(99);
  EXPECT_EQ(counts(), "0 1 0");
  EXPECT_EQ(change(got, 0), "no fault: {}");
  EXPECT_EQ(counts(), "1 0 0");
  EXPECT_EQ(change(got, 100), "no fault: {}");  // the lease has ended: nothing happens
  EXPECT_EQ(counts(), "1 0 0");
  EXPECT_EQ(change(got, 43'201),
            "InvalidParameterValueException: Value 43201 for parameter VisibilityTimeout is "
            "invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.");
  remove(got);
  EXPECT_TRUE(change(got, 5).ends_with(
      "Reason: Message does not exist or is not available for visibility timeout change."));
}

TEST_F(SqsMessages, AnOlderHandleProlongsTheLeaseOfTheLastReceiveAndNeverShortensIt) {
  send("jobs", "x");
  const Value first = receive("jobs").at(0);
  pass(31);
  const Value second = receive("jobs").at(0);
  EXPECT_EQ(change(first, 100), "no fault: {}");
  pass(99);
  EXPECT_EQ(counts(), "0 1 0");
  EXPECT_EQ(change(first, 0), "no fault: {}");
  EXPECT_EQ(counts(), "0 1 0");
  EXPECT_EQ(change(second, 20), "no fault: {}");
  EXPECT_EQ(change(first, 10), "no fault: {}");
  pass(19);
  EXPECT_EQ(counts(), "0 1 0");
  EXPECT_EQ(change(second, 0), "no fault: {}");
  EXPECT_EQ(counts(), "1 0 0");
  EXPECT_EQ(change(first, 100), "no fault: {}");  // nobody has it: nothing happens
  EXPECT_EQ(counts(), "1 0 0");
  receive("jobs");
  EXPECT_TRUE(change(first, 43'200).starts_with("no fault"));
  pass(1);
  EXPECT_TRUE(change(first, 43'200).contains("beyond the limit"));
}

TEST_F(SqsMessages, ALongPollIsAnsweredByTheNextMessage) {
  EXPECT_FALSE(receive_answer(R"({"QueueUrl":"jobs","WaitTimeSeconds":20})"));
  send("jobs", "x");
  journal.poll();
  ASSERT_TRUE(waiting->has_value());
  EXPECT_TRUE((**waiting)->json.contains(R"("Body":"x")"));
}

TEST_F(SqsMessages, ALongPollEndsEmptyAtItsTime) {
  good(set_queue_attributes,
       R"({"QueueUrl":"jobs","Attributes":{"ReceiveMessageWaitTimeSeconds":"3"}})");
  EXPECT_FALSE(receive_answer(R"({"QueueUrl":"jobs"})"));
  pass(2);
  EXPECT_FALSE(waiting->has_value());
  pass(1);
  ASSERT_TRUE(waiting->has_value());
  EXPECT_EQ((**waiting)->json, "{}");
}

TEST_F(SqsMessages, AReceiverThatWentAwayTakesNothing) {
  EXPECT_FALSE(receive_answer(R"({"QueueUrl":"jobs","WaitTimeSeconds":20})"));
  cancel(*broker);
  send("jobs", "x");
  journal.poll();
  EXPECT_FALSE(waiting->has_value());
  EXPECT_EQ(counts(), "1 0 0");
}

TEST_F(SqsMessages, AMessageReceivedTooOftenGoesToTheDeadLetterQueueAsItIs) {
  make("dead");
  good(set_queue_attributes,
       R"({"QueueUrl":"jobs","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":)"
       R"(\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":\"2\"}"}})");
  const Value sent =
      send("jobs", "x", R"(,"MessageAttributes":{"a":{"DataType":"Number","StringValue":"1"}})");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(receive("jobs").size(), 1U);
    pass(31);
  }
  EXPECT_TRUE(receive("jobs").empty());
  EXPECT_EQ(counts(), "0 0 0");
  const Value dead =
      receive("dead", R"(,"AttributeNames":["All"],"MessageAttributeNames":["All"])").at(0);
  EXPECT_EQ(text(dead, "MessageId"), text(sent, "MessageId"));
  EXPECT_EQ(text(dead, "MD5OfMessageAttributes"), text(sent, "MD5OfMessageAttributes"));
  const Value& system = *dead.find("Attributes");
  EXPECT_EQ(text(system, "SentTimestamp"), "1700000000000");
  EXPECT_EQ(text(system, "DeadLetterQueueSourceArn"), "arn:aws:sqs:us-east-1:000000000000:jobs");
}

// ---- batches

TEST_F(SqsMessages, BatchesAreCheckedWhole) {
  const auto batch = [&](const std::string& entries) {
    return bad(send_message_batch, R"({"QueueUrl":"jobs","Entries":[)" + entries + "]}");
  };
  const auto entry = [](const std::string& id) {
    return fmt::format(R"({{"Id":"{}","MessageBody":"x"}})", id);
  };
  EXPECT_TRUE(batch("").starts_with("EmptyBatchRequest: There should be at least one"));
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += (i ? "," : "") + entry(std::to_string(i));
  EXPECT_EQ(batch(eleven),
            "TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have "
            "sent 11.");
  EXPECT_EQ(batch(entry("a") + "," + entry("a")), "BatchEntryIdsNotDistinct: Id a repeated.");
  for (const std::string& id : {std::string(), std::string("a b"), std::string(81, 'x')}) {
    EXPECT_TRUE(batch(entry(id)).starts_with("InvalidBatchEntryId: A batch entry id can only"));
  }
  EXPECT_TRUE(batch("7").starts_with("InvalidBatchEntryId: "));
  EXPECT_TRUE(batch(R"({"Id":"a"})").starts_with("MissingRequiredParameterException: "));
  const std::string half(600'000, 'x');
  EXPECT_EQ(batch(fmt::format(R"({{"Id":"a","MessageBody":"{}"}},{{"Id":"b","MessageBody":"{}"}})",
                              half, half)),
            "BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You have "
            "sent 1200000 bytes.");
  EXPECT_TRUE(bad(send_message_batch, R"({"QueueUrl":"jobs"})").starts_with("EmptyBatchRequest:"));
  EXPECT_EQ(counts(), "0 0 0");
}

TEST_F(SqsMessages, OneEntryMayFailAlone) {
  good(set_queue_attributes, R"({"QueueUrl":"jobs","Attributes":{"MaximumMessageSize":"1024"}})");
  const Value answer =
      good(send_message_batch,
           fmt::format(R"({{"QueueUrl":"jobs","Entries":[{{"Id":"a","MessageBody":"x"}},)"
                       R"({{"Id":"b","MessageBody":"{}"}},{{"Id":"c","MessageBody":"\u0001"}}]}})",
                       std::string(1025, 'x')));
  ASSERT_EQ(answer.find("Successful")->items.size(), 1U);
  EXPECT_EQ(text(answer.find("Successful")->items[0], "Id"), "a");
  ASSERT_EQ(answer.find("Failed")->items.size(), 2U);
  const Value& b = answer.find("Failed")->items[0];
  EXPECT_EQ(text(b, "Code"), "InvalidParameterValue");
  EXPECT_EQ(text(b, "Message"),
            "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 "
            "bytes.");
  EXPECT_EQ(b.find("SenderFault")->integer, 1);
  EXPECT_EQ(text(answer.find("Failed")->items[1], "Code"), "InvalidMessageContents");
  EXPECT_EQ(counts(), "1 0 0");
}

TEST_F(SqsMessages, ABatchOfHandlesSettlesWhatItCan) {
  send("jobs", "a");
  send("jobs", "b");
  const auto got = receive("jobs");
  const Value answer = good(
      delete_message_batch,
      fmt::format(
          R"({{"QueueUrl":"jobs","Entries":[{{"Id":"1",{}}},{{"Id":"2","ReceiptHandle":"x"}}]}})",
          handle(got.at(0))));
  EXPECT_EQ(text(answer.find("Successful")->items.at(0), "Id"), "1");
  EXPECT_EQ(text(answer.find("Failed")->items.at(0), "Code"), "ReceiptHandleIsInvalid");
  good(change_message_visibility_batch,
       fmt::format(R"({{"QueueUrl":"jobs","Entries":[{{"Id":"1",{},"VisibilityTimeout":0}}]}})",
                   handle(got.at(1))));
  EXPECT_EQ(counts(), "1 0 0");
}

}  // namespace
}  // namespace weir::sqs
