#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/units.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

struct TopicOptions {
  std::string name;
  std::optional<int64_t> partitions;
  std::string retention;
  std::string retention_bytes;
  std::string lock;
  std::string durability;
  bool events = false;
  bool no_events = false;
};

int64_t milliseconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Target target_of(const Line& line, const std::string& name) {
  return Target("topics").segment(name).parameter("namespace", line.space);
}

std::string body_of(const TopicOptions& given, bool with_name) {
  JsonObject body;
  if (with_name) body.text("name", given.name);
  if (given.partitions) body.integer("partitions", *given.partitions);
  if (!given.retention.empty()) body.integer("retention_ms", *parse_duration(given.retention));
  if (!given.retention_bytes.empty()) {
    body.integer("retention_bytes", *parse_size(given.retention_bytes));
  }
  if (!given.lock.empty()) {
    body.integer("locked_until_ms", milliseconds_since_1970() + *parse_duration(given.lock));
  }
  if (!given.durability.empty()) body.text("durability", given.durability);
  if (given.events || given.no_events) body.flag("events", given.events);
  return body.done();
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto topics = client.list(Target("topics").parameter("namespace", line.space), "topics");
    if (!topics) return report(topics.error());
    Table table({"NAME", "PARTITIONS", "RECORDS", "BYTES", "RETENTION", "ORIGIN"});
    for (const Json& topic : *topics) {
      if (line.json) print_json(topic);
      table.add({topic["name"].text(), number(topic["partition_count"]), number(topic["records"]),
                 number(topic["bytes"]), duration_text(topic["retention_ms"].integer()),
                 topic["origin"].text()});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

int create(const Line& line, const TopicOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto made = client.ask_json(
        "POST", Target("topics").parameter("namespace", line.space).text(), body_of(given, true));
    return show_change(line, made, fmt::format("created topic {}", given.name));
  });
}

int set(const Line& line, const TopicOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto changed =
        client.ask_json("PATCH", target_of(line, given.name).text(), body_of(given, false));
    return show_change(line, changed, fmt::format("changed topic {}", given.name));
  });
}

std::string versions_text(const Json& versions) {
  const std::string& state = versions["state"].text();
  if (state == "ready") {
    return fmt::format("of {} keys, index {}", number(versions["keys"]),
                       size_text(versions["bytes"].integer()));
  }
  const std::string& problem = versions["problem"].text();
  return problem.empty() ? fmt::format("being rebuilt, at {}", number(versions["counted_to"]))
                         : problem;
}

int describe(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto topic = client.ask_json("GET", target_of(line, name).text());
    if (!topic) return report(topic.error());
    if (line.json) {
      print_json(*topic);
      return kDone;
    }
    Sheet sheet;
    sheet.add("name", (*topic)["name"].text());
    sheet.add("kind", (*topic)["kind"].text());
    sheet.add("origin", (*topic)["origin"].text());
    sheet.add("records", number((*topic)["records"]));
    sheet.add("bytes", number((*topic)["bytes"]));
    sheet.add("retention", duration_text((*topic)["retention_ms"].integer()));
    sheet.add("retention bytes", size_text((*topic)["retention_bytes"].integer()));
    sheet.add("durability", (*topic)["durability"].text());
    if ((*topic)["events"].flag()) sheet.add("versions", versions_text((*topic)["versions"]));
    if (const int64_t until = (*topic)["locked_until_ms"].integer(); until > 0) {
      sheet.add("locked until", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(until / 1000)));
    }
    sheet.print();
    fmt::print("\n");
    Table table({"PARTITION", "START", "END", "BYTES"});
    for (const Json& partition : (*topic)["partitions"].list()) {
      table.add({number(partition["partition"]), number(partition["start"]),
                 number(partition["end"]), number(partition["bytes"])});
    }
    table.print();
    return kDone;
  });
}

int remove(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto gone = client.ask_json("DELETE", target_of(line, name).text());
    return show_change(line, gone, fmt::format("removed topic {}", name));
  });
}

void add_log_options(CLI::App& command, TopicOptions& given) {
  command.add_option("--partitions", given.partitions, "how many logs; they can only become more");
  check_duration(command.add_option("--retention", given.retention,
                                    "how long records stay, or forever (the default)"));
  check_size(command.add_option("--retention-bytes", given.retention_bytes,
                                "how much of each partition stays, or unlimited (the default)"));
  check_duration(command.add_option(
      "--retention-lock", given.lock,
      "for so long from now on nothing is deleted, by nobody, and no retention becomes shorter"));
  command.add_flag("--events", given.events,
                   "its keys have versions (weir event); one partition, and it keeps all records");
  command
      .add_option("--durability", given.durability,
                  "when a record counts as stored: fsync (the default), os or transient")
      ->check(CLI::IsMember({"fsync", "os", "transient"}));
}

}  // namespace

void add_topic(CLI::App& app, Line& line) {
  CLI::App* topic = add_command(app, "topic", "List, create, describe, change and remove topics",
                                "  weir topic create events --partitions 4 --retention 7d\n"
                                "  weir topic ls\n"
                                "  weir topic describe events");
  auto given = std::make_shared<TopicOptions>();

  CLI::App* ls = add_command(*topic, "ls", "List topics",
                             "  weir topic ls\n  weir topic ls --json | jq .name");
  add_named_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });

  CLI::App* made = add_command(*topic, "create", "Create a topic",
                               "  weir topic create events\n"
                               "  weir topic create events --partitions 4 --retention 7d");
  made->add_option("NAME", given->name, "the topic")->required();
  add_log_options(*made, *given);
  add_named_options(*made, line);
  made->callback([&line, given] { line.action = [&line, given] { return create(line, *given); }; });

  CLI::App* changed = add_command(*topic, "set", "Change a topic",
                                  "  weir topic set events --retention 1d\n"
                                  "  weir topic set events --partitions 8\n"
                                  "  weir topic set audit --retention-lock 365d");
  changed->add_option("NAME", given->name, "the topic")->required();
  add_log_options(*changed, *given);
  changed->add_flag("--no-events", given->no_events, "its keys have no versions any more")
      ->excludes("--events");
  add_named_options(*changed, line);
  changed->callback([&line, given] { line.action = [&line, given] { return set(line, *given); }; });

  CLI::App* shown = add_command(*topic, "describe", "Show a topic, or the log of a queue",
                                "  weir topic describe events");
  shown->add_option("NAME", given->name, "the topic or queue")->required();
  add_named_options(*shown, line);
  shown->callback(
      [&line, given] { line.action = [&line, given] { return describe(line, given->name); }; });

  CLI::App* gone = add_command(*topic, "rm", "Remove a topic with its records and groups",
                               "  weir topic rm events");
  gone->add_option("NAME", given->name, "the topic")->required();
  add_named_options(*gone, line);
  gone->callback(
      [&line, given] { line.action = [&line, given] { return remove(line, given->name); }; });
}

}  // namespace weir::cli
