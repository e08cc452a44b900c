#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/queue_commands.h"
#include "cli/units.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

struct QueueOptions {
  std::string name;
  std::string lease;
  std::string delay;
  std::string history;
  std::string retention;
  std::string message_size;
  std::optional<int64_t> receives_max;
  std::optional<int64_t> priorities;
  std::string dead_letter;
  bool fifo = false;
};

constexpr std::string_view kNone = "none";

Target target_of(const Line& line, const std::string& name) {
  return Target("queues").segment(name).parameter("namespace", line.space);
}

std::string body_of(const QueueOptions& given, bool create) {
  JsonObject body;
  const auto duration = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) body.integer(key, *parse_duration(text));
  };
  if (create) body.text("name", given.name);
  if (given.fifo) body.flag("fifo", true);
  duration("lease_ms", given.lease);
  duration("delay_ms", given.delay);
  duration("history_ms", given.history);
  duration("retention_ms", given.retention);
  if (!given.message_size.empty()) {
    body.integer("message_bytes_max", *parse_size(given.message_size));
  }
  if (given.priorities) body.integer("priorities", *given.priorities);
  if (given.dead_letter == kNone) {
    body.text("dead_letter", "").integer("receives_max", 0);
    return body.done();
  }
  if (!given.dead_letter.empty()) body.text("dead_letter", given.dead_letter);
  if (given.receives_max) body.integer("receives_max", *given.receives_max);
  return body.done();
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto queues = client.list(Target("queues").parameter("namespace", line.space), "queues");
    if (!queues) return report(queues.error());
    Table table({"NAME", "READY", "LEASED", "DELAYED", "LEASE", "DEAD LETTER", "ORIGIN"});
    for (const Json& queue : *queues) {
      if (line.json) print_json(queue);
      table.add({queue["name"].text(), number(queue["ready"]), number(queue["leased"]),
                 number(queue["delayed"]), duration_text(queue["lease_ms"].integer()),
                 or_dash(queue["dead_letter"].text()), queue["origin"].text()});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

int create(const Line& line, const QueueOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto made = client.ask_json(
        "POST", Target("queues").parameter("namespace", line.space).text(), body_of(given, true));
    return show_change(line, made, fmt::format("created queue {}", given.name));
  });
}

int set(const Line& line, const QueueOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto changed =
        client.ask_json("PATCH", target_of(line, given.name).text(), body_of(given, false));
    return show_change(line, changed, fmt::format("changed queue {}", given.name));
  });
}

// "10: 3 ready of 9, 40 of 0"; those that nothing waits in are left out.
std::string priorities_text(const Json& queue) {
  std::string text = number(queue["priorities"]);
  const std::vector<Json>& ready = queue["ready_by_priority"].list();
  const char* before = ": ";
  for (size_t priority = ready.size(); priority-- > 0;) {
    if (ready[priority].integer() == 0) continue;
    text += fmt::format("{}{} ready of {}", before, number(ready[priority]), priority);
    before = ", ";
  }
  return text;
}

int describe(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto queue = client.ask_json("GET", target_of(line, name).text());
    if (!queue) return report(queue.error());
    if (line.json) {
      print_json(*queue);
      return kDone;
    }
    const auto duration = [&](std::string_view key) {
      return duration_text((*queue)[key].integer());
    };
    const int64_t receives_max = (*queue)["receives_max"].integer();
    Sheet sheet;
    sheet.add("name", (*queue)["name"].text());
    sheet.add("origin", (*queue)["origin"].text());
    sheet.add("ready", number((*queue)["ready"]));
    sheet.add("leased", number((*queue)["leased"]));
    sheet.add("delayed", number((*queue)["delayed"]));
    sheet.add("bytes", number((*queue)["bytes"]));
    sheet.add("lease", duration("lease_ms"));
    sheet.add("delay", duration("delay_ms"));
    sheet.add("history", duration("history_ms"));
    sheet.add("retention", duration("retention_ms"));
    sheet.add("max receives", receives_max == 0 ? "-" : fmt::format("{}", receives_max));
    sheet.add("dead letter", or_dash((*queue)["dead_letter"].text()));
    sheet.add("fifo", (*queue)["fifo"].flag() ? "yes" : "no");
    sheet.add("priorities", priorities_text(*queue));
    sheet.add("max message size", size_text((*queue)["message_bytes_max"].integer()));
    sheet.print();
    return kDone;
  });
}

