#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "connectors/cdc/config.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

struct AddOptions {
  std::string name;
  std::string file;
  std::string host;
  std::string port;
  std::string user;
  std::string database;
  std::string prefix;
  std::string tables;
  std::string password_file;
  std::string password_env;
  std::vector<std::string> set;
};

Target target_of(const std::string& name) {
  return Target("cdc").segment(name);
}

// By rows where the database has an idea of them, else by tables.
std::string progress_of(const Json& connector) {
  const int64_t tables = connector["snapshot_tables"].integer();
  const int64_t done = connector["snapshot_tables_done"].integer();
  if (tables == 0 || done == tables) return "-";
  const int64_t rows = connector["snapshot_rows"].integer();
  const int64_t estimated = connector["snapshot_rows_estimated"].integer();
  constexpr int64_t kWidth = 20;
  const double share = estimated > 0 ? static_cast<double>(rows) / static_cast<double>(estimated)
                                     : static_cast<double>(done) / static_cast<double>(tables);
  const auto full = static_cast<size_t>(std::min(share, 1.0) * kWidth);
  return fmt::format("[{}{}] {:.0f} %, {} of about {} rows, {} of {} tables",
                     std::string(full, '#'), std::string(kWidth - full, '.'),
                     std::min(share, 1.0) * 100, rows, estimated, done, tables);
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto connectors = client.list(Target("cdc"), "connectors");
    if (!connectors) return report(connectors.error());
    Table table(
        {"NAME", "STATE", "RECORDS", "TRANSACTIONS", "RETAINED WAL", "SNAPSHOT", "PROBLEM"});
    for (const Json& one : *connectors) {
      if (line.json) print_json(one);
      table.add({one["name"].text(), one["state"].text(), number(one["records"]),
                 number(one["transactions"]), number(one["retained_wal_bytes"]), progress_of(one),
                 or_dash(one["problem"].text())});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

int status(const Line& line, const std::string& name) {
  return with_client(line, [&](Client& client) {
    const auto one = client.ask_json("GET", target_of(name).text());
    if (!one) return report(one.error());
    if (line.json) {
      print_json(*one);
      return kDone;
    }
    Sheet sheet;
    sheet.add("name", (*one)["name"].text());
    sheet.add("state", (*one)["state"].text());
    sheet.add("problem", or_dash((*one)["problem"].text()));
    sheet.add("snapshot", progress_of(*one));
    for (const char* key : {"records", "transactions", "reconnects", "snapshot_rows", "lag_bytes",
                            "retained_wal_bytes"}) {
      sheet.add(key, number((*one)[key]));
    }
    if ((*one)["retained_wal_alarm"].flag()) sheet.add("retained_wal_alarm", "yes");
    sheet.add("flushed_lsn", or_dash((*one)["flushed_lsn"].text()));
    sheet.add("wal_status", or_dash((*one)["wal_status"].text()));
    for (const auto& [key, value] : (*one)["properties"].members()) sheet.add(key, value.text());
    sheet.print();
    return kDone;
  });
}

Result<std::vector<cdc::Loaded>> load(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return fail(ErrorCode::kNotFound, fmt::format("{} cannot be read", file));
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  if (file.ends_with(".toml")) return cdc::load_toml(text);
  auto one = cdc::load_json(text);
  if (!one) return std::unexpected(one.error());
  return std::vector{std::move(*one)};
}

Result<std::vector<cdc::Loaded>> wanted(const AddOptions& given) {
  std::vector<cdc::Loaded> all(1);
  if (!given.file.empty()) {
    auto loaded = load(given.file);
    if (!loaded) return loaded;
    all = std::move(*loaded);
  }
  for (cdc::Loaded& one : all) {
    if (!given.name.empty() && all.size() == 1) one.name = given.name;
    if (one.name.empty()) return fail(ErrorCode::kInvalidArgument, "the capture needs a name");
    const auto put = [&](const char* key, const std::string& value) {
      if (!value.empty()) one.properties[key] = value;
    };
    put("database.hostname", given.host);
    put("database.port", given.port);
    put("database.user", given.user);
    put("database.dbname", given.database);
    put("topic.prefix", given.prefix);
    put("table.include.list", given.tables);
    put("database.password.file", given.password_file);
    put("database.password.env", given.password_env);
    for (const std::string& pair : given.set) {
      const size_t equals = pair.find('=');
      if (equals == std::string::npos) {
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} is not PROPERTY=VALUE", pair));
      }
      one.properties[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  }
  return all;
}

int add(const Line& line, const AddOptions& given) {
  const auto all = wanted(given);
  if (!all) return report(all.error());
  return with_client(line, [&](Client& client) {
    for (const cdc::Loaded& one : *all) {
      JsonObject config;
      for (const auto& [key, value] : one.properties) config.text(key, value);
      const auto made =
          client.ask_json("POST", Target("cdc").text(),
                          JsonObject().text("name", one.name).raw("config", config.done()).done());
      const int shown =
          show_change(line, made, fmt::format("added {}: weir cdc status {}", one.name, one.name));
      if (shown != kDone) return shown;
    }
    return kDone;
  });
}

int change(const Line& line, const std::string& name, const char* verb, std::string_view done) {
  return with_client(line, [&](Client& client) {
    const auto changed = client.ask_json("POST", target_of(name).segment(verb).text());
    return show_change(line, changed, fmt::format("{} {}", done, name));
  });
}

int pause(const Line& line, const std::string& name) {
  return change(line, name, "pause", "paused");
}

int resume(const Line& line, const std::string& name) {
  return change(line, name, "resume", "resumed");
}

int resnapshot(const Line& line, const std::string& name, const std::string& table) {
  return with_client(line, [&](Client& client) {
    const auto asked = client.ask_json(
        "POST", target_of(name).segment("tables").segment(table).segment("snapshot").text());
    return show_change(line, asked,
                       fmt::format("reading {} again: weir cdc status {}", table, name));
  });
}

int remove(const Line& line, const std::string& name, bool keep_slot) {
  return with_client(line, [&](Client& client) {
    const auto gone = client.ask_json(
        "DELETE", target_of(name).parameter("keep_slot", keep_slot ? "true" : "").text());
    return show_change(line, gone, fmt::format("removed {}", name));
  });
}

void add_plain(CLI::App& parent,
               Line& line,
               const std::string& name,
               std::string_view sentence,
               int (*action)(const Line& line, const std::string& name)) {
  CLI::App* command =
      add_command(parent, name, sentence, fmt::format("  weir cdc {} orders", name));
  auto which = std::make_shared<std::string>();
  command->add_option("NAME", *which, "the capture")->required();
  add_client_options(*command, line);
  command->callback([&line, which, action] {
    line.action = [&line, which, action] { return action(line, *which); };
  });
}

void declare_add(CLI::App& parent, Line& line) {
  auto given = std::make_shared<AddOptions>();
  CLI::App* command = add_command(
      parent, "add", "Capture a database's changes: first what is there, then what happens",
      "  weir cdc add orders --host db --database shop --user weir --password-file /etc/weir/pw "
      "--prefix cdc --tables public.orders,public.outbox\n"
      "  weir cdc add --file register-postgres.json\n"
      "  weir cdc add orders --file orders.json --set snapshot.mode=no_data");
  command->add_option("NAME", given->name, "the capture; a file may name it");
  command->add_option("--file", given->file,
                      "properties from a TOML file, or from a Kafka Connect JSON file");
  command->add_option("--host", given->host, "database.hostname");
  command->add_option("--port", given->port, "database.port");
  command->add_option("--user", given->user, "database.user");
  command->add_option("--database", given->database, "database.dbname");
  command->add_option("--prefix", given->prefix, "topic.prefix: what the topics' names begin with");
  command->add_option("--tables", given->tables, "table.include.list: SCHEMA.TABLE, with commas");
  command->add_option("--password-file", given->password_file,
                      "a file that the broker reads the password from");
  command->add_option("--password-env", given->password_env,
                      "a variable of the broker's environment with the password");
  command->add_option("--set", given->set, "any other PROPERTY=VALUE");
  add_client_options(*command, line);
  command->callback([&line, given] { line.action = [&line, given] { return add(line, *given); }; });
}

void declare_resnapshot(CLI::App& parent, Line& line) {
  CLI::App* command = add_command(parent, "resnapshot",
                                  "Read a table once more, while the stream of its changes goes on",
                                  "  weir cdc resnapshot orders public.customers");
  auto name = std::make_shared<std::string>();
  auto table = std::make_shared<std::string>();
  command->add_option("NAME", *name, "the capture")->required();
  command->add_option("TABLE", *table, "SCHEMA.TABLE")->required();
  add_client_options(*command, line);
  command->callback([&line, name, table] {
    line.action = [&line, name, table] { return resnapshot(line, *name, *table); };
  });
}

}  // namespace

void add_cdc(CLI::App& app, Line& line) {
  CLI::App* cdc =
      add_command(app, "cdc", "Capture the changes of a PostgreSQL database in topics",
                  "  weir cdc add orders --host db --database shop --user weir --prefix "
                  "cdc --tables public.orders\n"
                  "  weir cdc ls\n"
                  "  weir cdc status orders");
  declare_add(*cdc, line);
  CLI::App* ls = add_command(*cdc, "ls", "List captures and what they do", "  weir cdc ls");
  ls->alias("list");
  add_client_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });
  add_plain(*cdc, line, "status", "Show a capture with all it counts", status);
  add_plain(*cdc, line, "pause", "Stop a capture; it keeps its place, and its slot holds the log",
            pause);
  add_plain(*cdc, line, "resume", "Let a paused capture go on where it stopped", resume);
  declare_resnapshot(*cdc, line);
  CLI::App* gone = add_command(*cdc, "rm", "Remove a capture and its slot; what it wrote stays",
                               "  weir cdc rm orders\n  weir cdc rm orders --keep-slot");
  gone->alias("remove");
  auto name = std::make_shared<std::string>();
  auto keep = std::make_shared<bool>(false);
  gone->add_option("NAME", *name, "the capture")->required();
  gone->add_flag("--keep-slot", *keep,
                 "leave the replication slot in the database, which holds back its log");
  add_client_options(*gone, line);
  gone->callback([&line, name, keep] {
    line.action = [&line, name, keep] { return remove(line, *name, *keep); };
  });
}

}  // namespace weir::cli
