#pragma once
// A blocking client for tests: every wait has a deadline, after which the test fails instead of
// hanging.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/unique_fd.h"

namespace weir::net {

class TestClient {
 public:
  explicit TestClient(uint16_t port, bool ipv6 = false, int receive_buffer = 0)
      : socket_(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0)) {
    timeval deadline{.tv_sec = 10, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (receive_buffer > 0) {
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    int result = 0;
    if (ipv6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(port);
      address.sin6_addr = in6addr_loopback;
      result = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      result = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    connected_ = result == 0;
  }

  bool connected() const { return connected_; }
  int descriptor() const { return socket_.get(); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0) << "send failed: " << errno;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  // As much as goes without waiting; the number of bytes that went.
  size_t send_some(std::string_view bytes) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }

  // Exactly `size` bytes, or fewer when the other side closes or the deadline passes.
  std::string receive(size_t size) {
    std::string out(size, '\0');
    size_t have = 0;
    while (have < size) {
      const ssize_t received = ::recv(socket_.get(), out.data() + have, size - have, 0);
      if (received <= 0) break;
      have += static_cast<size_t>(received);
    }
    out.resize(have);
    return out;
  }

  // Everything until the other side closes.
  std::string receive_all() {
    std::string out;
    char buffer[4096];
    ssize_t received = 0;
    while ((received = ::recv(socket_.get(), buffer, sizeof buffer, 0)) > 0) {
      out.append(buffer, static_cast<size_t>(received));
    }
    closed_by_peer_ = received == 0 || errno == ECONNRESET;
    return out;
  }

  // Waits until the other side closes; false when it did not within the deadline.
  bool wait_closed() {
    receive_all();
    return closed_by_peer_;
  }

  // What has arrived already, without waiting.
  std::string peek() {
    char buffer[4096];
    const ssize_t received = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT | MSG_PEEK);
    return received > 0 ? std::string(buffer, static_cast<size_t>(received)) : std::string();
  }

  void end_output() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }

 private:
  UniqueFd socket_;
  bool connected_ = false;
  bool closed_by_peer_ = false;
};

}  // namespace weir::net
