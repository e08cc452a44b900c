#include "net/tls_pipe.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace weir::net {
namespace {

// RFC 8446, section 5.1: every conversation begins with a record of one of these types.
constexpr char kAlertRecord = 0x15;
constexpr char kHandshakeRecord = 0x16;
constexpr size_t kKeptBytes = 4096;

TlsPipe& pipe_of(BIO* bio) {
  return *static_cast<TlsPipe*>(BIO_get_data(bio));
}

int on_read(BIO* bio, char* out, int size) {
  return pipe_of(bio).read(bio, out, size);
}

int on_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  return pipe_of(bio).write(data, size);
}

// NOLINTNEXTLINE(google-runtime-int): OpenSSL's own type.
long on_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  return command == BIO_CTRL_EOF && pipe_of(bio).ended() ? 1 : 0;
}

const BIO_METHOD* method() {
  static const BIO_METHOD* const made_once = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    WEIR_ASSERT(made != nullptr);
    BIO_meth_set_read(made, on_read);
    BIO_meth_set_write(made, on_write);
    BIO_meth_set_ctrl(made, on_control);
    return made;
  }();
  return made_once;
}

}  // namespace

BIO* TlsPipe::make_bio() {
  BIO* bio = BIO_new(method());
  WEIR_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

int TlsPipe::read(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  if (plain_ || ended_ || error_ != 0) return ended_ ? 0 : -1;
  if (blocking_ && flush() != Sent::kAll) return -1;
  ssize_t received = 0;
  do {
    received = ::recv(socket_, out, static_cast<size_t>(size), blocking_ ? 0 : MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received == 0) {
    ended_ = true;
    return 0;
  }
  if (received < 0) {
    if (!blocking_ && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      BIO_set_retry_read(bio);
    } else {
      error_ = errno;
    }
    return -1;
  }
  if (!std::exchange(begun_, true) && *out != kHandshakeRecord && *out != kAlertRecord) {
    plain_ = true;
    return -1;
  }
  return static_cast<int>(received);
}

int TlsPipe::write(const char* data, int size) {
  if (unsent() >= kUnsentBytesMax) return -1;
  unsent_.append(data, static_cast<size_t>(size));
  return size;
}

TlsPipe::Sent TlsPipe::flush() {
  while (unsent() > 0) {
    const ssize_t sent = ::send(socket_, unsent_.data() + sent_, unsent(),
                                MSG_NOSIGNAL | (blocking_ ? 0 : MSG_DONTWAIT));
    if (sent >= 0) {
      sent_ += static_cast<size_t>(sent);
      moved_ += static_cast<size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (!blocking_ && (errno == EAGAIN || errno == EWOULDBLOCK)) return Sent::kSome;
    error_ = errno;
    return Sent::kBroken;
  }
  unsent_.clear();
  sent_ = 0;
  return Sent::kAll;
}

size_t TlsPipe::take_moved() {
  return std::exchange(moved_, 0);
}

void TlsPipe::shrink() {
  if (unsent() == 0 && unsent_.capacity() > kKeptBytes) std::string().swap(unsent_);
}

std::string tls_error_text() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "unknown";
  ERR_clear_error();
  return text;
}

}  // namespace weir::net
