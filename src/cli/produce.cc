#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/units.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonList;
using admin::JsonObject;

// One request takes so many lines of standard input, and about so many bytes.
constexpr size_t kLinesMax = 500;
constexpr size_t kBytesMax = size_t{512} << 10;
constexpr size_t kLineBytesMax = size_t{1} << 20;

struct ProduceOptions {
  std::string topic;
  std::optional<std::string> value;
  std::optional<std::string> key;
  std::vector<std::string> headers;
  std::optional<int64_t> partition;
  std::string delay;
  std::optional<int64_t> priority;
};

void write_bytes(JsonObject& object, const std::string& name, const std::string& bytes) {
  if (admin::is_utf8(bytes)) {
    object.text(name, bytes);
  } else {
    object.text(name + "_base64", admin::to_base64(bytes));
  }
}

std::string record_of(const ProduceOptions& given, const std::string& value) {
  JsonObject record;
  write_bytes(record, "value", value);
  if (given.key) write_bytes(record, "key", *given.key);
  if (given.partition) record.integer("partition", *given.partition);
  if (!given.delay.empty()) record.integer("delay_ms", *parse_duration(given.delay));
  if (given.priority) record.integer("priority", *given.priority);
  JsonList headers;
  for (const std::string& header : given.headers) {
    const size_t equals = header.find('=');
    JsonObject one;
    one.text("name", header.substr(0, equals));
    write_bytes(one, "value", header.substr(equals + 1));
    headers.raw(one.done());
  }
  if (!headers.empty()) record.raw("headers", headers.done());
  return record.done();
}

// Sends what it is given, and counts.
class Producer {
 public:
  Producer(Client& client, const Line& line, const ProduceOptions& given)
      : client_(client),
        json_(line.json),
        given_(given),
        target_(Target("topics")
                    .segment(given.topic)
                    .segment("records")
                    .parameter("namespace", line.space)
                    .text()) {}

  Result<> add(const std::string& value) {
    records_.raw(record_of(given_, value));
    if (++waiting_ == kLinesMax || records_.bytes() > kBytesMax) return flush();
    return {};
  }

  Result<> flush() {
    if (waiting_ == 0) return {};
    const auto answer = client_.ask_json(
        "POST", target_, JsonObject().raw("records", std::exchange(records_, {}).done()).done());
    if (!answer) return std::unexpected(answer.error());
    stored_ += std::exchange(waiting_, 0);
    for (const Json& record : (*answer)["records"].list()) {
      if (json_) print_json(record);
      last_ = record;
    }
    return {};
  }

  void tell() const {
    if (json_) return;
    if (stored_ == 1) {
      fmt::print(stderr, "stored in {}, partition {}, offset {}\n", given_.topic,
                 number(last_["partition"]), number(last_["offset"]));
    } else {
      fmt::print(stderr, "stored {} records in {}\n", stored_, given_.topic);
    }
  }

 private:
  Client& client_;
  const bool json_;
  const ProduceOptions& given_;
  const std::string target_;
  JsonList records_;
  size_t waiting_ = 0;
  size_t stored_ = 0;
  Json last_;
};

// Every line of standard input is a record. What has been read so far is sent before it waits for
// more.
Result<> produce_lines(Producer& producer) {
  std::string line;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t bytes = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("standard input cannot be read: {}", std::strerror(errno)));
    }
    std::string_view rest(buffer.data(), static_cast<size_t>(bytes));
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      line += rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (line.size() > kLineBytesMax) {
        return fail(ErrorCode::kTooLarge,
                    fmt::format("a line has at most {} bytes", kLineBytesMax));
      }
      if (end == std::string_view::npos) continue;
      if (auto added = producer.add(line); !added) return added;
      line.clear();
    }
    if (bytes == 0 && !line.empty()) {
      if (auto added = producer.add(line); !added) return added;
    }
    if (auto flushed = producer.flush(); !flushed || bytes == 0) return flushed;
  }
}

int produce(const Line& line, const ProduceOptions& given) {
  return with_client(line, [&](Client& client) {
    Producer producer(client, line, given);
    Result<> done;
    if (given.value && *given.value != "-") {
      done = producer.add(*given.value);
      if (done) done = producer.flush();
    } else {
      done = produce_lines(producer);
    }
    if (!done) return report(done.error());
    producer.tell();
    return kDone;
  });
}

}  // namespace

void add_produce(CLI::App& app, Line& line) {
  CLI::App* command =
      add_command(app, "produce", "Put records into a topic, or messages into a queue",
                  "  weir produce events '{\"user\":7}' --key 7 --header type=login\n"
                  "  weir produce jobs 'resize 12.png' --delay 10s\n"
                  "  cat lines.txt | weir produce events        a record for each line");
  auto given = std::make_shared<ProduceOptions>();
  command->add_option("TOPIC", given->topic, "the topic or queue")->required();
  command->add_option("VALUE", given->value, "the value; without it, or with -, standard input");
  command->add_option("--key", given->key,
                      "decides the partition; in a FIFO queue it is the message group");
  command->add_option("--header", given->headers, "a header; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos || text.starts_with('=')
                   ? fmt::format("{} is not of the form NAME=VALUE", text)
                   : std::string();
      });
  command->add_option("--partition", given->partition, "a partition of your choice");
  check_duration(command->add_option("--delay", given->delay,
                                     "a queue's message is ready only after this time"));
  command->add_option("--priority", given->priority,
                      "of a queue's message: the highest goes first, 0 is the lowest");
  add_named_options(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return produce(line, *given); }; });
}

}  // namespace weir::cli
