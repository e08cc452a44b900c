#pragma once
// Reading single values of properties.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/cdc/patterns.h"

namespace weir::cdc {

Error bad_value(std::string_view name, std::string_view value, std::string_view wanted);

Result<> read_bool(std::string_view name, const std::string& value, bool& out);

template <typename T>
struct Choice {
  std::string_view word;
  T value;
};

Result<size_t> read_choice(std::string_view name,
                           const std::string& value,
                           std::span<const std::string_view> words);

template <typename T, size_t kCount>
Result<> read_one_of(std::string_view name,
                     const std::string& value,
                     const Choice<T> (&choices)[kCount],
                     T& out) {
  std::string_view words[kCount];
  for (size_t i = 0; i < kCount; ++i) words[i] = choices[i].word;
  const Result<size_t> chosen = read_choice(name, value, words);
  if (!chosen) return std::unexpected(chosen.error());
  out = choices[*chosen].value;
  return {};
}

Result<> read_number(
    std::string_view name, const std::string& value, int64_t least, int64_t most, int64_t& out);
Result<> read_patterns(std::string_view name,
                       const std::string& value,
                       bool ignore_case,
                       Patterns& out);

}  // namespace weir::cdc
