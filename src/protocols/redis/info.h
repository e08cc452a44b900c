#pragma once
// The text of INFO.

#include <string>
#include <vector>

namespace weir::redis {

class Service;

// The sections by name, case-insensitive; none, "all", "everything" and "default" mean what they
// mean to Redis.
std::string info_text(Service& service, const std::vector<std::string>& sections);

}  // namespace weir::redis
