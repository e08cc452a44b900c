#include "protocols/kafka/sasl/mechanism.h"

#include <utility>

#include "base/credentials/base64.h"
#include "base/credentials/scram_server.h"
#include "protocols/kafka/peer.h"

namespace weir::kafka {
namespace {

constexpr std::string_view kPlain = "PLAIN";
constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
constexpr std::string_view kScramSha512 = "SCRAM-SHA-512";
constexpr size_t kNonceBytes = 24;

std::unexpected<Error> login_failed() {
  return fail(ErrorCode::kRefused, std::string(kLoginFailed));
}

// [identity] NUL name NUL password
class Plain final : public SaslMechanism {
 public:
  explicit Plain(ByteView decoy_secret)
      : decoy_credential_(decoy_credential(ScramHash::kSha256, "", decoy_secret)) {}

  std::string_view name() const override { return kPlain; }

  Result<std::optional<Wanted>> take(ByteView message) override {
    const size_t first = message.find('\0');
    const size_t second = first == ByteView::npos ? first : message.find('\0', first + 1);
    if (second == ByteView::npos || message.find('\0', second + 1) != ByteView::npos) {
      return fail(ErrorCode::kInvalidArgument, "PLAIN has a name and a password, after zero bytes");
    }
    const ByteView identity = message.substr(0, first);
    const ByteView user = message.substr(first + 1, second - first - 1);
    password_ = message.substr(second + 1);
    if (user.empty() || password_.empty()) {
      return fail(ErrorCode::kInvalidArgument, "the name and the password may not be empty");
    }
    if (!identity.empty() && identity != user) {
      return fail(ErrorCode::kRefused, "nobody may log in as somebody else");
    }
    return Wanted{.name = std::string(user)};
  }

  Result<SaslStep> proceed(const Found& found, Timestamp /*now*/) override {
    const auto& user = found.user;
    const bool known = user && user->enabled && !user->credentials.empty();
    // Somebody unknown costs as much time as a wrong password.
    const bool right = known ? matches(user->credentials, password_)
                             : matches(ScramHash::kSha256, decoy_credential_, password_);
    if (!known || !right) return login_failed();
    SaslStep step;
    step.done = true;
    step.name = user->name;
    return step;
  }

 private:
  const ScramCredential decoy_credential_;
  std::string password_;
};

// "tokenauth=true" among the extensions of a first message.
bool asks_for_token(ByteView extensions) {
  while (!extensions.empty()) {
    const size_t comma = extensions.find(',');
    if (extensions.substr(0, comma) == "tokenauth=true") return true;
    if (comma == ByteView::npos) return false;
    extensions.remove_prefix(comma + 1);
  }
  return false;
}

class Scram final : public SaslMechanism {
 public:
  Scram(ScramHash hash, ByteView decoy_secret)
      : hash_(hash), scram_(hash), decoy_secret_(decoy_secret) {}

  std::string_view name() const override {
    return hash_ == ScramHash::kSha256 ? kScramSha256 : kScramSha512;
  }

  Result<std::optional<Wanted>> take(ByteView message) override {
    if (challenged_) {
      proof_ = message;
      return std::nullopt;
    }
    auto begun = scram_.begin(message);
    if (!begun) return std::unexpected(begun.error());
    name_ = std::move(*begun);
    is_token_ = asks_for_token(scram_.extensions());
    return Wanted{.name = name_, .is_token = is_token_};
  }

  Result<SaslStep> proceed(const Found& found, Timestamp now) override {
    SaslStep step;
    if (!std::exchange(challenged_, true)) {
      step.bytes = scram_.challenge(
          is_token_ ? credential_of_token(found, now) : credential_of_user(found.user),
          to_base64(random_bytes(kNonceBytes)));
      return step;
    }
    auto last = scram_.finish(proof_);
    if (!last) {
      if (last.error().code == ErrorCode::kRefused) return login_failed();
      return std::unexpected(last.error());
    }
    step.bytes = std::move(*last);
    step.done = true;
    step.name = name_;
    if (!is_token_) return step;
    // It may have ended since the challenge.
    if (!token_ || token_->is_expired(now)) return login_failed();
    step.name = token_->owner.substr(kUserPrefix.size());
    step.by_token = true;
    step.ends = token_->expires;
    return step;
  }

