// AddPermission and RemovePermission: statements of the queue's policy document, by label. Source:
// SQS API reference; the form of the document as in the developer guide, "Basic examples of Amazon
// SQS policies".

#include <fmt/format.h>

#include <algorithm>

#include "protocols/sqs/attributes.h"
#include "protocols/sqs/call.h"
#include "protocols/sqs/json.h"
#include "protocols/sqs/limits.h"

namespace weir::sqs {
namespace {

using broker::Thing;

constexpr std::string_view kPolicy = "sqs.Policy";

// What others than the owner may be allowed to do.
constexpr std::string_view kShareable[] = {
    "*",           "ChangeMessageVisibility",    "DeleteMessage", "GetQueueAttributes",
    "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",    "ReceiveMessage",
    "SendMessage",
};

bool is_valid_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

Outcome<std::string> read_label(const Call& call) {
  auto label = required_text(call, "Label");
  if (label && !is_valid_label(*label)) {
    return invalid_parameter(
        fmt::format("Value {} for parameter Label is invalid. Reason: Can only include "
                    "alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
                    *label));
  }
  return label;
}

// One value stands alone, several stand in a list.
Value one_or_list(const std::vector<std::string>& texts) {
  if (texts.size() == 1) return Value::of(texts.front());
  Value list = Value::list();
  for (const std::string& text : texts) list.items.push_back(Value::of(text));
  return list;
}

Outcome<Value> read_principals(const Call& call) {
  const auto accounts = texts(call.input, "AWSAccountIds");
  if (!accounts) return std::unexpected(accounts.error());
  if (accounts->empty()) {
    return invalid_parameter(
        "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.");
  }
  std::vector<std::string> arns;
  for (const std::string& account : *accounts) {
    if (!is_account(account)) {
      return invalid_parameter(fmt::format(
          "Value [{}] for parameter PrincipalId is invalid. Reason: Unable to verify.", account));
    }
    arns.push_back(fmt::format("arn:aws:iam::{}:root", account));
  }
  Value principal = Value::map();
  principal.set("AWS", one_or_list(arns));
  return principal;
}

Outcome<Value> read_actions(const Call& call) {
  auto actions = texts(call.input, "Actions");
  if (!actions) return std::unexpected(actions.error());
  if (actions->empty()) return missing_parameter("Actions");
  if (actions->size() > kPolicyActionsMax) {
    return over_limit(fmt::format("{} Actions were found, maximum allowed is {}.", actions->size(),
                                  kPolicyActionsMax));
  }
  for (std::string& action : *actions) {
    if (std::ranges::find(kShareable, action) == std::end(kShareable)) {
      return invalid_parameter(
          fmt::format("Value SQS:{} for parameter ActionName is invalid. Reason: Only the queue "
                      "owner is allowed to invoke this action.",
                      action));
    }
    action.insert(0, "SQS:");
  }
  return one_or_list(*actions);
}

// The policy as it stands, or an empty one. A document that somebody set by hand and that has no
// list of statements is replaced by nobody.
Outcome<Value> read_policy(const Thing& queue, std::string_view arn) {
  const auto stored = queue.properties.find(std::string(kPolicy));
  if (stored != queue.properties.end()) {
    auto policy = decode_json(stored->second);
    const Value* statements = policy ? policy->find("Statement") : nullptr;
    if (statements != nullptr && statements->is(Value::Kind::kList)) return policy;
    return invalid_parameter("The queue's policy has no list of statements that could be edited.");
  }
  Value policy = Value::map();
  policy.set("Version", Value::of("2008-10-17"));
  policy.set("Id", Value::of(fmt::format("{}/SQSDefaultPolicy", arn)));
  policy.set("Statement", Value::list());
  return policy;
}

bool has_label(const Value& statement, std::string_view label) {
  const Value* sid = statement.find("Sid");
  return sid != nullptr && sid->text == label;
}

Answer store(const Environment& environment,
             const Thing& queue,
             Value policy,
             std::vector<Value> statements) {
  Thing altered = queue;
  if (statements.empty()) {
    altered.properties.erase(std::string(kPolicy));
  } else {
    Value list = Value::list();
    list.items = std::move(statements);
    policy.set("Statement", std::move(list));
    JsonWriter json;
    json.value(policy);
    altered.properties[std::string(kPolicy)] = json.take();
  }
  const auto changed = environment.broker.alter(altered, environment.now);
  if (!changed) return std::unexpected(to_fault(changed.error()));
  return Reply{"{}", changed->depends};
}

}  // namespace

Answer add_permission(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto label = read_label(call);
  if (!label) return std::unexpected(label.error());
  auto principals = read_principals(call);
  if (!principals) return std::unexpected(principals.error());
  auto actions = read_actions(call);
  if (!actions) return std::unexpected(actions.error());
  const std::string arn = queue_arn(queue->account, queue->thing->name.name);
  auto policy = read_policy(*queue->thing, arn);
  if (!policy) return std::unexpected(policy.error());
  std::vector<Value> statements = policy->find("Statement")->items;
  if (std::ranges::any_of(statements, [&](const Value& one) { return has_label(one, *label); })) {
    return invalid_parameter(
        fmt::format("Value {} for parameter Label is invalid. Reason: Already exists.", *label));
  }
  if (statements.size() >= kPolicyStatementsMax) {
    return over_limit(fmt::format("A policy has at most {} statements.", kPolicyStatementsMax));
  }
  Value statement = Value::map();
  statement.set("Sid", Value::of(*label));
  statement.set("Effect", Value::of("Allow"));
  statement.set("Principal", std::move(*principals));
  statement.set("Action", std::move(*actions));
  statement.set("Resource", Value::of(arn));
  statements.push_back(std::move(statement));
  return store(environment, *queue->thing, std::move(*policy), std::move(statements));
}

Answer remove_permission(const Environment& environment, const Call& call) {
  const auto queue = find_queue(environment, call);
  if (!queue) return std::unexpected(queue.error());
  const auto label = read_label(call);
  if (!label) return std::unexpected(label.error());
  const std::string arn = queue_arn(queue->account, queue->thing->name.name);
  auto policy = read_policy(*queue->thing, arn);
  if (!policy) return std::unexpected(policy.error());
  std::vector<Value> statements = policy->find("Statement")->items;
  if (std::erase_if(statements, [&](const Value& one) { return has_label(one, *label); }) == 0) {
    return invalid_parameter(
        fmt::format("Value {} for parameter Label is invalid. Reason: can't find label.", *label));
  }
  return store(environment, *queue->thing, std::move(*policy), std::move(statements));
}

}  // namespace weir::sqs
