#include "cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "cli/command.h"

namespace weir::cli {
namespace {

// Examples stand before the options: most of the time they are the answer.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    std::string text = CLI::Formatter::make_description(app);
    if (const std::string examples = app->get_footer(); !examples.empty()) {
      text += "\n" + examples + "\n\n";
    }
    return text;
  }
  std::string make_footer(const CLI::App* /*app*/) const override { return {}; }
};

constexpr std::string_view kDefaultUrl = "http://127.0.0.1:8080";

// The value of a variable of the environment, or empty.
std::string_view variable(std::span<const char* const> environment, std::string_view name) {
  for (const std::string_view entry : environment) {
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

// Names that could have been meant where `app` was being parsed.
std::vector<std::string> names_known(const CLI::App& app, bool flags) {
  std::vector<std::string> names;
  if (flags) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  } else {
    for (const CLI::App* command : app.get_subcommands(nullptr))
      names.push_back(command->get_name());
  }
  return names;
}

const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

// "weir", "weir config"
std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? "weir" : full_name(*parent) + " " + app.get_name();
}

std::string help_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return app.help(parent == nullptr ? "" : full_name(*parent));
}

int refuse(const CLI::App& app, const std::string& reason) {
  fmt::print(stderr, "weir: {}\nSee: {} --help\n", reason, full_name(innermost(app)));
  return kNotUnderstood;
}

int refuse_unknown(const CLI::App& app) {
  const CLI::App& where = innermost(app);
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string first = unknown.empty() ? "" : unknown.front();
  const bool flag = first.starts_with('-');
  const std::vector<std::string> names = names_known(where, flag);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string bare = first.substr(0, first.find('='));
  return refuse(app, fmt::format("unknown {} {}{}",
                                 flag            ? "option"
                                 : names.empty() ? "argument"
                                                 : "command",
                                 bare, did_you_mean(bare, candidates)));
}

}  // namespace

CLI::App* add_command(CLI::App& parent,
                      const std::string& name,
                      std::string_view sentence,
                      std::string_view examples) {
  CLI::App* command = parent.add_subcommand(name, std::string(sentence));
  if (!examples.empty()) command->footer(fmt::format("Examples:\n{}", examples));
  return command;
}

void add_json_option(CLI::App& command, Line& line) {
  command.add_flag("--json", line.json, "answer in JSON");
}

void add_client_options(CLI::App& command, Line& line) {
  command.add_option("--url", line.url, "the broker's admin port; environment: WEIR_URL")
      ->default_str(std::string(kDefaultUrl));
  command.add_option("--ca", line.trust.ca,
                     "trust an https:// broker with a certificate of these authorities (PEM); "
                     "empty: those of this host; environment: WEIR_CA");
  command.add_flag("!--insecure-skip-verify", line.trust.verify,
                   "trust an https:// broker with any certificate");
  command.add_option("--client-certificate", line.trust.certificate,
                     "show this certificate to a broker that asks for one (PEM)");
  command.add_option("--client-key", line.trust.key,
                     "its key (PEM); empty: it stands in the certificate's file");
  add_json_option(command, line);
}

void add_named_options(CLI::App& command, Line& line) {
  add_client_options(command, line);
  command.add_option("--namespace", line.space,
                     "where the name lives; empty: the default namespace");
}

int report(const Error& error) {
  fmt::print(stderr, "weir: {}\n", error.message);
  return kFailed;
}

std::string_view version() {
  return WEIR_VERSION;
}

int run(int argc, char** argv, char** environment) {
  size_t variables = 0;
  while (environment != nullptr && environment[variables] != nullptr) ++variables;
  Line line;
  line.environment = {environment, variables};
  // Not an option's own environment name: the commands share the value, and each would set it
  // again.
  const std::string_view url = variable(line.environment, "WEIR_URL");
  line.url = url.empty() ? kDefaultUrl : url;
  line.trust.ca = variable(line.environment, "WEIR_CA");

  CLI::App app("Weir: a message broker that speaks SQS, Kafka and Redis.", "weir");
  app.footer(
      "Examples:\n"
      "  weir serve                       start a broker that stores in ./data\n"
      "  eval \"$(weir env)\"               let the clients of this shell find it\n"
      "  weir topic create events         make a topic\n"
      "  weir produce events 'hello'      put a record into it\n"
      "  weir tail events --follow        see what arrives");
  app.formatter(std::make_shared<ExamplesFirst>());
  app.set_help_all_flag("--help-all", "help of every command");
  add_serve(app, line);
  add_advise(app, line);
  add_topic(app, line);
  add_queue(app, line);
  add_group(app, line);
  add_produce(app, line);
  add_tail(app, line);
  add_event(app, line);
  add_bridge(app, line);
  add_cdc(app, line);
  add_user(app, line);
  add_doctor(app, line);
  add_env(app, line);
  add_config(app, line);
  add_version(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return refuse_unknown(app);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", help_of(innermost(app)));
    return kDone;
  } catch (const CLI::CallForAllHelp&) {
    fmt::print("{}", app.help("", CLI::AppFormatMode::All));
    return kDone;
  } catch (const CLI::ParseError& error) {
    return refuse(app, error.what());
  }
  if (!line.action) {
    fmt::print("{}", help_of(innermost(app)));
    return kNotUnderstood;
  }
  return line.action();
}

}  // namespace weir::cli
