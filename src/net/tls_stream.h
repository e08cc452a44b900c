#pragma once
// TlsStream: one connection's TLS, between its socket and its buffers. It never waits: each call
// does what the socket allows now and says what it needs next.
//
// Memory: OpenSSL's state, given back buffers when idle; one piece of output (about 64 KiB
// encrypted) that the socket has not taken yet.
// Thread: the connection's shard.

#include <openssl/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/tls.h"
#include "net/tls_pipe.h"

namespace weir::net {

class TlsStream {
 public:
  TlsStream(std::shared_ptr<const TlsContext> context, int socket);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Read : uint8_t {
    kData,    // bytes() of the room were filled
    kNone,    // nothing yet: wait until the socket is readable
    kEnded,   // the peer will send no more
    kPlain,   // the peer does not speak TLS at all
    kBroken,  // reason() says why
  };
  // Goes on with the handshake, then fills `room` as far as bytes are there. Whatever it returns,
  // flush() follows: a handshake, an alert or a ticket may wait to be sent.
  Read read(std::span<char> room);
  size_t bytes() const { return bytes_; }
  // False when the next read() may find bytes that have left the socket already.
  bool needs_socket() const { return needs_socket_; }

  // Encrypts the front of `pieces`, about 64 KiB at most; the bytes taken, or nothing when the
  // connection is broken. Call it when nothing is unsent.
  Result<size_t> encrypt(std::span<const iovec> pieces);
  TlsPipe::Sent flush() { return pipe_.flush(); }
  size_t take_moved() { return pipe_.take_moved(); }
  void shrink() { pipe_.shrink(); }

  // Tells the peer that no more will come (close_notify), once; true when there is something to
  // flush because of it.
  bool end_output();

  bool established() const { return established_; }
  // Of the certificate that the peer showed; see certificate_name.h. Empty without one.
  std::string certificate_subject() const;
  // The connection ended before the peer had sent a byte: somebody looked whether the port is open.
  bool peer_left_silently() const { return pipe_.left_silently(); }
  const std::string& reason() const { return reason_; }

 private:
  Read stopped(int result);
  std::string why(int error) const;

  const std::shared_ptr<const TlsContext> context_;
  TlsPipe pipe_;
  SSL* ssl_;
  size_t bytes_ = 0;
  bool needs_socket_ = true;
  bool established_ = false;
  bool output_ended_ = false;
  bool failed_ = false;
  std::string reason_;
};

}  // namespace weir::net
