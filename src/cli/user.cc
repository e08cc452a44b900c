#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/password.h"

namespace weir::cli {
namespace {

using admin::Json;
using admin::JsonObject;

struct UserOptions {
  std::string name;
  bool redis = false;
  PasswordSource password;
};

Target target_of(const std::string& name) {
  return Target("users").segment(name);
}

std::string joined(const std::vector<Json>& words) {
  std::string text;
  for (const Json& word : words) text += (text.empty() ? "" : ", ") + word.text();
  return text;
}

int list(const Line& line) {
  return with_client(line, [&](Client& client) {
    const auto users = client.list(Target("users"), "users");
    if (!users) return report(users.error());
    Table table({"NAME", "ENABLED", "CREDENTIALS", "REDIS"});
    for (const Json& user : *users) {
      if (line.json) print_json(user);
      table.add({user["name"].text(), user["enabled"].flag() ? "yes" : "no",
                 or_dash(joined(user["credentials"].list())), or_dash(user["redis"].text())});
    }
    if (!line.json) table.print();
    return kDone;
  });
}

int add(const Line& line, const UserOptions& given) {
  const auto password = read_password(given.password, line.environment);
  if (!password) return report(password.error());
  return with_client(line, [&](Client& client) {
    JsonObject body;
    body.text("name", given.name).text("password", *password);
    if (given.redis) body.flag("redis", true);
    const auto made = client.ask_json("POST", Target("users").text(), body.done());
    return show_change(line, made, fmt::format("added user {}", given.name));
  });
}

int set_password(const Line& line, const UserOptions& given) {
  const auto password = read_password(given.password, line.environment);
  if (!password) return report(password.error());
  return with_client(line, [&](Client& client) {
    const auto changed = client.ask_json("PATCH", target_of(given.name).text(),
                                         JsonObject().text("password", *password).done());
    return show_change(line, changed, fmt::format("user {} has a new password", given.name));
  });
}

int set_enabled(const Line& line, const UserOptions& given, bool enabled) {
  return with_client(line, [&](Client& client) {
    const auto changed = client.ask_json("PATCH", target_of(given.name).text(),
                                         JsonObject().flag("enabled", enabled).done());
    return show_change(
        line, changed,
        fmt::format("user {} {}", given.name, enabled ? "can log in" : "cannot log in any more"));
  });
}

int enable(const Line& line, const UserOptions& given) {
  return set_enabled(line, given, true);
}

int disable(const Line& line, const UserOptions& given) {
  return set_enabled(line, given, false);
}

int remove(const Line& line, const UserOptions& given) {
  return with_client(line, [&](Client& client) {
    const auto gone = client.ask_json("DELETE", target_of(given.name).text());
    return show_change(line, gone, fmt::format("removed user {}", given.name));
  });
}

using Action = int (*)(const Line& line, const UserOptions& given);

CLI::App* add_named(CLI::App& user,
                    Line& line,
                    const std::shared_ptr<UserOptions>& given,
                    const std::string& name,
                    std::string_view sentence,
                    std::string_view examples,
                    Action action) {
  CLI::App* command = add_command(user, name, sentence, examples);
  command->add_option("NAME", given->name, "the user")->required();
  add_client_options(*command, line);
  command->callback([&line, given, action] {
    line.action = [&line, given, action] { return action(line, *given); };
  });
  return command;
}

void add_password_options(CLI::App& command, UserOptions& given) {
  CLI::Option* file = command.add_option("--password-file", given.password.file,
                                         "the first line of this file is the password");
  command
      .add_option("--password-env", given.password.variable,
                  "this variable of the environment holds the password")
      ->excludes(file);
}

}  // namespace

void add_user(CLI::App& app, Line& line) {
  CLI::App* user = add_command(app, "user", "Say who can log in, through Kafka and Redis",
                               "  weir user add alice                                asks for a "
                               "password\n"
                               "  weir user add alice --password-file alice.secret\n"
                               "  weir user ls");
  auto given = std::make_shared<UserOptions>();
  CLI::App* added =
      add_named(*user, line, given, "add", "Add a user; the password is never an argument",
                "  weir user add alice\n  weir user add alice --password-env ALICE_PASSWORD\n"
                "  weir user add cache --redis     may do everything through Redis",
                add);
  add_password_options(*added, *given);
  added->add_flag("--redis", given->redis, "all rights in Redis; without it, none");
  CLI::App* ls = add_command(*user, "ls", "List users and how they can log in", "  weir user ls");
  ls->alias("list");
  add_client_options(*ls, line);
  ls->callback([&line] { line.action = [&line] { return list(line); }; });
  add_password_options(*add_named(*user, line, given, "password", "Give a user another password",
                                  "  weir user password alice", set_password),
                       *given);
  add_named(*user, line, given, "disable", "Let a user not log in any more; open connections stay",
            "  weir user disable alice", disable);
  add_named(*user, line, given, "enable", "Let a disabled user log in again",
            "  weir user enable alice", enable);
  add_named(*user, line, given, "rm", "Remove a user; open connections stay",
            "  weir user rm alice", remove)
      ->alias("remove");
}

}  // namespace weir::cli
