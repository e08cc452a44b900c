#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <optional>
#include <vector>

#include "net/connection_shard.h"
#include "net/http_client.h"
#include "net/listener.h"
#include "tests/unit/net/test_client.h"
#include "tests/unit/net/tls_peer.h"

namespace weir::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Handle = std::function<void(HttpRequest, HttpResponder)>;

class HttpServer : HttpHandler {
 public:
  explicit HttpServer(Handle handle,
                      HttpLimits limits = {},
                      std::optional<ConnectionLimits> connection = {},
                      std::shared_ptr<TlsServer> tls = nullptr)
      : handle_(std::move(handle)), shard_(0, "test"), connections_(shard_) {
    shard_.start();
    ListenerOptions options{.name = "http",
                            .option = "--http-port",
                            .limits = connection.value_or(http_connection_limits(limits)),
                            .tls = std::move(tls)};
    listener_ = std::move(*Listener::open(options, {&connections_}, http_sessions(*this, limits)));
    listener_->start();
  }
  ~HttpServer() override {
    listener_->close();
    shard_.stop();
  }
  void handle(HttpRequest request, HttpResponder responder) override {
    handle_(std::move(request), std::move(responder));
  }
  uint16_t port() const { return listener_->port(); }
  HttpClient client() const {
    return *HttpClient::to("http://127.0.0.1:" + std::to_string(port()));
  }
  HttpClient secure_client() const {
    return *HttpClient::to("https://127.0.0.1:" + std::to_string(port()));
  }
  void advance(uint64_t lsn) {
    shard_.run_and_wait([&] { connections_.watermark().advance(Lsn(lsn), Lsn(lsn)); });
  }

 private:
  Handle handle_;
  runtime::Shard shard_;
  ConnectionShard connections_;
  std::unique_ptr<Listener> listener_;
};

void echo(HttpRequest request, HttpResponder responder) {
  responder.send(
      HttpResponse::text(200, request.method + " " + request.target + " " + request.body));
}

// The bytes of one response without its Date line, which no test can know.
std::string without_date(std::string response) {
  const size_t begin = response.find("Date: ");
  if (begin != std::string::npos) response.erase(begin, response.find("\r\n", begin) + 2 - begin);
  return response;
}

TEST(Http, AnswersOnAConnectionThatStaysOpen) {
  HttpServer server(echo);
  HttpClient client = server.client();
  const auto first = client.request("GET", "/a?b=c");
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "GET /a?b=c ");
  EXPECT_FALSE(first->header("date").empty());
  const auto second = client.request("POST", "/x", {}, "body");
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->body, "POST /x body");
}

TEST(Http, AnswersPipelinedRequestsInTheirOrder) {
  std::vector<HttpResponder> waiting;
  HttpServer server([&](HttpRequest request, HttpResponder responder) {
    waiting.push_back(std::move(responder));
    if (request.target != "/3") return;
    for (size_t i = waiting.size(); i-- > 0;)
      waiting[i].send(HttpResponse::text(200, std::to_string(i + 1)));
    waiting.clear();
  });
  TestClient client(server.port());
  client.send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = client.receive_all();
  const size_t one = all.find("\r\n\r\n1");
  const size_t two = all.find("\r\n\r\n2");
  const size_t three = all.find("\r\n\r\n3");
  ASSERT_NE(one, std::string::npos) << all;
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, std::string::npos);
}

TEST(Http, AResponseWaitsForItsLsn) {
  HttpServer server([](const HttpRequest&, HttpResponder responder) {
    responder.send(HttpResponse::text(200, "stored"), Lsn(3));
  });
  TestClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  server.advance(2);
  EXPECT_EQ(client.peek(), "");
  server.advance(3);
  EXPECT_THAT(client.receive_all(), HasSubstr("stored"));
}

TEST(Http, ReadsRequestsThatArriveByteByByte) {
  HttpServer server(echo);
  TestClient client(server.port());
  for (const char c : std::string(
           "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")) {
    client.send(std::string(1, c));
  }
  EXPECT_THAT(client.receive_all(), HasSubstr("POST /p hello"));
}

TEST(Http, ReadsChunkedBodies) {
  HttpServer server(echo);
  TestClient client(server.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.receive_all(), HasSubstr("POST / abcde"));
}

