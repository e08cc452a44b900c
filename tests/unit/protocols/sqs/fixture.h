#pragma once
// The SQS handlers over a broker with the journal in memory, and a clock that the test turns.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/digest.h"
#include "protocols/sqs/json.h"
#include "storage/memory/memory_journal.h"

namespace weir::sqs {

class SqsTest : public testing::Test {
 protected:
  SqsTest() { open(); }

  void open() {
    broker = std::make_unique<broker::Broker>(journal, Random(7));
    ASSERT_TRUE(journal.recover(*broker));
    ASSERT_TRUE(broker->start(now));
  }
  // What was not durable is gone.
  void crash() {
    journal.crash();
    broker.reset();
    open();
  }
  void pass(int64_t seconds) {
    now = now + Milliseconds(seconds * 1000);
    broker->tick(now);
    journal.poll();
  }

  Answer run(Handler handler, const std::string& input, const Account& account = {}) {
    auto value = decode_json(input);
    EXPECT_TRUE(value) << input;
    return handler({*broker, now, state},
                   Call{"http://localhost:4566", account, std::move(*value)});
  }
  // The answer's JSON; the test fails on a fault.
  Value good(Handler handler, const std::string& input, const Account& account = {}) {
    const Answer answer = run(handler, input, account);
    EXPECT_TRUE(answer) << input << ": " << answer.error().shape << " " << answer.error().message;
    if (!answer) return {};
    last = answer->depends;
    return *decode_json(answer->json);
  }
  // "Shape: message" of the fault.
  std::string bad(Handler handler, const std::string& input) {
    const Answer answer = run(handler, input);
    if (answer) return "no fault: " + answer->json;
    return answer.error().shape + ": " + answer.error().message;
  }

  // The answer, or nothing while it waits.
  std::optional<Answer> receive_answer(const std::string& input) {
    auto answer = std::make_shared<std::optional<Answer>>();
    waiting = answer;
    cancel = receive_message({*broker, now, state},
                             Call{"http://localhost:4566", {}, *decode_json(input)},
                             [answer](Answer given) { *answer = std::move(given); });
    journal.poll();
    return *answer;
  }
  std::vector<Value> receive(const std::string& queue, const std::string& more = "") {
    const auto answer = receive_answer(
        fmt::format(R"({{"QueueUrl":"{}","MaxNumberOfMessages":10{}}})", queue, more));
    EXPECT_TRUE(answer.has_value() && answer->has_value()) << queue << more;
    if (!answer || !*answer) return {};
    last = (*answer)->depends;
    const Value value = *decode_json((*answer)->json);
    const Value* messages = value.find("Messages");
    return messages == nullptr ? std::vector<Value>{} : messages->items;
  }
  std::string refused(const std::string& input) {
    const auto answer = receive_answer(input);
    if (!answer || *answer) return "no fault";
    return answer->error().shape + ": " + answer->error().message;
  }

  void make(const std::string& name, const std::string& attributes = "") {
    good(create_queue,
         fmt::format(R"({{"QueueName":"{}","Attributes":{{{}}}}})", name, attributes));
  }
  Value send(const std::string& queue, const std::string& body, const std::string& more = "") {
    return good(send_message,
                fmt::format(R"({{"QueueUrl":"{}","MessageBody":"{}"{}}})", queue, body, more));
  }
  std::string attribute(const std::string& queue, const std::string& name) {
    const Value answer =
        good(get_queue_attributes,
             fmt::format(R"({{"QueueUrl":"{}","AttributeNames":["{}"]}})", queue, name));
    const Value* attributes = answer.find("Attributes");
    return attributes == nullptr ? "(none)" : attributes->find(name)->text;
  }
  static std::string text(const Value& value, std::string_view name) {
    const Value* found = value.find(name);
    return found == nullptr ? "(absent)" : found->text;
  }
  static std::string handle(const Value& message) {
    return fmt::format(R"("ReceiptHandle":"{}")", text(message, "ReceiptHandle"));
  }
  static std::vector<std::string> bodies(const std::vector<Value>& messages) {
    std::vector<std::string> result;
    for (const Value& message : messages) result.push_back(text(message, "Body"));
    return result;
  }

  storage::MemoryJournal journal;
  Timestamp now{1'700'000'000'000};
  std::unique_ptr<broker::Broker> broker;
  FrontState state;
  broker::Depends last;  // of the answer before
  Cancel cancel;
  std::shared_ptr<std::optional<Answer>> waiting;  // what the last receive was answered, later
};

using Strings = std::vector<std::string>;

}  // namespace weir::sqs
