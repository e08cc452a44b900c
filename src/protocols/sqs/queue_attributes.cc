#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Fault> bad_value(std::string_view name) {
  return invalid_attribute_value(fmt::format("Invalid value for the parameter {}.", name));
}

Outcome<int64_t> ranged(std::string_view name, std::string_view text, int64_t low, int64_t high) {
  const auto value = parse_integer(text);
  if (!value || *value < low || *value > high) return bad_value(name);
  return *value;
}

std::string property_name(std::string_view name) {
  return "sqs." + std::string(name);
}

std::string property(const Thing& thing, std::string_view name, std::string_view otherwise = {}) {
  const auto found = thing.properties.find(property_name(name));
  return found == thing.properties.end() ? std::string(otherwise) : found->second;
}

void set_property(Thing& thing, std::string_view name, std::string_view value) {
  if (value.empty()) {
    thing.properties.erase(property_name(name));
  } else {
    thing.properties[property_name(name)] = value;
  }
}

// One queue attribute: how it is set and shown. A null `set`: read only.
struct QueueAttribute {
  std::string_view name;
  Outcome<void> (*set)(Thing& thing,
                       std::string_view name,
                       std::string_view value,
                       const Setting& setting);
  std::optional<std::string> (*show)(const Thing& thing,
                                     const queue::Counts& counts,
                                     const Account& account);
  bool fifo_only = false;
};

using Shown = std::optional<std::string>;

template <int64_t catalog::QueuePolicy::* Member, int64_t High>
Outcome<void> set_seconds(Thing& thing,
                          std::string_view name,
                          std::string_view value,
                          const Setting& /*setting*/) {
  const auto seconds = ranged(name, value, 0, High);
  if (!seconds) return std::unexpected(seconds.error());
  thing.queue_policy.*Member = *seconds * 1000;
  return {};
}

template <bool FifoOnly = false>
Outcome<void> set_truth(Thing& thing,
                        std::string_view name,
                        std::string_view value,
                        const Setting& /*setting*/) {
  if (value != "true" && value != "false") return bad_value(name);
  if (FifoOnly && !is_fifo(thing)) return invalid_attribute_name(name);
  set_property(thing, name, value);
  return {};
}

Outcome<void> set_text(Thing& thing,
                       std::string_view name,
                       std::string_view value,
                       const Setting& /*setting*/) {
  set_property(thing, name, value);
  return {};
}

// A key of one's own replaces the service's; neither encrypts anything here.
Outcome<void> set_key(Thing& thing,
                      std::string_view name,
                      std::string_view value,
                      const Setting& /*setting*/) {
  set_property(thing, name, value);
  if (!value.empty()) set_property(thing, "SqsManagedSseEnabled", "false");
  return {};
}

