// SQS workloads over HTTP/1.1 with static request texts: send, and receive followed by a batch
// delete. Each body begins with a running number, so that a receiving run knows what it lost or got
// twice. End to end, one connection sends and the others wait in long polls; then each body begins
// with the moment at which its send was due.

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <deque>
#include <vector>

#include "bench/load/seen.h"
#include "bench/load/wire_client.h"
#include "bench/load/workload.h"

namespace weir::load {
namespace {

constexpr size_t kNumberDigits = 20;

std::string post(const std::string& host, std::string_view action, std::string_view body) {
  return fmt::format(
      "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: "
      "AmazonSQS.{}\r\n"
      "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
      "SignedHeaders=host, Signature=0\r\n"
      "Content-Length: {}\r\n\r\n{}",
      host, action, body.size(), body);
}

struct HttpReply {
  size_t bytes = 0;  // 0: not all here
  int status = 0;
  std::string_view body;
};

HttpReply parse_http(std::string_view in) {
  const size_t head = in.find("\r\n\r\n");
  if (head == std::string_view::npos) return {};
  HttpReply reply;
  std::from_chars(in.data() + 9, in.data() + 12, reply.status);
  size_t length = 0;
  for (size_t line = in.find("\r\n"); line < head; line = in.find("\r\n", line + 2)) {
    static constexpr std::string_view kName = "content-length:";
    const std::string_view rest = in.substr(line + 2, head - line);
    if (rest.size() < kName.size() || ::strncasecmp(rest.data(), kName.data(), kName.size()) != 0)
      continue;
    const size_t digit = rest.find_first_of("0123456789");
    std::from_chars(rest.data() + digit, rest.data() + rest.size(), length);
  }
  if (in.size() < head + 4 + length) return {};
  reply.bytes = head + 4 + length;
  reply.body = in.substr(head + 4, length);
  return reply;
}

// The text value of a member, as it stands between the quotes.
std::string_view text_of(std::string_view json, std::string_view name, size_t from = 0) {
  const std::string key = fmt::format("\"{}\":", name);
  const size_t at = json.find(key, from);
  if (at == std::string_view::npos) return {};
  const size_t begin = json.find('"', at + key.size()) + 1;
  return json.substr(begin, json.find('"', begin) - begin);
}

struct Shared {
  std::string url;
  std::string payload;
  uint64_t numbers = 0;
  Seen seen;
};

class SendDialogue : public Dialogue {
 public:
  SendDialogue(const Options& options, Shared& shared) : options_(options), shared_(shared) {}

  Request next(std::string& out, uint64_t due_ns) override {
    if (options_.workload == "sqs-end-to-end") shared_.numbers = due_ns;
    const bool fifo = options_.workload == "sqs-fifo-send";
    const auto message = [&](uint64_t number) {
      std::string text =
          fmt::format(R"("MessageBody":"{:0{}}{}")", number, kNumberDigits, shared_.payload);
      if (fifo)
        text += fmt::format(R"(,"MessageGroupId":"g{}","MessageDeduplicationId":"{}-{}")",
                            number % options_.groups, options_.name, number);
      return text;
    };
    std::string body = fmt::format(R"({{"QueueUrl":"{}",)", shared_.url);
    if (options_.batch == 1) {
      body += message(shared_.numbers++) + "}";
      out += post(options_.connect, "SendMessage", body);
      return {true};
    }
    body += "\"Entries\":[";
    for (uint32_t i = 0; i < options_.batch; ++i)
      body +=
          fmt::format(R"({}{{"Id":"{}",{}}})", i == 0 ? "" : ",", i, message(shared_.numbers++));
    out += post(options_.connect, "SendMessageBatch", body + "]}");
    return {true};
  }

  Reply take(std::string_view in) override {
    const HttpReply reply = parse_http(in);
    if (reply.bytes == 0) return {};
    const bool failed =
        reply.status != 200 ||
        (options_.batch > 1 && reply.body.find("\"SenderFault\"") != std::string_view::npos);
    return {reply.bytes, options_.batch, failed, true};
  }

 private:
  const Options& options_;
  Shared& shared_;
};

// Receives up to `batch`, then deletes what came in one request; a message counts when its delete
// is answered.
class ReceiveDialogue : public Dialogue {
 public:
  // `through`: where to note how long each message took since the moment in its body; null when the
  // bodies hold numbers.
  ReceiveDialogue(const Options& options, Shared& shared, Histogram* through)
      : options_(options), shared_(shared), through_(through) {
    receive_ = post(
        options.connect, "ReceiveMessage",
        fmt::format(
            R"({{"QueueUrl":"{}","MaxNumberOfMessages":{},"VisibilityTimeout":600,"WaitTimeSeconds":{}}})",
            shared.url, options.batch, through == nullptr ? 1 : 20));
  }

