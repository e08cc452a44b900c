#include "net/http_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>

namespace weir::net {
namespace {

namespace http = boost::beast::http;

constexpr uint64_t kBodyBytesMax = uint64_t{1} << 30;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace

std::string_view HttpClientResponse::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeader::name);
  return found == headers.end() ? std::string_view{} : std::string_view(found->value);
}

Result<HttpClient> HttpClient::to(std::string_view url) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not an address such as http://127.0.0.1:8080", url));
  };
  std::string_view rest = url;
  constexpr std::string_view kPlain = "http://";
  constexpr std::string_view kSecure = "https://";
  const bool secure = rest.starts_with(kSecure);
  if (!secure && !rest.starts_with(kPlain)) return refuse();
  rest.remove_prefix(secure ? kSecure.size() : kPlain.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) return refuse();
  const size_t colon = rest.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos;
  std::string_view host = rest.substr(0, has_port ? colon : std::string_view::npos);
  const std::string_view port = has_port ? rest.substr(colon + 1) : secure ? "443" : "80";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string_view::npos) {
    return refuse();
  }
  return HttpClient(secure, std::string(host), std::string(port));
}

Result<> HttpClient::connect() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int error = getaddrinfo(host_.c_str(), port_.c_str(), &hints, &raw); error != 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("cannot find the host {}: {}", host_, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(raw, freeaddrinfo);
  const timeval deadline{.tv_sec = deadline_.count() / 1000,
                         .tv_usec = (deadline_.count() % 1000) * 1000};
  int reason = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) continue;
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) == 0) {
      socket_ = std::move(socket);
      return secure_ ? shake_hands() : Result<>();
    }
    reason = errno;
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("cannot connect to {}:{}: {}", host_, port_, std::strerror(reason)));
}

Result<> HttpClient::shake_hands() {
  auto tls = TlsClient::connect(socket_.get(), host_, trust_);
  if (!tls) {
    disconnect();
    return fail(tls.error().code,
                fmt::format("no TLS with {}:{}: {}", host_, port_, tls.error().message));
  }
  tls_ = std::move(*tls);
  return {};
}

void HttpClient::disconnect() {
  tls_.reset();
  socket_.reset();
}

bool HttpClient::send(std::string_view bytes) {
  return tls_ ? tls_->send(bytes) : send_all(socket_.get(), bytes);
}

ssize_t HttpClient::receive(char* out, size_t size) {
  return tls_ ? tls_->receive(out, size) : ::recv(socket_.get(), out, size, 0);
}

Result<HttpClientResponse> HttpClient::exchange(std::string_view request,
                                                bool head,
                                                bool& untouched) {
  untouched = true;
  const auto broken = [&](std::string_view reason) {
    disconnect();
    return fail(ErrorCode::kTimedOut,
                fmt::format("no whole answer from {}:{}: {}", host_, port_, reason));
  };
  if (!send(request)) return broken(std::strerror(errno));
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  parser.skip(head);
  parser.body_limit(kBodyBytesMax);
  std::string pending;
  char buffer[16384];
  boost::system::error_code error;
  while (!parser.is_done()) {
    const ssize_t received = receive(buffer, sizeof buffer);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0)
      return broken(errno == EAGAIN ? "the deadline has passed" : std::strerror(errno));
    if (received == 0) {
      parser.put_eof(error);
      if (error || !parser.is_done()) return broken("the connection was closed");
      break;
    }
    untouched = false;
    pending.append(buffer, static_cast<size_t>(received));
    size_t used = 1;
    while (!pending.empty() && used > 0 && !parser.is_done()) {
      used = parser.put(boost::asio::buffer(pending), error);
      pending.erase(0, used);
      if (error && error != http::error::need_more) return broken(error.message());
    }
  }
  http::response<http::string_body> message = parser.release();
  HttpClientResponse response{
      static_cast<int>(message.result_int()), {}, std::move(message.body())};
  for (const auto& field : message) {
    response.headers.push_back({lower({field.name_string().data(), field.name_string().size()}),
                                std::string(field.value().data(), field.value().size())});
  }
  if (!message.keep_alive()) disconnect();
  return response;
}

Result<HttpClientResponse> HttpClient::request(std::string_view method,
                                               std::string_view target,
                                               const std::vector<HttpHeader>& headers,
                                               std::string_view body) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\n", method, target, host_, port_);
  for (const HttpHeader& header : headers) {
    fmt::format_to(std::back_inserter(text), "{}: {}\r\n", header.name, header.value);
  }
  if (!body.empty() || method == "POST" || method == "PUT") {
    fmt::format_to(std::back_inserter(text), "Content-Length: {}\r\n", body.size());
  }
  text += "\r\n";
  text += body;
  const bool kept_alive = static_cast<bool>(socket_);
  const bool repeatable = kept_alive && (method == "GET" || method == "HEAD");
  if (!kept_alive) {
    if (auto connected = connect(); !connected) return std::unexpected(connected.error());
  }
  bool untouched = false;
  auto response = exchange(text, method == "HEAD", untouched);
  if (response || !repeatable || !untouched) return response;
  if (auto connected = connect(); !connected) return std::unexpected(connected.error());
  return exchange(text, method == "HEAD", untouched);
}

}  // namespace weir::net
