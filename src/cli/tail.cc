#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

using admin::Json;

constexpr int64_t kLastShown = 10;
constexpr int64_t kPageRecords = 500;
// How long the broker holds a request while nothing comes; shorter than the client's patience.
constexpr std::string_view kWaitMs = "20000";

struct TailOptions {
  std::string topic;
  std::string from;
  std::optional<int64_t> count;
  std::optional<int64_t> partition;
  bool follow = false;
  std::string format{kDefaultFormat};
};

struct Position {
  int64_t partition = 0;
  int64_t offset = 0;
  int64_t end = 0;  // when the command began
};

std::optional<int64_t> parse_offset(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && value >= 0;
  return whole ? std::optional(value) : std::nullopt;
}

class Tail {
 public:
  Tail(Client& client, const Line& line, const TailOptions& given)
      : client_(client), line_(line), given_(given) {
    if (!given.from.empty()) left_ = given.count;
  }

  Result<> run() {
    if (auto found = find_positions(); !found) return found;
    if (given_.follow) return follow();
    for (Position& position : positions_) {
      if (auto read = read_to_end(position); !read) return read;
    }
    return {};
  }

 private:
  Target topic() const { return Target("topics").segment(given_.topic); }

  // Where each partition begins to be shown.
  Result<> find_positions() {
    const auto described =
        client_.ask_json("GET", topic().parameter("namespace", line_.space).text());
    if (!described) return std::unexpected(described.error());
    for (const Json& json : (*described)["partitions"].list()) {
      const int64_t partition = json["partition"].integer();
      if (given_.partition && partition != *given_.partition) continue;
      positions_.push_back({partition, begin_of(json), json["end"].integer()});
    }
    if (positions_.empty()) {
      return fail(ErrorCode::kNotFound, fmt::format("{} has no partition {}", given_.topic,
                                                    given_.partition.value_or(0)));
    }
    return {};
  }

  int64_t begin_of(const Json& partition) const {
    const int64_t start = partition["start"].integer();
    const int64_t end = partition["end"].integer();
    if (given_.from == "start") return start;
    if (given_.from == "end") return end;
    if (given_.from.empty()) return std::max(start, end - given_.count.value_or(kLastShown));
    return std::clamp(*parse_offset(given_.from), start, end);
  }

  bool done() const { return left_ && *left_ == 0; }

  void show(const Json& record) {
    if (done()) return;
    if (left_) --*left_;
    if (line_.json) return print_json(record);
    const std::string text = formatted(given_.format, given_.topic, record);
    (void)std::fwrite(text.data(), 1, text.size(), stdout);
  }

  Result<Json> page(const std::string& positions, std::string_view wait_ms) {
    return client_.ask_json("GET", topic()
                                       .segment("records")
                                       .parameter("namespace", line_.space)
                                       .parameter("positions", positions)
                                       .parameter("limit", fmt::format("{}", kPageRecords))
                                       .parameter("wait_ms", wait_ms)
                                       .text());
  }

  // As far as the log went when the command began: a busy topic has no other end.
  Result<> read_to_end(Position& position) {
    while (position.offset < position.end && !done()) {
      const auto read = page(fmt::format("{}:{}", position.partition, position.offset), {});
      if (!read) return std::unexpected(read.error());
      for (const Json& record : (*read)["records"].list()) {
        if (record["offset"].integer() < position.end) show(record);
      }
      const int64_t next = (*read)["next"].integer();
      if (next <= position.offset) break;
      position.offset = next;
    }
    return {};
  }

  Result<> follow() {
    while (!done()) {
      std::string text;
      for (const Position& position : positions_) {
        text +=
            fmt::format("{}{}:{}", text.empty() ? "" : ",", position.partition, position.offset);
      }
      const auto read = page(text, kWaitMs);
      if (!read) return std::unexpected(read.error());
      for (const Json& record : (*read)["records"].list()) show(record);
      (void)std::fflush(stdout);
      // The one that was served goes to the end of the line.
      const auto served =
          std::ranges::find(positions_, (*read)["partition"].integer(), &Position::partition);
      if (served == positions_.end()) continue;
      served->offset = (*read)["next"].integer();
      std::rotate(served, served + 1, positions_.end());
    }
    return {};
  }

  Client& client_;
  const Line& line_;
  const TailOptions& given_;
  std::vector<Position> positions_;
  std::optional<int64_t> left_;  // records still to be shown; none: no limit
};

int tail(const Line& line, const TailOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto done = Tail(client, line, given).run();
    return done ? kDone : report(done.error());
  });
}

}  // namespace

void add_tail(CLI::App& app, Line& line) {
  CLI::App* command =
      add_command(app, "tail", "Show records of a topic, or the log of a queue; takes nothing off",
                  "  weir tail events                          the last 10 of each partition\n"
                  "  weir tail events --from start             all that there is\n"
                  "  weir tail events --follow                 and what arrives from now on\n"
                  "  weir tail events --from 120 -n 5 --partition 1\n"
                  "  weir tail events --format '%o %k %v\\n'");
  auto given = std::make_shared<TailOptions>();
  command->add_option("TOPIC", given->topic, "the topic or queue")->required();
  command->add_option("--from", given->from, "where to begin")
      ->type_name("start|end|OFFSET")
      ->check([](const std::string& text) {
        return text == "start" || text == "end" || parse_offset(text)
                   ? std::string()
                   : fmt::format("{} is not start, end or an offset", text);
      });
  command->add_option("-n,--count", given->count,
                      "how many: the last of each partition, or with --from the first in all");
  command->add_option("--partition", given->partition, "this one alone");
  command->add_flag("-f,--follow", given->follow, "go on with what arrives, until Ctrl-C");
  command
      ->add_option("--format", given->format,
                   "%t topic, %p partition, %o offset, %T timestamp, %k key, %v value, %h headers; "
                   "\\n, \\t")
      ->default_str(std::string(kDefaultFormat))
      ->check([](const std::string& text) {
        const auto checked = check_format(text);
        return checked ? std::string() : checked.error().message;
      });
  add_named_options(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return tail(line, *given); }; });
}

}  // namespace weir::cli
