#pragma once
// Numbers as Redis reads and writes them.

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace weir::redis {

// Decimal, an optional minus, no plus, no leading zeros, no blanks; within int64.
std::optional<int64_t> parse_integer(ByteView text);
// As strtod without blanks: "1.5", "1e3", "inf", "-inf"; never NaN.
std::optional<double> parse_double(ByteView text);
// The shortest text that reads back as the same number; "inf", "-inf".
std::string format_double(double value);

}  // namespace weir::redis
