// Redis workloads in RESP2: single commands, and a stream group's read followed by its
// acknowledgement.

#include <fmt/format.h>

#include <charconv>
#include <deque>
#include <vector>

#include "bench/load/wire_client.h"
#include "bench/load/workload.h"

namespace weir::load {
namespace {

std::string command(const std::vector<std::string>& words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return text;
}

// Walks over one reply. `position` moves past it; false when it is not all here. Bulk strings go to
// `bulks` when wanted.
bool walk(std::string_view in, size_t& position, std::vector<std::string_view>* bulks) {
  uint64_t values = 1;
  while (values > 0) {
    const size_t end = in.find("\r\n", position);
    if (end == std::string_view::npos) return false;
    const char type = in[position];
    int64_t number = 0;
    std::from_chars(in.data() + position + 1, in.data() + end, number);
    position = end + 2;
    --values;
    if (type == '*' && number > 0) values += static_cast<uint64_t>(number);
    if (type != '$' || number < 0) continue;
    const auto length = static_cast<size_t>(number);
    if (in.size() < position + length + 2) return false;
    if (bulks != nullptr) bulks->push_back(in.substr(position, length));
    position += length + 2;
  }
  return true;
}

size_t reply_length(std::string_view in) {
  size_t position = 0;
  return walk(in, position, nullptr) ? position : 0;
}

class CommandDialogue : public Dialogue {
 public:
  explicit CommandDialogue(std::string text) : text_(std::move(text)) {}

  Request next(std::string& out, uint64_t) override {
    out += text_;
    return {true};
  }

  Reply take(std::string_view in) override {
    const size_t length = reply_length(in);
    return length == 0 ? Reply{} : Reply{length, 1, in[0] == '-', true};
  }

 private:
  std::string text_;
};

// Reads new entries of a group and acknowledges them; an entry counts when its acknowledgement is
// answered.
class GroupDialogue : public Dialogue {
 public:
  GroupDialogue(const Options& options, int number) : options_(options) {
    read_ = command({"XREADGROUP", "GROUP", options.group, fmt::format("c{}", number), "COUNT",
                     std::to_string(options.batch), "STREAMS", options.name, ">"});
  }

  Request next(std::string& out, uint64_t) override {
    if (!to_acknowledge_.empty()) {
      expected_.push_back(to_acknowledge_.front().size());
      std::vector<std::string> words = {"XACK", options_.name, options_.group};
      words.insert(words.end(), to_acknowledge_.front().begin(), to_acknowledge_.front().end());
      out += command(words);
      to_acknowledge_.pop_front();
      return {true};
    }
    if (empty_) return {false};
    expected_.push_back(0);
    out += read_;
    return {true};
  }

  Reply take(std::string_view in) override {
    const size_t acknowledged = expected_.front();
    size_t length = 0;
    std::vector<std::string_view> bulks;
    if (!walk(in, length, acknowledged == 0 ? &bulks : nullptr)) return {};
    expected_.pop_front();
    if (acknowledged > 0)
      return {length, acknowledged,
              in[0] != ':' || in.substr(1, in.find('\r') - 1) != std::to_string(acknowledged),
              true};
    // key, then for each entry its id, a field and a value
    std::vector<std::string> ids;
    for (size_t i = 1; i + 2 < bulks.size(); i += 3) ids.emplace_back(bulks[i]);
    if (ids.empty()) {
      empty_ = true;
    } else {
      to_acknowledge_.push_back(std::move(ids));
    }
    return {length, 0, in[0] == '-', false};
  }

  bool exhausted() const override { return empty_ && to_acknowledge_.empty(); }

 private:
  const Options& options_;
  std::string read_;
  std::deque<size_t> expected_;  // 0: a read, else how many are acknowledged
  std::deque<std::vector<std::string>> to_acknowledge_;
  bool empty_ = false;
};

class Redis : public Workload {
 public:
  using Workload::Workload;

  void prepare() override {
    if (options_.workload != "redis-xreadgroup") return;
    WireClient client(options_.connect);
    const std::string reply =
        client.ask(command({"XGROUP", "CREATE", options_.name, options_.group, "0", "MKSTREAM"}),
                   reply_length);
    if (reply[0] == '-' && !reply.starts_with("-BUSYGROUP")) fail_run(reply);
  }

  std::unique_ptr<Dialogue> dialogue(int connection) override {
    const std::string payload = filler(options_.bytes);
    const std::string& what = options_.workload;
    if (what == "redis-ping") return std::make_unique<CommandDialogue>(command({"PING"}));
    if (what == "redis-lpush")
      return std::make_unique<CommandDialogue>(command({"LPUSH", options_.name, payload}));
    if (what == "redis-rpop")
      return std::make_unique<CommandDialogue>(command({"RPOP", options_.name}));
    if (what == "redis-lmove")
      return std::make_unique<CommandDialogue>(
          command({"LMOVE", options_.name, options_.name, "RIGHT", "LEFT"}));
    if (what == "redis-xadd")
      return std::make_unique<CommandDialogue>(
          command({"XADD", options_.name, "*", "body", payload}));
    if (what == "redis-xreadgroup") return std::make_unique<GroupDialogue>(options_, connection);
    fail_run("no workload " + what);
  }
};

}  // namespace

std::unique_ptr<Workload> make_redis(const Options& options) {
  return std::make_unique<Redis>(options);
}

}  // namespace weir::load
