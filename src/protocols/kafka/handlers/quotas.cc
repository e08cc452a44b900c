#include "protocols/kafka/handlers/quotas.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {
namespace {

using catalog::Quota;
using catalog::QuotaEntity;
using catalog::QuotaKind;
using catalog::QuotaPart;

constexpr int8_t kThatName = 0;
constexpr int8_t kEverybodyElse = 1;
constexpr int8_t kAnybody = 2;
constexpr std::string_view kNotAllowed = "not allowed on this cluster";

struct Refusal {
  KafkaError error = KafkaError::kNone;
  std::string message;

  explicit operator bool() const { return error != KafkaError::kNone; }
};

Refusal invalid(std::string message) {
  return {KafkaError::kInvalidRequest, std::move(message)};
}

template <typename Result>
void set_error(Result& result, const Refusal& refusal) {
  result.error_code = wire_code(refusal.error);
  result.error_message = Bytes::copy_of(refusal.message);
}

std::string_view word_of(QuotaKind kind) {
  switch (kind) {
    case QuotaKind::kUser: return "user";
    case QuotaKind::kClientId: return "client-id";
    case QuotaKind::kIp: return "ip";
  }
  return "";
}

std::optional<QuotaKind> kind_of(std::string_view word) {
  for (const QuotaKind kind : {QuotaKind::kUser, QuotaKind::kClientId, QuotaKind::kIp}) {
    if (word == word_of(kind)) return kind;
  }
  return std::nullopt;
}

// Conditions and parts of entities have a kind.
template <typename Part>
bool has_kind(const std::vector<Part>& parts, QuotaKind kind) {
  return std::ranges::any_of(parts, [kind](const Part& part) { return part.kind == kind; });
}

// ---- describe

// One condition: what it says of a kind.
struct Condition {
  QuotaKind kind;
  int8_t match;
  std::string_view name;

