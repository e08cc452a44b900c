#pragma once
// Suggestions for mistyped names: "unknown key kafka.prot; did you mean kafka.port?".

#include <span>
#include <string>
#include <string_view>

namespace weir {

// The candidate that is nearest to `name` by single-character edits and swaps, or empty when none
// is near enough to be meant.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

// "; did you mean X?", or empty.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace weir
