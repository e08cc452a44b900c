#pragma once
// Peer: who is at the other end of a connection. Immutable; a login makes a new one.

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::kafka {

inline constexpr std::string_view kUserPrefix = "User:";
inline constexpr std::string_view kAnonymous = "User:ANONYMOUS";

// How somebody showed who he is.
enum class Identity : uint8_t { kNone, kCertificate, kLogin, kToken };

struct Peer {
  std::string host;             // of the client, without port
  std::string advertised_host;  // what clients of this address are told
  int32_t advertised_port = 0;
  std::string principal{kAnonymous};  // "User:alice"
  Identity identity = Identity::kNone;

  // The principal without its type, as quotas name it.
  std::string_view user() const {
    const std::string_view whole = principal;
    return whole.substr(whole.find(':') + 1);
  }
};

}  // namespace weir::kafka