TEST(Http, InvitesTheBodyOfAClientThatAsksFirst) {
  HttpServer server(echo);
  TestClient client(server.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_EQ(client.receive(25), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_THAT(client.receive_all(), HasSubstr("POST / ok"));
}

TEST(Http, AHeadRequestGetsTheHeadersAlone) {
  HttpServer server(echo);
  TestClient client(server.port());
  client.send("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string response = client.receive_all();
  EXPECT_THAT(response, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_TRUE(response.ends_with("\r\n\r\n")) << response;
}

TEST(Http, FramesResponsesExactly) {
  HttpServer server([](const HttpRequest& request, HttpResponder responder) {
    if (request.target == "/empty")
      return responder.send({.status = 204, .headers = {}, .body = {}});
    responder.send({201, {{"X-Name", "a\r\nSet-Cookie: b"}}, Reply("he", {Bytes::copy_of("llo")})});
  });
  TestClient client(server.port());
  client.send("GET /empty HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  const std::string all = without_date(without_date(client.receive_all()));
  EXPECT_EQ(all,
            "HTTP/1.1 204 No Content\r\n\r\n"
            "HTTP/1.1 201 Created\r\nX-Name: a  Set-Cookie: b\r\nContent-Length: 5\r\nConnection: "
            "close\r\n\r\nhello");
}

TEST(Http, AnOldClientMayAskToKeepTheConnection) {
  HttpServer server(echo);
  TestClient client(server.port());
  client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
  const std::string all = client.receive_all();
  EXPECT_THAT(all, HasSubstr("Connection: keep-alive\r\n\r\nGET /1 "));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n\r\nGET /2 "));
}

struct BadRequest {
  std::string name;
  std::string bytes;
  std::string status;
};

class HttpBadRequest : public testing::TestWithParam<BadRequest> {};

TEST_P(HttpBadRequest, IsAnsweredAndTheConnectionEnds) {
  HttpServer server(
      [](const HttpRequest&, HttpResponder) { FAIL() << "the handler must not see it"; },
      {.header_bytes_max = 1024, .body_bytes_max = 100});
  TestClient client(server.port());
  client.send_some(GetParam().bytes);
  EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 " + GetParam().status));
}

INSTANTIATE_TEST_SUITE_P(
    Http,
    HttpBadRequest,
    testing::Values(
        BadRequest{"Garbage", "\x16\x03\x01\x02\x00 hello\r\n\r\n", "400"},
        BadRequest{"BadVersion", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "400"},
        BadRequest{"NoHost", "GET / HTTP/1.1\r\n\r\n", "400"},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        BadRequest{"BadLength", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
        BadRequest{"TwoLengths",
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                   "400"},
        BadRequest{"LengthAndChunks",
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0\r\n\r\n",
                   "400"},
        BadRequest{"BodyTooLarge", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n",
                   "413"},
        BadRequest{"ChunksTooLarge",
                   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                       std::string(101, 'x') + "\r\n0\r\n\r\n",
                   "413"},
        BadRequest{"HeaderTooLarge",
                   "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", "431"},
        BadRequest{"EndlessHeader", "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'x'),
                   "431"},
        BadRequest{"UnknownExpectation",
                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n",
                   "417"}),
    [](const auto& info) { return info.param.name; });

TEST(Http, ARequestThatDoesNotArriveInTimeIsAnswered) {
  ConnectionLimits limits = http_connection_limits({});
  limits.request_deadline = Milliseconds(30);
  HttpServer server(echo, {}, limits);
  TestClient in_header(server.port());
  TestClient in_body(server.port());
  in_header.send("GET / HTTP/1.1\r\nHo");
  in_body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_THAT(in_header.receive_all(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(in_body.receive_all(), StartsWith("HTTP/1.1 408 "));
}

TEST(Http, ADroppedRequestIsAnswered) {
  HttpServer server([](const HttpRequest&, const HttpResponder&) {});
  const auto response = server.client().request("GET", "/");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 500);
}

TEST(Http, TheEndOfTheClientCancelsAWaitingRequest) {
  std::promise<void> cancelled;
  std::optional<HttpResponder> waiting;
  HttpServer server([&](const HttpRequest&, HttpResponder responder) {
    waiting.emplace(std::move(responder));
    waiting->on_abandoned([&] {
      waiting->send(HttpResponse::text(200, "nothing"));
      cancelled.set_value();
    });
  });
  for (const std::string connection : {"keep-alive", "close"}) {
    cancelled = {};
    TestClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: " + connection + "\r\n\r\n");
    client.close();
    EXPECT_EQ(cancelled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready)
        << connection;
  }
}

TEST(Http, ALargeBodyGoesBothWays) {
  HttpServer server(echo, {.body_bytes_max = 8 << 20});
  const std::string body(5 << 20, 'b');
  const auto response = server.client().request("POST", "/", {}, body);
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->body, "POST / " + body);
}

TEST(HttpClient, SaysWhichServerCannotBeReached) {
  const auto response = HttpClient::to("http://127.0.0.1:1")->request("GET", "/");
  ASSERT_FALSE(response.has_value());
  EXPECT_THAT(response.error().message, HasSubstr("127.0.0.1:1"));
}

TEST(HttpClient, RefusesAddressesOfOtherKinds) {
  for (const char* url :
       {"", "ftp://x", "http://", "127.0.0.1:80", "http://x:port", "http://a/b", "http://u@h"}) {
    EXPECT_FALSE(HttpClient::to(url).has_value()) << url;
  }
  EXPECT_EQ(HttpClient::to("http://[::1]:81/")->host(), "::1");
  EXPECT_EQ(HttpClient::to("http://host")->port(), "80");
}

TEST(HttpText, DecodesPercentEscapesAndLeavesMalformedOnes) {
  EXPECT_EQ(percent_decode("a%20b%2fc%zz%4"), "a b/c%zz%4");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
}

TEST(HttpText, FindsQueryParameters) {
  EXPECT_EQ(query_parameter("a=1&b=x%26y&c", "b"), "x&y");
  EXPECT_TRUE(has_query_parameter("a=1&verbose", "verbose"));
  EXPECT_FALSE(has_query_parameter("a=verbose", "verbose"));
  EXPECT_EQ(query_parameter("", "a"), "");
}

TEST(HttpText, UnderstandsBothFormsOfATarget) {
  HttpRequest request;
  request.target = "/path?query=1";
  EXPECT_EQ(request.path(), "/path");
  EXPECT_EQ(request.query(), "query=1");
  request.target = "http://host:80/path?x";
  EXPECT_EQ(request.path(), "/path");
  EXPECT_EQ(request.query(), "x");
  request.target = "http://host";
  EXPECT_EQ(request.path(), "/");
}

// --- over TLS

void answer_scheme(HttpRequest request, HttpResponder responder) {
  responder.send(HttpResponse::text(200, std::string(request.scheme())));
}

class Https : public testing::Test {
 protected:
  std::shared_ptr<TlsServer> serve() {
    const Certificates::Made own = certificates_.make("server");
    return std::make_shared<TlsServer>("http", http_needs_tls(),
                                       load({.certificate = own.certificate,
                                             .key = own.key,
                                             .application = std::string(kHttpApplication)}),
                                       logger_);
  }

  RememberingLogger logger_;
  Certificates certificates_;
};

TEST_F(Https, ARequestKnowsItsScheme) {
  HttpServer plain(answer_scheme);
  EXPECT_EQ(plain.client().request("GET", "/")->body, "http");
  HttpServer server(answer_scheme, {}, {}, serve());
  HttpClient client = server.secure_client();
  client.set_trust({.ca = certificates_.authority()});
  for (int i = 0; i < 2; ++i) {  // the second on the connection of the first
    const auto response = client.request("GET", "/");
    ASSERT_TRUE(response.has_value()) << response.error().message;
    EXPECT_EQ(response->body, "https");
  }
}

TEST_F(Https, APlainRequestIsToldToComeByTls) {
  HttpServer server(answer_scheme, {}, {}, serve());
  const auto response = server.client().request("POST", "/", {}, std::string(200'000, 'b'));
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->status, 400);
  EXPECT_THAT(response->body, HasSubstr("https://"));
}

TEST_F(Https, AClientOfTlsLearnsThatAPortIsPlain) {
  HttpServer server(answer_scheme);
  const auto response = server.secure_client().request("GET", "/");
  ASSERT_FALSE(response.has_value());
  EXPECT_THAT(response.error().message, HasSubstr("no TLS is spoken there"));
}

TEST_F(Https, AnUntrustedServerIsRefusedWithItsAddress) {
  HttpServer server(answer_scheme, {}, {}, serve());
  HttpClient client = server.secure_client();
  const auto refused = client.request("GET", "/");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("127.0.0.1:" + std::to_string(server.port())));
  client.set_trust({.verify = false});
  EXPECT_EQ(client.request("GET", "/")->body, "https");
}

}  // namespace
}  // namespace weir::net
