#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace weir::cli {

void add_version(CLI::App& app, Line& line) {
  CLI::App* command = add_command(app, "version", "Print the version", "");
  add_json_option(*command, line);
  command->callback([&line] {
    line.action = [&line] {
      fmt::print(fmt::runtime(line.json ? "{{\"version\":\"{}\"}}\n" : "weir {}\n"), version());
      return kDone;
    };
  });
}

}  // namespace weir::cli
