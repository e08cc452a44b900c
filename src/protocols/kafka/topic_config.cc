#include "protocols/kafka/topic_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "broker/event_store.h"

namespace weir::kafka {
namespace {

constexpr std::string_view kRetentionMs = "retention.ms";
constexpr std::string_view kRetentionBytes = "retention.bytes";
constexpr std::string_view kRetentionLock = "retention.lock";
constexpr std::string_view kMaxMessageBytes = "max.message.bytes";
constexpr std::string_view kTimestampType = "message.timestamp.type";
constexpr std::string_view kTimestampAfter = "message.timestamp.after.max.ms";
constexpr std::string_view kTimestampBefore = "message.timestamp.before.max.ms";
constexpr std::string_view kDurability = "weir.durability";
constexpr std::string_view kEvents = broker::kEventsProperty;
constexpr std::string_view kCleanupPolicy = "cleanup.policy";
constexpr std::string_view kCompressionType = "compression.type";
constexpr std::string_view kMinInsyncReplicas = "min.insync.replicas";
constexpr std::string_view kRemoteStorage = "remote.storage.enable";
constexpr std::string_view kDeleteRetention = "delete.retention.ms";
constexpr std::string_view kLagMax = "max.compaction.lag.ms";
constexpr std::string_view kLagMin = "min.compaction.lag.ms";
constexpr std::string_view kDirtyRatio = "min.cleanable.dirty.ratio";

using enum SettingType;
constexpr Setting kTopicSettings[] = {
    {kCleanupPolicy, kList, "delete", "what happens to old records: delete, compact or both"},
    {kCompressionType, kString, "producer",
     "batches stay as the producer compressed them, whatever this says"},
    {kDeleteRetention, kLong, "86400000", "how long compaction keeps a tombstone"},
    {"file.delete.delay.ms", kLong, "60000", "of Kafka's files; kept, without effect"},
    {"flush.messages", kLong, "9223372036854775807", "see weir.durability; kept, without effect"},
    {"flush.ms", kLong, "9223372036854775807", "see weir.durability; kept, without effect"},
    {"follower.replication.throttled.replicas", kList, "", "of replicas; kept, without effect"},
    {"index.interval.bytes", kInt, "4096", "of Kafka's files; kept, without effect"},
    {"leader.replication.throttled.replicas", kList, "", "of replicas; kept, without effect"},
    {"local.retention.bytes", kLong, "-2", "of tiered storage; kept, without effect"},
    {"local.retention.ms", kLong, "-2", "of tiered storage; kept, without effect"},
    {kLagMax, kLong, "9223372036854775807", "how long a record may wait for compaction"},
    {kMaxMessageBytes, kInt, "1048588", "largest batch"},
    {kTimestampAfter, kLong, "3600000", "how far ahead of the broker's time a record may be"},
    {kTimestampBefore, kLong, "9223372036854775807", "how far behind it a record may be"},
    {kTimestampType, kString, "CreateTime", "CreateTime or LogAppendTime"},
    {kDirtyRatio, kDouble, "0.5", "share of a log that must be new before it is compacted"},
    {kLagMin, kLong, "0", "how long compaction leaves a record alone"},
    {kMinInsyncReplicas, kInt, "1", "there is one copy"},
    {"preallocate", kBoolean, "false", "of Kafka's files; kept, without effect"},
    {kRemoteStorage, kBoolean, "false", "tiered storage is not done here"},
    {kRetentionBytes, kLong, "-1", "bytes that a partition keeps; -1 is no limit"},
    {kRetentionLock, kLong, "0",
     "until when, in ms since 1970, nothing is deleted and no retention shortened; 0 is no lock"},
    {kRetentionMs, kLong, "604800000", "how long records are kept; -1 is for ever"},
    {"segment.bytes", kInt, "1073741824", "of Kafka's files; kept, without effect"},
    {"segment.index.bytes", kInt, "10485760", "of Kafka's files; kept, without effect"},
    {"segment.jitter.ms", kLong, "0", "of Kafka's files; kept, without effect"},
    {"segment.ms", kLong, "604800000", "of Kafka's files; kept, without effect"},
    {"unclean.leader.election.enable", kBoolean, "false", "of replicas; kept, without effect"},
    {kDurability, kString, "fsync", "what an acknowledgement waits for: fsync, os or transient"},
    {kEvents, kBoolean, "false",
     "keys have versions that producers may expect; needs one partition"},
};

constexpr std::array<std::string_view, 6> kCompressions = {"producer", "uncompressed", "gzip",
                                                           "snappy",   "lz4",          "zstd"};

std::string property_of(std::string_view setting) {
  return "kafka." + std::string(setting);
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_well_formed(const Setting& setting, std::string_view value) {
  switch (setting.type) {
    case kBoolean: return value == "true" || value == "false";
    case kInt: return number_of<int32_t>(value).has_value();
    case kShort: return number_of<int16_t>(value).has_value();
    case kLong: return number_of<int64_t>(value).has_value();
    case kDouble: return number_of<double>(value).has_value();
    case kString:
    case kList: return true;
  }
  return false;
}

std::string_view to_text(Durability durability) {
  switch (durability) {
    case Durability::kFsync: return "fsync";
    case Durability::kOs: return "os";
    case Durability::kTransient: return "transient";
  }
  return "fsync";
}

std::optional<Durability> durability_of(std::string_view text) {
  for (const Durability one : {Durability::kFsync, Durability::kOs, Durability::kTransient}) {
    if (to_text(one) == text) return one;
  }
  return std::nullopt;
}

std::unexpected<Error> invalid(std::string_view name,
                               std::string_view value,
                               std::string_view rule) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}={}: {}", name, value, rule));
}

// The value that a setting has when nobody set it on the topic.
std::string default_of(const Setting& setting, const Config& config) {
  if (setting.name == kRetentionMs) return std::to_string(config.default_retention_ms);
  return std::string(setting.default_value);
}

// Settings that mean something to the log. False: not one of those.
Result<bool> apply_to_log(std::string_view name,
                          const std::string& value,
                          catalog::LogPolicy& policy) {
  if (name == kRetentionMs || name == kRetentionBytes) {
    const int64_t number = *number_of<int64_t>(value);
    if (number < -1) return invalid(name, value, "must be -1 or more");
    (name == kRetentionMs ? policy.retention_ms : policy.retention_bytes) = number;
    return true;
  }
  if (name == kRetentionLock) {
    const int64_t until = *number_of<int64_t>(value);
    if (until < 0) return invalid(name, value, "must not be negative");
    policy.locked_until = Timestamp(until);
    return true;
  }
  if (name == kMaxMessageBytes) {
    const int32_t number = *number_of<int32_t>(value);
    if (number < 0) return invalid(name, value, "must not be negative");
    policy.batch_bytes_max = static_cast<uint32_t>(number);
    return true;
  }
  if (name == kTimestampType) {
    if (value != "CreateTime" && value != "LogAppendTime") {
      return invalid(name, value, "must be CreateTime or LogAppendTime");
    }
    policy.log_append_time = value == "LogAppendTime";
    return true;
  }
  if (name == kTimestampAfter || name == kTimestampBefore) {
    if (*number_of<int64_t>(value) < 0) return invalid(name, value, "must not be negative");
    return false;  // asked by whoever produces
  }
  if (name == kDurability) {
    const auto durability = durability_of(value);
    if (!durability) return invalid(name, value, "must be fsync, os or transient");
    policy.durability = *durability;
    return true;
  }
  return false;
}

// Which of the two words a cleanup policy holds; nothing when it holds another one, or none.
struct Cleanup {
  bool removes = false;
  bool compacts = false;
};
std::optional<Cleanup> cleanup_of(std::string_view text) {
  Cleanup cleanup;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (word != "delete" && word != "compact") return std::nullopt;
    (word == "delete" ? cleanup.removes : cleanup.compacts) = true;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (!cleanup.removes && !cleanup.compacts) return std::nullopt;
  return cleanup;
}

Result<> check_compaction(std::string_view name, const std::string& value) {
  if (name == kCleanupPolicy && !cleanup_of(value)) {
    return invalid(name, value, "must be delete, compact, or both with a comma");
  }
  if (name == kDirtyRatio) {
    const double ratio = *number_of<double>(value);
    if (!(ratio >= 0 && ratio <= 1)) return invalid(name, value, "must lie between 0 and 1");
  }
  if ((name == kDeleteRetention || name == kLagMin) && *number_of<int64_t>(value) < 0) {
    return invalid(name, value, "must not be negative");
  }
  if (name == kLagMax && *number_of<int64_t>(value) < 1) {
    return invalid(name, value, "must be at least 1");
  }
  return {};
}

// What the kept settings together say; their values were checked when they were set.
std::optional<catalog::CompactionPolicy> compaction_of(const catalog::Properties& properties) {
  const auto text = [&](std::string_view name) {
    const auto kept = properties.find(property_of(name));
    return kept == properties.end() ? std::string(find_topic_setting(name)->default_value)
                                    : kept->second;
  };
  const auto cleanup = cleanup_of(text(kCleanupPolicy));
  if (!cleanup || !cleanup->compacts) return std::nullopt;
  catalog::CompactionPolicy policy;
  policy.with_retention = cleanup->removes;
  policy.delete_retention_ms = number_of<int64_t>(text(kDeleteRetention)).value_or(0);
  policy.lag_min_ms = number_of<int64_t>(text(kLagMin)).value_or(0);
  policy.lag_max_ms = number_of<int64_t>(text(kLagMax)).value_or(INT64_MAX);
  const double ratio = number_of<double>(text(kDirtyRatio)).value_or(0.5);
  policy.dirty_permille = static_cast<uint32_t>(ratio * 1000);
  return policy;
}

// What has versions keeps its records, unless somebody says otherwise and is told so.
void set_events(bool on, catalog::LogPolicy& policy, catalog::Properties& properties) {
  const std::string property(broker::kEventsProperty);
  if (!on) {
    properties.erase(property);
    return;
  }
  properties[property] = "true";
  if (!properties.contains(property_of(kRetentionMs))) policy.retention_ms = catalog::kUnlimited;
}

// Values that ask for what is not there.
Result<> check_supported(std::string_view name, const std::string& value) {
  if (name == kCompressionType && std::ranges::find(kCompressions, value) == kCompressions.end()) {
    return invalid(name, value, "it is producer, uncompressed, gzip, snappy, lz4 or zstd");
  }
  if (name == kMinInsyncReplicas && value != "1") return invalid(name, value, "there is one copy");
  if (name == kRemoteStorage && value != "false") return invalid(name, value, "not supported");
  return {};
}

}  // namespace

