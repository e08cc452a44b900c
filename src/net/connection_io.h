#pragma once
// The part of a Connection that needs Asio and the operating system: socket, buffers, deadline
// timer. TLS will take the socket's place here, behind the same four operations (read, send, wait
// until writable, end of output).

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <span>
#include <string>

#include "net/connection.h"
#include "net/read_buffer.h"
#include "net/reply_queue.h"
#include "runtime/timer.h"

namespace weir::net {

struct Connection::Io {
  Io(boost::asio::io_context& reactor, int descriptor);

  // Bytes written, -1 when the peer takes nothing now, -2 when the connection is broken.
  ssize_t send(std::span<iovec> pieces);
  void end_output();
  void close();

  std::string peer_address() const;
  std::string local_address() const;

  boost::asio::ip::tcp::socket socket;
  ReadBuffer input;
  ReplyQueue output;
  std::optional<runtime::Timer> deadline;
  int64_t deadline_at_ms = 0;
};

}  // namespace weir::net
