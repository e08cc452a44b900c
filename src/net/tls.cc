#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "net/openssl_pointers.h"
#include "net/tls_pipe.h"

namespace weir::net {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr Milliseconds kExpiryNotice = std::chrono::days(14);

// With these a recorded conversation stays secret when the key is lost later.
constexpr const char* kSuites12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";

std::unexpected<Error> refuse(const std::string& file, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", file, what));
}

Result<std::string> read_pem(const std::string& file, std::string_view what) {
  const auto failed = [&] {
    return refuse(file, fmt::format("cannot read the {}: {}", what, std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, Freed<std::fclose>> opened(std::fopen(file.c_str(), "re"));
  if (!opened) return failed();
  std::string text(kFileBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), opened.get()));
  if (std::ferror(opened.get()) != 0) return failed();
  if (text.size() > kFileBytesMax) return refuse(file, "a PEM file larger than 1 MiB");
  return text;
}

BioPtr reader_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Every certificate of the file, in its order.
Result<std::vector<CertificatePtr>> read_certificates(const std::string& file,
                                                      std::string_view what) {
  const auto text = read_pem(file, what);
  if (!text) return std::unexpected(text.error());
  const BioPtr reader = reader_of(*text);
  std::vector<CertificatePtr> found;
  ERR_clear_error();
  while (CertificatePtr next{PEM_read_bio_X509_AUX(reader.get(), nullptr, nullptr, nullptr)}) {
    found.push_back(std::move(next));
  }
  // The end of the file looks like a missing beginning; anything else is damage.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return refuse(file, fmt::format("a damaged certificate: {}", tls_error_text()));
  ERR_clear_error();
  if (found.empty()) {
    return refuse(file, "no certificate in it; it must hold -----BEGIN CERTIFICATE-----");
  }
  return found;
}

int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<KeyPtr> read_key(const std::string& file) {
  const auto text = read_pem(file, "key");
  if (!text) return std::unexpected(text.error());
  if (!text->contains("PRIVATE KEY-----")) {
    return refuse(file, "no private key in it; it must hold -----BEGIN PRIVATE KEY-----");
  }
  const BioPtr reader = reader_of(*text);
  bool asked = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, no_passphrase, &asked));
  if (key) return key;
  if (asked) {
    return refuse(file,
                  "the key is encrypted and nobody can be asked for its passphrase; store it "
                  "without one (openssl pkey -in FILE -out NEW)");
  }
  return refuse(file, fmt::format("a damaged key: {}", tls_error_text()));
}

Timestamp timestamp_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Timestamp(0);
  return Timestamp(int64_t{timegm(&parts)} * 1000);
}

std::string day_of(Timestamp time) {
  const std::time_t seconds = time.ms() / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

void warn_of_dates(const std::string& file,
                   Timestamp begins,
                   Timestamp ends,
                   Timestamp now,
                   std::vector<std::string>& warnings) {
  if (ends <= now) {
    warnings.push_back(fmt::format(
        "{}: the certificate expired on {} and clients will refuse it; renew it, then send SIGHUP",
        file, day_of(ends)));
  } else if (begins > now) {
    warnings.push_back(
        fmt::format("{}: the certificate is valid from {} on and clients will refuse it before",
                    file, day_of(begins)));
  } else if (ends - now <= kExpiryNotice) {
    warnings.push_back(fmt::format("{}: the certificate expires on {}; renew it, then send SIGHUP",
                                   file, day_of(ends)));
  }
}

void warn_of_open_key(const std::string& file, std::vector<std::string>& warnings) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0 || (found.st_mode & S_IROTH) == 0) return;
  warnings.push_back(
      fmt::format("{}: everybody on this host can read the key; chmod o-r takes that away", file));
}

