#pragma once
// Durations and sizes as people write them: 500ms, 30s, 5m, 1h, 7d; 64KiB, 10GB; forever and
// unlimited where that has a meaning.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace CLI {
class Option;
}

namespace weir::cli {

inline constexpr int64_t kWithoutEnd = -1;

// Milliseconds; "forever" is kWithoutEnd. A number needs its unit, except 0. kInvalidArgument.
Result<int64_t> parse_duration(std::string_view text);
// In the largest unit that divides it.
std::string duration_text(int64_t ms);

// Bytes; "unlimited" is kWithoutEnd. kInvalidArgument.
Result<int64_t> parse_size(std::string_view text);
std::string size_text(int64_t bytes);

// The option's text must be one of these; anything else is a usage error.
void check_duration(CLI::Option* option);
void check_size(CLI::Option* option);

}  // namespace weir::cli