  bool holds(const QuotaEntity& entity) const {
    return std::ranges::any_of(entity, [this](const QuotaPart& part) {
      if (part.kind != kind) return false;
      if (match == kAnybody) return true;
      return match == kEverybodyElse ? part.is_default : !part.is_default && part.name == name;
    });
  }
};

Refusal read_condition(const DescribeClientQuotasRequest::Component& component,
                       std::vector<Condition>& conditions) {
  const std::string_view word = component.entity_type.view();
  const auto kind = kind_of(word);
  if (word.empty()) return invalid("a condition names a kind");
  if (!kind) return {KafkaError::kUnsupportedVersion, fmt::format("there is no kind {}", word)};
  if (has_kind(conditions, *kind)) {
    return invalid(fmt::format("{} is named twice", word));
  }
  const int8_t match = component.match_type;
  if (match < kThatName || match > kAnybody) return invalid("there is no such way to match");
  if (component.match.has_value() != (match == kThatName)) {
    return invalid("a name belongs to the match of a name, and to no other");
  }
  conditions.push_back({*kind, match, component.match ? component.match->view() : ""});
  return {};
}

Refusal read_conditions(const DescribeClientQuotasRequest& request,
                        std::vector<Condition>& conditions) {
  for (const auto& component : request.components) {
    if (auto refusal = read_condition(component, conditions)) return refusal;
  }
  if (conditions.size() > 1 && has_kind(conditions, QuotaKind::kIp)) {
    return invalid("an ip is not found together with a user or a client-id");
  }
  return {};
}

template <typename Entity>
std::vector<Entity> written(const QuotaEntity& entity) {
  std::vector<Entity> parts;
  for (const QuotaPart& part : entity) {
    Entity& one = parts.emplace_back();
    one.entity_type = wire::literal(word_of(part.kind));
    if (!part.is_default) one.entity_name = Bytes::copy_of(part.name);
  }
  return parts;
}

DescribeClientQuotasResponse describe(const Engine& engine,
                                      const Call& call,
                                      const DescribeClientQuotasRequest& request) {
  using Response = DescribeClientQuotasResponse;
  Response response;
  if (!Authorizer(engine.broker, call).cluster(Operation::kDescribeConfigs)) {
    set_error(response, {KafkaError::kClusterAuthorizationFailed, std::string(kNotAllowed)});
    return response;
  }
  std::vector<Condition> conditions;
  if (const Refusal refusal = read_conditions(request, conditions)) {
    set_error(response, refusal);
    return response;
  }
  auto& entries = response.entries.emplace();
  for (const auto& [entity, values] : engine.broker.catalog().access().quotas()) {
    const bool found = std::ranges::all_of(
        conditions, [&](const Condition& condition) { return condition.holds(entity); });
    if (!found || (request.strict && entity.size() != conditions.size())) continue;
    Response::Entry& entry = entries.emplace_back();
    entry.entity = written<Response::Entity>(entity);
    for (const auto& [key, value] : values) entry.values.push_back({Bytes::copy_of(key), value});
  }
  return response;
}

// ---- alter

// As the addresses of connections are written.
bool is_address(std::string_view text) {
  const std::string given(text);
  const int family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  std::array<char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> usual{};
  return inet_pton(family, given.c_str(), address.data()) == 1 &&
         inet_ntop(family, address.data(), usual.data(), usual.size()) != nullptr &&
         text == usual.data();
}

Refusal read_entity(const std::vector<AlterClientQuotasRequest::Entity>& parts,
                    QuotaEntity& entity) {
  for (const auto& part : parts) {
    const auto kind = kind_of(part.entity_type.view());
    if (!kind) return invalid(fmt::format("there is no kind {}", part.entity_type.view()));
    if (has_kind(entity, *kind)) {
      return invalid(fmt::format("{} is named twice", part.entity_type.view()));
    }
    if (part.entity_name && part.entity_name->empty()) return invalid("a name is not empty");
    const std::string_view name = part.entity_name ? part.entity_name->view() : "";
    if (*kind == QuotaKind::kIp && part.entity_name && !is_address(name)) {
      return invalid(fmt::format("{} is no address of IPv4 or IPv6 in its usual form", name));
    }
    entity.push_back({*kind, !part.entity_name, std::string(name)});
  }
  std::ranges::sort(entity);
  if (entity.empty()) return invalid("a quota is of a user, a client-id or an ip");
  if (entity.size() > 1 && entity.back().kind == QuotaKind::kIp) {
    return invalid("a quota of an ip is not of a user or a client-id as well");
  }
  return {};
}

std::optional<Metered> metered_of(std::string_view key) {
  for (const Metered what : {Metered::kProduced, Metered::kFetched, Metered::kHandled,
                             Metered::kMutated, Metered::kConnected}) {
    if (key == quota_key(what)) return what;
  }
  return std::nullopt;
}

Refusal check_value(const QuotaEntity& entity, std::string_view key, double value) {
  const auto what = metered_of(key);
  const bool of_ip = entity.front().kind == QuotaKind::kIp;
  if (!what || of_ip != (what == Metered::kConnected)) {
    return invalid(fmt::format("{} has no quota {}", word_of(entity.front().kind), key));
  }
  // An address may be shut out; other rates of nothing would let their clients in to wait for ever.
  if (!std::isfinite(value) || value < 0 || (value == 0 && !of_ip)) {
    return invalid(fmt::format("{} must be a number above 0", key));
  }
  constexpr double kEpsilon = 1e-6;
  const bool is_fraction = what == Metered::kHandled || what == Metered::kMutated;
  if (!is_fraction && std::abs(std::round(value) - value) > kEpsilon) {
    return invalid(fmt::format("{} must be a whole number", key));
  }
  return {};
}

// What the entity has afterwards.
Refusal change(const AlterClientQuotasRequest::Entry& entry, Quota& quota) {
  std::set<std::string_view> named;
  for (const auto& op : entry.ops) {
    const std::string_view key = op.key.view();
    if (!named.insert(key).second) return invalid(fmt::format("{} is named twice", key));
    if (op.remove) {
      quota.values.erase(std::string(key));
      continue;
    }
    if (auto refusal = check_value(quota.entity, key, op.value)) return refusal;
    quota.values[std::string(key)] = op.value;
  }
  return {};
}

Refusal refusal_of(const Error& error) {
  const bool mistake =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kTooLarge;
  return {mistake ? KafkaError::kInvalidRequest : topic_error(error.code), error.message};
}

Refusal alter(Engine& engine, const AlterClientQuotasRequest::Entry& entry, bool validate_only) {
  const catalog::Access& access = engine.broker.catalog().access();
  Quota quota;
  if (auto refusal = read_entity(entry.entity, quota.entity)) return refusal;
  const auto known = access.quotas().find(quota.entity);
  if (known != access.quotas().end()) quota.values = known->second;
  const auto before = quota.values;
  if (auto refusal = change(entry, quota)) return refusal;
  if (quota.values == before) return {};
  if (validate_only) {
    const auto possible = access.decide_put_quota(quota);
    return possible ? Refusal() : refusal_of(possible.error());
  }
  const auto put = engine.broker.put_quota(quota, engine.now());
  return put ? Refusal() : refusal_of(put.error());
}

AlterClientQuotasResponse alter_all(Engine& engine,
                                    const Call& call,
                                    const AlterClientQuotasRequest& request) {
  AlterClientQuotasResponse response;
  const bool allowed = Authorizer(engine.broker, call).cluster(Operation::kAlterConfigs);
  const broker::Broker::Turn turn(engine.broker, engine.now());
  for (const auto& entry : request.entries) {
    auto& result = response.entries.emplace_back();
    for (const auto& part : entry.entity) {
      result.entity.push_back({part.entity_type, part.entity_name});
    }
    Refusal refusal;
    if (!allowed) {
      refusal = {KafkaError::kClusterAuthorizationFailed, std::string(kNotAllowed)};
    } else if (!turn.ok()) {
      refusal = refusal_of(turn.status().error());
    } else {
      refusal = alter(engine, entry, request.validate_only);
    }
    if (refusal) set_error(result, refusal);
  }
  engine.quotas.refresh();
  return response;
}

}  // namespace

void DescribeClientQuotasHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = describe(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

void AlterClientQuotasHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = alter_all(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
