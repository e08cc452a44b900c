#pragma once
// Bearer tokens: JSON Web Tokens (RFC 7519) that an issuer signed with RS256 or ES256, verified
// with his public keys as a JSON Web Key Set (RFC 7517). Tokens that are not signed, or signed in
// another way, are refused (RFC 8725).
//
// Immutable; any thread.

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"

namespace weir::kafka {

inline constexpr size_t kTokenBytesMax = 16 << 10;
// How far the issuer's clock may be off.
inline constexpr Milliseconds kTokenSkew{30'000};

struct TokenRules {
  std::string issuer;    // the claim "iss" must be that; empty: any
  std::string audience;  // the claim "aud" must name that; empty: any
};

struct TokenClaims {
  std::string name;  // "sub"
  Timestamp ends;    // "exp"
};

class TokenKeys {
 public:
  // kInvalidArgument: no key set, a key that cannot be used, or none at all. Keys for other
  // algorithms are passed over.
  static Result<std::shared_ptr<const TokenKeys>> parse(ByteView key_set, TokenRules rules);
  ~TokenKeys();

  // kInvalidArgument: not understood; kRefused: not to be trusted (any more).
  Result<TokenClaims> verify(ByteView token, Timestamp now) const;

 private:
  struct Key;
  TokenKeys(std::vector<Key> keys, TokenRules rules);

  std::vector<Key> keys_;
  TokenRules rules_;
};

}  // namespace weir::kafka