// The application protocol is agreed on where the client offers it. A client that offers only
// others speaks something else (HTTP/2, say) and is refused with an alert, as RFC 7301 asks for.
int select_application(SSL*,
                       const unsigned char** out,
                       unsigned char* out_size,
                       const unsigned char* offered,
                       unsigned int offered_size,
                       void* wanted) {
  const auto& name = *static_cast<const std::string*>(wanted);
  std::string_view rest(reinterpret_cast<const char*>(offered), offered_size);
  while (!rest.empty()) {
    const auto size = static_cast<size_t>(static_cast<uint8_t>(rest.front()));
    const std::string_view protocol = rest.substr(1, size);
    if (protocol == name) {
      *out = reinterpret_cast<const unsigned char*>(protocol.data());
      *out_size = static_cast<unsigned char>(protocol.size());
      return SSL_TLSEXT_ERR_OK;
    }
    rest.remove_prefix(std::min(rest.size(), size + 1));
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

TlsContext::TlsContext(std::string application)
    : context_(SSL_CTX_new(TLS_server_method())), application_(std::move(application)) {
  WEIR_ASSERT(context_ != nullptr, "OpenSSL gives no context: {}", tls_error_text());
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Idle connections give their buffers back; a read takes more than one record from the socket.
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context_, 1);
  // Sessions are kept by the clients, in tickets; here they would be memory that strangers fill.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  constexpr std::string_view kSessionId = "weir";
  SSL_CTX_set_session_id_context(context_,
                                 reinterpret_cast<const unsigned char*>(kSessionId.data()),
                                 static_cast<unsigned int>(kSessionId.size()));
  const bool chosen = SSL_CTX_set_cipher_list(context_, kSuites12) == 1 &&
                      SSL_CTX_set1_groups_list(context_, kGroups) == 1;
  WEIR_ASSERT(chosen, "OpenSSL has none of the suites: {}", tls_error_text());
  if (application_.empty()) return;
  SSL_CTX_set_alpn_select_cb(context_, select_application,
                             const_cast<std::string*>(&application_));  // it only reads
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

Result<> TlsContext::load_certificate(const TlsOptions& options, Timestamp now) {
  auto chain = read_certificates(options.certificate, "certificate");
  if (!chain) return std::unexpected(chain.error());
  X509* own = chain->front().get();
  if (SSL_CTX_use_certificate(context_, own) != 1) {
    return refuse(options.certificate,
                  fmt::format("the certificate cannot be used: {}", tls_error_text()));
  }
  for (size_t i = 1; i < chain->size(); ++i) {
    WEIR_ASSERT(SSL_CTX_add1_chain_cert(context_, (*chain)[i].get()) == 1);
  }
  not_after_ = timestamp_of(X509_get0_notAfter(own));
  warn_of_dates(options.certificate, timestamp_of(X509_get0_notBefore(own)), not_after_, now,
                warnings_);

  const std::string& key_file = options.key.empty() ? options.certificate : options.key;
  const auto key = read_key(key_file);
  if (!key) return std::unexpected(key.error());
  if (X509_check_private_key(own, key->get()) != 1) {
    return refuse(key_file,
                  fmt::format("the key does not belong to the certificate in {} (the first one of "
                              "that file must be the server's own)",
                              options.certificate));
  }
  if (SSL_CTX_use_PrivateKey(context_, key->get()) != 1) {
    return refuse(key_file, fmt::format("the key cannot be used: {}", tls_error_text()));
  }
  warn_of_open_key(key_file, warnings_);
  return {};
}

Result<> TlsContext::load_client_ca(const std::string& file) {
  const auto authorities = read_certificates(file, "certificates of the clients' CA");
  if (!authorities) return std::unexpected(authorities.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  for (const CertificatePtr& authority : *authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context_, authority.get()) != 1) {
      return refuse(file, fmt::format("a certificate cannot be used: {}", tls_error_text()));
    }
  }
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsOptions& options,
                                                           Timestamp now) {
  std::shared_ptr<TlsContext> context(new TlsContext(options.application));
  const bool only_13 = options.version_min == TlsVersion::k13;
  SSL_CTX_set_min_proto_version(context->context_, only_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (auto loaded = context->load_certificate(options, now); !loaded) {
    return std::unexpected(loaded.error());
  }
  if (!options.client_ca.empty()) {
    if (auto loaded = context->load_client_ca(options.client_ca); !loaded) {
      return std::unexpected(loaded.error());
    }
  }
  return context;
}

TlsServer::TlsServer(std::string name,
                     std::string refusal,
                     std::shared_ptr<const TlsContext> context,
                     runtime::Logger& logger)
    : name_(std::move(name)),
      refusal_(std::move(refusal)),
      logger_(logger),
      context_(std::move(context)) {}

std::shared_ptr<const TlsContext> TlsServer::current() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

void TlsServer::replace(std::shared_ptr<const TlsContext> context) {
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
}

void TlsServer::report_failure(std::string_view peer, std::string_view reason) const {
  logger_.warn("net", "a TLS handshake failed",
               {{"protocol", name_}, {"peer", std::string(peer)}, {"reason", std::string(reason)}});
}

}  // namespace weir::net
