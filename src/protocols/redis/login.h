#pragma once
// Logins: which users of the catalog may log in through Redis, and what they may do.
//
// Rights are all or nothing: every key or none, every channel or none, every command or none. They
// are a property of the user; super users and the user "default" have all of them unless a property
// says otherwise. Where nobody has to log in, who does not has all rights, as in Redis.
//
// Thread: the state shard's. Verifying a password that was not seen before takes a few ms of it.

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "core/catalog/access.h"
#include "core/catalog/catalog.h"

namespace weir::redis {

inline constexpr std::string_view kDefaultUser = "default";
// The property of a user; words of an ACL rule: "~*", "&*", "+@all".
inline constexpr std::string_view kRightsProperty = "redis.rights";

struct Rights {
  bool keys = false;
  bool channels = false;
  bool commands = false;

  static Rights all() { return {true, true, true}; }
  static Rights of(std::string_view text);
  std::string text() const;  // "~* &* +@all"

  bool operator==(const Rights&) const = default;
};

struct LoginOptions {
  bool required = false;  // else only once there is a user "default"
  std::vector<std::string> super_users;
};

class Logins {
 public:
  Logins(const catalog::Catalog& catalog, LoginOptions options);

  // Whether a new connection is answered before it has logged in.
  bool demanded() const;
  // The user "default" exists, so AUTH with a password alone means somebody.
  bool has_default() const { return catalog_.access().find_user(kDefaultUser) != nullptr; }
  bool right(ByteView name, ByteView password);
  // Of a user as he is now; none for one who is gone or disabled.
  Rights rights_of(std::string_view name) const;
  Rights rights_of(const catalog::User& user) const;

 private:
  // A password that was right for this verifier, as a digest that only this process can make.
  struct Known {
    std::string stored_key;
    std::string digest;
  };

  const catalog::Catalog& catalog_;
  const LoginOptions options_;
  const std::string secret_;
  absl::flat_hash_map<std::string, Known> known_;
};

}  // namespace weir::redis
