#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonList;
using admin::JsonObject;

constexpr std::string_view kWaitMs = "20000";

struct EventOptions {
  std::string topic;
  std::string key;
  std::string value;
  std::string expected;
  std::string id;
  std::string type;
  std::string prefix;
  std::optional<int64_t> from;
  std::optional<int64_t> count;
  int64_t version = 0;
  bool backwards = false;
  bool follow = false;
};

Target topic_of(const EventOptions& given) {
  return Target("topics").segment(given.topic);
}

Target key_of(const Line& line, const EventOptions& given, std::string_view noun) {
  return topic_of(given).segment("keys").segment(given.key).segment(noun).parameter("namespace",
                                                                                    line.space);
}

std::string text_of(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : std::string();
}

void show(const Line& line, const Json& event) {
  if (line.json) return print_json(event);
  fmt::print("{}\t{}\t{}\t{}\t{}\n", number(event["position"]), event["key"].text(),
             number(event["version"]), or_dash(event["type"].text()), event["value"].text());
}

int append(const Line& line, const EventOptions& given) {
  return with_client(line, [&](Client& client) {
    JsonObject event;
    event.text("key", given.key).text("value", given.value);
    if (!given.type.empty()) event.text("type", given.type);
    if (!given.id.empty()) event.text("id", given.id);
    if (!given.expected.empty()) event.text("expected", given.expected);
    const std::string body = JsonObject().raw("events", JsonList().raw(event.done()).done()).done();
    const auto stored = client.ask_json(
        "POST", topic_of(given).segment("events").parameter("namespace", line.space).text(), body);
    if (!stored) return report(stored.error());
    if (line.json) {
      print_json(*stored);
      return kDone;
    }
    const Json& first = (*stored)["events"].list().front();
    fmt::print(stderr, "{} as version {} of {}, position {}\n",
               (*stored)["duplicate"].flag() ? "stored before" : "stored", number(first["version"]),
               given.key, number(first["position"]));
    return kDone;
  });
}

// The events of one key, page after page.
int read(const Line& line, const EventOptions& given) {
  return with_client(line, [&](Client& client) {
    std::optional<int64_t> from = given.from;
    int64_t left = given.count.value_or(INT64_MAX);
    while (left > 0) {
      const auto page = client.ask_json(
          "GET", key_of(line, given, "events")
                     .parameter("from", text_of(from))
                     .parameter("direction", given.backwards ? "backwards" : "")
                     .parameter("limit", std::to_string(std::min<int64_t>(left, 500)))
                     .text());
      if (!page) return report(page.error());
      for (const Json& event : (*page)["events"].list()) show(line, event);
      left -= static_cast<int64_t>((*page)["events"].list().size());
      const Json* next = page->find("next");
      if (next == nullptr) break;
      from = next->integer();
    }
    return kDone;
  });
}

// The events of all keys in their order, to the end or on and on.
int all(const Line& line, const EventOptions& given) {
  return with_client(line, [&](Client& client) {
    int64_t from = given.from.value_or(0);
    int64_t left = given.count.value_or(INT64_MAX);
    while (left > 0) {
      const auto page = client.ask_json(
          "GET", topic_of(given)
                     .segment("events")
                     .parameter("namespace", line.space)
                     .parameter("from", std::to_string(from))
                     .parameter("prefix", given.prefix)
                     .parameter("type", given.type)
                     .parameter("limit", std::to_string(std::min<int64_t>(left, 500)))
                     .parameter("wait_ms", given.follow ? kWaitMs : "")
                     .text());
      if (!page) return report(page.error());
      for (const Json& event : (*page)["events"].list()) show(line, event);
      left -= static_cast<int64_t>((*page)["events"].list().size());
      (void)std::fflush(stdout);
      from = (*page)["next"].integer();
      if (!given.follow && from >= (*page)["end"].integer()) break;
    }
    return kDone;
  });
}

int snapshot(const Line& line, const EventOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto stored = client.ask_json(
        "PUT", key_of(line, given, "snapshot").text(),
        JsonObject().integer("version", given.version).text("value", given.value).done());
    return show_change(
        line, stored,
        fmt::format("stored the snapshot of {} at version {}", given.key, given.version));
  });
}

