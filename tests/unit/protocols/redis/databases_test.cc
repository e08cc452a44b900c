// Databases by number, and SWAPDB.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kOk = "+OK\r\n";

TEST(SwapDb, NumbersExchangeTheirKeysAndStreamsAndClientsKeepTheirNumber) {
  OneClient one;
  one.send({"SET", "k", "zero"});
  one.send({"XADD", "s", "1-1", "f", "v"});
  {
    TestClient other(one.server);
    other.send({"SELECT", "1"});
    other.send({"SET", "k", "one"});
    EXPECT_EQ(one.send({"SWAPDB", "0", "1"}), kOk);
    EXPECT_EQ(one.send({"GET", "k"}), "$3\r\none\r\n");
    EXPECT_EQ(one.send({"EXISTS", "s"}), ":0\r\n");
    EXPECT_EQ(other.send({"GET", "k"}), "$4\r\nzero\r\n");
    EXPECT_EQ(other.send({"XLEN", "s"}), ":1\r\n");
    EXPECT_THAT(one.send({"CLIENT", "LIST"}), AllOf(HasSubstr(" db=0 "), HasSubstr(" db=1 ")));
    EXPECT_THAT(other.send({"CLIENT", "INFO"}), HasSubstr(" db=1 "));
    EXPECT_THAT(one.send({"INFO", "keyspace"}),
                HasSubstr("db0:keys=1,expires=0,avg_ttl=0\r\ndb1:keys=2,expires=0,avg_ttl=0\r\n"));
    EXPECT_EQ(one.send({"MOVE", "k", "1"}), ":0\r\n") << "it is there already";
    EXPECT_EQ(one.send({"COPY", "k", "copied", "DB", "1"}), ":1\r\n");
    EXPECT_EQ(other.send({"GET", "copied"}), "$3\r\none\r\n");
    EXPECT_EQ(other.send({"RESET"}), "+RESET\r\n");
    EXPECT_EQ(other.send({"GET", "k"}), "$3\r\none\r\n");
  }
  one.restart();
  EXPECT_EQ(one.send({"GET", "k"}), "$3\r\none\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "1", "0"}), kOk);
  EXPECT_EQ(one.send({"GET", "k"}), "$4\r\nzero\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "3", "0"}), kOk);
  EXPECT_EQ(one.send({"GET", "k"}), "$-1\r\n");
  one.restart();
  one.send({"SELECT", "3"});
  EXPECT_EQ(one.send({"GET", "k"}), "$4\r\nzero\r\n");
  EXPECT_EQ(one.send({"XLEN", "s"}), ":1\r\n");
}

TEST(SwapDb, MistakesAreToldAsByRedis) {
  OneClient one;
  EXPECT_EQ(one.send({"SWAPDB", "x", "1"}), "-ERR invalid first DB index\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "1", "x"}), "-ERR invalid second DB index\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "0", "16"}), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "-1", "0"}), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(one.send({"SWAPDB", "5", "5"}), kOk);
}

TEST(SwapDb, WhoReadsWaitsForItToBeDurable) {
  OneClient one;
  TestClient other(one.server);
  one.send({"SWAPDB", "0", "1"});
  const Lsn swapped = one.client->last_depends.lsn;
  EXPECT_GT(swapped, Lsn());
  EXPECT_EQ(other.send({"GET", "k"}), "$-1\r\n");
  EXPECT_GE(other.last_depends.lsn, swapped);
}

TEST(SwapDb, AWatchedKeyHasChangedIfThereIsOneBeforeOrAfter) {
  OneClient one;
  TestClient other(one.server);
  const auto swapped_under_watch = [&](const std::string& key) {
    one.send({"WATCH", key});
    EXPECT_EQ(other.send({"SWAPDB", "0", "1"}), kOk);
    one.send({"MULTI"});
    one.send({"PING"});
    return one.send({"EXEC"});
  };
  one.send({"SET", "k", "v"});
  EXPECT_EQ(swapped_under_watch("k"), "*-1\r\n") << "it went";
  EXPECT_EQ(swapped_under_watch("k"), "*-1\r\n") << "it came";
  EXPECT_EQ(swapped_under_watch("none"), "*1\r\n+PONG\r\n");

  one.send({"WATCH", "none"});
  other.send({"SWAPDB", "0", "1"});
  other.send({"SET", "none", "v"});
  one.send({"MULTI"});
  EXPECT_EQ(one.send({"EXEC"}), "*-1\r\n") << "it watches the key of the number";
}

TEST(SwapDb, WhoWaitsTriesAgainAndThenWaitsForTheKeysOfHisNumber) {
  TestServer server;
  TestClient taker(server);
  TestClient later(server);
  TestClient reader(server);
  TestClient other(server);
  other.send({"SELECT", "1"});
  other.send({"RPUSH", "l", "x"});
  reader.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  EXPECT_EQ(taker.send({"BLPOP", "l", "0"}), "");
  EXPECT_EQ(later.send({"BLPOP", "m", "0"}), "");
  EXPECT_EQ(reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  other.send({"SWAPDB", "0", "1"});
  server.advance(1);
  EXPECT_EQ(taker.last(), "*2\r\n$1\r\nl\r\n$1\r\nx\r\n");
  EXPECT_THAT(reader.last(), HasSubstr("-NOGROUP No such key 's' or consumer group 'g'"));
  EXPECT_EQ(later.last(), "");
  other.send({"RPUSH", "m", "of the other number"});
  EXPECT_EQ(later.last(), "");
  taker.send({"RPUSH", "m", "y"});
  EXPECT_EQ(later.last(), "*2\r\n$1\r\nm\r\n$1\r\ny\r\n");
}

TEST(SwapDb, InATransactionTheCommandsBehindItSeeTheOtherDatabase) {
  OneClient one;
  one.send({"SET", "k", "v"});
  one.send({"MULTI"});
  one.send({"SWAPDB", "0", "2"});
  one.send({"GET", "k"});
  one.send({"SET", "n", "new"});
  EXPECT_EQ(one.send({"EXEC"}), "*3\r\n+OK\r\n$-1\r\n+OK\r\n");
  one.restart();
  EXPECT_EQ(one.send({"GET", "n"}), "$3\r\nnew\r\n");
  one.send({"SELECT", "2"});
  EXPECT_EQ(one.send({"GET", "k"}), "$1\r\nv\r\n");
}

}  // namespace
}  // namespace weir::redis
