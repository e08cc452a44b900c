#pragma once
// Credentials: the keys that may sign requests, from a file in the form that AWS SDKs read
// themselves (~/.aws/credentials):
//
//   [orders]
//   aws_access_key_id = AKIAORDERS
//   aws_secret_access_key = …
//   aws_account_id = 111122223333     # optional; without it a key id of twelve digits is the
//   account
//
// Thread safety: authenticate() from any thread; the rest never changes.

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "protocols/sqs/names.h"
#include "protocols/sqs/signature.h"

namespace weir::sqs {

// Who sent a request that was checked.
struct Principal {
  std::string name;  // the section of the file
  std::string account{kDefaultAccount};
};

class Credentials {
 public:
  // kInvalidArgument, with the line, for what is no such file, has a key twice, or has none.
  static Result<std::unique_ptr<Credentials>> parse(std::string_view text);

  // Whose signature the request has. Errors as read_claim and check_signature;
  // InvalidClientTokenId for a key that is not in the file.
  Outcome<Principal> authenticate(const net::HttpRequest& request, Timestamp now) const;

  size_t size() const { return users_.size(); }

 private:
  struct User {
    Principal principal;
    std::string secret;
  };

  std::string key_for(const User& user, const Claim& claim) const;

  absl::flat_hash_map<std::string, User> users_;  // by the id of their key
  // Keys of days, regions and services, which cost four HMACs each to derive.
  mutable std::mutex mutex_;
  mutable absl::flat_hash_map<std::string, std::string> derived_;
};

}  // namespace weir::sqs
