#pragma once
// The ports file tells whoever started Weir where it listens, and by appearing, that it is ready.
// It is written whole: a reader sees all of it or no file.

#include <string>

#include "base/error.h"

namespace weir::server {

Result<> write_ports_file(const std::string& path, const std::string& json);
void remove_ports_file(const std::string& path);

}  // namespace weir::server
