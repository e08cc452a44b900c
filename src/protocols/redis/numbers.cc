#include "protocols/redis/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

namespace weir::redis {

std::optional<int64_t> parse_integer(ByteView text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  const ByteView digits = text.front() == '-' ? text.substr(1) : text;
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

namespace {

// As many digits as a double may need, and then some.
constexpr size_t kNumberBytesMax = 1024;

}  // namespace

std::optional<double> parse_double(ByteView text) {
  if (text.empty() || text.size() > kNumberBytesMax) return std::nullopt;
  const char first = text.front();
  if (first == ' ' || (first >= '\t' && first <= '\r')) return std::nullopt;
  const std::string terminated(text);
  char* end = nullptr;
  const double value = std::strtod(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size() || std::isnan(value)) return std::nullopt;
  return value;
}

std::string format_double(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  // Whole numbers are written without an exponent as far as they are exact.
  if (value == std::floor(value) && std::fabs(value) < 1e17) {
    const bool negative_zero = value == 0 && std::signbit(value);
    if (negative_zero) return "-0";
    return std::to_string(static_cast<int64_t>(value));
  }
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end);
}

}  // namespace weir::redis