// The default stands for none, as on AWS.
Outcome<void> set_key_reuse(Thing& thing,
                            std::string_view name,
                            std::string_view value,
                            const Setting& /*setting*/) {
  constexpr int64_t kDefault = 300;
  const auto seconds = ranged(name, value, 60, 86'400);
  if (!seconds) return std::unexpected(seconds.error());
  set_property(thing, name, *seconds == kDefault ? std::string_view{} : value);
  return {};
}

template <int64_t Low, int64_t High>
Outcome<void> set_number(Thing& thing,
                         std::string_view name,
                         std::string_view value,
                         const Setting& /*setting*/) {
  const auto number = ranged(name, value, Low, High);
  if (!number) return std::unexpected(number.error());
  set_property(thing, name, value);
  return {};
}

template <const std::string_view& A, const std::string_view& B>
Outcome<void> set_choice(Thing& thing,
                         std::string_view name,
                         std::string_view value,
                         const Setting& /*setting*/) {
  if (value != A && value != B) return bad_value(name);
  if (!is_fifo(thing)) {
    return invalid_attribute_value(
        fmt::format("You can specify the {} only when FifoQueue is set to true.", name));
  }
  set_property(thing, name, value);
  return {};
}

constexpr std::string_view kQueueScope = "queue";
constexpr std::string_view kGroupScope = "messageGroup";
constexpr std::string_view kPerQueue = "perQueue";
constexpr std::string_view kPerGroup = "perMessageGroupId";

Outcome<void> set_fifo(Thing& thing,
                       std::string_view name,
                       std::string_view value,
                       const Setting& setting) {
  if (value != "true" && value != "false") return bad_value(name);
  if (!setting.creating && (value == "true") != is_fifo(thing)) {
    return invalid_attribute_value(
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not "
        "supported.");
  }
  return {};
}

Outcome<void> set_retention(Thing& thing,
                            std::string_view name,
                            std::string_view value,
                            const Setting& /*setting*/) {
  const auto seconds = ranged(name, value, kRetentionSecondsMin, kRetentionSecondsMax);
  if (!seconds) return std::unexpected(seconds.error());
  thing.log_policy.retention_ms = *seconds * 1000;
  return {};
}

Outcome<void> set_delay(Thing& thing,
                        std::string_view name,
                        std::string_view value,
                        const Setting& setting) {
  const auto seconds = ranged(name, value, 0, setting.bounds.delay_seconds);
  if (!seconds) return std::unexpected(seconds.error());
  thing.queue_policy.delay_ms = *seconds * 1000;
  return {};
}

Outcome<void> set_message_size(Thing& thing,
                               std::string_view name,
                               std::string_view value,
                               const Setting& setting) {
  const auto most = static_cast<int64_t>(setting.bounds.message_bytes);
  const auto bytes = ranged(name, value, kMessageBytesMinMax, most);
  if (!bytes) return std::unexpected(bytes.error());
  thing.queue_policy.message_bytes_max = static_cast<uint32_t>(*bytes);
  return {};
}

template <typename T>
Shown number(T value) {
  return fmt::format("{}", value);
}

Shown if_set(std::string value) {
  if (value.empty()) return std::nullopt;
  return value;
}

constexpr std::array kAttributes = std::to_array<QueueAttribute>({
    {"QueueArn", nullptr,
     [](const Thing& t, const queue::Counts&, const Account& a) -> Shown {
       return queue_arn(a, t.name.name);
     }},
    {"ApproximateNumberOfMessages", nullptr,
     [](const Thing&, const queue::Counts& c, const Account&) { return number(c.ready); }},
    {"ApproximateNumberOfMessagesNotVisible", nullptr,
     [](const Thing&, const queue::Counts& c, const Account&) { return number(c.leased); }},
    {"ApproximateNumberOfMessagesDelayed", nullptr,
     [](const Thing&, const queue::Counts& c, const Account&) { return number(c.delayed); }},
    {"CreatedTimestamp", nullptr,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return number(t.created.ms() / 1000);
     }},
    {"LastModifiedTimestamp", nullptr,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return number(t.modified.ms() / 1000);
     }},
    {"VisibilityTimeout", set_seconds<&catalog::QueuePolicy::lease_ms, kVisibilitySecondsMax>,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return number(t.queue_policy.lease_ms / 1000);
     }},
    {"MaximumMessageSize", set_message_size,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return number(t.queue_policy.message_bytes_max);
     }},
    {"MessageRetentionPeriod", set_retention,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       if (t.log_policy.retention_ms < 0) return std::nullopt;  // kept for ever: made elsewhere
       return number(t.log_policy.retention_ms / 1000);
     }},
    {"DelaySeconds", set_delay,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return number(t.queue_policy.delay_ms / 1000);
     }},
    {"ReceiveMessageWaitTimeSeconds", set_number<0, kWaitSecondsMax>,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       return property(t, "ReceiveMessageWaitTimeSeconds", "0");
     }},
    {"Policy", set_text,
     [](const Thing& t,
        const queue::Counts&,
        const Account&) { return if_set(property(t, "Policy")); }},
    {"RedrivePolicy",
     [](Thing& t, std::string_view, std::string_view value, const Setting&) {
       return set_redrive_policy(t, value);
     },
     [](const Thing& t, const queue::Counts&, const Account&) {
       return if_set(property(t, "RedrivePolicy"));
     }},
    {"RedriveAllowPolicy",
     [](Thing& t, std::string_view, std::string_view value, const Setting&) {
       return set_redrive_allow_policy(t, value);
     },
     [](const Thing& t, const queue::Counts&, const Account&) {
       return if_set(property(t, "RedriveAllowPolicy"));
     }},
    {"KmsMasterKeyId", set_key,
     [](const Thing& t,
        const queue::Counts&,
        const Account&) { return if_set(property(t, "KmsMasterKeyId")); }},
    {"KmsDataKeyReusePeriodSeconds", set_key_reuse,
     [](const Thing& t, const queue::Counts&, const Account&) {
       return if_set(property(t, "KmsDataKeyReusePeriodSeconds"));
     }},
    {"SqsManagedSseEnabled", set_truth<>,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       return property(t, "SqsManagedSseEnabled", "true");
     }},
    {"FifoQueue", set_fifo,
     [](const Thing&, const queue::Counts&, const Account&) -> Shown { return "true"; }, true},
    {"ContentBasedDeduplication", set_truth<true>,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       return property(t, "ContentBasedDeduplication", "false");
     },
     true},
    {"DeduplicationScope", set_choice<kQueueScope, kGroupScope>,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       return property(t, "DeduplicationScope", "queue");
     },
     true},
    {"FifoThroughputLimit", set_choice<kPerQueue, kPerGroup>,
     [](const Thing& t, const queue::Counts&, const Account&) -> Shown {
       return property(t, "FifoThroughputLimit", "perQueue");
     },
     true},
});

