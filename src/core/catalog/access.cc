#include "core/catalog/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/catalog/access_codec.h"

namespace weir::catalog {
namespace {

enum EventKind : uint8_t {
  kUserPut = 8,
  kUserRemoved = 9,
  kRulesPut = 10,
  kRulesRemoved = 11,
  kQuotaPut = 12,
};

std::string rules_event(EventKind kind, std::span<const AccessRule> rules) {
  Writer writer;
  writer.u8(kind);
  writer.varint(rules.size());
  for (const AccessRule& rule : rules) encode(writer, rule);
  return std::move(writer.out());
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

bool is_about(const AccessRule& rule, const Question& question) {
  return (rule.principal == kAnyPrincipal || rule.principal == question.principal) &&
         (rule.host == kAnyName || rule.host == question.host);
}

bool implies(Operation allowed, Operation wanted) {
  if (allowed == Operation::kAll || allowed == wanted) return true;
  if (wanted == Operation::kDescribe) {
    return allowed == Operation::kRead || allowed == Operation::kWrite ||
           allowed == Operation::kDelete || allowed == Operation::kAlter;
  }
  return wanted == Operation::kDescribeConfigs && allowed == Operation::kAlterConfigs;
}

bool forbids(const AccessRule& rule, const Question& question) {
  return rule.permission == Permission::kDeny && is_about(rule, question) &&
         (rule.operation == Operation::kAll || rule.operation == question.operation);
}

bool allows(const AccessRule& rule, const Question& question) {
  return rule.permission == Permission::kAllow && is_about(rule, question) &&
         implies(rule.operation, question.operation);
}

// The first rule that such a resource could have, in the order of the set.
AccessRule first_of(ResourceType type, Pattern pattern, std::string_view name) {
  AccessRule first;
  first.type = type;
  first.pattern = pattern;
  first.name = name;
  first.operation = Operation{};
  first.permission = Permission{};
  return first;
}

}  // namespace

std::shared_ptr<const User> Access::find_user(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

// ---- rules

template <typename Visit>
void Access::each_rule_about(const Question& question, Visit visit) const {
  const auto each = [&](Pattern pattern, std::string_view name) {
    for (auto it = rules_.lower_bound(first_of(question.type, pattern, name));
         it != rules_.end() && it->type == question.type && it->pattern == pattern &&
         it->name == name;
         ++it) {
      visit(*it);
    }
  };
  each(Pattern::kLiteral, question.name);
  if (question.name != kAnyName) each(Pattern::kLiteral, kAnyName);
  for (const auto& [length, count] : prefix_lengths_) {
    if (length > question.name.size()) break;
    each(Pattern::kPrefixed, question.name.substr(0, length));
  }
}

Verdict Access::judge(const Question& question) const {
  bool any = false;
  bool allowed = false;
  bool denied = false;
  each_rule_about(question, [&](const AccessRule& rule) {
    any = true;
    allowed = allowed || allows(rule, question);
    denied = denied || forbids(rule, question);
  });
  if (!any) return Verdict::kNoRule;
  return allowed && !denied ? Verdict::kAllowed : Verdict::kDenied;
}

bool Access::allows_any(const Question& question) const {
  const auto denied_for_all = [&](const AccessRule& allowing) {
    return std::ranges::any_of(rules_, [&](const AccessRule& rule) {
      if (rule.type != question.type || !forbids(rule, question)) return false;
      if (rule.pattern == Pattern::kLiteral) {
        return rule.name == kAnyName ||
               (allowing.pattern == Pattern::kLiteral && rule.name == allowing.name);
      }
      return allowing.name.starts_with(rule.name) && allowing.name != kAnyName;
    });
  };
  return std::ranges::any_of(rules_, [&](const AccessRule& rule) {
    return rule.type == question.type && allows(rule, question) && !denied_for_all(rule);
  });
}

void Access::put(const AccessRule& rule) {
  if (!rules_.insert(rule).second || rule.pattern != Pattern::kPrefixed) return;
  ++prefix_lengths_[rule.name.size()];
}

void Access::erase(const AccessRule& rule) {
  if (rules_.erase(rule) == 0 || rule.pattern != Pattern::kPrefixed) return;
  const auto length = prefix_lengths_.find(rule.name.size());
  if (--length->second == 0) prefix_lengths_.erase(length);
}

// ---- decisions

Result<void> check_user(const User& user, const AccessLimits& limits) {
  if (user.name.empty() || has_control_character(user.name)) {
    return fail(
        ErrorCode::kInvalidArgument,
        "a user's name has at least one character, and none of them is a control character");
  }
  size_t properties = 0;
  for (const auto& [key, value] : user.properties) properties += key.size() + value.size();
  if (user.name.size() > limits.name_bytes_max || properties > limits.properties_bytes_max) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a user's name has at most {} bytes", limits.name_bytes_max));
  }
  for (const auto& [hash, credential] : user.credentials) {
    const size_t key_bytes = hash == ScramHash::kSha256 ? 32 : 64;
    if (credential.iterations == 0 || credential.salt.empty() || credential.salt.size() > 256 ||
        credential.stored_key.size() != key_bytes || credential.server_key.size() != key_bytes) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("the credentials of {} are not whole", user.name));
    }
  }
  return {};
}

