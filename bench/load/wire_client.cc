#include "bench/load/wire_client.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/load/workload.h"

namespace weir::load {

int connect_to(const std::string& address) {
  const size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints,
                    &found) != 0) {
    fail_run("no such address: " + address);
  }
  const int descriptor = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || ::connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) {
    fail_run("cannot connect to " + address + ": " + std::strerror(errno));
  }
  ::freeaddrinfo(found);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return descriptor;
}

WireClient::~WireClient() {
  ::close(descriptor_);
}

std::string WireClient::ask(std::string_view request,
                            const std::function<size_t(std::string_view)>& whole) {
  while (!request.empty()) {
    const ssize_t count = ::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL);
    if (count <= 0) fail_run("the server closed the connection during the preparation");
    request.remove_prefix(static_cast<size_t>(count));
  }
  for (;;) {
    if (const size_t bytes = whole(in_); bytes > 0 && bytes <= in_.size()) {
      std::string reply = in_.substr(0, bytes);
      in_.erase(0, bytes);
      return reply;
    }
    char chunk[65536];
    const ssize_t count = ::recv(descriptor_, chunk, sizeof chunk, 0);
    if (count <= 0) fail_run("the server closed the connection during the preparation");
    in_.append(chunk, static_cast<size_t>(count));
  }
}

}  // namespace weir::load
