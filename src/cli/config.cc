#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "admin/router.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "runtime/clock.h"
#include "server/tls.h"

namespace weir::cli {
namespace {

using server::Source;

std::string_view name_of(Source source) {
  switch (source) {
    case Source::kDefault: return "default";
    case Source::kFile: return "file";
    case Source::kEnvironment: return "environment";
    case Source::kFlag: return "flag";
  }
  return "default";
}

int check_file(const std::string& path, bool json) {
  server::Settings settings;
  const auto text = server::read_file(path);
  if (!text) return report(text.error());
  if (auto applied = apply_file(settings, *text, path); !applied) return report(applied.error());
  if (auto checked = check(settings); !checked) return report(checked.error());
  runtime::WallClock clock;
  const auto warnings = server::check_tls_files(settings, clock.now());
  if (!warnings) return report(warnings.error());
  for (const std::string& warning : *warnings) fmt::print(stderr, "warning: {}\n", warning);
  fmt::print(fmt::runtime(json ? "{{\"ok\":true}}\n" : "{}: ok\n"), path);
  return kDone;
}

int show(const SettingsLine& given, const Line& line) {
  std::vector<std::string> notes;
  const auto settings = gather(given, line.environment, notes);
  if (!settings) return report(settings.error());
  std::string json;
  for (const server::Option& option : server::options()) {
    const auto found = settings->sources.find(option.key);
    const Source source = found == settings->sources.end() ? Source::kDefault : found->second;
    const std::string value = value_of(*settings, option);
    if (line.json) {
      json += fmt::format("{}{}:{}", json.empty() ? "" : ",", admin::json_string(option.key),
                          admin::json_string(value));
    } else {
      fmt::print("{:<24} {:<16} {}\n", option.key, value.empty() ? "-" : value, name_of(source));
    }
  }
  if (line.json) fmt::print("{{{}}}\n", json);
  for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", note);
  return kDone;
}

}  // namespace

void add_config(CLI::App& app, Line& line) {
  CLI::App* config =
      add_command(app, "config", "Check a configuration file, or show what is in effect",
                  "  weir config check weir.toml\n"
                  "  weir config show --config weir.toml");
  CLI::App* check = add_command(*config, "check", "Check a file", "  weir config check weir.toml");
  auto path = std::make_shared<std::string>();
  check->add_option("FILE", *path, "the TOML file")->required();
  add_json_option(*check, line);
  check->callback(
      [&line, path] { line.action = [&line, path] { return check_file(*path, line.json); }; });

  CLI::App* shown =
      add_command(*config, "show", "Show every setting, its value and its source", "");
  auto given = std::make_shared<SettingsLine>();
  add_settings_options(*shown, *given);
  add_json_option(*shown, line);
  shown->callback([&line, given] { line.action = [&line, given] { return show(*given, line); }; });
}

}  // namespace weir::cli