  bool paced() const override { return through_ == nullptr; }

  Request next(std::string& out, uint64_t) override {
    if (!to_delete_.empty()) {
      expected_.push_back(to_delete_.front().size());
      std::string body = fmt::format(R"({{"QueueUrl":"{}","Entries":[)", shared_.url);
      for (size_t i = 0; i < to_delete_.front().size(); ++i)
        body += fmt::format(R"({}{{"Id":"{}","ReceiptHandle":"{}"}})", i == 0 ? "" : ",", i,
                            to_delete_.front()[i]);
      out += post(options_.connect, "DeleteMessageBatch", body + "]}");
      to_delete_.pop_front();
      return {true};
    }
    // A waiting receiver asks again when it has deleted what came.
    if (exhausted() || (through_ != nullptr && !expected_.empty())) return {false};
    expected_.push_back(0);
    out += receive_;
    return {true};
  }

  Reply take(std::string_view in) override {
    const HttpReply reply = parse_http(in);
    if (reply.bytes == 0) return {};
    const size_t deleted = expected_.front();
    expected_.pop_front();
    if (deleted > 0)
      return {reply.bytes, deleted,
              reply.status != 200 || reply.body.find("\"SenderFault\"") != std::string_view::npos,
              through_ == nullptr};
    const uint64_t now = now_ns();
    std::vector<std::string> handles;
    for (size_t at = reply.body.find("\"ReceiptHandle\""); at != std::string_view::npos;
         at = reply.body.find("\"ReceiptHandle\"", at + 1)) {
      handles.emplace_back(text_of(reply.body, "ReceiptHandle", at));
    }
    for (size_t at = reply.body.find("\"Body\""); at != std::string_view::npos;
         at = reply.body.find("\"Body\"", at + 1)) {
      uint64_t number = 0;
      const std::string_view text = text_of(reply.body, "Body", at);
      std::from_chars(text.data(), text.data() + std::min(text.size(), kNumberDigits), number);
      if (through_ == nullptr) {
        shared_.seen.add(number);
      } else {
        through_->add(now > number ? now - number : 0);
      }
    }
    if (handles.empty() && options_.expect == 0 && through_ == nullptr) empty_ = true;
    if (!handles.empty()) to_delete_.push_back(std::move(handles));
    return {reply.bytes, 0, reply.status != 200, false};
  }

  bool exhausted() const override {
    return (empty_ || shared_.seen.complete()) && to_delete_.empty();
  }

 private:
  const Options& options_;
  Shared& shared_;
  Histogram* through_;
  std::string receive_;
  std::deque<size_t> expected_;  // 0: a receive, else how many are deleted
  std::deque<std::vector<std::string>> to_delete_;
  bool empty_ = false;
};

class Sqs : public Workload {
 public:
  explicit Sqs(const Options& options)
      : Workload(options),
        shared_{{},
                filler(std::max<size_t>(options.bytes, kNumberDigits) - kNumberDigits),
                options.first,
                Seen(options.expect)} {}

  void prepare() override {
    WireClient client(options_.connect);
    const bool fifo = options_.workload.starts_with("sqs-fifo");
    const std::string name = options_.name + (fifo ? ".fifo" : "");
    const std::string attributes = fifo ? R"(,"Attributes":{"FifoQueue":"true"})" : "";
    const std::string reply =
        client.ask(post(options_.connect, "CreateQueue",
                        fmt::format(R"({{"QueueName":"{}"{}}})", name, attributes)),
                   [](std::string_view in) { return parse_http(in).bytes; });
    const HttpReply parsed = parse_http(reply);
    if (parsed.status != 200) fail_run(parsed.body);
    shared_.url = text_of(parsed.body, "QueueUrl");
  }

  std::unique_ptr<Dialogue> dialogue(int connection) override {
    if (options_.workload.ends_with("send") || (following() && connection == 0))
      return std::make_unique<SendDialogue>(options_, shared_);
    if (options_.workload.ends_with("receive"))
      return std::make_unique<ReceiveDialogue>(options_, shared_, nullptr);
    if (following()) return std::make_unique<ReceiveDialogue>(options_, shared_, &through_);
    fail_run("no workload " + options_.workload);
  }

  std::string verify() override { return shared_.seen.verdict(); }
  const Histogram* end_to_end() const override { return following() ? &through_ : nullptr; }

 private:
  bool following() const { return options_.workload == "sqs-end-to-end"; }

  Shared shared_;
  Histogram through_;
};

}  // namespace

std::unique_ptr<Workload> make_sqs(const Options& options) {
  return std::make_unique<Sqs>(options);
}

}  // namespace weir::load