Result<void> check_rule(const AccessRule& rule, const AccessLimits& limits) {
  for (const std::string* text : {&rule.name, &rule.principal, &rule.host}) {
    if (text->empty() || has_control_character(*text)) {
      return fail(ErrorCode::kInvalidArgument,
                  "a rule names a resource, a principal and a host, without control characters");
    }
    if (text->size() > limits.name_bytes_max) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("a name in a rule has at most {} bytes", limits.name_bytes_max));
    }
  }
  return {};
}

Result<void> check_quota(const Quota& quota, const AccessLimits& limits) {
  if (quota.entity.empty() || quota.values.size() > 8) {
    return fail(ErrorCode::kInvalidArgument, "a quota is of a user, a client id or an address");
  }
  for (size_t i = 0; i < quota.entity.size(); ++i) {
    const QuotaPart& part = quota.entity[i];
    if (part.is_default != part.name.empty() || part.name.size() > limits.name_bytes_max ||
        (i > 0 && quota.entity[i - 1].kind >= part.kind)) {
      return fail(ErrorCode::kInvalidArgument, "a quota names each kind of entity once");
    }
  }
  for (const auto& [key, value] : quota.values) {
    if (key.empty() || key.size() > limits.name_bytes_max || !std::isfinite(value) || value < 0) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("the quota {} must be a number of at least 0", key));
    }
  }
  return {};
}

Result<std::string> Access::decide_put_user(const User& user) const {
  if (const auto valid = check_user(user, limits_); !valid) return std::unexpected(valid.error());
  if (users_.size() >= limits_.users_max && !users_.contains(user.name)) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("there are {} users, the limit", limits_.users_max));
  }
  Writer writer;
  writer.u8(kUserPut);
  encode(writer, user);
  return std::move(writer.out());
}

Result<std::string> Access::decide_remove_user(std::string_view name) const {
  if (!users_.contains(name)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no user {}", name));
  }
  Writer writer;
  writer.u8(kUserRemoved);
  writer.bytes(name);
  return std::move(writer.out());
}

Result<std::string> Access::decide_add_rules(std::span<const AccessRule> rules) const {
  for (const AccessRule& rule : rules) {
    if (const auto valid = check_rule(rule, limits_); !valid) return std::unexpected(valid.error());
  }
  if (rules_.size() + rules.size() > limits_.rules_max) {
    return fail(ErrorCode::kLimitReached, fmt::format("there may be {} rules", limits_.rules_max));
  }
  return rules_event(kRulesPut, rules);
}

std::string Access::remove_rules(std::span<const AccessRule> rules) const {
  return rules_event(kRulesRemoved, rules);
}

Result<std::string> Access::decide_put_quota(const Quota& quota) const {
  if (const auto valid = check_quota(quota, limits_); !valid) return std::unexpected(valid.error());
  if (quotas_.size() >= limits_.quotas_max && !quotas_.contains(quota.entity)) {
    return fail(ErrorCode::kLimitReached,
                fmt::format("there are {} quotas, the limit", limits_.quotas_max));
  }
  Writer writer;
  writer.u8(kQuotaPut);
  encode(writer, quota);
  return std::move(writer.out());
}

// ---- apply

bool Access::apply(uint8_t kind, Reader& reader) {
  switch (kind) {
    case kUserPut: {
      auto user = std::make_shared<const User>(decode_user(reader));
      if (!reader.done()) return false;
      std::string name = user->name;
      users_[std::move(name)] = std::move(user);
      return true;
    }
    case kUserRemoved: {
      const std::string name(reader.bytes());
      if (!reader.done()) return false;
      users_.erase(name);
      return true;
    }
    case kRulesPut:
    case kRulesRemoved: {
      std::vector<AccessRule> rules(reader.count(kRuleBytesMin));
      for (AccessRule& rule : rules) rule = decode_rule(reader);
      if (!reader.done()) return false;
      for (const AccessRule& rule : rules) kind == kRulesPut ? put(rule) : erase(rule);
      return true;
    }
    case kQuotaPut: {
      Quota quota = decode_quota(reader);
      if (!reader.done()) return false;
      if (quota.values.empty()) {
        quotas_.erase(quota.entity);
      } else {
        quotas_[std::move(quota.entity)] = std::move(quota.values);
      }
      return true;
    }
    default: return false;
  }
}

// Three lists, each a varint count and its values as in events.
void Access::save(Writer& writer) const {
  writer.varint(users_.size());
  for (const auto& [name, user] : users_) encode(writer, *user);
  writer.varint(rules_.size());
  for (const AccessRule& rule : rules_) encode(writer, rule);
  writer.varint(quotas_.size());
  for (const auto& [entity, values] : quotas_) encode(writer, Quota{entity, values});
}

void Access::load(Reader& reader) {
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    auto user = std::make_shared<const User>(decode_user(reader));
    std::string name = user->name;
    users_[std::move(name)] = std::move(user);
  }
  for (uint64_t left = reader.count(kRuleBytesMin); left > 0 && !reader.failed(); --left) {
    put(decode_rule(reader));
  }
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    Quota quota = decode_quota(reader);
    quotas_[std::move(quota.entity)] = std::move(quota.values);
  }
}

}  // namespace weir::catalog
