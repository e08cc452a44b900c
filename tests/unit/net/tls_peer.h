#pragma once
// What the tests of TLS share: a logger that remembers, a server's side made from certificates, and
// a client that can do what no orderly one does.

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "tests/unit/net/certificates.h"
#include "tests/unit/net/test_client.h"

namespace weir::net {

class RememberingLogger final : public runtime::Logger {
 public:
  void write(runtime::LogLevel,
             std::string_view,
             std::string_view message,
             std::initializer_list<runtime::LogField> fields) override {
    std::string line(message);
    for (const runtime::LogField& field : fields) {
      line += " " + std::string(field.name) + "=" + field.value;
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline Timestamp now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp(std::chrono::duration_cast<Milliseconds>(since).count());
}

inline std::shared_ptr<const TlsContext> load(const TlsOptions& options) {
  auto context = TlsContext::load(options, now());
  WEIR_ASSERT(context.has_value(), "{}", context.error().message);
  return std::move(*context);
}

// OpenSSL's client over a TestClient's socket, with nothing between it and the test. It verifies
// nothing.
class RawTls {
 public:
  explicit RawTls(TestClient& client, int version_max = 0, std::string_view alpn = {})
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    if (version_max != 0) SSL_CTX_set_max_proto_version(context_.get(), version_max);
    SSL_CTX_set_security_level(context_.get(), 0);  // so that old versions are offered at all
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), client.descriptor());
    if (!alpn.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned int>(alpn.size()));
    }
    ERR_clear_error();
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  bool connected() const { return connected_; }
  SSL* ssl() const { return ssl_.get(); }

  bool send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  // Exactly `size` bytes, or fewer when the other side ends.
  std::string receive(size_t size) {
    std::string out(size, '\0');
    size_t have = 0;
    while (have < size) {
      const int got = SSL_read(ssl_.get(), out.data() + have, static_cast<int>(size - have));
      if (got <= 0) {
        last_error_ = SSL_get_error(ssl_.get(), got);
        break;
      }
      have += static_cast<size_t>(got);
    }
    out.resize(have);
    return out;
  }
  int last_error() const { return last_error_; }
  // "CN=..." of the server's certificate.
  std::string server_name() const {
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    char name[256] = {};
    if (certificate != nullptr) {
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                sizeof name);
    }
    return name;
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool connected_ = false;
  int last_error_ = 0;
};

}  // namespace weir::net
