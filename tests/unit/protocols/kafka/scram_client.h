#pragma once
// The client's side of SCRAM.

#include <string>
#include <string_view>

#include "base/credentials/base64.h"
#include "base/credentials/scram.h"

namespace weir::kafka {

// What a client says to a challenge.
inline std::string scram_proof(ScramHash hash,
                               std::string_view password,
                               std::string_view first_bare,
                               std::string_view challenge) {
  const size_t salt_at = challenge.find(",s=");
  const size_t iterations_at = challenge.find(",i=");
  const std::string salt =
      from_base64(challenge.substr(salt_at + 3, iterations_at - salt_at - 3)).value();
  const auto iterations =
      static_cast<uint32_t>(std::stoul(std::string(challenge.substr(iterations_at + 3))));
  const std::string salted = salted_password(hash, password, salt, iterations);
  std::string client_key = hmac(hash, salted, "Client Key");
  const std::string last = "c=biws," + std::string(challenge.substr(0, salt_at));
  const std::string signature =
      hmac(hash, digest(hash, client_key),
           std::string(first_bare) + "," + std::string(challenge) + "," + last);
  for (size_t i = 0; i < client_key.size(); ++i)
    client_key[i] = static_cast<char>(client_key[i] ^ signature[i]);
  return last + ",p=" + to_base64(client_key);
}

}  // namespace weir::kafka
