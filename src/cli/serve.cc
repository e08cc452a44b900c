#include "server/serve.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/settings.h"

namespace weir::cli {
namespace {

int serve(const SettingsLine& given, const Line& line) {
  std::vector<std::string> notes;
  auto settings = gather(given, line.environment, notes);
  if (!settings) return report(settings.error());
  return server::serve({.settings = std::move(*settings),
                        .version = std::string(version()),
                        .notes = std::move(notes)});
}

}  // namespace

void add_serve(CLI::App& app, Line& line) {
  CLI::App* command =
      add_command(app, "serve", "Run the broker until SIGTERM or Ctrl-C",
                  "  weir serve\n"
                  "  weir serve --data /var/lib/weir --config /etc/weir/weir.toml\n"
                  "  weir serve --kafka-port 0 --ports-file ports.json   any free port\n"
                  "  weir serve --redis-port off                         no listener");
  auto given = std::make_shared<SettingsLine>();
  add_settings_options(*command, *given);
  command->callback(
      [&line, given] { line.action = [&line, given] { return serve(*given, line); }; });
}

}  // namespace weir::cli
