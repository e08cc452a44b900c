// Queues: names, attributes, tags, and the faults with their texts.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsQueues : public SqsTest {
 protected:
  std::string create(const std::string& name, const std::string& attributes) {
    return bad(create_queue,
               fmt::format(R"({{"QueueName":"{}","Attributes":{{{}}}}})", name, attributes));
  }
  std::string set(const std::string& queue, const std::string& attributes) {
    return bad(set_queue_attributes,
               fmt::format(R"({{"QueueUrl":"{}","Attributes":{{{}}}}})", queue, attributes));
  }
  static std::string redrive(const std::string& target, int count = 2) {
    return fmt::format(
        R"("RedrivePolicy":"{{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:{}\",)"
        R"(\"maxReceiveCount\":{}}}")",
        target, count);
  }
};

TEST_F(SqsQueues, TheUrlIsBuiltFromTheHostThatTheClientNamed) {
  const Value answer = good(create_queue, R"({"QueueName":"jobs"})");
  EXPECT_EQ(text(answer, "QueueUrl"), "http://localhost:4566/000000000000/jobs");
  EXPECT_EQ(text(good(get_queue_url, R"({"QueueName":"jobs"})"), "QueueUrl"),
            "http://localhost:4566/000000000000/jobs");
}

TEST_F(SqsQueues, AMissingQueueIsSaidSoByEveryAction) {
  const Handler handlers[] = {send_message,
                              send_message_batch,
                              delete_message,
                              delete_message_batch,
                              delete_queue,
                              change_message_visibility,
                              purge_queue,
                              change_message_visibility_batch,
                              get_queue_attributes,
                              set_queue_attributes,
                              tag_queue,
                              untag_queue,
                              list_queue_tags,
                              list_dead_letter_source_queues};
  for (const Handler handler : handlers) {
    EXPECT_EQ(bad(handler, R"({"QueueUrl":"http://h/000000000000/none"})"),
              "QueueDoesNotExist: The specified queue does not exist.");
    EXPECT_EQ(bad(handler, "{}"),
              "MissingRequiredParameterException: The request must contain the parameter "
              "QueueUrl.");
    EXPECT_EQ(bad(handler, R"({"QueueUrl":7})"),
              "SerializationException: QueueUrl must be a string");
  }
  EXPECT_EQ(refused(R"({"QueueUrl":"none"})"),
            "QueueDoesNotExist: The specified queue does not exist.");
  EXPECT_EQ(bad(get_queue_url, R"({"QueueName":"none"})"),
            "QueueDoesNotExist: The specified queue does not exist.");
}

TEST_F(SqsQueues, ATopicIsNoQueue) {
  ASSERT_TRUE(broker->create_topic(
      {.name = {"", "events"}, .partitions = 1, .log = {}, .properties = {}}, now));
  EXPECT_EQ(bad(send_message, R"({"QueueUrl":"events","MessageBody":"x"})"),
            "QueueDoesNotExist: The specified queue does not exist.");
  EXPECT_EQ(create("events", ""),
            "InvalidParameterValueException: events exists already as a topic; choose another "
            "name");
  EXPECT_EQ(good(list_queues, "{}").find("QueueUrls"), nullptr);
}

TEST_F(SqsQueues, NamesAreChecked) {
  const std::string wrong =
      "InvalidParameterValueException: Can only include alphanumeric characters, hyphens, or "
      "underscores. 1 to 80 in length";
  EXPECT_EQ(create("", ""), wrong);
  EXPECT_EQ(create("a b", ""), wrong);
  EXPECT_EQ(create("jobs.fifo", ""), wrong);
  EXPECT_TRUE(create("jobs", R"("FifoQueue":"true")")
                  .starts_with("InvalidParameterValueException: "
                               "The name of a FIFO queue can"));
  make("jobs.fifo", R"("FifoQueue":"true")");
}

TEST_F(SqsQueues, CreatingAgainSucceedsIfWhatIsGivenIsTheSame) {
  make("jobs", R"("VisibilityTimeout":"60")");
  make("jobs", R"("VisibilityTimeout":"60")");
  make("jobs");
  EXPECT_EQ(create("jobs", R"("VisibilityTimeout":"61")"),
            "QueueNameExists: A queue already exists with the same name and a different value for "
            "attribute VisibilityTimeout");
  EXPECT_EQ(create("jobs", R"("DelaySeconds":"1")"),
            "QueueNameExists: A queue already exists with the same name and a different value for "
            "attribute DelaySeconds");
  EXPECT_EQ(create("jobs", R"("Foo":"1")"), "InvalidAttributeName: Unknown Attribute Foo.");
  EXPECT_EQ(create("jobs", R"("VisibilityTimeout":"-1")"),
            "InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout.");
}

TEST_F(SqsQueues, AttributesHaveTheirDefaults) {
  make("jobs");
  make("jobs.fifo", R"("FifoQueue":"true")");
  EXPECT_EQ(attribute("jobs", "VisibilityTimeout"), "30");
  EXPECT_EQ(attribute("jobs", "MessageRetentionPeriod"), "345600");
  EXPECT_EQ(attribute("jobs", "MaximumMessageSize"), "1048576");
  EXPECT_EQ(attribute("jobs", "DelaySeconds"), "0");
  EXPECT_EQ(attribute("jobs", "ReceiveMessageWaitTimeSeconds"), "0");
  EXPECT_EQ(attribute("jobs", "SqsManagedSseEnabled"), "true");
  EXPECT_EQ(attribute("jobs", "QueueArn"), "arn:aws:sqs:us-east-1:000000000000:jobs");
  EXPECT_EQ(attribute("jobs", "CreatedTimestamp"), "1700000000");
  EXPECT_EQ(attribute("jobs", "RedrivePolicy"), "(none)");
  EXPECT_EQ(attribute("jobs", "FifoQueue"), "(none)");
  EXPECT_EQ(attribute("jobs.fifo", "FifoQueue"), "true");
  EXPECT_EQ(attribute("jobs.fifo", "ContentBasedDeduplication"), "false");
  EXPECT_EQ(attribute("jobs.fifo", "DeduplicationScope"), "queue");
  EXPECT_EQ(attribute("jobs.fifo", "FifoThroughputLimit"), "perQueue");
  const Value none = good(get_queue_attributes, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(none.find("Attributes"), nullptr);
  EXPECT_EQ(bad(get_queue_attributes, R"({"QueueUrl":"jobs","AttributeNames":["Foo"]})"),
            "InvalidAttributeName: Unknown Attribute Foo.");
}

TEST_F(SqsQueues, AttributesAreSetWithinTheirRangesAndKept) {
  make("jobs");
  const std::tuple<std::string, std::string, std::string> limits[] = {
      {"VisibilityTimeout", "0", "43200"},
      {"DelaySeconds", "0", "900"},
      {"MessageRetentionPeriod", "60", "1209600"},
      {"MaximumMessageSize", "1024", "1048576"},
      {"ReceiveMessageWaitTimeSeconds", "0", "20"},
      {"KmsDataKeyReusePeriodSeconds", "60", "86400"}};
  for (const auto& [name, low, high] : limits) {
    for (const std::string& value : {low, high}) {
      good(set_queue_attributes,
           fmt::format(R"({{"QueueUrl":"jobs","Attributes":{{"{}":"{}"}}}})", name, value));
      EXPECT_EQ(attribute("jobs", name), value);
    }
    for (const std::string& value :
         {std::to_string(std::stoll(low) - 1), std::to_string(std::stoll(high) + 1),
          std::string("x"), std::string(""), std::string("1.5"),
          std::string("99999999999999999999")}) {
      EXPECT_EQ(set("jobs", fmt::format(R"("{}":"{}")", name, value)),
                "InvalidAttributeValue: Invalid value for the parameter " + name + ".")
          << value;
    }
  }
  journal.sync();
  crash();
  EXPECT_EQ(attribute("jobs", "VisibilityTimeout"), "43200");
  EXPECT_EQ(attribute("jobs", "ReceiveMessageWaitTimeSeconds"), "20");
}

TEST_F(SqsQueues, WhatCannotBeSetIsRefused) {
  make("jobs");
  make("jobs.fifo", R"("FifoQueue":"true")");
  EXPECT_EQ(set("jobs", R"("QueueArn":"x")"), "InvalidAttributeName: Unknown Attribute QueueArn.");
  EXPECT_EQ(set("jobs", R"("ContentBasedDeduplication":"true")"),
            "InvalidAttributeName: Unknown Attribute ContentBasedDeduplication.");
  EXPECT_EQ(set("jobs", R"("DeduplicationScope":"queue")"),
            "InvalidAttributeValue: You can specify the DeduplicationScope only when FifoQueue is "
            "set to true.");
  EXPECT_EQ(set("jobs.fifo", R"("DeduplicationScope":"none")"),
            "InvalidAttributeValue: Invalid value for the parameter DeduplicationScope.");
  EXPECT_EQ(set("jobs.fifo", R"("FifoQueue":"false")"),
            "InvalidAttributeValue: Invalid value for the parameter FifoQueue. Reason: Modifying "
            "queue type is not supported.");
  EXPECT_EQ(set("jobs", R"("VisibilityTimeout":30)"),
            "SerializationException: Attributes must be a map of strings");
  EXPECT_EQ(bad(set_queue_attributes, R"({"QueueUrl":"jobs","Attributes":["a"]})"),
            "SerializationException: Attributes must be a map of strings");
  EXPECT_EQ(bad(set_queue_attributes, R"({"QueueUrl":"jobs"})"),
            "MissingRequiredParameterException: The request must contain the parameter "
            "Attributes.");
}

TEST_F(SqsQueues, AnEmptyTextTakesAPolicyAway) {
  make("dead");
  make("jobs", redrive("dead") + R"(,"Policy":"{}","KmsMasterKeyId":"alias/a")");
  EXPECT_EQ(attribute("jobs", "SqsManagedSseEnabled"), "false");
  EXPECT_EQ(attribute("jobs", "Policy"), "{}");
  good(set_queue_attributes,
       R"({"QueueUrl":"jobs","Attributes":{"RedrivePolicy":"","Policy":"","KmsMasterKeyId":""}})");
  EXPECT_EQ(attribute("jobs", "RedrivePolicy"), "(none)");
  EXPECT_EQ(attribute("jobs", "Policy"), "(none)");
  EXPECT_EQ(attribute("jobs", "KmsMasterKeyId"), "(none)");
  EXPECT_EQ(broker->catalog().find({"", "jobs"})->queue_policy.dead_letter, "");
}

TEST_F(SqsQueues, ARedrivePolicyNamesAQueueThatIsThereAndOfTheSameType) {
  make("dead");
  make("dead.fifo", R"("FifoQueue":"true")");
  make("jobs");
  EXPECT_TRUE(set("jobs", redrive("none")).ends_with("Reason: Dead letter target does not exist."));
  EXPECT_TRUE(set("jobs", redrive("dead.fifo"))
                  .ends_with("Reason: Dead-letter queue must be same type of queue as the "
                             "source.."));
  for (const int count : {0, 1001}) {
    EXPECT_TRUE(set("jobs", redrive("dead", count))
                    .ends_with("Invalid value for maxReceiveCount: must be between 1 and 1000."));
  }
  EXPECT_TRUE(set("jobs", R"("RedrivePolicy":"{\"maxReceiveCount\":1}")")
                  .ends_with("mandatory attribute: deadLetterTargetArn."));
  EXPECT_TRUE(set("jobs", R"("RedrivePolicy":"{\"deadLetterTargetArn\":\"a\"}")")
                  .ends_with("mandatory attribute: maxReceiveCount."));
  EXPECT_TRUE(set("jobs", R"("RedrivePolicy":"nonsense")")
                  .starts_with("InvalidParameterValueException: Value nonsense for parameter "
                               "RedrivePolicy is invalid."));
  EXPECT_EQ(set("jobs", redrive("dead")), "no fault: {}");
  const Value sources = good(list_dead_letter_source_queues, R"({"QueueUrl":"dead"})");
  ASSERT_EQ(sources.find("queueUrls")->items.size(), 1U);
  EXPECT_EQ(sources.find("queueUrls")->items[0].text, "http://localhost:4566/000000000000/jobs");
}

TEST_F(SqsQueues, ADeadLetterQueueMayRefuseSources) {
  const auto allow = [&](const std::string& policy) {
    return set("dead", fmt::format(R"("RedriveAllowPolicy":"{}")", policy));
  };
  make("dead");
  make("jobs");
  EXPECT_EQ(allow(R"({\"redrivePermission\":\"denyAll\"})"), "no fault: {}");
  EXPECT_TRUE(set("jobs", redrive("dead")).ends_with("RedriveAllowPolicy does not admit it."));
  EXPECT_EQ(allow(R"({\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[)"
                  R"(\"arn:aws:sqs:us-east-1:000000000000:jobs\"]})"),
            "no fault: {}");
  EXPECT_EQ(set("jobs", redrive("dead")), "no fault: {}");
  make("more");
  EXPECT_TRUE(set("more", redrive("dead")).ends_with("RedriveAllowPolicy does not admit it."));
  for (const std::string policy :
       {"nonsense", R"({\"redrivePermission\":\"some\"})", R"({\"redrivePermission\":\"byQueue\"})",
        R"({\"redrivePermission\":\"allowAll\",\"sourceQueueArns\":[\"a\"]})"}) {
    EXPECT_TRUE(allow(policy).starts_with(
        "InvalidAttributeValue: Invalid value for the parameter RedriveAllowPolicy."))
        << policy;
  }
}

TEST_F(SqsQueues, ListingGoesByPrefixAndPages) {
  for (int i = 0; i < 5; ++i) make(fmt::format("a-{}", i));
  make("b");
  good(create_queue, R"({"QueueName":"a-other"})", Account{"123456789012", "us-east-1"});
  EXPECT_EQ(good(list_queues, "{}").find("QueueUrls")->items.size(), 6U);
  EXPECT_EQ(good(list_queues, R"({"QueueNamePrefix":"c"})").find("QueueUrls"), nullptr);
  Strings seen;
  std::string token;
  for (int page = 0; page < 3; ++page) {
    const Value answer =
        good(list_queues,
             fmt::format(R"({{"QueueNamePrefix":"a","MaxResults":2,"NextToken":"{}"}})", token));
    for (const Value& url : answer.find("QueueUrls")->items) seen.push_back(url.text);
    token = text(answer, "NextToken");
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen.back(), "http://localhost:4566/000000000000/a-4");
  EXPECT_EQ(token, "(absent)");
  EXPECT_EQ(bad(list_queues, R"({"MaxResults":0})"),
            "InvalidParameterValueException: Value 0 for parameter MaxResults is invalid. Reason: "
            "Must be between 1 and 1000, if provided.");
  EXPECT_EQ(bad(list_queues, R"({"NextToken":"?"})"),
            "InvalidParameterValueException: Invalid or expired next token.");
}

TEST_F(SqsQueues, TheCountOfARedrivePolicyIsShownAsANumber) {
  make("dead");
  make("jobs");
  constexpr std::string_view kArn = "arn:aws:sqs:us-east-1:000000000000:dead";
  set("jobs", fmt::format(R"("RedrivePolicy":"{{\"maxReceiveCount\":\"7\",)"
                          R"(\"deadLetterTargetArn\":\"{}\"}}")",
                          kArn));
  EXPECT_EQ(attribute("jobs", "RedrivePolicy"),
            fmt::format(R"({{"deadLetterTargetArn":"{}","maxReceiveCount":7}})", kArn));
}

TEST_F(SqsQueues, TaggingAsksForATag) {
  make("jobs");
  EXPECT_EQ(bad(tag_queue, R"({"QueueUrl":"jobs","Tags":{}})"),
            "MissingRequiredParameterException: The request must contain the parameter Tags.");
  EXPECT_EQ(bad(untag_queue, R"({"QueueUrl":"jobs","TagKeys":[]})"),
            "InvalidParameterValueException: Tag keys must be between 1 and 128 characters in "
            "length.");
}

TEST_F(SqsQueues, TagsAreAnyTexts) {
  make("jobs");
  EXPECT_EQ(good(list_queue_tags, R"({"QueueUrl":"jobs"})").find("Tags"), nullptr);
  good(tag_queue, R"({"QueueUrl":"jobs","Tags":{"a\"b":"c\\d","team":"x"}})");
  const Value tags = good(list_queue_tags, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(text(*tags.find("Tags"), "a\"b"), "c\\d");
  good(untag_queue, R"({"QueueUrl":"jobs","TagKeys":["a\"b"]})");
  EXPECT_EQ(good(list_queue_tags, R"({"QueueUrl":"jobs"})").find("Tags")->members.size(), 1U);
  EXPECT_EQ(bad(tag_queue, R"({"QueueUrl":"jobs","Tags":{"a":1}})"),
            "SerializationException: Tags must be a map of strings");
  EXPECT_TRUE(bad(tag_queue, R"({"QueueUrl":"jobs","Tags":{"":"x"}})")
                  .starts_with("InvalidParameterValueException: Tag key must be"));
}

TEST_F(SqsQueues, ATagKeepsHistory) {
  good(create_queue, R"({"QueueName":"jobs","tags":{"weir:history":"1h"}})");
  EXPECT_EQ(broker->catalog().find({"", "jobs"})->queue_policy.history_ms, 3'600'000);
  good(untag_queue, R"({"QueueUrl":"jobs","TagKeys":["weir:history"]})");
  EXPECT_EQ(broker->catalog().find({"", "jobs"})->queue_policy.history_ms, 0);
  for (const std::string value : {"", "1", "h", "-1h", "1w", "99999999999h"}) {
    EXPECT_TRUE(bad(tag_queue,
                    fmt::format(R"({{"QueueUrl":"jobs","Tags":{{"weir:history":"{}"}}}})", value))
                    .starts_with("InvalidParameterValueException: Value"))
        << value;
  }
}

TEST_F(SqsQueues, AQueueIsGoneWhenDeletedAndEmptyWhenPurged) {
  make("jobs");
  send("jobs", "a");
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessages"), "1");
  good(purge_queue, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessages"), "0");
  good(delete_queue, R"({"QueueUrl":"jobs"})");
  EXPECT_EQ(bad(send_message, R"({"QueueUrl":"jobs","MessageBody":"x"})"),
            "QueueDoesNotExist: The specified queue does not exist.");
}

// What a front end of another protocol makes is a queue here, with the defaults.
TEST_F(SqsQueues, AQueueMadeElsewhereShowsItsAttributes) {
  ASSERT_TRUE(
      broker->create_queue({.name = {"", "jobs"}, .log = {}, .queue = {}, .properties = {}}, now));
  EXPECT_EQ(attribute("jobs", "VisibilityTimeout"), "30");
  send("jobs", "a");
  EXPECT_EQ(bodies(receive("jobs")), Strings{"a"});
}

}  // namespace
}  // namespace weir::sqs
