#include "net/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "net/openssl_pointers.h"

namespace weir::net {
namespace {

std::unexpected<Error> bad_file(const std::string& file) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", file, tls_error_text()));
}

bool is_address(const std::string& host) {
  unsigned char binary[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), binary) == 1 ||
         inet_pton(AF_INET6, host.c_str(), binary) == 1;
}

}  // namespace

TlsClient::TlsClient(int socket, SSL_CTX* context)
    : pipe_(socket, /*blocking=*/true), ssl_(SSL_new(context)) {
  WEIR_ASSERT(ssl_ != nullptr, "OpenSSL gives no connection: {}", tls_error_text());
  BIO* bio = pipe_.make_bio();
  SSL_set_bio(ssl_, bio, bio);
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
}

Result<> TlsClient::configure(SSL_CTX* context, const TlsTrust& trust) {
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(context, trust.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!trust.ca.empty()) {
    if (SSL_CTX_load_verify_file(context, trust.ca.c_str()) != 1) return bad_file(trust.ca);
  } else {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (trust.certificate.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, trust.certificate.c_str()) != 1) {
    return bad_file(trust.certificate);
  }
  const std::string& key = trust.key.empty() ? trust.certificate : trust.key;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return bad_file(key);
  }
  return {};
}

Result<> TlsClient::expect_host(const std::string& host) {
  const bool expected = is_address(host)
                            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str()) == 1
                            : SSL_set1_host(ssl_, host.c_str()) == 1 &&
                                  SSL_set_tlsext_host_name(ssl_, host.c_str()) == 1;
  if (expected) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is no name that a certificate could have", host));
}

Result<> TlsClient::shake_hands() {
  ERR_clear_error();
  if (SSL_connect(ssl_) == 1 && pipe_.flush() == TlsPipe::Sent::kAll) return {};
  if (pipe_.is_plain()) {
    return fail(ErrorCode::kInvalidArgument, "no TLS is spoken there; ask with http://");
  }
  if (const auto verdict = SSL_get_verify_result(ssl_); verdict != X509_V_OK) {
    (void)pipe_.flush();  // the alert
    return fail(ErrorCode::kRefused, X509_verify_cert_error_string(verdict));
  }
  if (pipe_.error() != 0) return fail(ErrorCode::kTimedOut, std::strerror(pipe_.error()));
  return fail(ErrorCode::kTimedOut, pipe_.ended() ? "the connection was closed" : tls_error_text());
}

Result<std::unique_ptr<TlsClient>> TlsClient::connect(int socket,
                                                      const std::string& host,
                                                      const TlsTrust& trust) {
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  WEIR_ASSERT(context != nullptr, "OpenSSL gives no context: {}", tls_error_text());
  if (auto configured = configure(context.get(), trust); !configured) {
    return std::unexpected(configured.error());
  }
  std::unique_ptr<TlsClient> client(new TlsClient(socket, context.get()));
  if (trust.verify) {
    if (auto expected = client->expect_host(host); !expected) {
      return std::unexpected(expected.error());
    }
  }
  if (auto shaken = client->shake_hands(); !shaken) return std::unexpected(shaken.error());
  return client;
}

bool TlsClient::send(std::string_view bytes) {
  constexpr size_t kAtOnce = size_t{64} << 10;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kAtOnce);
    ERR_clear_error();
    size_t written = 0;
    if (SSL_write_ex(ssl_, part.data(), part.size(), &written) != 1 ||
        pipe_.flush() != TlsPipe::Sent::kAll) {
      if (pipe_.error() == 0) errno = ECONNRESET;
      return false;
    }
    bytes.remove_prefix(written);
  }
  return true;
}

ssize_t TlsClient::receive(char* out, size_t size) {
  ERR_clear_error();
  size_t got = 0;
  const int result = SSL_read_ex(ssl_, out, size, &got);
  if (result == 1) return static_cast<ssize_t>(got);
  if (SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN || pipe_.ended()) return 0;
  errno = pipe_.error() != 0 ? pipe_.error() : EPROTO;
  return -1;
}

void TlsClient::end_output() {
  ERR_clear_error();
  (void)SSL_shutdown(ssl_);
  (void)pipe_.flush();  // a peer that is gone needs no farewell
}

}  // namespace weir::net
