#pragma once
// TLS for listeners: what a certificate, its key and the settings around them become, and who hands
// it to new connections.
//
// TLS 1.2 and 1.3 only; of 1.2 only suites with forward secrecy and authenticated encryption, in
// the order that this side prefers (RFC 9325). No compression, no renegotiation, no early data; a
// session is resumed by ticket, whose keys live as long as the certificate that was loaded with
// them.

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "runtime/logger.h"

namespace weir::net {

enum class TlsVersion : uint8_t { k12, k13 };

struct TlsOptions {
  std::string certificate = {};  // file: PEM, the server's own certificate first, then its issuers
  std::string key = {};  // file: PEM, not encrypted; empty: it stands in the certificate's file
  std::string client_ca =
      {};  // file: PEM; clients must show a certificate by one of these; empty: none
  TlsVersion version_min = TlsVersion::k12;
  std::string application = {};  // the one protocol that ALPN agrees on, "http/1.1"; empty: no ALPN
};

// A certificate that was loaded. Immutable; shared by the connections that began with it.
class TlsContext {
 public:
  // Errors name the file, what is wrong with it and what to do: missing or unreadable, no PEM, an
  // encrypted key, a key that does not belong to the certificate.
  static Result<std::shared_ptr<const TlsContext>> load(const TlsOptions& options, Timestamp now);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  SSL_CTX* native() const { return context_; }
  // What is loaded and still wrong: expired, not valid yet, about to expire, a key that everybody
  // can read.
  const std::vector<std::string>& warnings() const { return warnings_; }
  Timestamp not_after() const { return not_after_; }

 private:
  explicit TlsContext(std::string application);
  Result<> load_certificate(const TlsOptions& options, Timestamp now);
  Result<> load_client_ca(const std::string& file);

  SSL_CTX* context_;
  const std::string application_;  // OpenSSL's callback points to it
  std::vector<std::string> warnings_;
  Timestamp not_after_;
};

// What a listener serves its connections by. Any thread.
class TlsServer {
 public:
  // `name` is the protocol's, for the log. `refusal` answers a client that speaks without TLS
  // (http_needs_tls() for HTTP); empty: its connection is closed.
  TlsServer(std::string name,
            std::string refusal,
            std::shared_ptr<const TlsContext> context,
            runtime::Logger& logger);

  std::shared_ptr<const TlsContext> current() const;
  // For connections from now on; those that are open keep what they began with.
  void replace(std::shared_ptr<const TlsContext> context);

  const std::string& refusal() const { return refusal_; }
  // A handshake that failed, told to the operator; the logger limits repeats.
  void report_failure(std::string_view peer, std::string_view reason) const;

 private:
  const std::string name_;
  const std::string refusal_;
  runtime::Logger& logger_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;
};

}  // namespace weir::net
