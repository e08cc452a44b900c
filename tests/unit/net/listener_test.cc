#include "net/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/net/line_server.h"
#include "tests/unit/net/test_client.h"

namespace weir::net {
namespace {

void echo(Connection& connection, std::string line) {
  connection.send(line + "\n");
}

TEST(Listener, RefusesABusyPortByNameOfItsOption) {
  LineServer server(echo);
  ListenerOptions options{.name = "kafka", .option = "--kafka-port", .port = server.port()};
  const auto second = Listener::open(options, {&server.connections()}, nullptr);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(second.error().message, "port " + std::to_string(server.port()) +
                                        " is in use; choose another with --kafka-port");
}

TEST(Listener, RefusesAnAddressThatIsNotNumeric) {
  LineServer server(echo);
  ListenerOptions options{.name = "kafka", .option = "--kafka-port", .address = "localhost"};
  const auto second = Listener::open(options, {&server.connections()}, nullptr);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kInvalidArgument);
}

TEST(Listener, ClosesAndCountsClientsBeyondItsLimit) {
  LineServer server(echo, {}, 2);
  TestClient first(server.port());
  TestClient second(server.port());
  first.send("a\n");
  second.send("b\n");
  EXPECT_EQ(first.receive(2), "a\n");
  EXPECT_EQ(second.receive(2), "b\n");
  TestClient third(server.port());
  EXPECT_TRUE(third.wait_closed());
  EXPECT_EQ(server.metrics().rejected.value(), 1U);
  first.send("c\n");
  EXPECT_EQ(first.receive(2), "c\n");
}

TEST(Listener, ClosesAndCountsClientsBeyondTheLimitOfTheirAddress) {
  LineServer server(echo, {}, 100, nullptr, 2);
  TestClient first(server.port());
  first.send("a\n");
  EXPECT_EQ(first.receive(2), "a\n");
  {
    TestClient second(server.port());
    second.send("b\n");
    EXPECT_EQ(second.receive(2), "b\n");
    TestClient third(server.port());
    EXPECT_TRUE(third.wait_closed());
    EXPECT_EQ(server.metrics().rejected_by_address.value(), 1U);
    TestClient elsewhere(server.port(), /*ipv6=*/true);
    if (elsewhere.connected()) {
      elsewhere.send("c\n");
      EXPECT_EQ(elsewhere.receive(2), "c\n");
    }
  }
  // Whoever leaves makes room for another one.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string answer;
  while (answer.empty() && std::chrono::steady_clock::now() < end) {
    TestClient next(server.port());
    if (next.send_some("d\n") == 2) answer = next.receive(2);
  }
  EXPECT_EQ(answer, "d\n");
}

TEST(Listener, SpreadsConnectionsOverItsShards) {
  runtime::Shard first(0, "one");
  runtime::Shard second(1, "two");
  ConnectionShard first_connections(first);
  ConnectionShard second_connections(second);
  first.start();
  second.start();
  LineHandler name_shard = [](Connection& connection, const std::string&) {
    connection.send(connection.shard().shard().name());
  };
  auto listener =
      Listener::open({.name = "test", .option = "--test"},
                     {&first_connections, &second_connections}, [&](Connection& connection) {
                       return std::make_unique<LineSession>(connection, name_shard, nullptr);
                     });
  ASSERT_TRUE(listener.has_value());
  (*listener)->start();
  std::vector<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    TestClient client((*listener)->port());
    client.send("x\n");
    seen.push_back(client.receive(3));
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre("one", "two", "one", "two"));
  (*listener)->close();
  first.stop();
  second.stop();
}

}  // namespace
}  // namespace weir::net
