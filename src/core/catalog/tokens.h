#pragma once
// Delegation tokens (KIP-48): who has one logs in as its owner, until it ends. A part of the
// catalog's cell; decide_* refuse or return an event, apply is total, an event carries the whole
// new value.
//
// A token's secret is not stored: it is the HMAC of its id by a key that was made once and never
// leaves the catalog.
//
// Events (first byte is the kind; the numbers go on from those of catalog.h):
//  15 token key      bytes
//  16 token put      token                17 token removed    id
//
// Thread: one; the state shard's. A found token is immutable and may be kept and read anywhere.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "base/wire.h"

namespace weir::catalog {

struct Token {
  std::string id;
  std::string owner;                  // "User:alice"
  std::string requester;              // who asked for it
  std::vector<std::string> renewers;  // who else may renew it or let it end
  Timestamp issued;
  Timestamp expires;  // unless it is renewed; never beyond ends
  Timestamp ends;

  bool is_expired(Timestamp now) const { return expires <= now; }
  bool operator==(const Token&) const = default;
};

struct TokenLimits {
  size_t tokens_max = 10'000;
  size_t owner_tokens_max = 1'000;  // of one owner
  size_t name_bytes_max = 512;      // of its id and each principal
  size_t bytes_max = 2048;          // of all of these
};

class Tokens {
 public:
  static constexpr size_t kKeyBytesMin = 32;

  explicit Tokens(TokenLimits limits = {}) : limits_(limits) {}

  using ById = std::map<std::string, std::shared_ptr<const Token>, std::less<>>;

  // Null when there is none.
  std::shared_ptr<const Token> find(std::string_view id) const;
  std::shared_ptr<const Token> find_by_secret(ByteView secret) const;
  const ById& all() const { return tokens_; }
  std::vector<std::string> of_owner(std::string_view owner) const;  // their ids
  std::vector<std::string> expired(Timestamp now) const;
  // Of such a token, whether there is one or not; 64 bytes.
  std::string secret_of(std::string_view id) const;
  bool has_key() const { return !key_.empty(); }

  // Once. kAlreadyExists, kInvalidArgument (too short).
  Result<std::string> decide_make_key(ByteView key) const;
  // A new one, or one in the place of what has its id. kInvalidArgument, kTooLarge, kLimitReached.
  Result<std::string> decide_put(const Token& token) const;
  Result<std::string> decide_remove(std::string_view id) const;  // kNotFound

  // False: it is no event of this kind, or cannot be understood; nothing is changed then.
  bool apply(uint8_t kind, Reader& reader);

  void save(Writer& writer) const;
  // Into an empty one; a mistake fails the reader.
  void load(Reader& reader);

 private:
  template <typename Condition>
  std::vector<std::string> ids_where(Condition condition) const;
  void put(Token token);
  void erase(std::string_view id);
  // What tokens are found by: a digest, so that looking tells nothing of other tokens' secrets.
  static std::string mark_of(ByteView secret);
  void index_all();

  TokenLimits limits_;
  std::string key_;
  ById tokens_;
  absl::flat_hash_map<std::string, std::string> ids_;  // by the mark of the secret
  std::map<std::string, size_t, std::less<>> owners_;  // how many each has
};

}  // namespace weir::catalog
