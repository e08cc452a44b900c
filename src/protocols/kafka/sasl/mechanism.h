#pragma once
// One login by one SASL mechanism, the server's side: messages in, messages out. Pure; the
// connection's shard.
//
// For each message of the client: take() tells whose verifier is needed, if anybody's; then
// proceed() with what the catalog knows of him gives the outcome. PLAIN: RFC 4616. SCRAM: RFC 5802.
// OAUTHBEARER: RFC 7628 and KIP-255. A delegation token is the name of a SCRAM login with the
// extension "tokenauth=true" (KIP-48).

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "core/catalog/access.h"
#include "core/catalog/tokens.h"
#include "protocols/kafka/sasl/token_keys.h"

namespace weir::kafka {

// Whose verifier is needed.
struct Wanted {
  std::string name;
  bool is_token = false;  // the name is a delegation token's
};

struct Found {
  std::shared_ptr<const catalog::User> user;    // null: there is none of that name
  std::shared_ptr<const catalog::Token> token;  // null: there is none, or its owner is disabled
  std::string token_secret;
};

struct SaslStep {
  std::string bytes;                    // for the client
  bool done = false;                    // he is who he says
  std::string name;                     // when done: the user's
  bool by_token = false;                // when done: with a delegation token of his
  Timestamp ends = Timestamp::never();  // when done: until when that may be believed
};

class SaslMechanism {
 public:
  virtual ~SaslMechanism() = default;
  virtual std::string_view name() const = 0;

  // The user whose verifier proceed() needs; nothing: it needs none. An error ends the login.
  virtual Result<std::optional<Wanted>> take(ByteView message) = 0;
  virtual Result<SaslStep> proceed(const Found& found, Timestamp now) = 0;
};

// What every failed login is told, whether it was the name or the password.
inline constexpr std::string_view kLoginFailed = "the user name or the password is wrong";

// `decoy_secret` as base/credentials/scram_server.h says; `keys` may be null, and OAUTHBEARER is
// not there then. Null for a name that is no mechanism.
std::unique_ptr<SaslMechanism> make_mechanism(std::string_view name,
                                              ByteView decoy_secret,
                                              std::shared_ptr<const TokenKeys> keys);
inline constexpr std::string_view kOauthBearer = "OAUTHBEARER";

}  // namespace weir::kafka
