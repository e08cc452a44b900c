// weir queue peek, weir queue count: what is in a queue, without taking it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/queue_commands.h"

namespace weir::cli {
namespace {

using admin::Json;

constexpr int64_t kPeekDefault = 10;
constexpr size_t kShownBytesMax = 120;
constexpr size_t kValuesMax = 100'000;

struct PeekOptions {
  Selection wanted;
  int64_t count = kPeekDefault;
  std::string format;
};

struct CountOptions {
  Selection wanted;
  std::string by;
};

// Text for a table: one line, not too long.
std::string shortened(std::string text) {
  if (text.size() <= kShownBytesMax) return text;
  size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

int peek(const Line& line, const PeekOptions& given) {
  return with_client(line, [&](Client& client) {
    Table table({"OFFSET", "STATE", "RECEIVES", "KEY", "BODY"});
    int64_t left = given.count;
    const auto show = [&](const Json& message) {
      const Json& record = message["record"];
      if (line.json) {
        print_json(message);
      } else if (!given.format.empty()) {
        const std::string text = formatted(given.format, given.wanted.queue, record);
        (void)std::fwrite(text.data(), 1, text.size(), stdout);
      } else {
        table.add({number(message["offset"]), message["state"].text(), number(message["receives"]),
                   or_dash(bytes_of(record, "key")), shortened(bytes_of(record, "value"))});
      }
      return --left > 0;
    };
    const auto seen = each_message(client, line, given.wanted, show);
    if (!seen) return report(seen.error());
    if (!line.json && given.format.empty()) table.print();
    return kDone;
  });
}

// A bare name is that of a message attribute.
std::string part_of(const std::string& by) {
  const bool whole = by == "key" || by == "body" || by.contains(':');
  return whole ? by : "header:" + by;
}

struct Tally {
  std::map<std::string, int64_t> counts;
  int64_t without = 0;
};

Result<Tally> tally(Client& client, const Line& line, const CountOptions& given) {
  Tally tally;
  std::optional<int64_t> from = 0;
  while (from) {
    const auto page = client.ask_json(
        "GET",
        given.wanted.target(line, "counts", *from).parameter("by", part_of(given.by)).text());
    if (!page) return std::unexpected(page.error());
    for (const Json& one : (*page)["counts"].list()) {
      tally.counts[bytes_of(one, "value")] += one["count"].integer();
    }
    tally.without += (*page)["without"].integer();
    if (tally.counts.size() > kValuesMax) {
      return fail(ErrorCode::kLimitReached,
                  fmt::format("{} has more than {} values", given.by, kValuesMax));
    }
    from = next_of(*page, *from);
  }
  return tally;
}

int count(const Line& line, const CountOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto counted = tally(client, line, given);
    if (!counted) return report(counted.error());
    std::vector<std::pair<std::string, int64_t>> rows(counted->counts.begin(),
                                                      counted->counts.end());
    std::ranges::sort(rows, [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    Table table({"VALUE", "COUNT"});
    for (const auto& [value, count] : rows) {
      if (line.json) {
        fmt::print("{}\n", admin::JsonObject().text("value", value).integer("count", count).done());
      }
      table.add({shortened(value), fmt::format("{}", count)});
    }
    if (line.json) {
      fmt::print("{}\n", admin::JsonObject().integer("without", counted->without).done());
      return kDone;
    }
    if (counted->without > 0) table.add({"(without)", fmt::format("{}", counted->without)});
    table.print();
    return kDone;
  });
}

void add_peek(CLI::App& queue, Line& line) {
  CLI::App* command =
      add_command(queue, "peek", "Show messages of a queue, and take nothing off",
                  "  weir queue peek jobs                                   the first 10\n"
                  "  weir queue peek jobs --state in-flight --count 100\n"
                  "  weir queue peek jobs --filter 'header:type=paid and json:order.id=7'\n"
                  "  weir queue peek jobs --filter 'body~timeout' --format '%o %v\\n'");
  auto given = std::make_shared<PeekOptions>();
  add_selection(*command, given->wanted);
  command->add_option("-n,--count", given->count, "how many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--format", given->format, "as that of weir tail")
      ->check([](const std::string& text) {
        const auto checked = check_format(text);
        return checked ? std::string() : checked.error().message;
      });
  add_named_options(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return peek(line, *given); }; });
}

void add_count(CLI::App& queue, Line& line) {
  CLI::App* command =
      add_command(queue, "count", "Count messages of a queue by an attribute or a part",
                  "  weir queue count jobs --by type\n"
                  "  weir queue count jobs --by json:order.country --state ready\n"
                  "  weir queue count orders.fifo --by key                  by message group");
  auto given = std::make_shared<CountOptions>();
  add_selection(*command, given->wanted);
  command
      ->add_option("--by", given->by, "a message attribute, or key, body, header:NAME, json:PATH")
      ->required();
  add_named_options(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return count(line, *given); }; });
}

}  // namespace

Target Selection::target(const Line& line, std::string_view noun, int64_t from) const {
  return Target("queues")
      .segment(queue)
      .segment(noun)
      .parameter("namespace", line.space)
      .parameter("state", state)
      .parameter("filter", filter)
      .parameter("from", fmt::format("{}", from));
}

std::optional<int64_t> next_of(const Json& page, int64_t from) {
  const Json* next = page.find("next");
  if (next == nullptr || next->integer() <= from) return std::nullopt;
  return next->integer();
}

Result<> each_message(Client& client,
                      const Line& line,
                      const Selection& wanted,
                      const std::function<bool(const Json&)>& visit) {
  std::optional<int64_t> from = 0;
  while (from) {
    const auto page = client.ask_json("GET", wanted.target(line, "messages", *from).text());
    if (!page) return std::unexpected(page.error());
    for (const Json& message : (*page)["messages"].list()) {
      if (!visit(message)) return {};
    }
    from = next_of(*page, *from);
  }
  return {};
}

void add_selection(CLI::App& command, Selection& wanted) {
  command.add_option("NAME", wanted.queue, "the queue")->required();
  command.add_option("--filter", wanted.filter,
                     "only these: PART=TEXT, PART!=TEXT, PART~TEXT with \" and \" between them; a "
                     "PART is key, body, header:NAME or json:PATH");
  command.add_option("--state", wanted.state, "only those in this state")
      ->check(CLI::IsMember({"ready", "delayed", "in-flight", "all"}))
      ->default_str("all");
}

void add_queue_messages(CLI::App& queue, Line& line) {
  add_peek(queue, line);
  add_count(queue, line);
}

}  // namespace weir::cli
