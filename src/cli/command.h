#pragma once
// What the files of the commands share. Each noun has a file of its own with one function
// add_NOUN(), which declares its commands and, when one of them was chosen, sets `action`.

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/tls_client.h"

namespace CLI {
class App;
}

namespace weir::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kNotUnderstood = 2;

// The line being parsed.
struct Line {
  std::function<int()> action;  // what to do; the exit code
  std::span<const char* const> environment;

  // Options of every command that talks to a broker.
  std::string url;
  net::TlsTrust trust;  // of https
  std::string space;    // --namespace
  bool json = false;
};

// A command with its help: one sentence, then examples.
CLI::App* add_command(CLI::App& parent,
                      const std::string& name,
                      std::string_view sentence,
                      std::string_view examples);

// --url (or WEIR_URL), whom to trust there, and --json.
void add_client_options(CLI::App& command, Line& line);
// The same and --namespace, for commands that name a topic, queue or group.
void add_named_options(CLI::App& command, Line& line);
void add_json_option(CLI::App& command, Line& line);

// Writes "weir: MESSAGE" on standard error and returns kFailed.
int report(const Error& error);

std::string_view version();

void add_serve(CLI::App& app, Line& line);
void add_advise(CLI::App& app, Line& line);
void add_version(CLI::App& app, Line& line);
void add_config(CLI::App& app, Line& line);
void add_env(CLI::App& app, Line& line);
void add_topic(CLI::App& app, Line& line);
void add_queue(CLI::App& app, Line& line);
void add_group(CLI::App& app, Line& line);
void add_produce(CLI::App& app, Line& line);
void add_tail(CLI::App& app, Line& line);
void add_event(CLI::App& app, Line& line);
void add_bridge(CLI::App& app, Line& line);
void add_cdc(CLI::App& app, Line& line);
void add_user(CLI::App& app, Line& line);
void add_doctor(CLI::App& app, Line& line);

}  // namespace weir::cli
