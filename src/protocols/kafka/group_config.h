#pragma once
// A group's own settings as Kafka spells them (resource GROUP). Thread: the state shard's.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/group/settings.h"
#include "core/group/streams_group.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/topic_config.h"

namespace weir::kafka {

std::span<const Setting> group_settings();
const Setting* find_group_setting(std::string_view name);

// The present value, and whether it was set on this group.
SettingValue group_setting(const group::Settings& settings,
                           const Setting& setting,
                           const Config& config);
// Nothing means: back to the default. kInvalidArgument says why it cannot be.
Result<> set_group_setting(std::string_view name,
                           const std::optional<std::string>& value,
                           group::Settings& settings);
// Settings that do not go together. kInvalidArgument.
Result<> check_group_settings(const group::Settings& settings, const Config& config);

Milliseconds session_timeout(const group::Settings& settings, const Config& config);
Milliseconds heartbeat_interval(const group::Settings& settings, const Config& config);
Milliseconds streams_heartbeat_interval(const group::Settings& settings, const Config& config);
group::StreamsConfig streams_config(const group::Settings& settings, const Config& config);

}  // namespace weir::kafka
