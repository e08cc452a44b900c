#pragma once
// The server's settings on the command line: every option of server/settings.h as a flag.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/settings.h"

namespace CLI {
class App;
}

namespace weir::cli {

struct SettingsLine {
  std::string config;                        // --config
  std::map<std::string, std::string> texts;  // by key; empty: not given
  std::map<std::string, bool> switches;
};

void add_settings_options(CLI::App& command, SettingsLine& line);

// Flags over environment over file over defaults, checked.
Result<server::Settings> gather(const SettingsLine& line,
                                std::span<const char* const> environment,
                                std::vector<std::string>& notes);

}  // namespace weir::cli
