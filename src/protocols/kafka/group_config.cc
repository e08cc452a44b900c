#include "protocols/kafka/group_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weir::kafka {
namespace {

constexpr std::string_view kSession = "consumer.session.timeout.ms";
constexpr std::string_view kHeartbeat = "consumer.heartbeat.interval.ms";

constexpr Setting kGroupSettings[] = {
    {kHeartbeat, SettingType::kInt, "5000", "how often members of a KIP-848 group report"},
    {kSession, SettingType::kInt, "45000", "silence after which such a member is out"},
};

struct Bounds {
  int64_t least;
  int64_t most;
};

Bounds bounds_of(std::string_view name) {
  return name == kSession ? Bounds{1'000, 1'800'000} : Bounds{100, 60'000};
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Milliseconds chosen(const group::Settings& settings, std::string_view name, Milliseconds other) {
  const auto found = settings.find(std::string(name));
  return found == settings.end() ? other : Milliseconds(number_of(found->second).value_or(0));
}

}  // namespace

std::span<const Setting> group_settings() {
  return kGroupSettings;
}

const Setting* find_group_setting(std::string_view name) {
  const auto found = std::ranges::find(kGroupSettings, name, &Setting::name);
  return found == std::end(kGroupSettings) ? nullptr : found;
}

SettingValue group_setting(const group::Settings& settings,
                           const Setting& setting,
                           const Config& config) {
  const Milliseconds value = setting.name == kSession ? session_timeout(settings, config)
                                                      : heartbeat_interval(settings, config);
  return {std::to_string(value.count()), !settings.contains(std::string(setting.name))};
}

Result<> set_group_setting(std::string_view name,
                           const std::optional<std::string>& value,
                           group::Settings& settings) {
  if (!find_group_setting(name)) {
    return fail(ErrorCode::kInvalidArgument, "there is no such group setting");
  }
  if (!value) {
    settings.erase(std::string(name));
    return {};
  }
  const auto number = number_of(*value);
  const Bounds bounds = bounds_of(name);
  if (!number || *number < bounds.least || *number > bounds.most) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is a number of milliseconds from {} to {}", name, bounds.least,
                            bounds.most));
  }
  settings[std::string(name)] = std::to_string(*number);
  return {};
}

Result<> check_group_settings(const group::Settings& settings, const Config& config) {
  if (heartbeat_interval(settings, config) < session_timeout(settings, config)) return {};
  return fail(ErrorCode::kInvalidArgument,
              "the heartbeat interval must be shorter than the session timeout");
}

Milliseconds session_timeout(const group::Settings& settings, const Config& config) {
  return chosen(settings, kSession, config.consumer_session_timeout);
}

Milliseconds heartbeat_interval(const group::Settings& settings, const Config& config) {
  return chosen(settings, kHeartbeat, config.consumer_heartbeat_interval);
}

}  // namespace weir::kafka
