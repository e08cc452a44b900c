#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "net/certificate_name.h"

namespace weir::net {
namespace {

// What is encrypted before it is sent: large enough for one system call to be worth it.
constexpr size_t kEncryptedAtOnce = size_t{64} << 10;
constexpr size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;

// Pieces as whole records: many small ones become one, large ones are not copied.
class RecordMaker {
 public:
  explicit RecordMaker(std::span<const iovec> pieces) : pieces_(pieces) {}

  // The next record's bytes; empty at the end. Valid until the next call.
  std::string_view next() {
    size_t copied = 0;
    while (at_ < pieces_.size()) {
      const iovec& piece = pieces_[at_];
      const std::string_view rest(static_cast<const char*>(piece.iov_base) + taken_,
                                  piece.iov_len - taken_);
      if (copied == 0 && rest.size() >= kRecordBytes) return take(rest, kRecordBytes);
      const std::string_view part = take(rest, kRecordBytes - copied);
      std::memcpy(copied_.data() + copied, part.data(), part.size());
      copied += part.size();
      if (copied == kRecordBytes) break;
    }
    return {copied_.data(), copied};
  }

 private:
  std::string_view take(std::string_view rest, size_t most) {
    const std::string_view part = rest.substr(0, most);
    taken_ += part.size();
    if (part.size() == rest.size()) {
      ++at_;
      taken_ = 0;
    }
    return part;
  }

  std::span<const iovec> pieces_;
  size_t at_ = 0;
  size_t taken_ = 0;  // of the piece at at_
  std::array<char, kRecordBytes> copied_;
};

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)),
      pipe_(socket, /*blocking=*/false),
      ssl_(SSL_new(context_->native())) {
  WEIR_ASSERT(ssl_ != nullptr, "OpenSSL gives no connection: {}", tls_error_text());
  BIO* bio = pipe_.make_bio();
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

TlsStream::Read TlsStream::read(std::span<char> room) {
  bytes_ = 0;
  while (bytes_ < room.size()) {
    ERR_clear_error();
    size_t got = 0;
    const int result = SSL_read_ex(ssl_, room.data() + bytes_, room.size() - bytes_, &got);
    established_ = established_ || SSL_is_init_finished(ssl_) == 1;
    if (result != 1) {
      const Read reason = stopped(result);
      // What came before it is handed out first; the next read finds the same again.
      if (bytes_ == 0) return reason;
      needs_socket_ = reason == Read::kNone;
      return Read::kData;
    }
    bytes_ += got;
  }
  needs_socket_ = false;
  return Read::kData;
}

TlsStream::Read TlsStream::stopped(int result) {
  const int error = SSL_get_error(ssl_, result);
  needs_socket_ = true;
  if (pipe_.is_plain()) return Read::kPlain;
  if (error == SSL_ERROR_WANT_READ) return Read::kNone;
  if (established_ && (error == SSL_ERROR_ZERO_RETURN || pipe_.ended())) return Read::kEnded;
  failed_ = true;
  if (reason_.empty()) reason_ = why(error);
  return Read::kBroken;
}

std::string TlsStream::why(int error) const {
  if (pipe_.error() != 0) return std::strerror(pipe_.error());
  if (error == SSL_ERROR_ZERO_RETURN || pipe_.ended()) return "the client left";
  if (const auto verdict = SSL_get_verify_result(ssl_); verdict != X509_V_OK) {
    return X509_verify_cert_error_string(verdict);
  }
  return tls_error_text();
}

Result<size_t> TlsStream::encrypt(std::span<const iovec> pieces) {
  RecordMaker records(pieces);
  size_t taken = 0;
  while (taken < kEncryptedAtOnce) {
    const std::string_view record = records.next();
    if (record.empty()) break;
    ERR_clear_error();
    size_t written = 0;
    if (failed_ || SSL_write_ex(ssl_, record.data(), record.size(), &written) != 1) {
      failed_ = true;
      return fail(ErrorCode::kInvalidArgument, "the TLS connection is broken");
    }
    WEIR_ASSERT(written == record.size(), "{} of {} bytes were taken", written, record.size());
    taken += written;
  }
  return taken;
}

std::string TlsStream::certificate_subject() const {
  if (!established_) return {};
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  return certificate ? distinguished_name(X509_get_subject_name(certificate)) : std::string();
}

bool TlsStream::end_output() {
  if (std::exchange(output_ended_, true) || !established_ || failed_) return false;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_);  // 0: the peer's own close_notify has not come, which nobody waits for
  return true;
}

}  // namespace weir::net
