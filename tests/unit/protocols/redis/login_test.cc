// Logins do not hold anybody up: passwords are compared elsewhere.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kWrong =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

// A server with the user alice, whose comparisons of passwords are done when the test says so.
struct Slow {
  Slow() {
    EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "on", ">secret", "~*", "&*", "+@all"}), kOk);
    server.service->logins().compare_by([this](Logins::Work work, Logins::Done done) {
      held.emplace_back(std::move(work), std::move(done));
    });
  }
  void compare_one() {
    auto [work, done] = std::move(held.front());
    held.pop_front();
    done(work());
  }
  void do_newest() {
    auto [work, done] = std::move(held.back());
    held.pop_back();
    done(work());
  }

  TestServer server;
  TestClient root{server};
  std::deque<std::pair<Logins::Work, Logins::Done>> held;
};

TEST(RedisSlowLogin, OthersGoOnAndWhatIsBehindItWaits) {
  Slow slow;
  TestClient client(slow.server);
  EXPECT_EQ(client.send({"AUTH", "alice", "secret"}), "");
  EXPECT_EQ(client.send({"ACL", "WHOAMI"}), "");
  EXPECT_EQ(slow.root.send({"SET", "k", "v"}), kOk);
  EXPECT_THAT(slow.root.send({"INFO", "clients"}), HasSubstr("blocked_clients:0"));
  slow.compare_one();
  EXPECT_EQ(client.replies[0], kOk);
  EXPECT_EQ(client.replies[1], "$5\r\nalice\r\n");
  EXPECT_TRUE(slow.held.empty());
}

TEST(RedisSlowLogin, EveryLoginOfAPipelineIsAnsweredInItsTurn) {
  Slow slow;
  TestClient client(slow.server);
  const std::string answer = client.send_all({{"PING"},
                                              {"AUTH", "alice", "guess"},
                                              {"ACL", "WHOAMI"},
                                              {"HELLO", "2", "AUTH", "alice", "secret"},
                                              {"ACL", "WHOAMI"},
                                              {"AUTH", "bob", "secret"},
                                              {"ECHO", "x"}});
  EXPECT_EQ(answer, "");
  slow.compare_one();
  slow.compare_one();
  EXPECT_EQ(client.last(), "");
  slow.compare_one();
  EXPECT_TRUE(slow.held.empty());
  EXPECT_THAT(client.last(), StartsWith("+PONG\r\n" + std::string(kWrong) + "$7\r\ndefault\r\n"));
  EXPECT_THAT(client.last(), HasSubstr("$5\r\nalice\r\n" + std::string(kWrong) + "$1\r\nx\r\n"));
}

TEST(RedisSlowLogin, ThePasswordOfManyClientsIsComparedOnceAndThenRemembered) {
  Slow slow;
  TestClient first(slow.server);
  TestClient second(slow.server);
  TestClient other(slow.server);
  first.send({"AUTH", "alice", "secret"});
  second.send({"AUTH", "alice", "secret"});
  other.send({"AUTH", "alice", "guess"});
  EXPECT_EQ(slow.held.size(), 2U);
  slow.compare_one();
  EXPECT_EQ(first.last(), kOk);
  EXPECT_EQ(second.last(), kOk);
  EXPECT_EQ(other.last(), "");
  slow.compare_one();
  EXPECT_EQ(other.last(), kWrong);
  EXPECT_EQ(other.send({"AUTH", "alice", "secret"}), kOk) << "it is remembered";
}

TEST(RedisSlowLogin, OnlySoManyAreUnderWayAtOnce) {
  Slow slow;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<TestClient>(slow.server));
    clients.back()->send({"AUTH", "alice", std::to_string(i)});
  }
  EXPECT_EQ(slow.held.size(), Logins::kComparisonsMax);
  for (const auto& client : clients) {
    EXPECT_EQ(client->last(), "");
    slow.compare_one();
    EXPECT_EQ(client->last(), kWrong);
  }
  EXPECT_TRUE(slow.held.empty());
}

