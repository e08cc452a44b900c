#pragma once
// Signature Version 4: whether a request was signed with the secret of the key that it names, over
// its method, address, the headers that the client chose, and its body; in the Authorization header
// or (presigned) in the address. Source: AWS General Reference, "Signature Version 4 signing
// process".
//
// Thread safety: pure functions.

#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "net/http.h"
#include "protocols/sqs/errors.h"

namespace weir::sqs {

// What a request says about its signature.
struct Claim {
  std::string key_id;
  std::string date;  // YYYYMMDD, of the scope
  std::string region;
  std::string service;
  std::string signed_headers;  // names, separated by semicolons
  std::string signature;
  std::string time;  // YYYYMMDDTHHMMSSZ
  int64_t expires_seconds = 0;
  bool presigned = false;

  std::string scope() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

// MissingAuthenticationToken, IncompleteSignature.
Outcome<Claim> read_claim(const net::HttpRequest& request);

// The key that a secret is turned into for a day, a region and a service.
std::string signing_key(std::string_view secret, const Claim& claim);
// What the claim's signature has to be.
std::string expected_signature(const net::HttpRequest& request,
                               const Claim& claim,
                               std::string_view signing_key);

// The signature, the time (15 minutes either way; a presigned address until it expires), and that
// what decides about the meaning was signed. SignatureDoesNotMatch.
Outcome<void> check_signature(const net::HttpRequest& request,
                              const Claim& claim,
                              std::string_view signing_key,
                              Timestamp now);

}  // namespace weir::sqs
