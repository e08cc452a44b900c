#pragma once
// The process's logger: lines on standard error, logfmt for people and JSON for machines. The same
// message of the same component is written at most ten times in ten seconds; what was left out is
// counted in the next line.

#include <memory>
#include <string>

#include "runtime/logger.h"

namespace weir::server {

// `level`: debug, info, warning or error. `json` chooses the form.
std::unique_ptr<runtime::Logger> make_logger(const std::string& level, bool json);

}  // namespace weir::server
