// Redrive: which queue takes the messages that were received too often, and which queues it takes
// them from. Source: SQS developer guide, "Configure a dead-letter queue"; API reference of
// SetQueueAttributes.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

constexpr std::string_view kPolicy = "sqs.RedrivePolicy";
constexpr std::string_view kAllowPolicy = "sqs.RedriveAllowPolicy";

std::unexpected<Fault> refused(std::string_view value, std::string_view reason) {
  return invalid_parameter(
      fmt::format("Value {} for parameter RedrivePolicy is invalid. Reason: {}", value, reason));
}

// maxReceiveCount stands as a number or as a text.
std::optional<int64_t> integer(const Value& value) {
  if (value.is(Value::Kind::kInteger)) return value.integer;
  int64_t result = 0;
  const std::string& text = value.text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return result;
}

// How a policy is shown again whose count was given as a text: clients compare it with a number.
std::string policy_text(std::string_view target, int64_t receives) {
  JsonWriter json;
  json.begin_object();
  json.member("deadLetterTargetArn", target);
  json.member("maxReceiveCount", receives);
  json.end_object();
  return json.take();
}

struct AllowPolicy {
  std::string permission = "allowAll";
  std::vector<std::string> sources;
};

// Nothing when it is none.
std::optional<AllowPolicy> parse_allow_policy(std::string_view text) {
  const auto parsed = decode_json(text);
  if (!parsed) return std::nullopt;
  AllowPolicy policy;
  const auto permission = text_or(*parsed, "redrivePermission", "");
  const auto sources = texts(*parsed, "sourceQueueArns");
  if (!permission || !sources) return std::nullopt;
  const bool by_queue = *permission == "byQueue";
  if (!by_queue && *permission != "allowAll" && *permission != "denyAll") return std::nullopt;
  if (by_queue == sources->empty() || sources->size() > kRedriveSourcesMax) return std::nullopt;
  return AllowPolicy{*permission, *sources};
}

bool admits(const Thing& target, std::string_view source) {
  const auto found = target.properties.find(std::string(kAllowPolicy));
  if (found == target.properties.end()) return true;
  const auto policy = parse_allow_policy(found->second);
  if (!policy || policy->permission == "allowAll") return true;
  return policy->permission == "byQueue" &&
         std::any_of(policy->sources.begin(), policy->sources.end(),
                     [&](const std::string& arn) { return name_of_arn(arn) == source; });
}

}  // namespace

Outcome<void> set_redrive_policy(Thing& thing, std::string_view value) {
  if (value.empty()) {
    thing.queue_policy.dead_letter.clear();
    thing.queue_policy.receives_max = 0;
    thing.properties.erase(std::string(kPolicy));
    return {};
  }
  const auto parsed = decode_json(value);
  const Value* target = parsed ? parsed->find("deadLetterTargetArn") : nullptr;
  const Value* count = parsed ? parsed->find("maxReceiveCount") : nullptr;
  if (target == nullptr || count == nullptr || !target->is(Value::Kind::kText)) {
    return refused(value,
                   fmt::format("Redrive policy does not contain mandatory attribute: {}.",
                               count == nullptr && target != nullptr ? "maxReceiveCount"
                                                                     : "deadLetterTargetArn"));
  }
  const auto receives = integer(*count);
  if (!receives || *receives < 1 || *receives > kReceivesMaxMax) {
    return refused(value,
                   fmt::format("Invalid value for maxReceiveCount: must be between 1 and {}.",
                               kReceivesMaxMax));
  }
  const std::string_view name = name_of_arn(target->text);
  if (name.empty()) return refused(value, "Invalid value for deadLetterTargetArn.");
  thing.queue_policy.dead_letter = name;
  thing.queue_policy.receives_max = static_cast<uint32_t>(*receives);
  thing.properties[std::string(kPolicy)] =
      count->is(Value::Kind::kInteger) ? std::string(value) : policy_text(target->text, *receives);
  return {};
}

Outcome<void> set_redrive_allow_policy(Thing& thing, std::string_view value) {
  if (value.empty()) {
    thing.properties.erase(std::string(kAllowPolicy));
    return {};
  }
  if (!parse_allow_policy(value)) {
    return invalid_attribute_value(
        fmt::format("Invalid value for the parameter RedriveAllowPolicy. Reason: redrivePermission "
                    "must be allowAll, denyAll or byQueue with 1 to {} sourceQueueArns.",
                    kRedriveSourcesMax));
  }
  thing.properties[std::string(kAllowPolicy)] = value;
  return {};
}

Outcome<void> check_redrive(const Environment& environment,
                            const Thing& queue,
                            const Value* attributes) {
  const Value* given = attributes == nullptr ? nullptr : attributes->find("RedrivePolicy");
  if (given == nullptr || given->text.empty()) return {};
  const Thing* target =
      environment.broker.catalog().find({queue.name.space, queue.queue_policy.dead_letter});
  if (target == nullptr || target->kind != catalog::Kind::kQueue) {
    return refused(given->text, "Dead letter target does not exist.");
  }
  if (is_fifo(*target) != is_fifo(queue)) {
    return refused(given->text, "Dead-letter queue must be same type of queue as the source..");
  }
  if (!admits(*target, queue.name.name)) {
    return refused(given->text, "The dead-letter queue's RedriveAllowPolicy does not admit it.");
  }
  return {};
}

}  // namespace weir::sqs
