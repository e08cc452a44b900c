#include "protocols/sqs/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/sqs/json.h"

namespace weir::sqs {
namespace {

constexpr std::string_view kPolicy = "sqs.Policy";

// What no policy gives to another account.
constexpr std::string_view kOwnersOnly[] = {
    "AddPermission",      "CancelMessageMoveTask", "CreateQueue",   "DeleteQueue",
    "ListQueues",         "ListMessageMoveTasks",  "ListQueueTags", "RemovePermission",
    "SetQueueAttributes", "StartMessageMoveTask",  "TagQueue",      "UntagQueue"};

// Batches need what one message does.
std::string_view permission_of(std::string_view action) {
  constexpr std::string_view kBatch = "Batch";
  if (action.ends_with(kBatch)) action.remove_suffix(kBatch.size());
  return action;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// Whether a text, or one of a list of texts, passes.
template <typename Passes>
bool any_text(const Value* value, Passes passes) {
  if (value == nullptr) return false;
  if (value->is(Value::Kind::kText)) return passes(value->text);
  return std::ranges::any_of(value->items, [&](const Value& item) {
    return item.is(Value::Kind::kText) && passes(item.text);
  });
}

bool is_principal(std::string_view wanted, const Principal& principal) {
  const std::string arn = fmt::format("arn:aws:iam::{}:", principal.account);
  return wanted == "*" || wanted == principal.account || wanted == arn + "root" ||
         wanted == arn + "user/" + principal.name;
}

struct Asked {
  const Principal& principal;
  std::string action;  // "sqs:sendmessage"
  std::string resource;
};

enum class Verdict : uint8_t { kSilent, kAllows, kDenies };

Verdict judge(const Value& statement, const Asked& asked) {
  const Value* effect = statement.find("Effect");
  const bool denies = effect == nullptr || effect->text != "Allow";
  for (const std::string_view unknown : {"Condition", "NotPrincipal", "NotAction", "NotResource"}) {
    if (statement.find(unknown) != nullptr) return denies ? Verdict::kDenies : Verdict::kSilent;
  }
  const auto is_asked = [&](std::string_view text) { return is_principal(text, asked.principal); };
  const Value* principal = statement.find("Principal");
  const bool for_them = principal != nullptr && (principal->is(Value::Kind::kMap)
                                                     ? any_text(principal->find("AWS"), is_asked)
                                                     : any_text(principal, is_asked));
  const bool of_action = any_text(statement.find("Action"), [&](std::string_view text) {
    return matches_wildcard(lower(text), asked.action);
  });
  const Value* resource = statement.find("Resource");
  const bool of_queue = resource == nullptr || any_text(resource, [&](std::string_view text) {
                          return matches_wildcard(text, asked.resource);
                        });
  if (!for_them || !of_action || !of_queue) return Verdict::kSilent;
  return denies ? Verdict::kDenies : Verdict::kAllows;
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  size_t at = 0, from = 0;
  size_t star = std::string_view::npos, retry = 0;
  while (from < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      retry = from;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[from])) {
      ++at, ++from;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      from = ++retry;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

bool may(const Principal& principal,
         std::string_view action,
         const broker::Thing& queue,
         const Account& owner) {
  const bool owns = principal.account == owner.account;
  const bool for_owners = std::ranges::find(kOwnersOnly, action) != std::end(kOwnersOnly);
  if (!owns && for_owners) return false;
  // Nobody locks himself out: the owner can always mend the document.
  if (owns && (action == "SetQueueAttributes" || action == "RemovePermission")) return true;
  const auto stored = queue.properties.find(std::string(kPolicy));
  if (stored == queue.properties.end()) return owns;
  const auto policy = decode_json(stored->second);
  const Value* statements = policy ? policy->find("Statement") : nullptr;
  if (statements == nullptr) return owns;
  const Asked asked{principal, lower(fmt::format("sqs:{}", permission_of(action))),
                    queue_arn(owner, queue.name.name)};
  bool allowed = owns;
  const auto consider = [&](const Value& statement) {
    const Verdict verdict = judge(statement, asked);
    allowed = allowed || verdict == Verdict::kAllows;
    return verdict != Verdict::kDenies;
  };
  // One statement may stand without a list.
  const bool denied = statements->is(Value::Kind::kList)
                          ? !std::ranges::all_of(statements->items, consider)
                          : !consider(*statements);
  return allowed && !denied;
}

}  // namespace weir::sqs
