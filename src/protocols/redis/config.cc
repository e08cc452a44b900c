#include "protocols/redis/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "protocols/redis/idempotence.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/numbers.h"

namespace weir::redis {
namespace {

constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"acl-pubsub-default", "resetchannels"},
    {"acllog-max-len", "128"},
    {"appendfsync", "always"},
    {"appendonly", "yes"},
    {"bind", "127.0.0.1 -::1"},
    {"client-query-buffer-limit", "1073741824"},
    {"databases", "16"},
    {"hash-max-listpack-entries", "128"},
    {"hash-max-listpack-value", "64"},
    {"hz", "10"},
    {"latency-monitor-threshold", "0"},
    {"latency-tracking", "yes"},
    {"lazyfree-lazy-user-del", "no"},
    {"list-compress-depth", "0"},
    {"list-max-listpack-size", "-2"},
    {"lua-time-limit", "5000"},
    {"maxclients", "10000"},
    {"maxmemory", "0"},
    {"maxmemory-policy", "noeviction"},
    {"notify-keyspace-events", ""},
    {"proto-max-bulk-len", ""},
    {"save", ""},
    {"set-max-intset-entries", "512"},
    {"set-max-listpack-entries", "128"},
    {"set-max-listpack-value", "64"},
    {"slowlog-log-slower-than", "10000"},
    {"slowlog-max-len", "128"},
    {"stream-idmp-duration", "100"},
    {"stream-idmp-maxsize", "100"},
    {"stream-node-max-bytes", "4096"},
    {"stream-node-max-entries", "100"},
    {"tcp-keepalive", "300"},
    {"timeout", "0"},
    {"zset-max-listpack-entries", "128"},
    {"zset-max-listpack-value", "64"},
};

// What the broker is, not what a client may choose.
constexpr std::string_view kImmutable[] = {"acl-pubsub-default", "bind", "databases", "port",
                                           "proto-max-bulk-len"};
constexpr std::string_view kNumbers[] = {"acllog-max-len",
                                         "client-query-buffer-limit",
                                         "hash-max-listpack-entries",
                                         "hash-max-listpack-value",
                                         "hz",
                                         "latency-monitor-threshold",
                                         "list-compress-depth",
                                         "list-max-listpack-size",
                                         "lua-time-limit",
                                         "maxclients",
                                         "set-max-intset-entries",
                                         "set-max-listpack-entries",
                                         "set-max-listpack-value",
                                         "slowlog-log-slower-than",
                                         "slowlog-max-len",
                                         "stream-idmp-duration",
                                         "stream-idmp-maxsize",
                                         "stream-node-max-bytes",
                                         "stream-node-max-entries",
                                         "tcp-keepalive",
                                         "timeout",
                                         "zset-max-listpack-entries",
                                         "zset-max-listpack-value"};

struct Bounded {
  std::string_view name;
  int64_t low;
  int64_t high;
};
// Slow commands take up to 5 KiB each.
constexpr int64_t kSlowEntriesMax = 10'000;
// Times in this range do not overflow as nanoseconds.
constexpr int64_t kMillisecondsMax = INT64_MAX / 1'000'000;
constexpr int64_t kAclLogEntriesMax = 10'000;
constexpr int64_t kMicrosecondsMax = INT64_MAX / 1'000;

constexpr Bounded kBounded[] = {
    {"acllog-max-len", 0, kAclLogEntriesMax},
    {"latency-monitor-threshold", 0, kMillisecondsMax},
    {"slowlog-log-slower-than", -1, kMicrosecondsMax},
    {"slowlog-max-len", 0, kSlowEntriesMax},
    {"stream-idmp-duration", 1, Idempotence::kDurationSecondsMax},
    {"stream-idmp-maxsize", 1, Idempotence::kSizeMax},
};

// Older names of the same parameters, which tools still use.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"hash-max-ziplist-entries", "hash-max-listpack-entries"},
    {"hash-max-ziplist-value", "hash-max-listpack-value"},
    {"list-max-ziplist-size", "list-max-listpack-size"},
    {"zset-max-ziplist-entries", "zset-max-listpack-entries"},
    {"zset-max-ziplist-value", "zset-max-listpack-value"},
};

std::string_view canonical(std::string_view name) {
  for (const auto& [alias, meant] : kAliases) {
    if (alias == name) return meant;
  }
  return name;
}

std::string lower(ByteView text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

template <size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
  for (const std::string_view known : names) {
    if (known == name) return true;
  }
  return false;
}

