#pragma once
// A small blocking HTTP/1.1 client for the command line and for tests: one request at a time,
// keep-alive, a deadline on every step; http:// and https://.
//
// Thread: one at a time; never on a shard.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "net/http.h"
#include "net/tls_client.h"
#include "net/unique_fd.h"

namespace weir::net {

struct HttpClientResponse {
  int status = 0;
  std::vector<HttpHeader> headers;  // names in lower case
  std::string body;

  std::string_view header(std::string_view name) const;
};

class HttpClient {
 public:
  // `url` is "http://host[:port][/]" or https. kInvalidArgument when it is something else.
  static Result<HttpClient> to(std::string_view url);

  void set_deadline(Milliseconds deadline) { deadline_ = deadline; }
  // For https; the default trusts the authorities of this host.
  void set_trust(TlsTrust trust) { trust_ = std::move(trust); }

  // An unreachable server is kNotFound, one that does not answer in time kTimedOut, one whose
  // certificate is not trusted kRefused, with its address and the reason in the message. Repeats a
  // GET or HEAD once, on a new connection, when a kept-alive one turns out to be closed before a
  // byte of the answer came.
  Result<HttpClientResponse> request(std::string_view method,
                                     std::string_view target,
                                     const std::vector<HttpHeader>& headers = {},
                                     std::string_view body = {});

  const std::string& host() const { return host_; }
  const std::string& port() const { return port_; }

 private:
  HttpClient(bool secure, std::string host, std::string port)
      : secure_(secure), host_(std::move(host)), port_(std::move(port)) {}

  Result<> connect();
  Result<> shake_hands();
  void disconnect();
  bool send(std::string_view bytes);
  ssize_t receive(char* out, size_t size);
  Result<HttpClientResponse> exchange(std::string_view request, bool head, bool& untouched);

  bool secure_;
  std::string host_;
  std::string port_;
  Milliseconds deadline_ = std::chrono::seconds(30);
  TlsTrust trust_;
  UniqueFd socket_;
  std::unique_ptr<TlsClient> tls_;  // while connected, when secure
};

}  // namespace weir::net
