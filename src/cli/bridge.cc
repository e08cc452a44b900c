#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

struct BridgeOptions {
  std::string name;
  std::string from;
  std::string to;
  std::string on;
  std::string filter;
};

Target target_of(const std::string& name) {
  return Target("bridges").segment(name);
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto bridges = client.list(Target("bridges"), "bridges");
    if (!bridges) return report(bridges.error());
    Table table(
        {"NAME", "FROM", "ON", "TO", "STATE", "MOVED", "LAG", "MISSED", "FILTER", "PROBLEM"});
    for (const Json& bridge : *bridges) {
      if (line.json) print_json(bridge);
      table.add({bridge["name"].text(), bridge["from"].text(), bridge["on"].text(),
                 bridge["to"].text(), bridge["state"].text(), number(bridge["moved"]),
                 number(bridge["lag"]), number(bridge["missed"]), or_dash(bridge["filter"].text()),
                 or_dash(bridge["problem"].text())});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

int create(const Line& line, const BridgeOptions& given) {
  JsonObject body;
  body.text("name", given.name).text("from", given.from).text("to", given.to);
  if (!given.on.empty()) body.text("on", given.on);
  if (!given.filter.empty()) body.text("filter", given.filter);
  return with_client(line, [&](Client& client) {
    const auto made = client.ask_json(
        "POST", Target("bridges").parameter("namespace", line.space).text(), body.done());
    return show_change(
        line, made, fmt::format("created bridge {}: {} to {}", given.name, given.from, given.to));
  });
}

int pause(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto paused = client.ask_json("POST", target_of(name).segment("pause").text());
    return show_change(line, paused, fmt::format("paused bridge {}", name));
  });
}

int resume(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto resumed = client.ask_json("POST", target_of(name).segment("resume").text());
    return show_change(line, resumed, fmt::format("resumed bridge {}", name));
  });
}

int remove(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto gone = client.ask_json("DELETE", target_of(name).text());
    return show_change(line, gone, fmt::format("removed bridge {}", name));
  });
}

using Action = int (*)(const Line& line, const std::string& name);

void add_plain(CLI::App& bridge,
               Line& line,
               const std::string& name,
               std::string_view sentence,
               std::string_view examples,
               Action action) {
  CLI::App* command = add_command(bridge, name, sentence, examples);
  auto bridge_name = std::make_shared<std::string>();
  command->add_option("NAME", *bridge_name, "the bridge")->required();
  add_client_options(*command, line);
  command->callback([&line, bridge_name, action] {
    line.action = [&line, bridge_name, action] { return action(line, *bridge_name); };
  });
}

}  // namespace

void add_bridge(CLI::App& app, Line& line) {
  CLI::App* bridge = add_command(
      app, "bridge", "Move records inside the broker: from a topic to a queue, and back",
      "  weir bridge create payments-to-work --from topic:payments --to queue:work\n"
      "  weir bridge create work-to-audit --from queue:work --on ack --to topic:audit\n"
      "  weir bridge ls");
  auto given = std::make_shared<BridgeOptions>();

  CLI::App* made = add_command(
      *bridge, "create", "Create a bridge; it begins at the start of its topic",
      "  weir bridge create payments-to-work --from topic:payments --to queue:work\n"
      "  weir bridge create large --from topic:payments --filter 'header:size=large' --to "
      "queue:big\n"
      "  weir bridge create work-to-audit --from queue:work --on ack --to topic:audit");
  made->add_option("NAME", given->name, "the bridge")->required();
  made->add_option("--from", given->from, "topic:NAME or queue:NAME")->required();
  made->add_option("--to", given->to, "topic:NAME or queue:NAME")->required();
  made->add_option("--on", given->on, "what leaves a queue: ack or dead-letter")
      ->check(CLI::IsMember({"record", "ack", "dead-letter"}));
  made->add_option("--filter", given->filter,
                   "only records with key=VALUE or header:NAME=VALUE; a trailing * is a prefix");
  add_named_options(*made, line);
  made->callback([&line, given] { line.action = [&line, given] { return create(line, *given); }; });

  CLI::App* ls = add_command(*bridge, "ls", "List bridges with what they moved and what waits",
                             "  weir bridge ls");
  add_client_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });

  add_plain(*bridge, line, "pause", "Stop a bridge; it keeps its place",
            "  weir bridge pause payments-to-work", pause);
  add_plain(*bridge, line, "resume", "Let a paused bridge go on where it stopped",
            "  weir bridge resume payments-to-work", resume);
  add_plain(*bridge, line, "rm", "Remove a bridge; what it moved stays",
            "  weir bridge rm payments-to-work", remove);
}

}  // namespace weir::cli
