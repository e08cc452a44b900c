#include "protocols/redis/login.h"

#include <algorithm>

#include "base/credentials/scram.h"

namespace weir::redis {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kKnownMax = 10'000;
constexpr std::string_view kAllKeys = "~*";
constexpr std::string_view kAllChannels = "&*";
constexpr std::string_view kAllCommands = "+@all";

}  // namespace

Rights Rights::of(std::string_view text) {
  const auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  return {.keys = has(kAllKeys), .channels = has(kAllChannels), .commands = has(kAllCommands)};
}

std::string Rights::text() const {
  std::string text;
  const auto add = [&](bool wanted, std::string_view word) {
    if (!wanted) return;
    if (!text.empty()) text += ' ';
    text += word;
  };
  add(keys, kAllKeys);
  add(channels, kAllChannels);
  add(commands, kAllCommands);
  return text;
}

Logins::Logins(const catalog::Catalog& catalog, LoginOptions options)
    : catalog_(catalog), options_(std::move(options)), secret_(random_bytes(kSecretBytes)) {}

bool Logins::demanded() const {
  return options_.required || has_default();
}

bool Logins::right(ByteView name, ByteView password) {
  const auto user = catalog_.access().find_user(name);
  const bool known = user && user->enabled && !user->credentials.empty();
  if (!known) {
    // As slow as for a user who exists.
    (void)matches(ScramHash::kSha256, {kScramIterationsMin, "salt", {}, {}}, password);
    return false;
  }
  // Clients log in again with every connection: the second time must cost nothing.
  const std::string& stored_key = user->credentials.begin()->second.stored_key;
  std::string digest = hmac(ScramHash::kSha256, secret_, password);
  const auto seen = known_.find(std::string(name));
  if (seen != known_.end() && seen->second.stored_key == stored_key &&
      equal_secrets(seen->second.digest, digest)) {
    return true;
  }
  if (!matches(user->credentials, password)) return false;
  if (known_.size() >= kKnownMax) known_.clear();
  known_.insert_or_assign(std::string(name), Known{stored_key, std::move(digest)});
  return true;
}

Rights Logins::rights_of(const catalog::User& user) const {
  if (!user.enabled) return {};
  const auto& super = options_.super_users;
  if (std::ranges::find(super, user.name) != super.end()) return Rights::all();
  const auto property = user.properties.find(std::string(kRightsProperty));
  if (property != user.properties.end()) return Rights::of(property->second);
  return user.name == kDefaultUser ? Rights::all() : Rights();
}

Rights Logins::rights_of(std::string_view name) const {
  const auto user = catalog_.access().find_user(name);
  return user ? rights_of(*user) : Rights();
}

}  // namespace weir::redis
