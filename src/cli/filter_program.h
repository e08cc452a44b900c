#pragma once
// Runs a shell command over a text: what it reads on standard input and writes on standard output.

#include <string>

#include "base/error.h"

namespace weir::cli {

inline constexpr size_t kFilteredBytesMax = size_t{64} << 20;

// What `command` makes of `input`, without the newline at its end unless `input` has one.
// kInvalidArgument when it fails or writes more than kFilteredBytesMax; its standard error is this
// program's.
Result<std::string> filtered(const std::string& command, const std::string& input);

}  // namespace weir::cli
