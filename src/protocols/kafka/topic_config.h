#pragma once
// A topic's settings as Kafka spells them: which exist, what they mean to a log, and what is merely
// kept.
//
// Three kinds of settings: those that act on the log (retention, compaction, batch size,
// timestamps, durability); those that describe Kafka's own files and replicas, which are accepted,
// kept and shown, but have nothing to act on here; and values that ask for something that this
// broker does not do (tiered storage), which are refused.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/broker.h"
#include "protocols/kafka/config.h"

namespace weir::kafka {

// Kafka's ConfigDef.Type, as DescribeConfigs numbers them.
enum class SettingType : int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7
};

struct Setting {
  std::string_view name;
  SettingType type;
  std::string_view default_value;
  std::string_view meaning;
};

std::span<const Setting> topic_settings();
const Setting* find_topic_setting(std::string_view name);

// The present value, and whether it was set on this topic.
struct SettingValue {
  std::string value;
  bool is_default = true;
};
SettingValue topic_setting(const broker::Thing& thing,
                           const Setting& setting,
                           const Config& config);

// Changes `policy` and `properties`; nothing means: back to the default. kInvalidArgument says why
// it cannot be.
Result<> set_topic_setting(std::string_view name,
                           const std::optional<std::string>& value,
                           const Config& config,
                           catalog::LogPolicy& policy,
                           catalog::Properties& properties);

// How far the time of a record may lie from the broker's, where producers set it.
struct TimestampWindow {
  int64_t before_max_ms = INT64_MAX;
  int64_t after_max_ms = INT64_MAX;
};
TimestampWindow timestamp_window(const broker::Thing& thing);

// The settings of the broker that clients look at; none can be changed at run time.
std::vector<std::pair<Setting, std::string>> broker_settings(const Config& config);

// A topic made without further words.
broker::TopicSpec default_topic(std::string name, const Config& config);

}  // namespace weir::kafka
