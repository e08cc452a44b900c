#include "protocols/redis/login.h"

#include <algorithm>
#include <utility>

#include "base/credentials/scram.h"
#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kKnownMax = 10'000;
constexpr std::string_view kAllKeys = "~*";
constexpr std::string_view kAllChannels = "&*";
constexpr std::string_view kAllCommands = "+@all";

bool is_word(ByteView text, ByteView lower) {
  return std::ranges::equal(text, lower, [](char c, char wanted) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) == wanted;
  });
}

}  // namespace

std::optional<LoginWords> login_words(const Command& command, std::span<const ByteView> arguments) {
  const size_t count = arguments.size();
  if (command.name == "auth") {
    if (count == 2) return LoginWords{kDefaultUser, arguments[1]};
    if (count == 3) return LoginWords{arguments[1], arguments[2]};
    return std::nullopt;
  }
  std::optional<LoginWords> last;
  if (command.name != "hello") return last;
  for (size_t i = 2; i < count;) {
    const size_t more = count - i - 1;
    if (is_word(arguments[i], "auth") && more >= 2) {
      last = {arguments[i + 1], arguments[i + 2]};
      i += 3;
    } else if (is_word(arguments[i], "setname") && more >= 1) {
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return last;
}

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
    : catalog_(catalog),
      options_(std::move(options)),
      secret_(random_bytes(kSecretBytes)),
      elsewhere_([](Work work, Done done) { done(work()); }) {}

bool Logins::demanded() const {
  return options_.required || has_default();
}

std::shared_ptr<const catalog::User> Logins::find(ByteView name) const {
  auto user = catalog_.access().find_user(name);
  return user && user->enabled && !user->credentials.empty() ? std::move(user) : nullptr;
}

std::string Logins::digest_of(ByteView password) const {
  return hmac(ScramHash::kSha256, secret_, password);
}

bool Logins::right(ByteView name, ByteView password) const {
  const auto user = find(name);
  if (!user || password.size() > kPasswordBytesMax) return false;
  const auto seen = known_.find(user->name);
  return seen != known_.end() &&
         seen->second.stored_key == user->credentials.begin()->second.stored_key &&
         equal_secrets(seen->second.digest, digest_of(password));
}

bool Logins::unknown(ByteView name, ByteView password) const {
  return password.size() <= kPasswordBytesMax && !right(name, password);
}

void Logins::compare(ByteView name, ByteView password, std::function<void()> settled) {
  auto user = find(name);
  std::string digest = digest_of(password);
  const std::string id = (user ? user->name : std::string()) + '\0' + digest;
  const auto [found, added] = comparisons_.try_emplace(id);
  found->second.settled.push_back(std::move(settled));
  if (!added) return;
  found->second.user = std::move(user);
  found->second.password = password;
  found->second.digest = std::move(digest);
  not_begun_.push_back(id);
  start_comparisons();
}

void Logins::start_comparisons() {
  while (under_way_ < kComparisonsMax && !not_begun_.empty()) {
    ++under_way_;
    const std::string id = std::move(not_begun_.front());
    not_begun_.pop_front();
    const Comparison& next = comparisons_.at(id);
    elsewhere_(
        [user = next.user, password = next.password] {
          if (user) return matches(user->credentials, password);
          (void)matches(ScramHash::kSha256, {kScramIterationsMin, "salt", {}, {}}, password);
          return false;
        },
        [this, alive = std::weak_ptr(alive_), id](bool right) {
          if (!alive.expired()) finish(id, right);
        });
  }
}

void Logins::finish(const std::string& id, bool right) {
  const auto found = comparisons_.find(id);
  Comparison done = std::move(found->second);
  comparisons_.erase(found);
  --under_way_;
  // Clients log in again with every connection: the second time must cost nothing.
  if (right) {
    if (known_.size() >= kKnownMax) known_.clear();
    known_.insert_or_assign(
        done.user->name,
        Known{done.user->credentials.begin()->second.stored_key, std::move(done.digest)});
  }
  start_comparisons();
  for (const auto& settled : done.settled) settled();
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
