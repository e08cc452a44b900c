#pragma once
// Serve: the life of the process from its settings to its exit code.

#include <string>
#include <vector>

#include "server/settings.h"

namespace weir::server {

struct ServeOptions {
  Settings settings;
  std::string version;
  std::vector<std::string> notes;  // to show at the start
};

// Runs until SIGTERM or SIGINT; SIGHUP loads certificates and credentials again. 0 after an orderly
// stop, 1 when it could not start (the reason is on standard error). A second signal ends the
// process at once.
int serve(const ServeOptions& options);

}  // namespace weir::server
