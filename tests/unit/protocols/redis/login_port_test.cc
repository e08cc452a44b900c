// Logins through a real port: the front end has passwords compared on a thread of its own.

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <string>

#include "base/credentials/scram.h"
#include "broker/broker.h"
#include "net/connection_shard.h"
#include "net/listener.h"
#include "protocols/redis/front_end.h"
#include "runtime/clock.h"
#include "runtime/shard.h"
#include "runtime/timer.h"
#include "storage/memory/memory_journal.h"
#include "tests/unit/net/test_client.h"

namespace weir::redis {
namespace {

constexpr std::string_view kWrong =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

// A port that demands logins, with the user alice; everything on one shard.
class Port {
 public:
  Port() : shard_(0, "state"), connections_(shard_) {
    shard_.start();
    broker_ = std::make_unique<runtime::Owned<broker::Broker>>(
        shard_, std::make_unique<broker::Broker>(journal_, Random(11)));
    shard_.run_and_wait([this] {
      broker::Broker& broker = broker_->here();
      WEIR_ASSERT(journal_.recover(broker).has_value());
      WEIR_ASSERT(broker.start(clock_.now()).has_value());
      broker.on_progress(
          [this](Lsn written, Lsn durable) { connections_.watermark().advance(written, durable); });
      catalog::User alice;
      alice.name = "alice";
      alice.credentials = credentials_of("secret");
      alice.properties[std::string(kRightsProperty)] = AclRules::all().text();
      WEIR_ASSERT(broker.put_user(alice, clock_.now()).has_value());
      journal_.sync_on_poll(true);
      pump_ = std::make_unique<runtime::Timer>(shard_, [this] { pump(); });
      pump_->arm(Milliseconds(1));
    });
    ServiceOptions options;
    options.login.required = true;
    front_ = std::make_unique<FrontEnd>(*broker_, clock_, options);
    net::ListenerOptions listening{
        .name = "redis", .option = "--redis-port", .limits = front_->limits()};
    auto opened = net::Listener::open(listening, {&connections_}, front_->factory());
    WEIR_ASSERT(opened.has_value());
    listener_ = std::move(*opened);
    listener_->start();
  }
  ~Port() {
    listener_->close();
    const auto closed = std::make_shared<std::latch>(1);
    shard_.post([this, closed] {
      connections_.close_all(Milliseconds(1000), [closed] { closed->count_down(); });
    });
    closed->wait();
    front_.reset();
    shard_.run_and_wait([this] {
      pump_.reset();
      broker_->here().stop();
    });
    shard_.stop();
  }

  uint16_t port() const { return listener_->port(); }

 private:
  void pump() {
    journal_.poll();
    pump_->arm(Milliseconds(1));
  }

  runtime::WallClock clock_;
  storage::MemoryJournal journal_;
  runtime::Shard shard_;
  net::ConnectionShard connections_;
  std::unique_ptr<runtime::Owned<broker::Broker>> broker_;
  std::unique_ptr<runtime::Timer> pump_;
  std::unique_ptr<FrontEnd> front_;
  std::unique_ptr<net::Listener> listener_;
};

TEST(RedisLoginPort, APipelineOfLoginsIsAnsweredInOrder) {
  Port port;
  net::TestClient client(port.port());
  client.send(
      "GET k\r\nAUTH alice guess\r\nAUTH alice secret\r\nACL WHOAMI\r\nAUTH bob "
      "secret\r\nPING\r\n");
  const std::string expected = "-NOAUTH Authentication required.\r\n" + std::string(kWrong) +
                               "+OK\r\n$5\r\nalice\r\n" + std::string(kWrong) + "+PONG\r\n";
  EXPECT_EQ(client.receive(expected.size()), expected);
}

TEST(RedisLoginPort, WhoTriesManyPasswordsIsAnsweredAndOthersAreToo) {
  Port port;
  net::TestClient guesser(port.port());
  net::TestClient client(port.port());
  client.send("AUTH alice secret\r\n");
  EXPECT_EQ(client.receive(5), "+OK\r\n");
  constexpr int kGuesses = 50;
  std::string guesses;
  std::string wrong;
  for (int i = 0; i < kGuesses; ++i) {
    guesses += "AUTH alice " + std::to_string(i) + "\r\n";
    wrong += kWrong;
  }
  guesser.send(guesses);
  client.send("SET k v\r\nGET k\r\n");
  EXPECT_EQ(client.receive(12), "+OK\r\n$1\r\nv\r\n");
  EXPECT_EQ(guesser.receive(wrong.size()), wrong);
}

TEST(RedisLoginPort, WhoHasNotLoggedInMaySendOnlyShortRequests) {
  Port port;
  net::TestClient many(port.port());
  many.send("*11\r\n");
  const std::string too_many = "-ERR Protocol error: unauthenticated multibulk length\r\n";
  EXPECT_EQ(many.receive(too_many.size()), too_many);
  net::TestClient large(port.port());
  large.send("*2\r\n$3\r\nGET\r\n$16385\r\n");
  const std::string too_large = "-ERR Protocol error: unauthenticated bulk length\r\n";
  EXPECT_EQ(large.receive(too_large.size()), too_large);
}

TEST(RedisLoginPort, WhatFollowsALoginInTheSamePipelineMayBeLong) {
  Port port;
  net::TestClient client(port.port());
  const std::string value(20'000, 'v');
  client.send("*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$6\r\nsecret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" +
              std::to_string(value.size()) + "\r\n" + value + "\r\n");
  EXPECT_EQ(client.receive(10), "+OK\r\n+OK\r\n");
}

TEST(RedisLoginPort, StopsWhileAPasswordIsCompared) {
  Port port;
  net::TestClient client(port.port());
  client.send("AUTH alice guess\r\nAUTH alice another\r\nPING\r\n");
}

}  // namespace
}  // namespace weir::redis
