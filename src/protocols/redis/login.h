#pragma once
// Logins: which users of the catalog may log in through Redis, and what they may do.
//
// What a user may do is a property of the user (acl_rules.h); super users, and the user "default"
// as long as nothing else is said, may do everything. Where nobody has to log in, who does not is
// "default", as in Redis.
//
// Comparing a password that was not seen before takes milliseconds, so it is done elsewhere and
// remembered here; a command that logs in is run when that is over (Service::awaits_login).
//
// Thread: the state shard's.

#include <absl/container/flat_hash_map.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "core/catalog/access.h"
#include "core/catalog/catalog.h"
#include "protocols/redis/acl_rules.h"

namespace weir::redis {

struct Command;

inline constexpr std::string_view kDefaultUser = "default";
// Properties of a user: what he may do, as acl_rules.h has it; and whether any password will do.
inline constexpr std::string_view kRightsProperty = "redis.rights";
inline constexpr std::string_view kNoPasswordProperty = "redis.nopass";

// A user as he was when his rules were read.
struct KnownUser {
  std::shared_ptr<const catalog::User> user;
  AclRules rules;
};

struct LoginOptions {
  bool required = false;  // else only once there is a user "default"
  std::vector<std::string> super_users;
};

// Whom a command logs in.
struct LoginWords {
  ByteView user;
  ByteView password;
};
// Of AUTH and HELLO; none when they are malformed or HELLO does not log in.
std::optional<LoginWords> login_words(const Command& command, std::span<const ByteView> arguments);

class Logins {
 public:
  // Comparisons that are under way at once; the others wait for their turn.
  static constexpr size_t kComparisonsMax = 2;
  // Runs `work` away from the state shard, and `done` with its result on it.
  using Work = std::move_only_function<bool()>;
  using Done = std::move_only_function<void(bool)>;
  using Elsewhere = std::function<void(Work work, Done done)>;

  Logins(const catalog::Catalog& catalog, LoginOptions options);

  // Without it, passwords are compared on the spot.
  void compare_by(Elsewhere elsewhere) { elsewhere_ = std::move(elsewhere); }

  // Whether a new connection is answered before it has logged in.
  bool demanded() const;
  bool has_default() const { return catalog_.access().find_user(kDefaultUser) != nullptr; }
  // Whether any password will do for this user. Where everybody has to log in, it never does.
  bool needs_no_password(const catalog::User& user) const;
  // As long as nobody has to log in, the user "default" needs no password, and any will do.
  bool open_to(ByteView name) const { return name == kDefaultUser && !demanded(); }

  // Cheap: whether the password is remembered as the right one of the user as he is now.
  bool right(ByteView name, ByteView password) const;
  // Only compare() can tell whether the password is right.
  bool unknown(ByteView name, ByteView password) const;
  // Compares elsewhere; `settled` is called once right() tells, perhaps before this returns. As
  // slow for a user who does not exist. The same password of many clients is compared once.
  void compare(ByteView name, ByteView password, std::function<void()> settled);

  // Keys that verify a new password, made elsewhere; `done` is called once, perhaps before this
  // returns.
  void derive(ByteView password, std::function<void(ScramCredentials)> done);

  // What may be done by whom `name` names, as he is now; "" is who has not logged in. Null:
  // everything. Cheap when `known` is what was answered before.
  std::shared_ptr<const KnownUser> known_user(std::string_view name,
                                              const std::shared_ptr<const KnownUser>& known);
  AclRules rules_of(const catalog::User& user) const;

 private:
  // A password that was right for this verifier, as a digest that only this process can make.
  struct Known {
    std::string stored_key;
    std::string digest;
  };
  struct Comparison {
    std::shared_ptr<const catalog::User> user;  // null: nobody who may log in
    std::string digest;
    std::vector<std::function<void()>> settled;
  };

  std::shared_ptr<const catalog::User> find(ByteView name) const;
  std::string digest_of(ByteView password) const;
  void submit(Work work, Done done);
  void start_work();
  void finish(const std::string& id, bool right);

  const catalog::Catalog& catalog_;
  const LoginOptions options_;
  const std::string secret_;
  Elsewhere elsewhere_;
  absl::flat_hash_map<std::string, Known> known_;
  absl::flat_hash_map<std::string, std::shared_ptr<const KnownUser>> users_;
  absl::flat_hash_map<std::string, Comparison> comparisons_;  // by user and digest
  std::deque<std::pair<Work, Done>> not_begun_;
  size_t under_way_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what comes back too late
};

}  // namespace weir::redis
