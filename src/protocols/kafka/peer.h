#pragma once
// Peer: who is at the other end of a connection. Immutable; a login makes a new one.

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::kafka {

inline constexpr std::string_view kAnonymous = "User:ANONYMOUS";

struct Peer {
  std::string host;             // of the client, without port
  std::string advertised_host;  // what clients of this address are told
  int32_t advertised_port = 0;
  std::string principal{kAnonymous};  // "User:alice"

  // The principal without its type, as quotas name it.
  std::string_view user() const {
    const std::string_view whole = principal;
    return whole.substr(whole.find(':') + 1);
  }
};

}  // namespace weir::kafka
