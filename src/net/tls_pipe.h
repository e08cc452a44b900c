#pragma once
// TlsPipe: how OpenSSL reaches a socket. It reads from the socket itself; what it writes is
// gathered in a buffer, which its owner sends as the socket takes it.
//
// Thread: its owner's.

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::net {

class TlsPipe {
 public:
  // Control messages alone never need so much: a peer that makes us answer them and reads none of
  // the answers has lost its connection.
  static constexpr size_t kUnsentBytesMax = size_t{256} << 10;

  // `blocking`: a read first sends what is gathered, then waits for bytes (until the socket's own
  // deadline).
  TlsPipe(int socket, bool blocking) : socket_(socket), blocking_(blocking) {}
  TlsPipe(const TlsPipe&) = delete;
  TlsPipe& operator=(const TlsPipe&) = delete;

  // For SSL_set_bio, which takes it over; the pipe must outlive it.
  BIO* make_bio();

  enum class Sent : uint8_t { kAll, kSome, kBroken };  // kSome: the socket is full
  Sent flush();
  size_t unsent() const { return unsent_.size() - sent_; }
  // Bytes that the socket took since the last call.
  size_t take_moved();
  // Memory of a large write is given back.
  void shrink();

  // The first byte that came was not one of TLS. Nothing is read any more.
  bool is_plain() const { return plain_; }
  bool ended() const { return ended_; }  // the peer will send no more
  int error() const { return error_; }   // errno of a broken socket, or 0
  bool left_silently() const { return !begun_ && (ended_ || error_ != 0); }

  // Used by OpenSSL's callbacks.
  int read(BIO* bio, char* out, int size);
  int write(const char* data, int size);

 private:
  const int socket_;
  const bool blocking_;
  bool begun_ = false;
  bool plain_ = false;
  bool ended_ = false;
  int error_ = 0;
  std::string unsent_;
  size_t sent_ = 0;
  size_t moved_ = 0;
};

// What OpenSSL says about the last failure, for people; empties its list.
std::string tls_error_text();

}  // namespace weir::net
