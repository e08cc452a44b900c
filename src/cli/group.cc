#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

using admin::Json;

struct GroupOptions {
  std::string name;
  std::string topic;
};

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto groups = client.list(Target("groups").parameter("namespace", line.space), "groups");
    if (!groups) return report(groups.error());
    Table table({"NAME", "KIND", "TOPIC", "STATE", "MEMBERS", "PENDING", "LAG"});
    for (const Json& group : *groups) {
      if (line.json) print_json(group);
      const bool stream = group["kind"].text() == "stream";
      table.add({group["name"].text(), group["kind"].text(), or_dash(group["topic"].text()),
                 or_dash(group["state"].text()), number(group["member_count"]),
                 stream ? number(group["pending"]) : "-", number(group["lag"])});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

void print_consumer_group(const Json& group) {
  Sheet sheet;
  sheet.add("name", group["name"].text());
  sheet.add("state", group["state"].text());
  sheet.add("generation", number(group["generation"]));
  sheet.add("assignor", or_dash(group["assignor"].text()));
  sheet.add("lag", number(group["lag"]));
  sheet.print();
  if (!group["members"].list().empty()) {
    fmt::print("\n");
    Table members({"MEMBER", "CLIENT", "HOST"});
    for (const Json& member : group["members"].list()) {
      members.add({member["id"].text(), member["client"].text(), member["host"].text()});
    }
    members.print();
  }
  fmt::print("\n");
  Table offsets({"TOPIC", "PARTITION", "OFFSET", "END", "LAG"});
  for (const Json& offset : group["offsets"].list()) {
    offsets.add({offset["topic"].text(), number(offset["partition"]), number(offset["offset"]),
                 number(offset["end"]), number(offset["lag"])});
  }
  offsets.print();
}

void print_stream_group(const Json& group) {
  Sheet sheet;
  sheet.add("name", group["name"].text());
  sheet.add("topic", group["topic"].text());
  sheet.add("pending", number(group["pending"]));
  sheet.add("next offset", number(group["next"]));
  sheet.add("lag", number(group["lag"]));
  sheet.print();
  fmt::print("\n");
  Table consumers({"CONSUMER", "PENDING"});
  for (const Json& consumer : group["consumers"].list()) {
    consumers.add({or_dash(consumer["name"].text()), number(consumer["pending"])});
  }
  consumers.print();
}

int describe(const Line& line, const GroupOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto group = client.ask_json("GET", Target("groups")
                                                  .segment(given.name)
                                                  .parameter("namespace", line.space)
                                                  .parameter("topic", given.topic)
                                                  .text());
    if (!group) return report(group.error());
    if (line.json) {
      print_json(*group);
    } else if ((*group)["kind"].text() == "stream") {
      print_stream_group(*group);
    } else {
      print_consumer_group(*group);
    }
    return kDone;
  });
}

}  // namespace

void add_group(CLI::App& app, Line& line) {
  CLI::App* group = add_command(app, "group", "List and describe the groups that read topics",
                                "  weir group ls\n"
                                "  weir group describe analytics");
  CLI::App* ls = add_command(*group, "ls", "List Kafka's consumer groups and Redis' stream groups",
                             "  weir group ls\n  weir group ls --json | jq .lag");
  add_named_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });

  auto given = std::make_shared<GroupOptions>();
  CLI::App* shown =
      add_command(*group, "describe", "Show a group's members, and how far it has read",
                  "  weir group describe analytics\n"
                  "  weir group describe workers --topic orders   a group of a Redis stream");
  shown->add_option("NAME", given->name, "the group")->required();
  shown->add_option("--topic", given->topic, "the topic of a stream's group");
  add_named_options(*shown, line);
  shown->callback(
      [&line, given] { line.action = [&line, given] { return describe(line, *given); }; });
}

}  // namespace weir::cli
