#pragma once
// Passwords come from a file, the environment or the terminal, never from the command line, which
// every process of the host can read.

#include <span>
#include <string>

#include "base/error.h"

namespace weir::cli {

struct PasswordSource {
  std::string file;      // its first line
  std::string variable;  // of the environment
};

// Without a source: asked for on the terminal, unseen and twice, or else the first line of standard
// input. kNotFound, kInvalidArgument.
Result<std::string> read_password(const PasswordSource& source,
                                  std::span<const char* const> environment);

}  // namespace weir::cli