std::span<const Setting> topic_settings() {
  return kTopicSettings;
}

const Setting* find_topic_setting(std::string_view name) {
  const auto found = std::ranges::find(kTopicSettings, name, &Setting::name);
  return found == std::end(kTopicSettings) ? nullptr : found;
}

SettingValue topic_setting(const broker::Thing& thing,
                           const Setting& setting,
                           const Config& config) {
  const catalog::LogPolicy& policy = thing.log_policy;
  const std::string by_default = default_of(setting, config);
  std::string value;
  if (setting.name == kRetentionMs) {
    value = std::to_string(policy.retention_ms);
  } else if (setting.name == kRetentionBytes) {
    value = std::to_string(policy.retention_bytes);
  } else if (setting.name == kRetentionLock) {
    value = std::to_string(policy.locked_until.ms());
  } else if (setting.name == kMaxMessageBytes) {
    value = std::to_string(policy.batch_bytes_max);
  } else if (setting.name == kTimestampType) {
    value = policy.log_append_time ? "LogAppendTime" : "CreateTime";
  } else if (setting.name == kDurability) {
    value = to_text(policy.durability);
  } else if (setting.name == kEvents) {
    value = broker::has_versions(thing) ? "true" : "false";
  } else {
    const auto kept = thing.properties.find(property_of(setting.name));
    value = kept == thing.properties.end() ? by_default : kept->second;
  }
  // What was set to its default on purpose counts as set.
  if (setting.name == kEvents) return {value, value == by_default};
  const bool is_set = thing.properties.contains(property_of(setting.name)) || value != by_default;
  return {std::move(value), !is_set};
}

