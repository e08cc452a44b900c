#include "core/catalog/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/credentials/scram.h"

namespace weir::catalog {
namespace {

enum EventKind : uint8_t {
  kTokenKey = 15,
  kTokenPut = 16,
  kTokenRemoved = 17,
};

// Three strings, a count and three times of one byte at least.
constexpr size_t kTokenBytesMin = 7;

// id | owner | requester | renewers | issued | expires | ends
void encode(Writer& writer, const Token& token) {
  writer.bytes(token.id);
  writer.bytes(token.owner);
  writer.bytes(token.requester);
  writer.varint(token.renewers.size());
  for (const std::string& renewer : token.renewers) writer.bytes(renewer);
  for (const Timestamp time : {token.issued, token.expires, token.ends}) writer.svarint(time.ms());
}

Token decode(Reader& reader) {
  Token token;
  token.id = reader.bytes();
  token.owner = reader.bytes();
  token.requester = reader.bytes();
  for (uint64_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    token.renewers.emplace_back(reader.bytes());
  }
  for (Timestamp* time : {&token.issued, &token.expires, &token.ends}) {
    *time = Timestamp(reader.svarint());
  }
  return token;
}

Result<void> check(const Token& token, const TokenLimits& limits) {
  if (token.id.empty() || token.owner.empty() || token.requester.empty() ||
      token.expires > token.ends) {
    return fail(ErrorCode::kInvalidArgument, "a token has an id, an owner and a time to live");
  }
  size_t bytes = 0;
  size_t longest = 0;
  const auto count = [&](const std::string& name) {
    bytes += name.size() + 1;
    longest = std::max(longest, name.size());
  };
  for (const std::string* name : {&token.id, &token.owner, &token.requester}) count(*name);
  std::ranges::for_each(token.renewers, count);
  if (longest > limits.name_bytes_max || bytes > limits.bytes_max) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("a name in a token has at most {} bytes, all of them at most {}",
                            limits.name_bytes_max, limits.bytes_max));
  }
  return {};
}

}  // namespace

std::string Tokens::mark_of(ByteView secret) {
  return digest(ScramHash::kSha256, secret);
}

std::string Tokens::secret_of(std::string_view id) const {
  return hmac(ScramHash::kSha512, key_, id);
}

std::shared_ptr<const Token> Tokens::find(std::string_view id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

std::shared_ptr<const Token> Tokens::find_by_secret(ByteView secret) const {
  const auto found = ids_.find(mark_of(secret));
  return found == ids_.end() ? nullptr : find(found->second);
}

template <typename Condition>
std::vector<std::string> Tokens::ids_where(Condition condition) const {
  std::vector<std::string> ids;
  for (const auto& [id, token] : tokens_) {
    if (condition(*token)) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> Tokens::of_owner(std::string_view owner) const {
  if (!owners_.contains(owner)) return {};
  return ids_where([owner](const Token& token) { return token.owner == owner; });
}

std::vector<std::string> Tokens::expired(Timestamp now) const {
  return ids_where([now](const Token& token) { return token.is_expired(now); });
}

// ---- decisions

Result<std::string> Tokens::decide_make_key(ByteView key) const {
  if (has_key()) return fail(ErrorCode::kAlreadyExists, "there is a key for tokens");
  if (key.size() < kKeyBytesMin) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a key for tokens has {} bytes or more", kKeyBytesMin));
  }
  Writer writer;
  writer.u8(kTokenKey);
  writer.bytes(key);
  return std::move(writer.out());
}

Result<std::string> Tokens::decide_put(const Token& token) const {
  if (!has_key()) return fail(ErrorCode::kInvalidArgument, "there is no key for tokens yet");
  if (const auto valid = check(token, limits_); !valid) return std::unexpected(valid.error());
  if (!tokens_.contains(token.id)) {
    const auto owned = owners_.find(token.owner);
    if (owned != owners_.end() && owned->second >= limits_.owner_tokens_max) {
      return fail(ErrorCode::kLimitReached, fmt::format("{} has {} tokens, the limit", token.owner,
                                                        limits_.owner_tokens_max));
    }
    if (tokens_.size() >= limits_.tokens_max) {
      return fail(ErrorCode::kLimitReached,
                  fmt::format("there are {} tokens, the limit", limits_.tokens_max));
    }
  }
  Writer writer;
  writer.u8(kTokenPut);
  encode(writer, token);
  return std::move(writer.out());
}

Result<std::string> Tokens::decide_remove(std::string_view id) const {
  if (!tokens_.contains(id)) return fail(ErrorCode::kNotFound, "there is no such token");
  Writer writer;
  writer.u8(kTokenRemoved);
  writer.bytes(id);
  return std::move(writer.out());
}

// ---- apply

void Tokens::put(Token token) {
  erase(token.id);
  ids_[mark_of(secret_of(token.id))] = token.id;
  ++owners_[token.owner];
  std::string id = token.id;
  tokens_[std::move(id)] = std::make_shared<const Token>(std::move(token));
}

void Tokens::erase(std::string_view id) {
  const auto found = tokens_.find(id);
  if (found == tokens_.end()) return;
  ids_.erase(mark_of(secret_of(id)));
  const auto owner = owners_.find(found->second->owner);
  if (--owner->second == 0) owners_.erase(owner);
  tokens_.erase(found);
}

void Tokens::index_all() {
  ids_.clear();
  for (const auto& [id, token] : tokens_) ids_[mark_of(secret_of(id))] = id;
}

bool Tokens::apply(uint8_t kind, Reader& reader) {
  switch (kind) {
    case kTokenKey: {
      const std::string key(reader.bytes());
      if (!reader.done()) return false;
      key_ = key;
      index_all();
      return true;
    }
    case kTokenPut: {
      Token token = decode(reader);
      if (!reader.done()) return false;
      put(std::move(token));
      return true;
    }
    case kTokenRemoved: {
      const ByteView id = reader.bytes();
      if (!reader.done()) return false;
      erase(id);
      return true;
    }
    default: return false;
  }
}

// The key, then a varint count and the tokens as in events.
void Tokens::save(Writer& writer) const {
  writer.bytes(key_);
  writer.varint(tokens_.size());
  for (const auto& [id, token] : tokens_) encode(writer, *token);
}

void Tokens::load(Reader& reader) {
  key_ = reader.bytes();
  for (uint64_t left = reader.count(kTokenBytesMin); left > 0 && !reader.failed(); --left) {
    put(decode(reader));
  }
}

}  // namespace weir::catalog
