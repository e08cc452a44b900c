#include "cli/settings.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace weir::cli {
namespace {

using server::Option;
using server::Settings;
using server::Source;

bool is_switch(const Option& option) {
  return std::holds_alternative<bool Settings::*>(option.member);
}

}  // namespace

void add_settings_options(CLI::App& command, SettingsLine& line) {
  command
      .add_option("--config", line.config,
                  "read settings from a TOML file; environment: WEIR_CONFIG")
      ->envname("WEIR_CONFIG")
      ->type_name("FILE");
  const Settings defaults;
  for (const Option& option : server::options()) {
    const std::string key(option.key);
    const std::string shown = value_of(defaults, option);
    if (is_switch(option)) {
      command.add_flag(flag_of(option), line.switches[key], std::string(option.help));
      continue;
    }
    command.add_option(flag_of(option), line.texts[key], std::string(option.help))
        ->type_name(std::string(option.value_name))
        ->default_str(shown);
  }
}

Result<Settings> gather(const SettingsLine& line,
                        std::span<const char* const> environment,
                        std::vector<std::string>& notes) {
  Settings settings;
  if (!line.config.empty()) {
    const auto text = server::read_file(line.config);
    if (!text) return std::unexpected(text.error());
    if (auto applied = apply_file(settings, *text, line.config); !applied) {
      return std::unexpected(applied.error());
    }
  }
  auto unknown = apply_environment(settings, environment);
  if (!unknown) return std::unexpected(unknown.error());
  notes.insert(notes.end(), unknown->begin(), unknown->end());
  for (const Option& option : server::options()) {
    const std::string key(option.key);
    const bool switched = is_switch(option) && line.switches.at(key);
    const std::string text = switched ? "true" : is_switch(option) ? "" : line.texts.at(key);
    if (text.empty()) continue;
    if (auto assigned = assign(settings, option, text, Source::kFlag); !assigned) {
      return std::unexpected(assigned.error());
    }
  }
  if (auto checked = check(settings); !checked) return std::unexpected(checked.error());
  return settings;
}

}  // namespace weir::cli
