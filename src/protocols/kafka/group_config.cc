#include "protocols/kafka/group_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weir::kafka {
namespace {

constexpr std::string_view kSession = "consumer.session.timeout.ms";
constexpr std::string_view kHeartbeat = "consumer.heartbeat.interval.ms";
constexpr std::string_view kStreamsSession = "streams.session.timeout.ms";
constexpr std::string_view kStreamsHeartbeat = "streams.heartbeat.interval.ms";
constexpr std::string_view kStandbys = "streams.num.standby.replicas";
constexpr std::string_view kInitialDelay = "streams.initial.rebalance.delay.ms";
constexpr std::string_view kAssignmentInterval = "streams.assignment.interval.ms";

constexpr Setting kGroupSettings[] = {
    {kHeartbeat, SettingType::kInt, "5000", "how often members of a KIP-848 group report"},
    {kSession, SettingType::kInt, "45000", "silence after which such a member is out"},
    {kStreamsHeartbeat, SettingType::kInt, "5000", "how often members of a streams group report"},
    {kStreamsSession, SettingType::kInt, "45000", "silence after which such a member is out"},
    {kStandbys, SettingType::kInt, "0", "how many other processes follow a task's state"},
    {kInitialDelay, SettingType::kInt, "0", "how long the first members wait for more"},
    {kAssignmentInterval, SettingType::kInt, "1000", "how often tasks are shared out at most"},
};

struct Bounds {
  int64_t least;
  int64_t most;
};

Bounds bounds_of(std::string_view name) {
  if (name == kSession || name == kStreamsSession) return {1'000, 1'800'000};
  if (name == kStandbys) return {0, 2};
  if (name == kInitialDelay) return {0, 600'000};
  if (name == kAssignmentInterval) return {0, 15'000};
  return {100, 60'000};
}

int64_t default_of(std::string_view name, const Config& config) {
  if (name == kSession) return config.consumer_session_timeout.count();
  if (name == kHeartbeat) return config.consumer_heartbeat_interval.count();
  if (name == kStreamsSession) return config.streams_session_timeout.count();
  if (name == kStreamsHeartbeat) return config.streams_heartbeat_interval.count();
  if (name == kStandbys) return config.streams_standbys;
  if (name == kInitialDelay) return config.group_initial_rebalance_delay.count();
  return config.streams_assignment_interval.count();
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int64_t chosen(const group::Settings& settings, std::string_view name, const Config& config) {
  if (settings.empty()) return default_of(name, config);
  const auto found = settings.find(std::string(name));
  return found == settings.end() ? default_of(name, config) : number_of(found->second).value_or(0);
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
  return {std::to_string(chosen(settings, setting.name, config)),
          !settings.contains(std::string(setting.name))};
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
                fmt::format("{} is a number from {} to {}", name, bounds.least, bounds.most));
  }
  settings[std::string(name)] = std::to_string(*number);
  return {};
}

Result<> check_group_settings(const group::Settings& settings, const Config& config) {
  for (const auto& [beat, session] :
       {std::pair(kHeartbeat, kSession), std::pair(kStreamsHeartbeat, kStreamsSession)}) {
    if (chosen(settings, beat, config) < chosen(settings, session, config)) continue;
    return fail(ErrorCode::kInvalidArgument,
                "the heartbeat interval must be shorter than the session timeout");
  }
  return {};
}

Milliseconds session_timeout(const group::Settings& settings, const Config& config) {
  return Milliseconds(chosen(settings, kSession, config));
}

Milliseconds heartbeat_interval(const group::Settings& settings, const Config& config) {
  return Milliseconds(chosen(settings, kHeartbeat, config));
}

Milliseconds streams_heartbeat_interval(const group::Settings& settings, const Config& config) {
  return Milliseconds(chosen(settings, kStreamsHeartbeat, config));
}

group::StreamsConfig streams_config(const group::Settings& settings, const Config& config) {
  return {.session_timeout = Milliseconds(chosen(settings, kStreamsSession, config)),
          .members_max = config.group_members_max,
          .standbys = static_cast<uint32_t>(chosen(settings, kStandbys, config)),
          .initial_delay = Milliseconds(chosen(settings, kInitialDelay, config)),
          .assignment_interval = Milliseconds(chosen(settings, kAssignmentInterval, config))};
}

}  // namespace weir::kafka
