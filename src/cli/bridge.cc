#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/units.h"

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
  std::string group;
  std::string deduplication;
  std::string delay;
  std::string priority;
};

struct SeekOptions {
  std::string name;
  std::string to;
};

Target target_of(const std::string& name) {
  return Target("bridges").segment(name);
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto bridges = client.list(Target("bridges"), "bridges");
    if (!bridges) return report(bridges.error());
    Table table(
        {"NAME", "FROM", "ON", "TO", "STATE", "MOVED", "A MINUTE", "LAG", "MISSED", "PROBLEM"});
    for (const Json& bridge : *bridges) {
      if (line.json) print_json(bridge);
      table.add({bridge["name"].text(), bridge["from"].text(), bridge["on"].text(),
                 bridge["to"].text(), bridge["state"].text(), number(bridge["moved"]),
                 number(bridge["moved_per_minute"]), number(bridge["lag"]),
                 number(bridge["missed"]), or_dash(bridge["problem"].text())});
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
  if (!given.group.empty()) body.text("group", given.group);
  if (!given.deduplication.empty()) body.text("deduplication", given.deduplication);
  if (!given.delay.empty()) {
    const auto time = parse_duration(given.delay);  // else a field
    body.text("delay", time ? std::to_string(*time) : given.delay);
  }
  if (!given.priority.empty()) body.text("priority", given.priority);
  return with_client(line, [&](Client& client) {
    const auto made = client.ask_json(
        "POST", Target("bridges").parameter("namespace", line.space).text(), body.done());
    return show_change(
        line, made, fmt::format("created bridge {}: {} to {}", given.name, given.from, given.to));
  });
}

int describe(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto bridge = client.ask_json("GET", target_of(name).text());
    if (!bridge) return report(bridge.error());
    if (line.json) {
      print_json(*bridge);
      return kDone;
    }
    Sheet sheet;
    for (const char* key : {"name", "from", "on", "to", "filter", "group", "deduplication", "delay",
                            "priority", "state", "problem"}) {
      sheet.add(key, or_dash((*bridge)[key].text()));
    }
    sheet.add("moved", number((*bridge)["moved"]));
    sheet.add("moved a minute", number((*bridge)["moved_per_minute"]));
    sheet.add("passed over", number((*bridge)["passed_over"]));
    sheet.add("failures", number((*bridge)["failures"]));
    sheet.add("lag", number((*bridge)["lag"]));
    sheet.add("missed", number((*bridge)["missed"]));
    sheet.print();
    return kDone;
  });
}

// "earliest", "latest", "PARTITION:OFFSET", or a time in milliseconds since 1970.
Target seek_target(const SeekOptions& given) {
  Target target = target_of(given.name).segment("seek");
  const size_t colon = given.to.find(':');
  if (colon != std::string::npos) {
    return target.parameter("partition", given.to.substr(0, colon))
        .parameter("offset", given.to.substr(colon + 1));
  }
  const bool word = given.to == "earliest" || given.to == "latest";
  return target.parameter(word ? "to" : "time_ms", given.to);
}

int seek(const Line& line, const SeekOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto sought = client.ask_json("POST", seek_target(given).text());
    return show_change(line, sought, fmt::format("bridge {} goes on at {}", given.name, given.to));
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
      "  weir bridge create paid --from topic:orders --filter '$.status=paid && $.total>100' "
      "--group '$.customer' --to queue:shipping.fifo\n"
      "  weir bridge create work-to-audit --from queue:work --on ack --to topic:audit\n"
      "  weir bridge create try-again --from queue:dead --on message --to queue:work --delay 10m");
  made->add_option("NAME", given->name, "the bridge")->required();
  made->add_option("--from", given->from, "topic:NAME or queue:NAME")->required();
  made->add_option("--to", given->to, "topic:NAME or queue:NAME")->required();
  made->add_option(
          "--on", given->on,
          "of a queue: ack, dead-letter and expiry record what happened; message moves the "
          "messages themselves")
      ->check(CLI::IsMember({"record", "ack", "dead-letter", "expiry", "message"}));
  made->add_option(
      "--filter", given->filter,
      "only records with FIELD=VALUE (also != < <= > >=), where FIELD is key, "
      "header:NAME or a path like $.order.total; a trailing * is a prefix; ' && ' joins");
  made->add_option("--group", given->group, "the field that becomes the message group");
  made->add_option("--deduplication", given->deduplication,
                   "the field that becomes the deduplication id");
  made->add_option("--delay", given->delay,
                   "how long a message waits: a time (10m), or the field that holds milliseconds");
  made->add_option("--priority", given->priority,
                   "the message's priority: a number from 0, or the field that holds it");
  add_named_options(*made, line);
  made->callback([&line, given] { line.action = [&line, given] { return create(line, *given); }; });

  CLI::App* ls = add_command(*bridge, "ls", "List bridges with what they moved and what waits",
                             "  weir bridge ls");
  add_client_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });

  CLI::App* sought = add_command(*bridge, "seek", "Let a bridge go on elsewhere in its topic",
                                 "  weir bridge seek payments-to-work --to earliest\n"
                                 "  weir bridge seek payments-to-work --to 0:1200\n"
                                 "  weir bridge seek payments-to-work --to 1700000000000");
  auto place = std::make_shared<SeekOptions>();
  sought->add_option("NAME", place->name, "the bridge")->required();
  sought
      ->add_option("--to", place->to,
                   "earliest, latest, PARTITION:OFFSET, or milliseconds since 1970")
      ->required();
  add_client_options(*sought, line);
  sought->callback([&line, place] { line.action = [&line, place] { return seek(line, *place); }; });

  add_plain(*bridge, line, "describe", "Show a bridge with all it counts",
            "  weir bridge describe payments-to-work", describe);
  add_plain(*bridge, line, "pause", "Stop a bridge; it keeps its place",
            "  weir bridge pause payments-to-work", pause);
  add_plain(*bridge, line, "resume", "Let a paused bridge go on where it stopped",
            "  weir bridge resume payments-to-work", resume);
  add_plain(*bridge, line, "rm", "Remove a bridge; what it moved stays",
            "  weir bridge rm payments-to-work", remove);
}

}  // namespace weir::cli
