#include "protocols/kafka/delegation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/credentials/scram.h"

namespace weir::kafka {
namespace {

constexpr size_t kKeyBytes = 64;
constexpr size_t kIdBytes = 16;

// Letters and digits, since it is the user name of a SCRAM login.
std::string new_id() {
  std::string id;
  for (const char c : random_bytes(kIdBytes)) {
    id += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return id;
}

KafkaError token_error(ErrorCode code) {
  const bool mistake = code == ErrorCode::kInvalidArgument || code == ErrorCode::kTooLarge;
  return mistake ? KafkaError::kInvalidRequest : topic_error(code);
}

bool may_change(const catalog::Token& token, std::string_view principal) {
  return token.owner == principal ||
         std::ranges::find(token.renewers, principal) != token.renewers.end();
}

}  // namespace

Delegation::Delegation(broker::Broker& broker, runtime::Clock& clock, const Config& config)
    : broker_(broker), clock_(clock), config_(config) {
  if (!broker_.catalog().tokens().all().empty()) check_later();
}

std::expected<std::shared_ptr<const catalog::Token>, KafkaError> Delegation::create(
    const Wish& wish) {
  const broker::Broker::Turn turn(broker_, now());
  if (!turn.ok()) return std::unexpected(token_error(turn.status().error().code));
  const catalog::Tokens& tokens = broker_.catalog().tokens();
  if (!tokens.has_key()) {
    const auto made = broker_.make_token_key(random_bytes(kKeyBytes), now());
    if (!made) return std::unexpected(token_error(made.error().code));
  }
  Milliseconds lifetime = config_.delegation_token_max_lifetime;
  if (wish.max_lifetime_ms > 0) lifetime = std::min(lifetime, Milliseconds(wish.max_lifetime_ms));
  catalog::Token token;
  token.id = new_id();
  token.owner = wish.owner;
  token.requester = wish.requester;
  token.renewers = wish.renewers;
  token.issued = now();
  token.ends = token.issued + lifetime;
  token.expires = std::min(token.ends, token.issued + config_.delegation_token_expiry);
  auto put = broker_.put_token(token, now());
  if (!put && put.error().code == ErrorCode::kLimitReached) {
    remove_expired();
    put = broker_.put_token(token, now());
  }
  if (!put) return std::unexpected(token_error(put.error().code));
  if (!checking_) check_later();
  return tokens.find(token.id);
}

Delegation::Expiry Delegation::set_expiry(const catalog::Token& token, Timestamp expires) {
  catalog::Token changed = token;
  changed.expires = std::min(token.ends, expires);
  const auto put = broker_.put_token(changed, now());
  if (!put) return std::unexpected(token_error(put.error().code));
  return changed.expires;
}

Delegation::Expiry Delegation::renew(ByteView secret,
                                     std::string_view principal,
                                     int64_t period_ms) {
  const auto token = broker_.catalog().tokens().find_by_secret(secret);
  if (!token) return std::unexpected(KafkaError::kDelegationTokenNotFound);
  if (token->is_expired(now())) return std::unexpected(KafkaError::kDelegationTokenExpired);
  if (!may_change(*token, principal)) {
    return std::unexpected(KafkaError::kDelegationTokenOwnerMismatch);
  }
  Milliseconds period = config_.delegation_token_expiry;
  if (period_ms > 0) period = std::min(period, Milliseconds(period_ms));
  return set_expiry(*token, now() + period);
}

Delegation::Expiry Delegation::expire(ByteView secret,
                                      std::string_view principal,
                                      int64_t period_ms) {
  const auto token = broker_.catalog().tokens().find_by_secret(secret);
  if (!token) return std::unexpected(KafkaError::kDelegationTokenNotFound);
  if (!may_change(*token, principal)) {
    return std::unexpected(KafkaError::kDelegationTokenOwnerMismatch);
  }
  if (period_ms < 0) {
    const auto removed = broker_.remove_token(token->id, now());
    if (!removed) return std::unexpected(token_error(removed.error().code));
    return now();
  }
  if (token->is_expired(now())) return std::unexpected(KafkaError::kDelegationTokenExpired);
  return set_expiry(*token, now() + Milliseconds(period_ms));
}

void Delegation::remove_expired() {
  const std::vector<std::string> ended = broker_.catalog().tokens().expired(now());
  if (ended.empty()) return;
  const broker::Broker::Turn turn(broker_, now(), broker::Admission::kRelease);
  for (const std::string& id : ended) {
    if (!broker_.remove_token(id, now())) return;  // the next check tries again
  }
}

void Delegation::check_later() {
  checking_ = true;
  broker_.wait({}, now() + config_.delegation_token_check, broker::WaitMode::kAll,
               [this](broker::WakeReason reason) {
                 if (reason != broker::WakeReason::kDeadline) return true;
                 remove_expired();
                 checking_ = !broker_.catalog().tokens().all().empty();
                 if (checking_) check_later();
                 return true;
               });
}

}  // namespace weir::kafka