Result<> set_topic_setting(std::string_view name,
                           const std::optional<std::string>& value,
                           const Config& config,
                           catalog::LogPolicy& policy,
                           catalog::Properties& properties) {
  const Setting* setting = find_topic_setting(name);
  if (!setting) return invalid(name, value.value_or(""), "there is no such topic setting");
  const std::string wanted = value.value_or(default_of(*setting, config));
  if (!is_well_formed(*setting, wanted))
    return invalid(name, wanted, "is not of the setting's type");
  if (auto supported = check_supported(name, wanted); !supported) return supported;
  if (auto valid = check_compaction(name, wanted); !valid) return valid;
  if (auto applied = apply_to_log(name, wanted, policy); !applied)
    return std::unexpected(applied.error());
  if (name == kEvents) {
    set_events(wanted == "true", policy, properties);
    return {};
  }
  if (value) {
    properties[property_of(name)] = wanted;
  } else {
    properties.erase(property_of(name));
  }
  policy.compaction = compaction_of(properties);
  return {};
}

std::vector<std::pair<Setting, std::string>> broker_settings(const Config& config) {
  const auto ms = [](Milliseconds value) { return std::to_string(value.count()); };
  return {
      {{"auto.create.topics.enable", kBoolean, "true", "make topics that clients ask for"},
       config.auto_create_topics ? "true" : "false"},
      {{"broker.id", kInt, "1", "id of this broker"}, std::to_string(config.node_id)},
      {{"connections.max.reauth.ms", kLong, "0", "how long a login holds; 0: without end"},
       ms(config.session_lifetime)},
      {{"default.replication.factor", kInt, "1", "there is one copy"}, "1"},
      {{"delegation.token.expiry.time.ms", kLong, "86400000",
        "how long a delegation token lives unless it is renewed"},
       ms(config.delegation_token_expiry)},
      {{"delegation.token.max.lifetime.ms", kLong, "604800000",
        "how long a delegation token can be renewed"},
       ms(config.delegation_token_max_lifetime)},
      {{"delete.topic.enable", kBoolean, "true", "topics may be deleted"}, "true"},
      {{"fetch.max.bytes", kInt, "57671680", "largest fetch answer"},
       std::to_string(config.fetch_bytes_max)},
      {{"group.initial.rebalance.delay.ms", kInt, "0", "how long a new group waits for members"},
       ms(config.group_initial_rebalance_delay)},
      {{"group.max.session.timeout.ms", kInt, "1800000", "longest session timeout"},
       ms(config.group_session_timeout_max)},
      {{"group.min.session.timeout.ms", kInt, "6000", "shortest session timeout"},
       ms(config.group_session_timeout_min)},
      {{"log.cleanup.policy", kList, "delete", "what happens to old records"}, "delete"},
      {{"log.retention.ms", kLong, "604800000", "how long records are kept"},
       std::to_string(config.default_retention_ms)},
      {{"message.max.bytes", kInt, "1048588", "largest batch"}, "1048588"},
      {{"min.insync.replicas", kInt, "1", "there is one copy"}, "1"},
      {{"num.partitions", kInt, "1", "partitions of a topic that is made without a number"},
       std::to_string(config.default_partitions)},
      {{"offsets.retention.minutes", kInt, "10080", "how long an empty group is remembered"},
       std::to_string(config.offsets_retention.count() / 60'000)},
      {{"socket.request.max.bytes", kInt, "104857600", "largest request"},
       std::to_string(config.frame_bytes_max)},
  };
}

TimestampWindow timestamp_window(const broker::Thing& thing) {
  const auto value = [&thing](std::string_view name) {
    const auto kept = thing.properties.find(property_of(name));
    const std::string_view text = kept == thing.properties.end()
                                      ? find_topic_setting(name)->default_value
                                      : std::string_view(kept->second);
    return number_of<int64_t>(text).value_or(INT64_MAX);
  };
  return {.before_max_ms = value(kTimestampBefore), .after_max_ms = value(kTimestampAfter)};
}

broker::TopicSpec default_topic(std::string name, const Config& config) {
  broker::TopicSpec spec;
  spec.name = {"", std::move(name)};
  spec.origin = catalog::Origin::kKafka;
  spec.partitions = static_cast<uint32_t>(config.default_partitions);
  spec.log.retention_ms = config.default_retention_ms;
  return spec;
}

}  // namespace weir::kafka
