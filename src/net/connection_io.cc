#include "net/connection_io.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

namespace weir::net {
namespace {

using boost::asio::ip::tcp;

// A peer whose host vanished is noticed after about two minutes of silence.
constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 15;
constexpr int kKeepAliveProbes = 4;

// The longest record of a close_notify (TLS 1.2 with AES-GCM); no encrypted request is as short.
constexpr int kTlsGoodByeBytes = 31;

void set_option(int descriptor, int level, int name, int value) {
  // Each of these is an improvement only: a socket without it works.
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

tcp family_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const bool known = getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  return known && address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
}

}  // namespace

Connection::Io::Io(boost::asio::io_context& reactor,
                   int descriptor,
                   std::shared_ptr<TlsServer> served_by)
    : socket(reactor), tls_server(std::move(served_by)) {
  boost::system::error_code error;
  socket.assign(family_of(descriptor), descriptor, error);
  if (error) {
    ::close(descriptor);
    return;
  }
  socket.non_blocking(true, error);
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalS);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  if (tls_server) tls = std::make_unique<TlsStream>(tls_server->current(), descriptor);
}

ssize_t Connection::Io::send(std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  while (true) {
    const ssize_t sent = ::sendmsg(socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
  }
}

void Connection::Io::end_output() {
  boost::system::error_code ignored;  // a peer that is gone already is noticed by the read
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Connection::Io::close() {
  boost::system::error_code ignored;  // the descriptor is released in any case
  socket.close(ignored);
  deadline.reset();
}

Connection::Io::PeerState Connection::Io::look_for_end() {
  pollfd state{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) <= 0) return PeerState::kHere;
  if ((state.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return PeerState::kGone;
  int unread = 0;
  if (::ioctl(socket.native_handle(), FIONREAD, &unread) != 0) return PeerState::kGone;
  return unread > (tls_server ? kTlsGoodByeBytes : 0) ? PeerState::kHere : PeerState::kEnded;
}

std::string Connection::Io::peer_address() const {
  boost::system::error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  return error ? "unknown" : to_text(endpoint);
}

std::string Connection::Io::local_address() const {
  boost::system::error_code error;
  const tcp::endpoint endpoint = socket.local_endpoint(error);
  return error ? "unknown" : to_text(endpoint);
}

}  // namespace weir::net
