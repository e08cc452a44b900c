#include "admin/health.h"

#include <fmt/format.h>

#include <algorithm>

#include "admin/router.h"

namespace weir::admin {

bool Health::ready() const {
  return std::ranges::all_of(checks_, [](const Named& named) { return named.check().empty(); });
}

std::string Health::to_json() const {
  std::string checks;
  bool ready = true;
  for (const Named& named : checks_) {
    const std::string reason = named.check();
    ready = ready && reason.empty();
    checks += fmt::format("{}{{\"name\":{},\"ok\":{}{}}}", checks.empty() ? "" : ",",
                          json_string(named.name), reason.empty(),
                          reason.empty() ? "" : ",\"reason\":" + json_string(reason));
  }
  return fmt::format("{{\"ready\":{},\"checks\":[{}]}}\n", ready, checks);
}

std::string Health::to_text() const {
  for (const Named& named : checks_) {
    if (const std::string reason = named.check(); !reason.empty()) {
      return fmt::format("{}: {}\n", named.name, reason);
    }
  }
  return "ready\n";
}

}  // namespace weir::admin