 private:
  ScramCredential credential_of_user(const std::shared_ptr<const catalog::User>& user) const {
    const bool known = user && user->enabled && user->credentials.contains(hash_);
    return known ? user->credentials.at(hash_) : decoy_credential(hash_, name_, decoy_secret_);
  }

  // The password is the secret in base64. Ids cannot be guessed: that one which is not there costs
  // less time tells nothing, and a stranger cannot make us spend it.
  ScramCredential credential_of_token(const Found& found, Timestamp now) {
    ScramCredential decoy = decoy_credential(hash_, name_, decoy_secret_);
    if (!found.token || found.token->is_expired(now)) return decoy;
    token_ = found.token;
    const std::string salted =
        salted_password(hash_, to_base64(found.token_secret), decoy.salt, decoy.iterations);
    return credential_of(hash_, salted, decoy.salt, decoy.iterations);
  }

  const ScramHash hash_;
  ScramServer scram_;
  std::string decoy_secret_;
  bool is_token_ = false;
  std::shared_ptr<const catalog::Token> token_;
  std::string name_;
  std::string proof_;
  bool challenged_ = false;
};

// n,, 0x01 auth=Bearer TOKEN 0x01 [key=value 0x01] 0x01
class Bearer final : public SaslMechanism {
 public:
  explicit Bearer(std::shared_ptr<const TokenKeys> keys) : keys_(std::move(keys)) {}

  std::string_view name() const override { return kOauthBearer; }

  Result<std::optional<Wanted>> take(ByteView message) override {
    constexpr std::string_view kPrefix =
        "\x01"
        "auth=Bearer ";
    const size_t begin = message.find(kPrefix);
    const bool plain_header = message.starts_with("n,") || message.starts_with("y,");
    if (!plain_header || begin == ByteView::npos) {
      return fail(ErrorCode::kInvalidArgument, "OAUTHBEARER brings a bearer token");
    }
    identity_ = message.substr(2, message.find(',', 2) - 2);
    const ByteView rest = message.substr(begin + kPrefix.size());
    const size_t end = rest.find('\x01');
    if (end == ByteView::npos || !rest.ends_with("\x01\x01")) {
      return fail(ErrorCode::kInvalidArgument, "the message is cut off");
    }
    token_ = rest.substr(0, end);
    return std::nullopt;
  }

  Result<SaslStep> proceed(const Found& /*found*/, Timestamp now) override {
    auto claims = keys_->verify(token_, now);
    if (!claims) return std::unexpected(claims.error());
    if (!identity_.empty() && identity_ != "a=" + claims->name) {
      return fail(ErrorCode::kRefused, "nobody may log in as somebody else");
    }
    SaslStep step;
    step.done = true;
    step.name = std::move(claims->name);
    step.ends = claims->ends;
    return step;
  }

 private:
  const std::shared_ptr<const TokenKeys> keys_;
  std::string identity_;
  std::string token_;
};

}  // namespace

std::unique_ptr<SaslMechanism> make_mechanism(std::string_view name,
                                              ByteView decoy_secret,
                                              std::shared_ptr<const TokenKeys> keys) {
  if (name == kOauthBearer && keys) return std::make_unique<Bearer>(std::move(keys));
  if (name == kPlain) return std::make_unique<Plain>(decoy_secret);
  if (name == kScramSha256) return std::make_unique<Scram>(ScramHash::kSha256, decoy_secret);
  if (name == kScramSha512) return std::make_unique<Scram>(ScramHash::kSha512, decoy_secret);
  return nullptr;
}

}  // namespace weir::kafka