int purge(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto target = Target("queues").segment(name).segment("purge");
    const auto purged =
        client.ask_json("POST", Target(target).parameter("namespace", line.space).text());
    return show_change(line, purged, fmt::format("purged queue {}", name));
  });
}

int remove(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto gone = client.ask_json("DELETE", target_of(line, name).text());
    return show_change(line, gone, fmt::format("removed queue {}", name));
  });
}

void add_policy_options(CLI::App& command, QueueOptions& given) {
  check_duration(command.add_option("--lease", given.lease,
                                    "how long a receiver has to acknowledge (default: 30s)"));
  check_duration(command.add_option("--delay", given.delay,
                                    "how long a new message waits before it is ready"));
  check_duration(command.add_option("--history", given.history,
                                    "how long acknowledged messages stay readable (default: 0)"));
  check_duration(command.add_option("--retention", given.retention,
                                    "how long a message stays at most, or forever"));
  check_size(command.add_option("--max-message-size", given.message_size,
                                "up to 1MiB, unless the broker allows more"));
  command.add_option("--max-receives", given.receives_max,
                     "after so many receives a message is a dead letter");
  command.add_option("--priorities", given.priorities,
                     "how many priorities messages may have, up to 10: 0 is the lowest, the "
                     "highest goes first; changed only while the queue is empty");
  command.add_option("--dead-letter", given.dead_letter,
                     "the queue where dead letters go; none: nowhere");
}

using Action = int (*)(const Line& line, const std::string& name);

void add_plain(CLI::App& queue,
               Line& line,
               const std::string& name,
               std::string_view sentence,
               std::string_view examples,
               Action action) {
  CLI::App* command = add_command(queue, name, sentence, examples);
  auto queue_name = std::make_shared<std::string>();
  command->add_option("NAME", *queue_name, "the queue")->required();
  add_named_options(*command, line);
  command->callback([&line, queue_name, action] {
    line.action = [&line, queue_name, action] { return action(line, *queue_name); };
  });
}

}  // namespace

void add_queue(CLI::App& app, Line& line) {
  CLI::App* queue = add_command(
      app, "queue", "List, create, describe, change, look into, purge and remove queues",
      "  weir queue create jobs --lease 1m --max-receives 5 --dead-letter jobs-dead\n"
      "  weir queue set jobs --history 1h\n"
      "  weir queue ls");
  auto given = std::make_shared<QueueOptions>();

  CLI::App* ls = add_command(*queue, "ls", "List queues with what waits in them",
                             "  weir queue ls\n  weir queue ls --json | jq .ready");
  add_named_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });

  CLI::App* made = add_command(*queue, "create", "Create a queue",
                               "  weir queue create jobs\n"
                               "  weir queue create jobs --max-receives 5 --dead-letter jobs-dead\n"
                               "  weir queue create alerts --priorities 3\n"
                               "  weir queue create orders.fifo");
  made->add_option("NAME", given->name, "the queue; a name that ends in .fifo makes it FIFO")
      ->required();
  made->add_flag("--fifo", given->fifo, "order per message group; the name must end in .fifo");
  add_policy_options(*made, *given);
  add_named_options(*made, line);
  made->callback([&line, given] { line.action = [&line, given] { return create(line, *given); }; });

  CLI::App* changed = add_command(*queue, "set", "Change a queue",
                                  "  weir queue set jobs --history 1h --lease 30s\n"
                                  "  weir queue set jobs --max-receives 5 --dead-letter jobs-dead\n"
                                  "  weir queue set jobs --dead-letter none");
  changed->add_option("NAME", given->name, "the queue")->required();
  add_policy_options(*changed, *given);
  add_named_options(*changed, line);
  changed->callback([&line, given] { line.action = [&line, given] { return set(line, *given); }; });

  add_plain(*queue, line, "describe", "Show a queue", "  weir queue describe jobs", describe);
  add_plain(*queue, line, "purge", "Drop all messages of a queue", "  weir queue purge jobs",
            purge);
  add_queue_messages(*queue, line);
  add_queue_redrive(*queue, line);
  add_plain(*queue, line, "rm", "Remove a queue with its messages", "  weir queue rm jobs", remove);
}

}  // namespace weir::cli
