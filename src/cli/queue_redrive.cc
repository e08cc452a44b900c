// weir queue redrive: sends messages of a queue on to another one, in steps. A step is one commit
// of the broker, which has answered only when it is durable: whenever this program ends, each
// message is in one of the two queues.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/filter_program.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/queue_commands.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonList;
using admin::JsonObject;
using Clock = std::chrono::steady_clock;

constexpr int64_t kStepMessages = 100;
constexpr int64_t kStepsEachSecond = 10;  // with a rate
constexpr int64_t kBarWidth = 30;

struct RedriveOptions {
  Selection wanted;
  std::string to;
  std::string edit;
  int64_t rate = 0;
  int64_t limit = INT64_MAX;
  bool dry_run = false;
};

// On a terminal, on standard error.
class ProgressBar {
 public:
  ProgressBar(int64_t total, bool quiet)
      : total_(total), shown_(!quiet && total > 0 && isatty(STDERR_FILENO) == 1) {}
  ~ProgressBar() {
    if (shown_) fmt::print(stderr, "\n");
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(int64_t done) const {
    if (!shown_) return;
    const int64_t filled = std::min(kBarWidth, done * kBarWidth / total_);
    fmt::print(stderr, "\r[{:<{}}] {}/{}", std::string(static_cast<size_t>(filled), '#'), kBarWidth,
               done, total_);
    (void)std::fflush(stderr);
  }

 private:
  const int64_t total_;
  const bool shown_;
};

class Redrive {
 public:
  Redrive(Client& client, const Line& line, const RedriveOptions& given)
      : client_(client), line_(line), given_(given), began_(Clock::now()) {}

  Result<> run() {
    if (auto measured = measure(); !measured) return measured;
    const ProgressBar bar(std::min(ready_, given_.limit), line_.json || given_.dry_run);
    bar.show(0);
    std::optional<int64_t> from = 0;
    while (from && *from < end_ && chosen_ < given_.limit) {
      const auto page = client_.ask_json("GET", given_.wanted.target(line_, "messages", *from)
                                                    .parameter("limit", fmt::format("{}", step()))
                                                    .text());
      if (!page) return std::unexpected(page.error());
      if (auto moved = take(*page); !moved) return moved;
      bar.show(moved_);
      from = next_of(*page, *from);
    }
    return {};
  }

  int64_t moved() const { return moved_; }
  int64_t chosen() const { return chosen_; }

 private:
  // What arrives from now on, a message that fails again among it, is left where it is.
  Result<> measure() {
    const auto queue = client_.ask_json(
        "GET",
        Target("queues").segment(given_.wanted.queue).parameter("namespace", line_.space).text());
    if (!queue) return std::unexpected(queue.error());
    ready_ = (*queue)["ready"].integer();
    const auto log = client_.ask_json(
        "GET",
        Target("topics").segment(given_.wanted.queue).parameter("namespace", line_.space).text());
    if (!log) return std::unexpected(log.error());
    for (const Json& partition : (*log)["partitions"].list()) end_ = partition["end"].integer();
    return {};
  }

  // Messages of one step.
  int64_t step() const {
    const int64_t left = std::min(kStepMessages, given_.limit - chosen_);
    if (given_.rate == 0) return left;
    return std::clamp<int64_t>(given_.rate / kStepsEachSecond, 1, left);
  }

  Result<> take(const Json& page) {
    JsonList messages;
    int64_t count = 0;
    for (const Json& message : page["messages"].list()) {
      if (message["offset"].integer() >= end_) break;
      const std::string body = bytes_of(message["record"], "value");
      std::optional<std::string> edited;
      if (!given_.edit.empty()) {
        auto changed = filtered(given_.edit, body);
        if (!changed) {
          return fail(
              changed.error().code,
              fmt::format("message {}: {}", message["offset"].integer(), changed.error().message));
        }
        edited = std::move(*changed);
      }
      ++count;
      if (given_.dry_run) {
        show(message, edited.value_or(body));
      } else {
        messages.raw(request_of(message, edited));
      }
    }
    chosen_ += count;
    if (count == 0 || given_.dry_run) return {};
    if (auto sent = send(messages.done()); !sent) return sent;
    keep_rate();
    return {};
  }