int state(const Line& line, const EventOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto found = client.ask_json("GET", key_of(line, given, "state").text());
    if (!found) return report(found.error());
    if (line.json) {
      print_json(*found);
      return kDone;
    }
    if (const Json* snapshot = found->find("snapshot")) {
      fmt::print("snapshot\t{}\t{}\n", number((*snapshot)["version"]), (*snapshot)["value"].text());
    }
    for (const Json& event : (*found)["events"].list()) show(line, event);
    return kDone;
  });
}

std::string check_expected(const std::string& text) {
  if (text == "any" || text == "none" || text == "exists") return {};
  uint32_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::string() : fmt::format("{} is not any, none, exists or a version", text);
}

CLI::App* add_one(CLI::App& parent,
                  Line& line,
                  const std::shared_ptr<EventOptions>& given,
                  const std::string& name,
                  std::string_view sentence,
                  std::string_view examples,
                  int (*run)(const Line&, const EventOptions&),
                  bool of_key = true) {
  CLI::App* command = add_command(parent, name, sentence, examples);
  command->add_option("TOPIC", given->topic, "a topic made with --events")->required();
  if (of_key) command->add_option("KEY", given->key, "whose events they are")->required();
  command->callback(
      [&line, given, run] { line.action = [&line, given, run] { return run(line, *given); }; });
  return command;
}

}  // namespace

void add_event(CLI::App& app, Line& line) {
  CLI::App* event = add_command(app, "event", "Append and read events of keys with versions",
                                "  weir topic create orders --events\n"
                                "  weir event append orders o-1 '{\"item\":7}' --expected none\n"
                                "  weir event read orders o-1\n"
                                "  weir event all orders --follow");
  auto given = std::make_shared<EventOptions>();

  CLI::App* made = add_one(*event, line, given, "append", "Append an event to a key",
                           "  weir event append orders o-1 '{\"item\":7}' --expected none\n"
                           "  weir event append orders o-1 paid --expected 0 --type Paid --id 4f2a",
                           append);
  made->add_option("VALUE", given->value, "the event")->required();
  made->add_option("--expected", given->expected,
                   "refuse unless the key is there: the version of its last event, none, exists or "
                   "any (the default)")
      ->check(check_expected);
  made->add_option("--type", given->type, "what kind of event it is");
  made->add_option("--id", given->id, "sent again, it is not stored again");
  add_named_options(*made, line);

  CLI::App* some = add_one(*event, line, given, "read", "Show the events of a key",
                           "  weir event read orders o-1\n"
                           "  weir event read orders o-1 --backwards -n 1    the last one",
                           read);
  some->add_option("--from", given->from, "the version to begin with");
  some->add_flag("--backwards", given->backwards, "the newest first");
  some->add_option("-n,--count", given->count, "how many");
  add_named_options(*some, line);

  CLI::App* every =
      add_one(*event, line, given, "all", "Show the events of all keys in their order",
              "  weir event all orders --follow\n"
              "  weir event all orders --prefix o- --type Paid --from 120",
              all, false);
  every->add_option("--from", given->from, "the position to begin with");
  every->add_option("--prefix", given->prefix, "keys that begin so");
  every->add_option("--type", given->type, "events of this type");
  every->add_option("-n,--count", given->count, "how many");
  every->add_flag("-f,--follow", given->follow, "go on with what is appended, until Ctrl-C");
  add_named_options(*every, line);

  CLI::App* kept =
      add_one(*event, line, given, "snapshot", "Store a snapshot of a key",
              "  weir event snapshot orders o-1 '{\"paid\":true}' --version 1", snapshot);
  kept->add_option("VALUE", given->value, "the state")->required();
  kept->add_option("--version", given->version, "of the last event that it contains")->required();
  add_named_options(*kept, line);

  CLI::App* now = add_one(*event, line, given, "state",
                          "Show the latest snapshot of a key and the events after it",
                          "  weir event state orders o-1", state);
  add_named_options(*now, line);
}

}  // namespace weir::cli
