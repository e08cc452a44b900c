#include "cli/units.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <utility>

namespace weir::cli {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

// Largest first.
constexpr std::array kDurations = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                   Unit{"s", 1000}, Unit{"ms", 1}};
constexpr std::array kSizes = {Unit{"TiB", int64_t{1} << 40},
                               Unit{"GiB", int64_t{1} << 30},
                               Unit{"MiB", int64_t{1} << 20},
                               Unit{"KiB", int64_t{1} << 10},
                               Unit{"TB", 1'000'000'000'000},
                               Unit{"GB", 1'000'000'000},
                               Unit{"MB", 1'000'000},
                               Unit{"kB", 1'000},
                               Unit{"B", 1}};

template <size_t kCount>
Result<int64_t> parse(std::string_view text,
                      const std::array<Unit, kCount>& units,
                      std::string_view without_end,
                      std::string_view examples) {
  if (text == without_end) return kWithoutEnd;
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error == std::errc() && count == 0 && unit.empty()) return 0;
  for (const Unit& known : units) {
    if (error != std::errc() || count < 0 || unit != known.name) continue;
    if (count > INT64_MAX / known.factor) break;
    return count * known.factor;
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is not understood; write it like {}", text, examples));
}

template <size_t kCount>
std::string in_units(int64_t value,
                     const std::array<Unit, kCount>& units,
                     std::string_view without_end) {
  if (value < 0) return std::string(without_end);
  if (value == 0) return "0";
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}", value);
}

std::string mistake_of(const Result<int64_t>& parsed) {
  return parsed ? std::string() : parsed.error().message;
}

}  // namespace

Result<int64_t> parse_duration(std::string_view text) {
  return parse(text, kDurations, "forever", "500ms, 30s, 5m, 1h, 7d or forever");
}

std::string duration_text(int64_t ms) {
  return in_units(ms, kDurations, "forever");
}

Result<int64_t> parse_size(std::string_view text) {
  return parse(text, kSizes, "unlimited", "64KiB, 10MB, 2GiB or unlimited");
}

std::string size_text(int64_t bytes) {
  return in_units(bytes, kSizes, "unlimited");
}

void check_duration(CLI::Option* option) {
  option->check([](const std::string& text) { return mistake_of(parse_duration(text)); });
  option->type_name("DURATION");
}

void check_size(CLI::Option* option) {
  option->check([](const std::string& text) { return mistake_of(parse_size(text)); });
  option->type_name("SIZE");
}

}  // namespace weir::cli