TEST(RedisSlowLogin, InsideATransactionItIsComparedWhenItIsQueued) {
  Slow slow;
  TestClient client(slow.server);
  EXPECT_EQ(client.send_all({{"MULTI"}, {"AUTH", "alice", "secret"}, {"ACL", "WHOAMI"}, {"EXEC"}}),
            "");
  slow.compare_one();
  EXPECT_EQ(client.last(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$5\r\nalice\r\n");
}

TEST(RedisSlowLogin, AUserWhoChangesMeanwhileIsNotLetInByHisOldPassword) {
  Slow slow;
  TestClient client(slow.server);
  client.send({"AUTH", "alice", "secret"});
  EXPECT_EQ(slow.root.send({"ACL", "SETUSER", "alice", ">other"}), "");
  slow.do_newest();
  EXPECT_EQ(slow.root.last(), kOk);
  slow.compare_one();
  EXPECT_EQ(client.last(), kWrong);
}

TEST(RedisSlowLogin, WhoSetsAPasswordHoldsUpNobodyElse) {
  Slow slow;
  TestClient client(slow.server);
  EXPECT_EQ(
      slow.root.send_all({{"ACL", "SETUSER", "bob", "on", ">1", ">secret", "+@all"}, {"PING"}}),
      "");
  EXPECT_EQ(client.send({"SET", "k", "v"}), kOk);
  slow.compare_one();
  EXPECT_TRUE(slow.held.empty()) << "the last of several passwords is the only one that counts";
  EXPECT_EQ(slow.root.last(), "+OK\r\n+PONG\r\n");
  EXPECT_EQ(client.send({"AUTH", "bob", "secret"}), "");
  slow.compare_one();
  EXPECT_EQ(client.last(), kOk);
}

TEST(RedisSlowLogin, WhoMayNotSetPasswordsMakesNoWork) {
  Slow slow;
  slow.root.send({"ACL", "SETUSER", "guest", "on", "nopass", "+@all", "-acl"});
  TestClient client(slow.server);
  EXPECT_EQ(client.send({"AUTH", "guest", "x"}), kOk);
  EXPECT_THAT(client.send({"ACL", "SETUSER", "guest", ">x"}), StartsWith("-NOPERM"));
  EXPECT_TRUE(slow.held.empty());
}

TEST(RedisSlowLogin, AClientMayGoWhileItsPasswordIsCompared) {
  Slow slow;
  {
    TestClient client(slow.server);
    client.send({"AUTH", "alice", "secret"});
    client.send({"SET", "k", "never"});
  }
  slow.compare_one();
  EXPECT_EQ(slow.root.send({"EXISTS", "k"}), ":0\r\n");
}

TEST(RedisSlowLogin, AResultMayComeWhenTheServiceIsGone) {
  Slow slow;
  TestClient client(slow.server);
  client.send({"AUTH", "alice", "secret"});
  auto late = std::move(slow.held.front());
  slow.held.clear();
  const std::string before = client.last();
  slow.server.restart();
  late.second(late.first());
  EXPECT_EQ(before, "");
  TestClient again(slow.server);
  EXPECT_EQ(again.send({"AUTH", "alice", "guess"}), kWrong);
}

TEST(RedisSlowLogin, WhatCannotBeAPasswordIsNotCompared) {
  Slow slow;
  TestClient client(slow.server);
  EXPECT_EQ(client.send({"AUTH", "alice", std::string(kPasswordBytesMax + 1, 'x')}), kWrong);
  EXPECT_EQ(client.send({"AUTH", "default", "anything"}), kOk);
  EXPECT_THAT(client.send({"AUTH", "a", "b", "c"}), HasSubstr("syntax error"));
  EXPECT_THAT(client.send({"HELLO", "3", "AUTH", "alice"}),
              HasSubstr("Syntax error in HELLO option 'AUTH'"));
  EXPECT_TRUE(slow.held.empty());
}

}  // namespace
}  // namespace weir::redis
