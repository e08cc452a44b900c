#include "protocols/kafka/sasl/authenticator.h"

#include <algorithm>
#include <utility>

#include "base/wire.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/service.h"
#include "protocols/kafka/session.h"

namespace weir::kafka {
namespace {

// What a stranger may send at most, and how long he may take.
constexpr size_t kStrangerFrameBytesMax = size_t{512} << 10;
constexpr Milliseconds kLoginTime{30'000};

bool is_of_login(int16_t key) {
  return key == SaslHandshakeRequest::kKey || key == SaslAuthenticateRequest::kKey;
}

// A token of somebody who is disabled is as good as none.
Found find(const catalog::Catalog& catalog, const Wanted& wanted) {
  Found found;
  if (!wanted.is_token) {
    found.user = catalog.access().find_user(wanted.name);
    return found;
  }
  const auto token = catalog.tokens().find(wanted.name);
  if (!token) return found;
  const auto owner = catalog.access().find_user(token->owner.substr(kUserPrefix.size()));
  if (owner && !owner->enabled) return found;
  found.token = token;
  found.token_secret = catalog.tokens().secret_of(wanted.name);
  return found;
}

}  // namespace

Authenticator::Authenticator(net::Connection& connection, Service& service, Peer peer, Sasl sasl)
    : connection_(connection),
      service_(service),
      peer_(std::make_shared<const Peer>(std::move(peer))),
      login_deadline_(service.clock().now() + kLoginTime),
      sasl_(sasl) {
  if (!required()) return;
  net::ConnectionLimits limits = service_.connection_limits();
  limits.idle_deadline = kLoginTime;
  limits.request_bytes_max = kStrangerFrameBytesMax + kFrameSizeBytes;
  connection_.set_limits(limits);
}

void Authenticator::introduce(const std::string& certificate_subject) {
  if (certificate_subject.empty()) return;
  Peer peer = *peer_;
  peer.principal = std::string(kUserPrefix) + certificate_subject;
  peer.identity = Identity::kCertificate;
  peer_ = std::make_shared<const Peer>(std::move(peer));
}

bool Authenticator::required() const {
  return sasl_ == Sasl::kRequired;
}

bool Authenticator::admits(int16_t key) const {
  if (key == kApiVersionsKey || is_of_login(key)) {
    return logged_in_ || !required() || service_.clock().now() < login_deadline_;
  }
  if (!logged_in_) return !required();
  return session_ends_ == Timestamp::never() || service_.clock().now() < session_ends_;
}

size_t Authenticator::frame_bytes_max() const {
  const size_t most = service_.config().frame_bytes_max;
  return logged_in_ || !required() ? most : std::min(most, kStrangerFrameBytesMax);
}

void Authenticator::handshake(Call call, const SaslHandshakeRequest& request) {
  const Config& config = service_.config();
  SaslHandshakeResponse response;
  if (sasl_ == Sasl::kOff) {
    response.error_code = wire_code(KafkaError::kIllegalSaslState);
    return call.answer(response);
  }
  bool known = false;
  for (const std::string& name : config.sasl_mechanisms) {
    response.mechanisms.push_back(Bytes::copy_of(name));
    known = known || request.mechanism == response.mechanisms.back();
  }
  const auto keys = service_.token_keys();
  if (keys) {
    response.mechanisms.push_back(wire::literal(kOauthBearer));
    known = known || request.mechanism.view() == kOauthBearer;
  }
  // Whoever logs in again does it as he did before.
  if (logged_in_ && request.mechanism.view() != used_mechanism_) known = false;
  if (!known) {
    response.error_code = wire_code(KafkaError::kUnsupportedSaslMechanism);
    call.answer(response);
    return connection_.close_after_replies();
  }
  mechanism_ = make_mechanism(request.mechanism.view(), service_.decoy_secret(), keys);
  bare_ = call.version() == 0;
  call.answer(response);
}

void Authenticator::refuse(Call call, KafkaError error, std::string_view reason, bool end) {
  SaslAuthenticateResponse response;
  response.error_code = wire_code(error);
  response.error_message = Bytes::copy_of(reason);
  call.answer(response);
  if (end) connection_.close_after_replies();
}

void Authenticator::authenticate(Call call, const SaslAuthenticateRequest& request) {
  if (!mechanism_) {
    return refuse(std::move(call), KafkaError::kIllegalSaslState,
                  "SaslHandshake must choose a mechanism first", required() && !logged_in_);
  }
  call_.emplace(std::move(call));
  take(request.auth_bytes.view());
}

void Authenticator::token(const Bytes& message) {
  slot_ = connection_.reserve();
  take(message.view());
}

void Authenticator::take(ByteView message) {
  connection_.pause_reading();
  auto needed = mechanism_->take(message);
  if (!needed) return fail_later(std::move(needed.error().message));
  if (!*needed) return step(mechanism_->proceed({}, service_.clock().now()), {});
  service_.engine().call(
      [connection = connection_.shared_from_this(), wanted = std::move(**needed)](Engine& engine) {
        Found known = find(engine.broker.catalog(), wanted);
        const broker::Depends depends = engine.broker.catalog_depends();
        connection->run_on_session<Session>([known = std::move(known), depends](Session& session) {
          session.authenticator().found(known, depends);
        });
      });
}

void Authenticator::found(const Found& found, const broker::Depends& depends) {
  step(mechanism_->proceed(found, service_.clock().now()), depends);
}

void Authenticator::step(const Result<SaslStep>& step, const broker::Depends& depends) {
  if (!step) return fail_later(step.error().message);
  if (step->done) return succeed(*step, depends);
  answer(step->bytes, Milliseconds(0), depends);
}

void Authenticator::succeed(const SaslStep& step, const broker::Depends& depends) {
  Peer peer = *peer_;
  peer.principal = std::string(kUserPrefix) + step.name;
  peer.identity = step.by_token ? Identity::kToken : Identity::kLogin;
  if (logged_in_ && peer.principal != peer_->principal) {
    return fail_later("a session cannot be continued by another user");
  }
  const Timestamp now = service_.clock().now();
  const Milliseconds lifetime = service_.config().session_lifetime;
  session_ends_ = step.ends;
  if (lifetime.count() > 0) session_ends_ = std::min(session_ends_, now + lifetime);
  if (!logged_in_ && required()) connection_.set_limits(service_.connection_limits());
  logged_in_ = true;
  used_mechanism_ = mechanism_->name();
  peer_ = std::make_shared<const Peer>(std::move(peer));
  mechanism_.reset();
  service_.metrics().logins.add(1);
  answer(step.bytes, session_ends_ == Timestamp::never() ? Milliseconds(0) : session_ends_ - now,
         depends);
}

void Authenticator::answer(std::string bytes,
                           Milliseconds lifetime,
                           const broker::Depends& depends) {
  if (call_) {
    SaslAuthenticateResponse response;
    response.auth_bytes = Bytes::take(std::move(bytes));
    response.session_lifetime_ms = lifetime.count();
    call_->answer(response, depends);
    call_.reset();
  } else {
    std::string frame(kFrameSizeBytes, '\0');
    store_be(frame.data(), static_cast<int32_t>(bytes.size()));
    slot_.complete(net::Reply(frame + bytes), depends.lsn, depends.durability);
    slot_ = {};
  }
  connection_.resume_reading();
}

// Guessing is slow: the connection is kept, unread, until the pause is over.
void Authenticator::fail_later(std::string reason) {
  service_.metrics().login_failures.add(1);
  mechanism_.reset();
  const Milliseconds pause = service_.config().failed_login_pause;
  if (pause.count() == 0) return fail_now(reason);
  service_.engine().call([connection = connection_.shared_from_this(), pause,
                          reason = std::move(reason)](Engine& engine) mutable {
    engine.broker.wait(
        {}, engine.now() + pause, broker::WaitMode::kAll,
        [connection = std::move(connection),
         reason = std::move(reason)](broker::WakeReason) mutable {
          connection->run_on_session<Session>([reason = std::move(reason)](Session& session) {
            session.authenticator().fail_now(reason);
          });
          return true;
        });
  });
}

void Authenticator::fail_now(const std::string& reason) {
  if (call_) {
    refuse(std::move(*call_), KafkaError::kSaslAuthenticationFailed, reason, true);
    call_.reset();
  } else {
    // Without a header there is no way to say why.
    slot_.complete({});
    slot_ = {};
    connection_.close_after_replies();
  }
  connection_.resume_reading();
}

}  // namespace weir::kafka
