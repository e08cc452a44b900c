#pragma once
// HTTP/1.1 over a Connection: keep-alive, pipelining (answers in the order of the requests),
// chunked bodies, Expect: 100-continue, HEAD. A handler gets whole requests and may answer later,
// from any shard.
//
// Peer's mistakes are answered here and never reach the handler: 400 malformed, 408 too slow, 413
// body too large, 431 header too large; after such an answer the connection ends. Source: RFC 9112,
// RFC 9110.

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "net/connection.h"

namespace weir::net {

struct HttpHeader {
  std::string name;  // lower case in requests
  std::string value;
};

struct HttpRequest {
  std::string method;  // as sent: methods are case-sensitive
  std::string target;  // as sent, "/topics?limit=5"
  std::vector<HttpHeader> headers;
  std::string body;
  std::string peer_address;
  std::string local_address;
  bool secure = false;  // it came by TLS

  std::string_view scheme() const { return secure ? "https" : "http"; }
  std::string_view path() const;   // the target up to '?', still percent-encoded
  std::string_view query() const;  // the part behind '?'
  // The first value of a header, by its lower-case name; empty when absent.
  std::string_view header(std::string_view name) const;
};

// The value of `name` in a query string, percent-decoded; empty when absent (has_query_parameter
// tells the difference).
std::string query_parameter(std::string_view query, std::string_view name);
bool has_query_parameter(std::string_view query, std::string_view name);
// Decodes %XX (and '+' as a space when asked); malformed escapes stay as they are.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

struct HttpResponse {
  int status = 200;
  std::vector<HttpHeader> headers;  // Content-Length, Connection and Date are added
  Reply body;

  static HttpResponse text(int status, std::string body);
  static HttpResponse json(int status, std::string body);
};

// What of a request decides how its response is framed.
struct HttpFraming {
  bool head = false;  // the method was HEAD: headers only
  bool keep_alive = true;
  bool http_1_0 = false;
};

// The duty to answer one request. Dropping it answers 500.
class HttpResponder {
 public:
  HttpResponder(ReplySlot slot, const HttpFraming& framing)
      : slot_(std::move(slot)), framing_(framing) {}
  HttpResponder(HttpResponder&&) noexcept = default;
  HttpResponder& operator=(HttpResponder&& other) noexcept;
  ~HttpResponder();

  // Any thread, once. The response leaves when `durability`'s watermark has reached `lsn`.
  void send(HttpResponse response, Lsn lsn = {}, Durability durability = Durability::kFsync);
  // See ReplySlot.
  void on_abandoned(runtime::Task hook) { slot_.on_abandoned(std::move(hook)); }
  void set_producing(bool on) { slot_.set_producing(on); }
  bool open() const { return slot_.open(); }

 private:
  void drop();

  ReplySlot slot_;
  HttpFraming framing_;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // On the connection's shard; several shards may call one handler at the same time. Must not throw
  // and must not block.
  virtual void handle(HttpRequest request, HttpResponder responder) = 0;
};

struct HttpLimits {
  size_t header_bytes_max = size_t{16} << 10;
  size_t body_bytes_max = size_t{1} << 20;
};

// What ALPN calls the one version that is spoken here.
inline constexpr std::string_view kHttpApplication = "http/1.1";
// The response for whoever sends plain HTTP to a port with TLS; its connection ends.
std::string http_needs_tls();

// Every session calls `handler`, which must outlive them.
SessionFactory http_sessions(HttpHandler& handler, const HttpLimits& limits);
// Limits of the connection that go with them: idle keep-alive connections close after 75 s.
ConnectionLimits http_connection_limits(const HttpLimits& limits);

}  // namespace weir::net
