#pragma once
// The part of a Connection that needs Asio and the operating system: socket, buffers, deadline
// timer; and the stream that stands before the socket where the listener has TLS.

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/connection.h"
#include "net/read_buffer.h"
#include "net/reply_queue.h"
#include "net/tls_stream.h"
#include "runtime/timer.h"

namespace weir::net {

inline int64_t monotonic_ms() {
  const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Milliseconds>(since_boot).count();
}

struct Connection::Io {
  Io(boost::asio::io_context& reactor, int descriptor, std::shared_ptr<TlsServer> served_by);

  // Bytes written, -1 when the peer takes nothing now, -2 when the connection is broken.
  ssize_t send(std::span<iovec> pieces);
  void end_output();
  void close();

  // Without reading: whether the peer has ended its output and left nothing unread but TLS's own
  // good-bye, or has gone altogether.
  enum class PeerState : uint8_t { kHere, kEnded, kGone };
  PeerState look_for_end();

  std::string peer_address() const;
  std::string local_address() const;

  boost::asio::ip::tcp::socket socket;
  ReadBuffer input;
  ReplyQueue output;
  std::shared_ptr<TlsServer> tls_server;  // null: plain bytes, as long as the connection lives
  std::unique_ptr<TlsStream> tls;         // null: plain bytes from here on
  std::optional<runtime::Timer> deadline;
  int64_t deadline_at_ms = 0;
  std::shared_ptr<void> place;  // among the connections of its address; see Listener
};

}  // namespace weir::net
