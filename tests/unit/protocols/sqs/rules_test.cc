// The rules of the compatibility page that no other file of this folder tells whole.

#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

class SqsRules : public SqsTest {
 protected:
  void make_fifo(const std::string& name, const std::string& more = "") {
    make(name, R"("FifoQueue":"true","ContentBasedDeduplication":"true")" + more);
  }
  void put(const std::string& group, const std::string& body) {
    send("q.fifo", body, fmt::format(R"(,"MessageGroupId":"{}")", group));
  }
  void set(const std::string& queue, const std::string& attributes) {
    good(set_queue_attributes,
         fmt::format(R"({{"QueueUrl":"{}","Attributes":{{{}}}}})", queue, attributes));
  }
  std::string remove(const std::string& queue, const Value& message) {
    return bad(delete_message, fmt::format(R"({{"QueueUrl":"{}",{}}})", queue, handle(message)));
  }
  void change(const std::string& queue, const Value& message, int seconds) {
    good(change_message_visibility, fmt::format(R"({{"QueueUrl":"{}",{},"VisibilityTimeout":{}}})",
                                                queue, handle(message), seconds));
  }
  void wait_for(const std::string& queue) {
    EXPECT_FALSE(receive_answer(fmt::format(
        R"({{"QueueUrl":"{}","WaitTimeSeconds":20,"MaxNumberOfMessages":10}})", queue)));
  }
  // What the receive that waits has been answered; nothing while it waits.
  Strings arrived() {
    broker->tick(now);
    journal.poll();
    if (!waiting->has_value()) return {};
    EXPECT_TRUE(**waiting);
    const Value value = *decode_json((**waiting)->json);
    const Value* messages = value.find("Messages");
    return messages == nullptr ? Strings{} : bodies(messages->items);
  }
  static constexpr std::string_view kRedrive =
      R"("RedrivePolicy":"{{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:{}\",)"
      R"(\"maxReceiveCount\":1}}")";
};

TEST_F(SqsRules, EmptyListsAreLeftOut) {
  const auto answer = [&](Handler handler, const std::string& input) {
    return run(handler, input)->json;
  };
  EXPECT_EQ(answer(list_queues, "{}"), "{}");
  make("jobs");
  EXPECT_EQ(answer(get_queue_attributes, R"({"QueueUrl":"jobs"})"), "{}");
  EXPECT_EQ((*receive_answer(R"({"QueueUrl":"jobs"})"))->json, "{}");
  EXPECT_EQ(answer(list_queue_tags, R"({"QueueUrl":"jobs"})"), "{}");
  EXPECT_EQ(answer(list_dead_letter_source_queues, R"({"QueueUrl":"jobs"})"),
            R"({"queueUrls":[]})");  // the one list that must be there
}

TEST_F(SqsRules, AnEncryptionKeyReplacesTheServicesOwnAndDefaultsTakeItAway) {
  make("jobs");
  EXPECT_EQ(attribute("jobs", "SqsManagedSseEnabled"), "true");
  set("jobs", R"("KmsMasterKeyId":"alias/k","KmsDataKeyReusePeriodSeconds":"600")");
  EXPECT_EQ(attribute("jobs", "SqsManagedSseEnabled"), "false");
  EXPECT_EQ(attribute("jobs", "KmsDataKeyReusePeriodSeconds"), "600");
  set("jobs", R"("KmsMasterKeyId":"","KmsDataKeyReusePeriodSeconds":"300")");
  EXPECT_EQ(attribute("jobs", "KmsMasterKeyId"), "(none)");
  EXPECT_EQ(attribute("jobs", "KmsDataKeyReusePeriodSeconds"), "(none)");
  EXPECT_EQ(
      bad(set_queue_attributes, R"({"QueueUrl":"jobs","Attributes":)"
                                R"({"KmsMasterKeyId":"alias/k","SqsManagedSseEnabled":"true"}})"),
      "InvalidAttributeName: You can use one type of server-side encryption (SSE) at one "
      "time. You can either enable KMS SSE or SQS SSE.");
}

TEST_F(SqsRules, AStandardQueueTakesAnExpiredHandleAndTheSameDeleteTwice) {
  make("jobs");
  send("jobs", "x");
  const Value got = receive("jobs").at(0);
  pass(31);
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessages"), "1");
  EXPECT_EQ(remove("jobs", got), "no fault: {}");
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessages"), "0");
  EXPECT_EQ(remove("jobs", got), "no fault: {}");
}

TEST_F(SqsRules, EachReceiveHasAHandleAndATimeoutOfItsOwn) {
  make("jobs", R"("VisibilityTimeout":"20")");
  send("jobs", "x");
  const Value first = receive("jobs", R"(,"VisibilityTimeout":5)").at(0);  // the request's
  change("jobs", first, 100);
  pass(99);
  EXPECT_TRUE(receive("jobs").empty());
  pass(1);
  const Value second = receive("jobs").at(0);  // the queue's, not the changed one of before
  EXPECT_NE(text(first, "ReceiptHandle"), text(second, "ReceiptHandle"));
  pass(19);
  EXPECT_TRUE(receive("jobs").empty());
  pass(1);
  EXPECT_EQ(receive("jobs").size(), 1U);
  make("plain");
  send("plain", "x");
  receive("plain");
  pass(29);
  EXPECT_TRUE(receive("plain").empty());
  pass(1);
  EXPECT_EQ(receive("plain").size(), 1U);
}

TEST_F(SqsRules, ALeaseIsNotExtendedBeyondTwelveHoursFromItsReceive) {
  make("jobs");
  send("jobs", "x");
  const Value got = receive("jobs", R"(,"VisibilityTimeout":43200)").at(0);
  pass(3'600);
  const auto extend = [&](int seconds) {
    return bad(
        change_message_visibility,
        fmt::format(R"({{"QueueUrl":"jobs",{},"VisibilityTimeout":{}}})", handle(got), seconds));
  };
  EXPECT_EQ(extend(39'600), "no fault: {}");
  EXPECT_EQ(extend(39'601),
            "InvalidParameterValueException: Value 39601 for parameter VisibilityTimeout is "
            "invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 "
            "seconds].");
  pass(39'600);
  const Value again = receive("jobs").at(0);
  change("jobs", again, 43'200);
}

TEST_F(SqsRules, ALongPollAnswersWithTheFirstMessageAndWaitsForNoMore) {
  make("jobs");
  wait_for("jobs");
  send("jobs", "only");
  EXPECT_EQ(arrived(), Strings{"only"});
}

TEST_F(SqsRules, ALongPollWakesWhenAMessageIsGivenBackOrItsDelayOrLeaseEnds) {
  make("jobs");
  send("jobs", "back");
  const Value got = receive("jobs").at(0);
  wait_for("jobs");
  change("jobs", got, 0);
  EXPECT_EQ(arrived(), Strings{"back"});
  send("jobs", "late", R"(,"DelaySeconds":5)");
  wait_for("jobs");
  pass(4);
  EXPECT_EQ(arrived(), Strings{});
  pass(1);
  EXPECT_EQ(arrived(), Strings{"late"});
  pass(20);
  wait_for("jobs");  // both are in flight
  pass(10);
  EXPECT_FALSE(arrived().empty());
}

TEST_F(SqsRules, ALongPollWakesWhenAGroupIsOpenAgain) {
  make_fifo("q.fifo");
  put("g", "1");
  const Value first = receive("q.fifo").at(0);
  put("g", "2");
  wait_for("q.fifo");
  EXPECT_EQ(arrived(), Strings{});
  EXPECT_EQ(remove("q.fifo", first), "no fault: {}");
  EXPECT_EQ(arrived(), Strings{"2"});
}

TEST_F(SqsRules, AFifoReceiveTakesAGroupBeforeTheNextAndWithoutATimeoutKeepsTheOrder) {
  make_fifo("q.fifo");
  for (const std::string body : {"1", "2", "3"}) {
    put("a", "a" + body);
    put("b", "b" + body);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bodies(receive("q.fifo", R"(,"VisibilityTimeout":0)")),
              (Strings{"a1", "a2", "a3", "b1", "b2", "b3"}));
  }
}

TEST_F(SqsRules, WhatFollowsAFifoMessageWithALongerTimeoutStaysHidden) {
  make_fifo("q.fifo");
  for (const std::string body : {"1", "2", "3", "4"}) put("g", body);
  const auto got = receive("q.fifo");
  ASSERT_EQ(got.size(), 4U);
  change("q.fifo", got[2], 100);
  pass(31);
  EXPECT_EQ(bodies(receive("q.fifo", R"(,"VisibilityTimeout":0)")), (Strings{"1", "2"}));
  pass(70);
  EXPECT_EQ(bodies(receive("q.fifo")), (Strings{"1", "2", "3", "4"}));
}

TEST_F(SqsRules, APartialDeleteKeepsAFifoGroupClosed) {
  make_fifo("q.fifo");
  for (const std::string body : {"1", "2", "3"}) put("g", body);
  const auto got = receive("q.fifo");
  remove("q.fifo", got[0]);
  remove("q.fifo", got[1]);
  EXPECT_TRUE(receive("q.fifo").empty());
  remove("q.fifo", got[2]);
  put("g", "4");
  EXPECT_EQ(bodies(receive("q.fifo")), Strings{"4"});
}

TEST_F(SqsRules, AChangedDelayHoldsForWhatWaitsOnAFifoQueueOnly) {
  make("jobs", R"("DelaySeconds":"100")");
  make_fifo("q.fifo", R"(,"DelaySeconds":"100")");
  send("jobs", "x");
  put("g", "x");
  set("jobs", R"("DelaySeconds":"10")");
  set("q.fifo", R"("DelaySeconds":"10")");
  pass(10);
  EXPECT_TRUE(receive("jobs").empty());
  EXPECT_EQ(receive("q.fifo").size(), 1U);
  pass(90);
  EXPECT_EQ(receive("jobs").size(), 1U);
}

TEST_F(SqsRules, AFifoDeadLetterIsDeduplicatedByItsMessageIdAndOpensItsGroup) {
  make_fifo("dead.fifo");
  make_fifo("q.fifo", R"(,"VisibilityTimeout":"0",)" + fmt::format(kRedrive, "dead.fifo"));
  const std::string id = text(send("q.fifo", "bad", R"(,"MessageGroupId":"g")"), "MessageId");
  put("g", "good");
  EXPECT_EQ(bodies(receive("q.fifo", R"(,"MaxNumberOfMessages":1)")).front(), "bad");
  receive("q.fifo");
  const Value dead = receive("dead.fifo", R"(,"AttributeNames":["All"])").at(0);
  const Value& system = *dead.find("Attributes");
  EXPECT_EQ(text(dead, "MessageId"), id);
  EXPECT_EQ(text(system, "MessageDeduplicationId"), id);
  EXPECT_EQ(text(system, "MessageGroupId"), "g");
  EXPECT_EQ(text(system, "DeadLetterQueueSourceArn"), "arn:aws:sqs:us-east-1:000000000000:q.fifo");
}

TEST_F(SqsRules, RetentionTakesWhatIsInFlightTooAndItsDeleteStillSucceeds) {
  make("jobs", R"("MessageRetentionPeriod":"60")");
  send("jobs", "x");
  const Value got = receive("jobs", R"(,"VisibilityTimeout":600)").at(0);
  journal.sync();
  pass(59);
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesNotVisible"), "1");
  for (int i = 0; i < 3; ++i) pass(1);
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesNotVisible"), "0");
  EXPECT_EQ(remove("jobs", got), "no fault: {}");
}

TEST_F(SqsRules, ADeadLettersRetentionCountsFromItsFirstSendUnlessItWasInOrder) {
  make("dead", R"("MessageRetentionPeriod":"60")");
  make("jobs", R"("VisibilityTimeout":"0",)" + fmt::format(kRedrive, "dead"));
  make_fifo("dead.fifo", R"(,"MessageRetentionPeriod":"60")");
  make_fifo("q.fifo", R"(,"VisibilityTimeout":"0",)" + fmt::format(kRedrive, "dead.fifo"));
  send("jobs", "x");
  put("g", "x");
  pass(50);
  for (const std::string queue : {"jobs", "q.fifo"}) {
    receive(queue);
    EXPECT_TRUE(receive(queue).empty());
  }
  journal.sync();
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "1");
  pass(9);
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "1");
  for (int i = 0; i < 3; ++i) pass(1);
  EXPECT_EQ(attribute("dead", "ApproximateNumberOfMessages"), "0");
  EXPECT_EQ(attribute("dead.fifo", "ApproximateNumberOfMessages"), "1");
}

// ---- what a restart keeps

class SqsRestart : public SqsRules {
 protected:
  void restart() {
    journal.sync();
    crash();
  }
};

TEST_F(SqsRestart, ALeaseEndsAtTheSecondThatWasPromisedAndCountsOn) {
  make("jobs");
  send("jobs", "x");
  const Value first = receive("jobs", R"(,"VisibilityTimeout":60)").at(0);
  pass(10);
  change("jobs", first, 100);
  restart();
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesNotVisible"), "1");
  pass(99);
  EXPECT_TRUE(receive("jobs").empty());
  pass(1);
  const Value second = receive("jobs", R"(,"AttributeNames":["All"])").at(0);
  const Value& system = *second.find("Attributes");
  EXPECT_EQ(text(system, "ApproximateReceiveCount"), "2");
  EXPECT_EQ(text(system, "ApproximateFirstReceiveTimestamp"), "1700000000000");
  restart();
  EXPECT_EQ(remove("jobs", first), "no fault: {}");  // handles outlive the process
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesNotVisible"), "0");
}

TEST_F(SqsRestart, TheReceiveThatIsOneTooManyIsStillTheSame) {
  make("dead");
  make("jobs", fmt::format(kRedrive, "dead"));
  send("jobs", "x");
  receive("jobs", R"(,"VisibilityTimeout":0)");
  restart();
  EXPECT_TRUE(receive("jobs").empty());
  EXPECT_EQ(bodies(receive("dead")), Strings{"x"});
}

TEST_F(SqsRestart, ADelayEndsWhenItWasToEnd) {
  make("jobs");
  send("jobs", "late", R"(,"DelaySeconds":60)");
  pass(20);
  restart();
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesDelayed"), "1");
  pass(39);
  EXPECT_TRUE(receive("jobs").empty());
  pass(1);
  EXPECT_EQ(bodies(receive("jobs")), Strings{"late"});
}

TEST_F(SqsRestart, ADeduplicationIdIsKnownForTheRestOfItsFiveMinutes) {
  make_fifo("q.fifo");
  const auto id = [&] {
    return text(send("q.fifo", "x", R"(,"MessageGroupId":"g")"), "MessageId");
  };
  const std::string first = id();
  EXPECT_EQ(remove("q.fifo", receive("q.fifo").at(0)), "no fault: {}");
  pass(100);
  restart();
  EXPECT_EQ(id(), first);
  pass(199);
  EXPECT_EQ(id(), first);
  pass(2);
  EXPECT_NE(id(), first);
}

TEST_F(SqsRestart, AFifoGroupStaysClosedAndKeepsItsOrder) {
  make_fifo("q.fifo");
  for (const std::string body : {"1", "2", "3"}) put("g", body);
  const auto got = receive("q.fifo", R"(,"VisibilityTimeout":60)");
  EXPECT_EQ(remove("q.fifo", got.at(0)), "no fault: {}");
  restart();
  put("g", "4");
  EXPECT_TRUE(receive("q.fifo").empty());
  pass(60);
  EXPECT_EQ(bodies(receive("q.fifo")), (Strings{"2", "3", "4"}));
}

}  // namespace
}  // namespace weir::sqs
