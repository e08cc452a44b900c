// What a Connection does differently when its listener has TLS: bytes pass through a TlsStream on
// their way between the socket and the buffers. Everything else, limits and deadlines included, is
// that of connection.cc.
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "net/connection.h"
#include "net/connection_io.h"
#include "net/connection_shard.h"
#include "net/listener.h"

namespace weir::net {

void Connection::read_encrypted_later() {
  reading_ = true;
  auto read = [self = shared_from_this()] {
    self->reading_ = false;
    if (self->open_ && self->io_->tls) self->read_encrypted();
  };
  if (!io_->tls->needs_socket()) return shard_.shard().defer(std::move(read));
  io_->socket.async_wait(boost::asio::ip::tcp::socket::wait_read,
                         [r = std::move(read)](boost::system::error_code) { r(); });
}

void Connection::read_encrypted() {
  TlsStream& tls = *io_->tls;
  const std::span<char> room = io_->input.room(limits_.request_bytes_max);
  if (room.empty()) return;
  const bool was_established = tls.established();
  const TlsStream::Read got = tls.read(room);
  if (!was_established && tls.established()) {
    handshake_since_ms_ = 0;
    metrics_->tls_handshakes.add();
  }
  if (!tls.established() && tls.peer_left_silently()) return close(CloseReason::kPeer);
  if (got == TlsStream::Read::kPlain) {
    return handshake_failed("the client speaks without TLS", io_->tls_server->refusal());
  }
  // Handshakes, tickets and alerts are made by reading.
  if (!waiting_writable_ && !write_ready()) return close(CloseReason::kPeer);
  switch (got) {
    case TlsStream::Read::kData: return on_read(ReadEnd::kNone, tls.bytes());
    case TlsStream::Read::kEnded: return on_read(ReadEnd::kEnded, 0);
    case TlsStream::Read::kNone: return start_reading();
    case TlsStream::Read::kPlain:
    case TlsStream::Read::kBroken: break;
  }
  if (tls.established()) return close(CloseReason::kPeer);
  handshake_failed(tls.reason(), {});
}

std::string Connection::certificate_subject() const {
  return io_ && io_->tls ? io_->tls->certificate_subject() : std::string();
}

// The stream is given up; what is left of the connection is plain and only ends in order, so that
// the peer reads our last words before it learns of the end.
void Connection::handshake_failed(const std::string& reason, const std::string& last_words) {
  metrics_->tls_failures.add();
  io_->tls_server->report_failure(peer_, reason);
  io_->tls.reset();
  handshake_since_ms_ = 0;
  if (!last_words.empty()) send(last_words);
  close_after_replies(CloseReason::kHandshake);
}

// As write_ready(): false when the connection is broken.
bool Connection::write_encrypted() {
  TlsStream& tls = *io_->tls;
  GatheredWrite gathered;
  while (true) {
    const TlsPipe::Sent sent = tls.flush();
    if (sent == TlsPipe::Sent::kBroken) return false;
    if (tls.take_moved() > 0) {
      active_at_ms_ = monotonic_ms();
      stalled_since_ms_ = 0;
    }
    if (sent == TlsPipe::Sent::kSome) {
      wait_writable();
      return true;
    }
    gathered.clear();
    if (tls.established()) io_->output.gather(shard_.watermark(), gathered);
    if (gathered.empty()) {
      io_->output.consume(shard_.watermark(), 0);  // empty replies
      stalled_since_ms_ = 0;
      tls.shrink();
      return true;
    }
    const auto taken = tls.encrypt(gathered.pieces());
    if (!taken) return false;
    io_->output.consume(shard_.watermark(), *taken);
    metrics_->bytes_out.add(*taken);
  }
}

// False when the peer has to take something first, or the connection is closed: then flush() comes
// here again, or never.
bool Connection::end_encrypted_output() {
  if (!io_->tls->end_output()) return true;
  if (!write_ready()) {
    close(CloseReason::kPeer);
    return false;
  }
  return !waiting_writable_;
}

}  // namespace weir::net
