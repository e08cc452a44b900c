#include "admin/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "admin/health.h"
#include "admin/process.h"
#include "net/connection_shard.h"
#include "net/http_client.h"
#include "net/listener.h"
#include "tests/unit/net/test_client.h"

namespace weir::admin {
namespace {

using testing::HasSubstr;

class AdminServer {
 public:
  explicit AdminServer(bool local_only = true)
      : router(local_only), shard_(0, "test"), connections_(shard_) {}
  ~AdminServer() {
    if (listener_) listener_->close();
    shard_.stop();
  }

  net::HttpClientResponse ask(const std::string& method,
                              const std::string& target,
                              const std::vector<net::HttpHeader>& headers = {}) {
    start();
    auto client = net::HttpClient::to("http://" + listener_->address());
    auto response = client->request(method, target, headers);
    EXPECT_TRUE(response.has_value()) << response.error().message;
    return response.value_or(net::HttpClientResponse{});
  }
  std::string address() {
    start();
    return listener_->address();
  }

  Router router;

 private:
  void start() {
    if (listener_) return;
    shard_.start();
    listener_ = std::move(*net::Listener::open({.name = "http", .option = "--http-port"},
                                               {&connections_}, net::http_sessions(router, {})));
    listener_->start();
  }

  runtime::Shard shard_;
  net::ConnectionShard connections_;
  std::unique_ptr<net::Listener> listener_;
};

TEST(Router, HandsTheNamesOfThePatternToTheEndpoint) {
  AdminServer server;
  server.router.add("GET", "/api/v1/topics/{topic}/partitions/{partition}",
                    [](const Request& request, net::HttpResponder responder) {
                      responder.send(net::HttpResponse::text(
                          200, request.name("topic") + "|" + request.name("partition")));
                    });
  EXPECT_EQ(server.ask("GET", "/api/v1/topics/a%2Fb/partitions/3").body, "a/b|3");
  EXPECT_EQ(server.ask("GET", "/api/v1/topics/a/partitions").status, 404);
}

TEST(Router, AnswersErrorsAsJson) {
  AdminServer server;
  server.router.add("POST", "/things", [](const Request&, net::HttpResponder responder) {
    responder.send(error_response(Error{ErrorCode::kAlreadyExists, "it \"is\" there"}));
  });
  const auto missing = server.ask("GET", "/nothing?x=1");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header("content-type"), "application/json");
  EXPECT_EQ(missing.body,
            "{\"error\":{\"code\":\"not_found\",\"message\":\"there is no /nothing\"}}\n");
  const auto wrong = server.ask("GET", "/things");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("allow"), "POST");
  const auto taken = server.ask("POST", "/things");
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(taken.body, R"({"error":{"code":"already_exists","message":"it \"is\" there"}})"
                        "\n");
}

TEST(Router, RefusesPagesOfOtherSites) {
  AdminServer server;
  server.router.add("GET", "/x", [](const Request&, net::HttpResponder responder) {
    responder.send(net::HttpResponse::text(200, "secret"));
  });
  EXPECT_EQ(server.ask("GET", "/x", {{"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(server.ask("GET", "/x", {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(server.ask("GET", "/x", {{"Origin", "http://127.0.0.1:1"}}).status, 403);
  EXPECT_EQ(server.ask("GET", "/x", {{"Origin", "http://" + server.address()}}).status, 200);
}

std::string status_for_host(bool local_only, const std::string& host) {
  AdminServer server(local_only);
  server.router.add("GET", "/x", [](const Request&, net::HttpResponder responder) {
    responder.send(net::HttpResponse::text(200, ""));
  });
  const std::string address = server.address();
  net::TestClient client(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  client.send("GET /x HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  return client.receive_all().substr(9, 3);
}

TEST(Router, OnALoopbackPortRefusesNamesThatWereMadeToPointHere) {
  EXPECT_EQ(status_for_host(true, "evil.example:8080"), "403");
  EXPECT_EQ(status_for_host(true, "localhost:8080"), "200");
  EXPECT_EQ(status_for_host(true, "[::1]:8080"), "200");
  EXPECT_EQ(status_for_host(false, "weir:8080"), "200");
}

TEST(Process, LivezAndReadyzTellAliveFromReady) {
  AdminServer server;
  Health health;
  std::string problem = "the disk is full";
  health.add("storage", [&] { return problem; });
  health.add("listeners", [] { return std::string(); });
  const Ports ports{{"http", "127.0.0.1:1"}};
  add_process_endpoints(server.router, health, ports, "1.2.3");
  EXPECT_EQ(server.ask("GET", "/livez").status, 200);
  const auto not_ready = server.ask("GET", "/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(not_ready.body, "storage: the disk is full\n");
  EXPECT_EQ(server.ask("GET", "/readyz?verbose").body,
            "{\"ready\":false,\"checks\":[{\"name\":\"storage\",\"ok\":false,\"reason\":\"the disk "
            "is full\"},"
            "{\"name\":\"listeners\",\"ok\":true}]}\n");
  EXPECT_EQ(server.ask("HEAD", "/livez").body, "");
  EXPECT_EQ(server.ask("GET", "/api/v1/ports").body, "{\"http\":\"127.0.0.1:1\"}\n");
  EXPECT_THAT(server.ask("GET", "/").body, HasSubstr("\"version\":\"1.2.3\""));
  problem.clear();
}

TEST(Json, TextsAreQuotedAndMalformedBytesReplaced) {
  EXPECT_EQ(json_string("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")");
  EXPECT_EQ(json_string("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(json_string("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_string("a\xff\xc3"), "\"a\\ufffd\\ufffd\"");
  EXPECT_EQ(json_string("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
}

}  // namespace
}  // namespace weir::admin
