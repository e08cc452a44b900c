#include "connectors/cdc/config_values.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "connectors/cdc/patterns.h"
#include "fmt/format.h"

namespace weir::cdc {

Error bad_value(std::string_view name, std::string_view value, std::string_view wanted) {
  return {.code = ErrorCode::kInvalidArgument,
          .message = fmt::format("{} = \"{}\": {}", name, value, wanted)};
}

Result<> read_bool(std::string_view name, const std::string& value, bool& out) {
  if (value != "true" && value != "false") {
    return std::unexpected(bad_value(name, value, "give true or false"));
  }
  out = value == "true";
  return {};
}

Result<size_t> read_choice(std::string_view name,
                           const std::string& value,
                           std::span<const std::string_view> words) {
  std::string all;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == value) return i;
    if (!all.empty()) all += ", ";
    all += words[i];
  }
  return std::unexpected(bad_value(name, value, "Weir knows " + all));
}

Result<> read_number(
    std::string_view name, const std::string& value, int64_t least, int64_t most, int64_t& out) {
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [next, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || next != end || number < least || number > most) {
    return std::unexpected(
        bad_value(name, value, fmt::format("give a number from {} to {}", least, most)));
  }
  out = number;
  return {};
}

Result<> read_patterns(std::string_view name,
                       const std::string& value,
                       bool ignore_case,
                       Patterns& out) {
  Result<Patterns> patterns = Patterns::compile(value, ignore_case);
  if (!patterns) {
    return std::unexpected(bad_value(name, value, patterns.error().message));
  }
  out = std::move(*patterns);
  return {};
}

}  // namespace weir::cdc
