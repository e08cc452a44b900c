#pragma once
// TlsClient: the client's side of TLS over a blocking socket, for the command line and for tests.
// Thread: one at a time.

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/tls_pipe.h"

namespace weir::net {

// Whom a client believes, and who it says it is.
struct TlsTrust {
  std::string ca = {};           // file: PEM; empty: the authorities of this host
  bool verify = true;            // false: any certificate will do
  std::string certificate = {};  // file: PEM, shown to a server that asks; empty: none
  std::string key = {};          // file: PEM; empty: it stands in the certificate's file
};

class TlsClient {
 public:
  // Shakes hands over a connected socket, which must outlive it; its own deadlines apply. `host` is
  // whom the certificate must name. kRefused: not trusted; kInvalidArgument: a file of `trust`, or
  // the server speaks no TLS; kTimedOut: the connection broke.
  static Result<std::unique_ptr<TlsClient>> connect(int socket,
                                                    const std::string& host,
                                                    const TlsTrust& trust);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool send(std::string_view bytes);
  // As recv(): how many bytes came, 0 at the end, -1 for errors, with errno.
  ssize_t receive(char* out, size_t size);
  // Says that no more will be sent (close_notify).
  void end_output();

 private:
  TlsClient(int socket, SSL_CTX* context);

  static Result<> configure(SSL_CTX* context, const TlsTrust& trust);
  Result<> expect_host(const std::string& host);
  Result<> shake_hands();

  TlsPipe pipe_;
  SSL* ssl_;
};

}  // namespace weir::net
