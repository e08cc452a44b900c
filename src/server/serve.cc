#include "server/serve.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "runtime/stop_signal.h"
#include "server/assembly.h"
#include "server/logging.h"

namespace weir::server {
namespace {

// At most ten lines, for a person: what runs where, and what to try.
std::string banner(const ServeOptions& options, const Assembly& assembly, double ready_ms) {
  std::string text = fmt::format("weir {}  data {}  ready in {:.0f} ms\n", options.version,
                                 options.settings.data, ready_ms);
  for (const auto& [name, address] : assembly.ports()) {
    const bool web = name == "http" || name == "aws";
    const bool tls = assembly.speaks_tls(name);
    text += fmt::format("  {:<6} {}{}{}\n", name, web ? (tls ? "https://" : "http://") : "",
                        address, tls && !web ? " (TLS)" : "");
  }
  for (const std::string& note : options.notes) text += fmt::format("note: {}\n", note);
  for (const std::string& note : assembly.notes()) text += fmt::format("note: {}\n", note);
  return text;
}

// Requests of some hundred KiB come and go all the time. Up to these bounds their memory stays with
// the process, instead of going back to the kernel and being zeroed again for the next one.
void keep_memory_at_hand() {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

// The signal that ended it. SIGHUP loads files again, unless it came because the terminal that
// showed the banner is gone: then nobody is left who could press Ctrl-C.
int wait_for_stop(runtime::StopSignal& stop, Assembly& assembly, bool terminal) {
  while (true) {
    const int signal = stop.wait();
    if (signal != SIGHUP || (terminal && isatty(STDERR_FILENO) == 0)) return signal;
    assembly.reload();
  }
}

}  // namespace

int serve(const ServeOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  runtime::StopSignal stop;  // first of all: every thread inherits the blocked signals
  keep_memory_at_hand();
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const std::string& format = options.settings.log_format;
  const auto logger =
      make_logger(options.settings.log_level, format == "json" || (format == "auto" && !terminal));
  auto assembly = Assembly::start(
      {.settings = options.settings, .version = options.version, .interactive = terminal}, *logger);
  if (!assembly) {
    fmt::print(stderr, "weir: {}\n", assembly.error().message);
    return 1;
  }
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  if (terminal) {
    fmt::print(stderr, "{}", banner(options, **assembly, taken.count()));
  } else {
    for (const auto& [name, address] : (*assembly)->ports()) {
      logger->info("server", "listening",
                   {{"protocol", name},
                    {"address", address},
                    {"tls", (*assembly)->speaks_tls(name) ? "on" : "off"}});
    }
    for (const std::string& note : options.notes) logger->warn("server", note);
    for (const std::string& note : (*assembly)->notes()) logger->warn("server", note);
    logger->info("server", "ready", {{"version", options.version}});
  }
  const int signal = wait_for_stop(stop, **assembly, terminal);
  logger->info("server", "stopping", {{"signal", std::to_string(signal)}});
  (*assembly)->stop();
  logger->info("server", "stopped");
  return 0;
}

}  // namespace weir::server
