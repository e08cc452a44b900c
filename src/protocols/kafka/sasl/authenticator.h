#pragma once
// Authenticator: who one connection is, and how it says so (KIP-43, KIP-152; again within a
// session's lifetime: KIP-368). Thread: the connection's shard.
//
// Where the port demands a login, nothing but ApiVersions, SaslHandshake and SaslAuthenticate is
// answered before it. A login that fails is answered after a pause, and ends the connection. While
// a message of a login is looked at, the connection is not read.

#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "net/connection.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/gen/sasl.h"
#include "protocols/kafka/peer.h"
#include "protocols/kafka/sasl/mechanism.h"

namespace weir::kafka {

class Service;

class Authenticator {
 public:
  Authenticator(net::Connection& connection, Service& service, Peer peer, Sasl sasl);

  // Before the first request: the subject of the certificate that the client showed is his name
  // until a login gives him another one, as Kafka's default principal builder has it. Empty: he
  // showed none.
  void introduce(const std::string& certificate_subject);
  // Who sends the requests from now on.
  const std::shared_ptr<const Peer>& peer() const { return peer_; }
  // Whether such a request may be answered now; else the connection has to end.
  bool admits(int16_t key) const;
  size_t frame_bytes_max() const;
  // The next frame is a message of the login, without a header (SaslHandshake 0).
  bool wants_token() const { return mechanism_ && bare_; }

  void handshake(Call call, const SaslHandshakeRequest& request);
  void authenticate(Call call, const SaslAuthenticateRequest& request);
  void token(const Bytes& message);

 private:
  void take(ByteView message);
  void found(const Found& found, const broker::Depends& depends);
  void step(const Result<SaslStep>& step, const broker::Depends& depends);
  void succeed(const SaslStep& step, const broker::Depends& depends);
  void fail_later(std::string reason);
  void fail_now(const std::string& reason);
  void answer(std::string bytes, Milliseconds lifetime, const broker::Depends& depends);
  void refuse(Call call, KafkaError error, std::string_view reason, bool end);
  bool required() const;

  net::Connection& connection_;
  Service& service_;
  std::shared_ptr<const Peer> peer_;
  const Timestamp login_deadline_;
  const Sasl sasl_;  // of the listener
  bool logged_in_ = false;
  std::string used_mechanism_;  // of the login that holds
  Timestamp session_ends_ = Timestamp::never();

  std::unique_ptr<SaslMechanism> mechanism_;  // of the login under way
  bool bare_ = false;
  // The message that is looked at: answered by one of the two.
  std::optional<Call> call_;
  net::ReplySlot slot_;
};

}  // namespace weir::kafka