const QueueAttribute* find_attribute(std::string_view name) {
  for (const QueueAttribute& attribute : kAttributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

}  // namespace

bool is_fifo(const Thing& thing) {
  return thing.name.name.ends_with(".fifo");
}

Outcome<void> set_queue_attribute(Thing& thing,
                                  std::string_view name,
                                  std::string_view value,
                                  const Setting& setting) {
  const QueueAttribute* attribute = find_attribute(name);
  if (attribute == nullptr || attribute->set == nullptr) return invalid_attribute_name(name);
  return attribute->set(thing, name, value, setting);
}

Outcome<std::optional<std::string>> queue_attribute(const Thing& thing,
                                                    const queue::Counts& counts,
                                                    const Account& account,
                                                    std::string_view name) {
  const QueueAttribute* attribute = find_attribute(name);
  if (attribute == nullptr) return invalid_attribute_name(name);
  if (attribute->fifo_only && !is_fifo(thing)) return std::nullopt;
  return attribute->show(thing, counts, account);
}

std::span<const std::string_view> queue_attribute_names() {
  static const auto all = [] {
    std::array<std::string_view, kAttributes.size()> names;
    std::transform(kAttributes.begin(), kAttributes.end(), names.begin(),
                   [](const auto& a) { return a.name; });
    return names;
  }();
  return all;
}

Outcome<Milliseconds> parse_history(std::string_view text) {
  const auto refused = [&] {
    return invalid_parameter(
        fmt::format("Value {} for tag {} is invalid. Reason: it must be a number and a unit, for "
                    "example 30m, 1h or 2d.",
                    text, kHistoryTag));
  };
  if (text.empty()) return refused();
  const char unit = text.back();
  const auto count = parse_integer(text.substr(0, text.size() - 1));
  if (!count || *count < 0 || *count > 1'000'000'000) return refused();
  switch (unit) {
    case 's': return Milliseconds(*count * 1000);
    case 'm': return Milliseconds(*count * 60'000);
    case 'h': return Milliseconds(*count * 3'600'000);
    case 'd': return Milliseconds(*count * 86'400'000);
    default: return refused();
  }
}

}  // namespace weir::sqs
