#include "protocols/redis/login.h"

#include <algorithm>
#include <utility>

#include "base/credentials/scram.h"
#include "protocols/redis/command.h"

namespace weir::redis {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kKnownMax = 10'000;

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

Logins::Logins(const catalog::Catalog& catalog, LoginOptions options)
    : catalog_(catalog),
      options_(std::move(options)),
      secret_(random_bytes(kSecretBytes)),
      elsewhere_([](Work work, Done done) { done(work()); }) {}

bool Logins::demanded() const {
  if (options_.required) return true;
  const auto user = catalog_.access().find_user(kDefaultUser);
  return user && !(user->enabled && needs_no_password(*user));
}

bool Logins::needs_no_password(const catalog::User& user) const {
  return !options_.required && user.properties.contains(std::string(kNoPasswordProperty));
}

std::shared_ptr<const catalog::User> Logins::find(ByteView name) const {
  auto user = catalog_.access().find_user(name);
  const bool may_log_in =
      user && user->enabled && (!user->credentials.empty() || needs_no_password(*user));
  return may_log_in ? std::move(user) : nullptr;
}

std::string Logins::digest_of(ByteView password) const {
  return hmac(ScramHash::kSha256, secret_, password);
}

bool Logins::right(ByteView name, ByteView password) const {
  const auto user = find(name);
  if (!user || password.size() > kPasswordBytesMax) return false;
  if (needs_no_password(*user)) return true;
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
  found->second.user = user;
  found->second.digest = std::move(digest);
  submit(
      [user = std::move(user), text = std::string(password)] {
        if (user) return matches(user->credentials, text);
        (void)matches(ScramHash::kSha256, {kScramIterationsMin, "salt", {}, {}}, text);
        return false;
      },
      [this, id](bool right) { finish(id, right); });
}

void Logins::submit(Work work, Done done) {
  not_begun_.emplace_back(std::move(work), std::move(done));
  start_work();
}

void Logins::start_work() {
  while (under_way_ < kComparisonsMax && !not_begun_.empty()) {
    ++under_way_;
    auto next = std::move(not_begun_.front());
    not_begun_.pop_front();
    elsewhere_(std::move(next.first), [this, alive = std::weak_ptr(alive_),
                                       done = std::move(next.second)](bool result) mutable {
      if (alive.expired()) return;
      --under_way_;
      start_work();
      done(result);
    });
  }
}

void Logins::finish(const std::string& id, bool right) {
  const auto found = comparisons_.find(id);
  Comparison done = std::move(found->second);
  comparisons_.erase(found);
  // Clients log in again with every connection: the second time must cost nothing.
  if (right) {
    if (known_.size() >= kKnownMax) known_.clear();
    known_.insert_or_assign(
        done.user->name,
        Known{done.user->credentials.begin()->second.stored_key, std::move(done.digest)});
  }
  for (const auto& settled : done.settled) settled();
}

void Logins::derive(ByteView password, std::function<void(ScramCredentials)> done) {
  const auto made = std::make_shared<ScramCredentials>();
  submit(
      [made, text = std::string(password)] {
        *made = credentials_of(text);
        return true;
      },
      [made, done = std::move(done)](bool) { done(std::move(*made)); });
}

AclRules Logins::rules_of(const catalog::User& user) const {
  if (!user.enabled) return {};
  const auto& super = options_.super_users;
  if (std::ranges::find(super, user.name) != super.end()) return AclRules::all();
  const auto property = user.properties.find(std::string(kRightsProperty));
  if (property != user.properties.end()) return AclRules::of(property->second);
  return user.name == kDefaultUser ? AclRules::all() : AclRules();
}

std::shared_ptr<const KnownUser> Logins::known_user(std::string_view name,
                                                    const std::shared_ptr<const KnownUser>& known) {
  const auto& users = catalog_.access().users();
  const auto found = users.find(name.empty() ? kDefaultUser : name);
  if (found == users.end()) {
    // A user who is gone may do nothing; "default", where nobody has to log in, everything.
    const bool is_default = name.empty() || name == kDefaultUser;
    return is_default && !options_.required ? nullptr : std::make_shared<const KnownUser>();
  }
  if (known && known->user == found->second) return known;
  auto& kept = users_[found->first];
  if (!kept || kept->user != found->second) {
    kept = std::make_shared<const KnownUser>(found->second, rules_of(*found->second));
  }
  auto result = kept;
  if (users_.size() > kKnownMax) users_.clear();
  return result;
}

}  // namespace weir::redis
