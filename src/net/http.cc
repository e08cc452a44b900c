#include "net/http.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

#include "net/http_text.h"

namespace weir::net {
namespace {

namespace http = boost::beast::http;
using RequestParser = http::request_parser<http::string_body>;
using boost::system::error_code;

// Room behind the headers, so that a body arrives in pieces of a good size.
constexpr size_t kBodyPieceBytes = size_t{48} << 10;
constexpr Milliseconds kKeepAliveDeadline = std::chrono::seconds(75);

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

int status_of(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit || error == http::error::buffer_overflow) return 413;
  return 400;
}

class HttpSession final : public Session {
 public:
  HttpSession(Connection& connection, HttpHandler& handler, const HttpLimits& limits)
      : connection_(connection), handler_(handler), limits_(limits) {}

  size_t on_data(ByteView data) override {
    size_t consumed = 0;
    while (consumed < data.size() && connection_.wants_more()) {
      if (!parser_) begin_request();
      error_code error;
      consumed +=
          parser_->put(boost::asio::buffer(data.data() + consumed, data.size() - consumed), error);
      if (error == http::error::need_more) break;
      if (error) {
        refuse(status_of(error), "the request is malformed or too large: " + error.message());
        return data.size();
      }
      if (parser_->is_done()) {
        dispatch();
      } else if (parser_->is_header_done() && !continued_) {
        answer_expectation();
      }
    }
    return consumed;
  }

  bool inside_request() const override { return parser_ && parser_->is_header_done(); }

  void on_overflow(Connection&) override {
    refuse(parser_ && parser_->is_header_done() ? 400 : 431,
           "the header of the request is too large");
  }
  void on_request_timeout(Connection&) override {
    refuse(408, "the request did not arrive whole in time");
  }

 private:
  void begin_request() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<uint32_t>(limits_.header_bytes_max));
    parser_->body_limit(limits_.body_bytes_max);
    continued_ = false;
  }

  void answer_expectation() {
    continued_ = true;
    const std::string expectation = lower(view(parser_->get()[http::field::expect]));
    if (expectation.empty() || parser_->get().version() < 11) return;
    if (expectation != "100-continue") return refuse(417, "the only expectation is 100-continue");
    connection_.send("HTTP/1.1 100 Continue\r\n\r\n");
  }

  void dispatch() {
    http::request<http::string_body> message = parser_->release();
    parser_.reset();
    const size_t hosts = message.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
      return refuse(400, "a request of HTTP/1.1 names its host, once");
    }
    const HttpFraming framing{.head = message.method() == http::verb::head,
                              .keep_alive = message.keep_alive(),
                              .http_1_0 = message.version() < 11};
    HttpRequest request;
    request.method = view(message.method_string());
    request.target = view(message.target());
    for (const auto& field : message) {
      request.headers.push_back(
          {lower(view(field.name_string())), std::string(view(field.value()))});
    }
    request.body = std::move(message.body());
    request.peer_address = connection_.peer_address();
    request.local_address = connection_.local_address();
    request.secure = connection_.secure();
    HttpResponder responder(connection_.reserve(), framing);
    if (!framing.keep_alive) connection_.close_after_replies();
    handler_.handle(std::move(request), std::move(responder));
  }

  // Where the request ends is not known any more: this answer is the last.
  void refuse(int status, std::string reason) {
    parser_.reset();
    reason += '\n';
    connection_.send(
        http_reply(HttpResponse::text(status, std::move(reason)), {.keep_alive = false}));
    connection_.close_after_replies();
  }

  Connection& connection_;
  HttpHandler& handler_;
  const HttpLimits limits_;
  std::optional<RequestParser> parser_;
  bool continued_ = false;  // the Expect header of this request was looked at
};

}  // namespace

void HttpResponder::drop() {
  if (slot_) send(HttpResponse::text(500, "the request was dropped\n"));
}

HttpResponder::~HttpResponder() {
  drop();
}

HttpResponder& HttpResponder::operator=(HttpResponder&& other) noexcept {
  if (this == &other) return *this;
  drop();
  slot_ = std::move(other.slot_);
  framing_ = other.framing_;
  return *this;
}

void HttpResponder::send(HttpResponse response, Lsn lsn, Durability durability) {
  slot_.complete(http_reply(std::move(response), framing_), lsn, durability);
}

SessionFactory http_sessions(HttpHandler& handler, const HttpLimits& limits) {
  return [&handler, limits](Connection& connection) {
    return std::make_unique<HttpSession>(connection, handler, limits);
  };
}

ConnectionLimits http_connection_limits(const HttpLimits& limits) {
  ConnectionLimits connection;
  connection.request_bytes_max = limits.header_bytes_max + kBodyPieceBytes;
  connection.idle_deadline = kKeepAliveDeadline;
  return connection;
}

}  // namespace weir::net
