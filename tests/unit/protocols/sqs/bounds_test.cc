// Delays beyond 15 minutes and bodies beyond 1 MiB, where the operator allows them.

#include "protocols/sqs/limits.h"
#include "tests/unit/protocols/sqs/fixture.h"

namespace weir::sqs {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class SqsBounds : public SqsTest {
 protected:
  void allow(int64_t seconds, size_t bytes) { state.options.bounds = {seconds, bytes}; }
  std::string set(const std::string& name, const std::string& value) {
    return bad(set_queue_attributes,
               fmt::format(R"({{"QueueUrl":"jobs","Attributes":{{"{}":"{}"}}}})", name, value));
  }
  std::string put(size_t bytes) {
    const std::string answer =
        bad(send_message,
            fmt::format(R"({{"QueueUrl":"jobs","MessageBody":"{}"}})", std::string(bytes, 'x')));
    return answer.substr(0, 40);
  }
};

constexpr std::string_view kDone = "no fault: {}";

TEST_F(SqsBounds, WithoutASettingTheyAreThoseOfAws) {
  make("jobs");
  EXPECT_EQ(set("DelaySeconds", "900"), kDone);
  EXPECT_TRUE(set("DelaySeconds", "901").starts_with("InvalidAttributeValue"));
  EXPECT_EQ(set("MaximumMessageSize", std::to_string(kMiB)), kDone);
  EXPECT_TRUE(
      set("MaximumMessageSize", std::to_string(kMiB + 1)).starts_with("InvalidAttributeValue"));
}

TEST_F(SqsBounds, ALongerDelayIsTakenUpToTheSetting) {
  allow(86'400, kMiB);
  make("jobs");
  EXPECT_EQ(bad(send_message, R"({"QueueUrl":"jobs","MessageBody":"x","DelaySeconds":86401})"),
            "InvalidParameterValueException: Value 86401 for parameter DelaySeconds is invalid. "
            "Reason: DelaySeconds must be >= 0 and <= 86400.");
  send("jobs", "tomorrow", R"(,"DelaySeconds":86400)");
  pass(86'399);
  EXPECT_TRUE(receive("jobs").empty());
  journal.sync();
  crash();
  EXPECT_EQ(attribute("jobs", "ApproximateNumberOfMessagesDelayed"), "1");
  pass(1);
  EXPECT_EQ(bodies(receive("jobs")), Strings{"tomorrow"});
  EXPECT_EQ(set("DelaySeconds", "86400"), kDone);
  EXPECT_TRUE(set("DelaySeconds", "86401").starts_with("InvalidAttributeValue"));
}

TEST_F(SqsBounds, ALargerBodyIsTakenByAQueueThatAllowsItUpToTheSetting) {
  allow(900, 4 * kMiB);
  make("jobs");
  EXPECT_EQ(attribute("jobs", "MaximumMessageSize"), std::to_string(kMiB));
  EXPECT_TRUE(put(kMiB + 1).starts_with("InvalidParameterValueException"));
  EXPECT_EQ(set("MaximumMessageSize", std::to_string(4 * kMiB)), kDone);
  EXPECT_TRUE(
      set("MaximumMessageSize", std::to_string(4 * kMiB + 1)).starts_with("InvalidAttributeValue"));
  EXPECT_TRUE(put(4 * kMiB).starts_with("no fault"));
  EXPECT_TRUE(put(4 * kMiB + 1).starts_with("InvalidParameterValueException"));
  const auto got = receive("jobs");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(text(got[0], "Body").size(), 4 * kMiB);
}

TEST_F(SqsBounds, ABatchMayBeAsLargeAsAMessage) {
  allow(900, 2 * kMiB);
  make("jobs");
  const auto batch = [&](size_t bytes) {
    const std::string body(bytes, 'x');
    return bad(send_message_batch,
               fmt::format(R"({{"QueueUrl":"jobs","Entries":[{{"Id":"a","MessageBody":"{0}"}},)"
                           R"({{"Id":"b","MessageBody":"{0}"}}]}})",
                           body));
  };
  EXPECT_TRUE(batch(kMiB).starts_with("no fault"));
  EXPECT_EQ(batch(kMiB + 1),
            "BatchRequestTooLong: Batch requests cannot be longer than 2097152 bytes. You have "
            "sent 2097154 bytes.");
}

TEST_F(SqsBounds, OfLargeMessagesAReceiveHandsOutAsManyAsFitIntoMemory) {
  allow(900, kMessageBytesMost);
  make("jobs", fmt::format(R"("MaximumMessageSize":"{}")", kMessageBytesMost));
  for (int i = 0; i < 10; ++i) send("jobs", "x");
  EXPECT_EQ(receive("jobs").size(), kAnswerBytesMost / kMessageBytesMost);
}

}  // namespace
}  // namespace weir::sqs
