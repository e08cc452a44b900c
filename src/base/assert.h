#pragma once
// A bug is a bug in release builds too: WEIR_ASSERT stays on, prints what it knows and aborts.

#include <fmt/format.h>

#include <string_view>

namespace weir {

[[noreturn]] void assertion_failed(std::string_view expression,
                                   std::string_view file,
                                   int line,
                                   std::string_view message) noexcept;

}  // namespace weir

// The optional arguments are a fmt format and its values; they are evaluated only on failure.
#define WEIR_ASSERT(condition, ...)                                                          \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      ::weir::assertion_failed(#condition, __FILE__, __LINE__, fmt::format("" __VA_ARGS__)); \
    }                                                                                        \
  } while (false)