  static std::string request_of(const Json& message, const std::optional<std::string>& edited) {
    JsonObject one;
    one.integer("offset", message["offset"].integer());
    if (edited && admin::is_utf8(*edited)) {
      one.text("value", *edited);
    } else if (edited) {
      one.text("value_base64", admin::to_base64(*edited));
    }
    return one.done();
  }

  void show(const Json& message, const std::string& body) const {
    if (line_.json) return print_json(message);
    fmt::print("{}\n", body);
  }

  Result<> send(const std::string& messages) {
    JsonObject body;
    if (!given_.to.empty()) body.text("to", given_.to);
    body.raw("messages", messages);
    const auto answer = client_.ask_json("POST",
                                         Target("queues")
                                             .segment(given_.wanted.queue)
                                             .segment("redrive")
                                             .parameter("namespace", line_.space)
                                             .text(),
                                         body.done());
    if (!answer) return std::unexpected(answer.error());
    moved_ += static_cast<int64_t>((*answer)["moved"].list().size());
    const std::string& problem = (*answer)["problem"].text();
    if (!problem.empty()) return fail(ErrorCode::kLimitReached, problem);
    return {};
  }

  void keep_rate() const {
    if (given_.rate == 0) return;
    std::this_thread::sleep_until(began_ + std::chrono::milliseconds(moved_ * 1000 / given_.rate));
  }

  Client& client_;
  const Line& line_;
  const RedriveOptions& given_;
  const Clock::time_point began_;
  int64_t ready_ = 0;
  int64_t end_ = 0;     // of the queue's log when the command began
  int64_t chosen_ = 0;  // that the filter let through
  int64_t moved_ = 0;
};

int redrive(const Line& line, const RedriveOptions& given) {
  return with_client(line, [&](Client& client) {
    Redrive work(client, line, given);
    const auto done = work.run();
    if (given.dry_run) {
      fmt::print(stderr, "would move {} messages\n", work.chosen());
    } else if (line.json) {
      fmt::print("{}\n", JsonObject().integer("moved", work.moved()).done());
    } else {
      fmt::print(stderr, "moved {} messages\n", work.moved());
    }
    return done ? kDone : report(done.error());
  });
}

}  // namespace

void add_queue_redrive(CLI::App& queue, Line& line) {
  CLI::App* command = add_command(
      queue, "redrive", "Move messages of a queue, as of a dead-letter queue, to another one",
      "  weir queue redrive jobs-dead                           each to where it came from\n"
      "  weir queue redrive jobs-dead jobs --filter 'json:error~timeout' --rate 50\n"
      "  weir queue redrive jobs-dead jobs --dry-run --limit 5\n"
      "  weir queue redrive jobs-dead jobs --edit 'jq -c \".retry = true\"'");
  auto given = std::make_shared<RedriveOptions>();
  given->wanted.state = "ready";
  command->add_option("FROM", given->wanted.queue, "the queue whose messages move")->required();
  command->add_option("TO", given->to, "where to (default: where each dead letter came from)");
  command->add_option("--filter", given->wanted.filter, "only these, as in weir queue peek");
  command->add_option("--rate", given->rate, "at most so many messages in a second")
      ->check(CLI::PositiveNumber);
  command->add_option("--limit", given->limit, "at most so many messages")
      ->check(CLI::PositiveNumber);
  command->add_flag("--dry-run", given->dry_run, "show the bodies that would move, move nothing");
  command->add_option("--edit", given->edit,
                      "a shell command that reads each body and writes the one to send");
  add_named_options(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return redrive(line, *given); }; });
}

}  // namespace weir::cli
