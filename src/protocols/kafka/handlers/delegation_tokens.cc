#include "protocols/kafka/handlers/delegation_tokens.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"

namespace weir::kafka {
namespace {

using Owners = std::vector<DescribeDelegationTokenRequest::Owner>;

constexpr std::string_view kUserType = "User";

// "User:alice" as Kafka has it in two fields.
struct Principal {
  Bytes type;
  Bytes name;
};

Principal split(std::string_view principal) {
  const size_t colon = principal.find(':');
  return {Bytes::copy_of(principal.substr(0, colon)), Bytes::copy_of(principal.substr(colon + 1))};
}

std::string joined(const Bytes& type, const Bytes& name) {
  return fmt::format("{}:{}", type.view(), name.view());
}

// Why nothing about tokens is answered on this connection, whatever it asks.
KafkaError problem(const Call& call) {
  const Identity identity = call.peer().identity;
  if (identity == Identity::kNone || identity == Identity::kToken) {
    return KafkaError::kDelegationTokenRequestNotAllowed;
  }
  const bool usable = std::ranges::any_of(
      call.config().sasl_mechanisms, [](const auto& name) { return name.starts_with("SCRAM-"); });
  return usable ? KafkaError::kNone : KafkaError::kDelegationTokenAuthDisabled;
}

// ---- create

std::expected<Delegation::Wish, KafkaError> read_wish(const Engine& engine,
                                                      const Call& call,
                                                      const CreateDelegationTokenRequest& request) {
  Delegation::Wish wish;
  wish.requester = wish.owner = call.peer().principal;
  wish.max_lifetime_ms = request.max_lifetime_ms;
  const Bytes owner = request.owner_principal_name.value_or(Bytes());
  if (!owner.empty()) {
    const Bytes type = request.owner_principal_type.value_or(Bytes());
    wish.owner = joined(type, owner);
    const bool allowed = wish.owner == wish.requester ||
                         Authorizer(engine.broker, call)
                             .allows(Operation::kCreateTokens, ResourceType::kUser, wish.owner);
    if (!allowed) return std::unexpected(KafkaError::kDelegationTokenAuthorizationFailed);
    // A login is always a user's.
    if (type.view() != kUserType) return std::unexpected(KafkaError::kInvalidPrincipalType);
  }
  for (const auto& renewer : request.renewers) {
    if (renewer.principal_type.view() != kUserType) {
      return std::unexpected(KafkaError::kInvalidPrincipalType);
    }
    wish.renewers.push_back(joined(renewer.principal_type, renewer.principal_name));
  }
  return wish;
}

template <typename Answer>
void set_owner(Answer& answer, std::string_view owner, std::string_view requester) {
  Principal principal = split(owner);
  answer.principal_type = std::move(principal.type);
  answer.principal_name = std::move(principal.name);
  principal = split(requester);
  answer.token_requester_principal_type = std::move(principal.type);
  answer.token_requester_principal_name = std::move(principal.name);
}

CreateDelegationTokenResponse create(Engine& engine,
                                     const Call& call,
                                     const CreateDelegationTokenRequest& request) {
  constexpr int64_t kNoTime = -1;
  CreateDelegationTokenResponse response;
  response.issue_timestamp_ms = response.expiry_timestamp_ms = response.max_timestamp_ms = kNoTime;
  set_owner(response, call.peer().principal, call.peer().principal);
  const auto fail = [&](KafkaError error) {
    response.error_code = wire_code(error);
    return response;
  };
  if (const KafkaError error = problem(call); error != KafkaError::kNone) return fail(error);
  const auto wish = read_wish(engine, call, request);
  if (!wish) return fail(wish.error());
  set_owner(response, wish->owner, wish->requester);
  const auto token = engine.delegation.create(*wish);
  if (!token) return fail(token.error());
  response.issue_timestamp_ms = (*token)->issued.ms();
  response.expiry_timestamp_ms = (*token)->expires.ms();
  response.max_timestamp_ms = (*token)->ends.ms();
  response.token_id = Bytes::copy_of((*token)->id);
  response.hmac = Bytes::take(engine.broker.catalog().tokens().secret_of((*token)->id));
  return response;
}

// ---- describe

// Its owner, who asked for it, and its renewers.
template <typename Condition>
bool concerns(const catalog::Token& token, Condition principal) {
  return principal(token.owner) || principal(token.requester) ||
         std::ranges::any_of(token.renewers, principal);
}

DescribeDelegationTokenResponse::Token described(const catalog::Tokens& tokens,
                                                 const catalog::Token& token) {
  DescribeDelegationTokenResponse::Token answer;
  set_owner(answer, token.owner, token.requester);
  answer.issue_timestamp = token.issued.ms();
  answer.expiry_timestamp = token.expires.ms();
  answer.max_timestamp = token.ends.ms();
  answer.token_id = Bytes::copy_of(token.id);
  answer.hmac = Bytes::take(tokens.secret_of(token.id));
  for (const std::string& renewer : token.renewers) {
    Principal principal = split(renewer);
    answer.renewers.push_back({std::move(principal.type), std::move(principal.name)});
  }
  return answer;
}

// Of the owners that are asked for (a renewer counts as one), those that concern the client or that
// a rule lets him see.
DescribeDelegationTokenResponse describe(Engine& engine,
                                         const Call& call,
                                         const DescribeDelegationTokenRequest& request) {
  DescribeDelegationTokenResponse response;
  if (const KafkaError error = problem(call); error != KafkaError::kNone) {
    response.error_code = wire_code(error);
    return response;
  }
  absl::flat_hash_set<std::string> owners;
  for (const auto& owner : request.owners.value_or(Owners())) {
    owners.insert(joined(owner.principal_type, owner.principal_name));
  }
  const auto is_wanted = [&](const std::string& name) { return owners.contains(name); };
  const auto is_client = [&](const std::string& name) { return name == call.peer().principal; };
  const Authorizer authorizer(engine.broker, call);
  const catalog::Tokens& tokens = engine.broker.catalog().tokens();
  for (const auto& [id, token] : tokens.all()) {
    if (request.owners && !concerns(*token, is_wanted)) continue;
    const bool seen =
        concerns(*token, is_client) ||
        authorizer.allows(Operation::kDescribe, ResourceType::kDelegationToken, id) ||
        authorizer.allows(Operation::kDescribeTokens, ResourceType::kUser, token->owner);
    if (seen) response.tokens.push_back(described(tokens, *token));
  }
  return response;
}

// ---- renew, expire

// Calls `change` on the state shard, where the connection may ask about tokens at all.
template <typename Response, typename Change>
void change_expiry(Call call, Change change) {
  call.engine().call([call = std::move(call), change = std::move(change)](Engine& engine) mutable {
    Response response;
    response.expiry_timestamp_ms = -1;
    KafkaError error = problem(call);
    if (error == KafkaError::kNone) {
      const Delegation::Expiry expiry = change(engine.delegation, call);
      if (expiry) response.expiry_timestamp_ms = expiry->ms();
      if (!expiry) error = expiry.error();
    }
    response.error_code = wire_code(error);
    call.answer(response, engine.broker.catalog_depends());
  });
}

}  // namespace

void CreateDelegationTokenHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = create(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

void RenewDelegationTokenHandler::handle(Call call, Request request) {
  change_expiry<RenewDelegationTokenResponse>(
      std::move(call), [request = std::move(request)](Delegation& delegation, const Call& asked) {
        return delegation.renew(request.hmac.view(), asked.peer().principal,
                                request.renew_period_ms);
      });
}

void ExpireDelegationTokenHandler::handle(Call call, Request request) {
  change_expiry<ExpireDelegationTokenResponse>(
      std::move(call), [request = std::move(request)](Delegation& delegation, const Call& asked) {
        return delegation.expire(request.hmac.view(), asked.peer().principal,
                                 request.expiry_time_period_ms);
      });
}

void DescribeDelegationTokenHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        const auto response = describe(engine, call, request);
        call.answer(response, engine.broker.catalog_depends());
      });
}

}  // namespace weir::kafka