// "100mb": k, m, g are powers of 1000, kb, mb, gb of 1024.
std::optional<uint64_t> parse_memory(const std::string& text) {
  const size_t digits = text.find_first_not_of("0123456789");
  const auto number = parse_integer(ByteView(text).substr(0, digits));
  if (!number || *number < 0) return std::nullopt;
  const std::string unit = digits == std::string::npos ? "" : text.substr(digits);
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {{"", 1},
                                                              {"b", 1},
                                                              {"k", 1000},
                                                              {"kb", 1024},
                                                              {"m", 1000'000},
                                                              {"mb", 1024 * 1024},
                                                              {"g", 1000'000'000},
                                                              {"gb", 1024 * 1024 * 1024}};
  for (const auto& [name, factor] : kUnits) {
    if (name == unit && static_cast<uint64_t>(*number) <= UINT64_MAX / factor) {
      return static_cast<uint64_t>(*number) * factor;
    }
  }
  return std::nullopt;
}

}  // namespace

Config::Config(uint16_t port) {
  for (const auto& [name, value] : kDefaults) values_.emplace(name, value);
  for (const auto& [alias, name] : kAliases) values_.emplace(alias, values_[std::string(name)]);
  values_["port"] = std::to_string(port);
  values_["proto-max-bulk-len"] = std::to_string(kBulkBytesMax);
  for (const auto& [name, value] : values_) take(name, value);
}

bool Config::known(ByteView name) const {
  return values_.contains(lower(name));
}

void Config::take(ByteView name, const std::string& value) {
  const auto number = [&] { return parse_integer(value).value_or(0); };
  if (name == "stream-node-max-entries") {
    stream_node_entries_ = static_cast<size_t>(std::max<int64_t>(0, number()));
  } else if (name == "acllog-max-len") {
    acl_log_entries_ = static_cast<size_t>(number());
  } else if (name == "latency-tracking") {
    tracks_latency_ = lower(value) == "yes";
  } else if (name == "slowlog-max-len") {
    slow_entries_ = static_cast<size_t>(number());
  } else if (name == "slowlog-log-slower-than") {
    slow_from_us_ = number();
  } else if (name == "latency-monitor-threshold") {
    latency_from_ms_ = number();
  } else {
    return;
  }
  noteworthy_ns_ = slow_from_us_ < 0 ? INT64_MAX : slow_from_us_ * 1'000;
  if (latency_from_ms_ > 0) noteworthy_ns_ = std::min(noteworthy_ns_, latency_from_ms_ * 1'000'000);
}

std::string Config::set(ByteView setting, ByteView text) {
  const std::string name(canonical(lower(setting)));
  const std::string value(text);
  if (contains(kImmutable, name)) return "can't set immutable config";
  if (contains(kNumbers, name) && !parse_integer(value))
    return "argument couldn't be parsed into an integer";
  if (name == "maxmemory") {
    const auto bytes = parse_memory(lower(value));
    if (!bytes) return "argument must be a memory value";
    maxmemory_ = *bytes;
    values_[name] = std::to_string(*bytes);
    return {};
  }
  if (name == "maxmemory-policy" && lower(value) != "noeviction") {
    return "argument must be 'noeviction': nothing is ever evicted here";
  }
  if ((name == "appendonly" && lower(value) != "yes") ||
      (name == "appendfsync" && lower(value) != "always")) {
    return "durability is a policy of the broker and cannot be lowered here";
  }
  if (name == "latency-tracking" && lower(value) != "no" && lower(value) != "yes") {
    return "argument must be 'yes' or 'no'";
  }
  if (name == "notify-keyspace-events") {
    const auto events = notified_events(value);
    if (!events) return "Invalid event class character. Use 'Ag$lshzxeKEtdn'.";
    notified_ = *events;
    values_[name] = notified_letters(*events);
    return {};
  }
  const auto* bounded = std::ranges::find(kBounded, name, &Bounded::name);
  if (bounded != std::end(kBounded)) {
    const int64_t number = *parse_integer(value);
    if (number < bounded->low || number > bounded->high)
      return fmt::format("argument must be between {} and {} inclusive", bounded->low,
                         bounded->high);
  }
  take(name, value);
  values_[name] = value;
  for (const auto& [alias, meant] : kAliases) {
    if (meant == name) values_[std::string(alias)] = value;
  }
  return {};
}

}  // namespace weir::redis
