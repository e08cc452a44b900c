#include "protocols/redis/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/redis/glob.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

TEST(Service, APushIsPoppedFromTheOtherEnd) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"LPUSH", "q", "a", "b"}), ":2\r\n");
  EXPECT_EQ(client.send({"RPOP", "q"}), "$1\r\na\r\n");
  EXPECT_EQ(client.send({"RPOP", "q"}), "$1\r\nb\r\n");
  EXPECT_EQ(client.send({"RPOP", "q"}), "$-1\r\n");
  EXPECT_EQ(client.send({"EXISTS", "q"}), ":0\r\n");
}

TEST(Service, WhatWasAnsweredSurvivesARestart) {
  TestServer server;
  {
    TestClient client(server);
    client.send({"RPUSH", "list", "a", "b", "c"});
    client.send({"LPOP", "list"});
    client.send({"HSET", "hash", "field", "value"});
    client.send({"SET", "text", "x", "PX", "5000"});
    client.send({"SELECT", "3"});
    client.send({"SADD", "set", "member"});
  }
  server.journal.checkpoint();
  {
    TestClient client(server);
    client.send({"RPUSH", "list", "d"});
  }
  server.restart();
  TestClient client(server);
  EXPECT_EQ(client.send({"LRANGE", "list", "0", "-1"}), "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n");
  EXPECT_EQ(client.send({"HGET", "hash", "field"}), "$5\r\nvalue\r\n");
  EXPECT_EQ(client.send({"PTTL", "text"}), ":5000\r\n");
  client.send({"SELECT", "3"});
  EXPECT_EQ(client.send({"SISMEMBER", "set", "member"}), ":1\r\n");
  server.advance(5000);
  client.send({"SELECT", "0"});
  EXPECT_EQ(client.send({"DBSIZE"}), ":2\r\n");
}

TEST(Service, AReplyDependsOnTheNewestCommitOfTheKeyThatItRead) {
  TestServer server;
  TestClient writer(server);
  writer.send({"SET", "key", "1"});
  const Lsn written = writer.newest;
  EXPECT_GT(written, Lsn(0));
  TestClient reader(server);
  reader.send({"GET", "key"});
  EXPECT_EQ(reader.newest, written);
  TestClient other(server);
  other.send({"PING"});
  EXPECT_EQ(other.newest, Lsn(0));
}

TEST(Blocking, WaitersOfOneKeyAreServedInTheOrderInWhichTheyCame) {
  TestServer server;
  TestClient first(server);
  TestClient second(server);
  TestClient pusher(server);
  EXPECT_EQ(first.send({"BLPOP", "q", "0"}), "");
  EXPECT_EQ(second.send({"BRPOP", "q", "0"}), "");
  EXPECT_EQ(server.service->blocked_clients(), 2U);
  EXPECT_EQ(pusher.send({"RPUSH", "q", "a", "x", "y", "z"}), ":4\r\n");
  EXPECT_EQ(first.last(), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
  EXPECT_EQ(second.last(), "*2\r\n$1\r\nq\r\n$1\r\nz\r\n");
  EXPECT_EQ(pusher.send({"LLEN", "q"}), ":2\r\n");
  EXPECT_EQ(server.service->blocked_clients(), 0U);
}

TEST(Blocking, ATransactionIsSeenWholeByThoseWhoWait) {
  TestServer server;
  TestClient waiter(server);
  TestClient client(server);
  waiter.send({"BLPOP", "a", "b", "0"});
  client.send({"MULTI"});
  client.send({"RPUSH", "b", "1"});
  client.send({"RPUSH", "a", "2"});
  client.send({"EXEC"});
  EXPECT_EQ(waiter.last(), "*2\r\n$1\r\na\r\n$1\r\n2\r\n");
  waiter.send({"BLPOP", "gone", "0"});
  client.send({"MULTI"});
  client.send({"RPUSH", "gone", "1"});
  client.send({"DEL", "gone"});
  client.send({"EXEC"});
  EXPECT_EQ(waiter.last(), "");
}

TEST(Blocking, TimeOverIsANullArrayAndInsideMultiAtOnce) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"BLPOP", "q", "0.1"}), "");
  server.advance(99);
  EXPECT_EQ(client.last(), "");
  server.advance(1);
  EXPECT_EQ(client.last(), "*-1\r\n");
  client.send({"MULTI"});
  client.send({"BLPOP", "q", "0"});
  EXPECT_EQ(client.send({"EXEC"}), "*1\r\n*-1\r\n");
}

TEST(Blocking, LaterCommandsOfAWaitingClientWaitTheirTurn) {
  TestServer server;
  TestClient client(server);
  TestClient pusher(server);
  client.send({"BLPOP", "q", "0"});
  EXPECT_EQ(client.send({"PING"}), "");
  pusher.send({"LPUSH", "q", "v"});
  EXPECT_EQ(client.replies[0], "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
  EXPECT_EQ(client.replies[1], "+PONG\r\n");
}

TEST(Blocking, ABlockedMoveChainsThroughSeveralLists) {
  TestServer server;
  TestClient last(server);
  TestClient middle(server);
  TestClient pusher(server);
  last.send({"BRPOP", "c", "0"});
  middle.send({"BLMOVE", "a", "c", "LEFT", "LEFT", "0"});
  pusher.send({"RPUSH", "a", "x"});
  EXPECT_EQ(middle.last(), "$1\r\nx\r\n");
  EXPECT_EQ(last.last(), "*2\r\n$1\r\nc\r\n$1\r\nx\r\n");
}

TEST(Blocking, AClientThatLeavesTakesNothing) {
  TestServer server;
  TestClient pusher(server);
  {
    TestClient leaver(server);
    leaver.send({"BLPOP", "q", "0"});
  }
  EXPECT_EQ(server.service->blocked_clients(), 0U);
  EXPECT_EQ(pusher.send({"RPUSH", "q", "v"}), ":1\r\n");
  EXPECT_EQ(pusher.send({"LLEN", "q"}), ":1\r\n");
}

TEST(Transactions, AWatchedKeyThatChangedBreaksTheTransaction) {
  TestServer server;
  TestClient client(server);
  TestClient other(server);
  client.send({"WATCH", "key"});
  client.send({"MULTI"});
  client.send({"SET", "key", "mine"});
  other.send({"SET", "key", "theirs"});
  EXPECT_EQ(client.send({"EXEC"}), "*-1\r\n");
  EXPECT_EQ(client.send({"GET", "key"}), "$6\r\ntheirs\r\n");
  client.send({"MULTI"});
  client.send({"NOSUCH"});
  EXPECT_EQ(client.send({"EXEC"}),
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

TEST(Pubsub, MessagesReachSubscribersByChannelAndPattern) {
  TestServer server;
  TestClient plain(server);
  TestClient pattern(server, 3);
  TestClient publisher(server);
  EXPECT_EQ(plain.send({"SUBSCRIBE", "news"}), "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  pattern.send({"PSUBSCRIBE", "n*"});
  EXPECT_EQ(publisher.send({"PUBLISH", "news", "hi"}), ":2\r\n");
  EXPECT_EQ(plain.pushed, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(pattern.pushed, ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  EXPECT_EQ(plain.send({"GET", "x"}),
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
            "RESET are allowed in this "
            "context\r\n");
}

TEST(Clients, AListNamesTheLastCommandOfEachWithItsSubcommand) {
  TestServer server;
  TestClient named(server);
  TestClient asking(server);
  EXPECT_EQ(named.send({"CLIENT", "SETNAME", "worker"}), "+OK\r\n");
  const std::string list = asking.send({"CLIENT", "LIST"});
  EXPECT_THAT(list, testing::HasSubstr("cmd=client|setname "));
  EXPECT_THAT(list, testing::HasSubstr("cmd=client|list "));
  // The bytes of the command that runs, and of no other.
  EXPECT_THAT(list, testing::ContainsRegex("name=worker [^\n]* qbuf=0 "));
  EXPECT_THAT(list, testing::ContainsRegex("name= [^\n]* qbuf=26 "));
}

// What was queued while there was room used to go in whatever had become of it.
TEST(Transactions, MemoryAboveTheLimitAbortsWhatGrowsAndNothingElse) {
  TestServer server;
  TestClient client(server);
  TestClient other(server);
  client.send({"SET", "key", std::string(2000, 'x')});
  client.send({"MULTI"});
  client.send({"LPUSH", "q", "v"});
  other.send({"CONFIG", "SET", "maxmemory", "1kb"});
  EXPECT_EQ(client.send({"EXEC"}),
            "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory "
            "> 'maxmemory'.\r\n");
  EXPECT_EQ(client.send({"EXISTS", "q"}), ":0\r\n") << "the transaction is over";
  client.send({"MULTI"});
  client.send({"DEL", "key"});
  EXPECT_EQ(client.send({"EXEC"}), "*1\r\n:1\r\n");
}

// The client that had asked for EXEC went on being in its transaction.
TEST(Transactions, AFullDiskAbortsWhatBringsDataAndEndsTheTransaction) {
  TestServer server;
  TestClient client(server);
  client.send({"RPUSH", "q", "v"});
  server.journal.fail(Error{ErrorCode::kStorageUnavailable, "the disk is full"}, true);
  client.send({"MULTI"});
  client.send({"RPUSH", "q", "more"});
  EXPECT_THAT(client.send({"EXEC"}),
              testing::StartsWith("-EXECABORT Transaction discarded because of: "));
  EXPECT_EQ(client.send({"LLEN", "q"}), ":1\r\n") << "the transaction is over";
  client.send({"MULTI"});
  client.send({"LPOP", "q"});
  EXPECT_EQ(client.send({"EXEC"}), "*1\r\n$1\r\nv\r\n");
}

TEST(Config, MemoryAboveTheLimitRefusesWhatGrows) {
  TestServer server;
  TestClient client(server);
  client.send({"SET", "key", std::string(2000, 'x')});
  EXPECT_EQ(client.send({"CONFIG", "SET", "maxmemory", "1kb"}), "+OK\r\n");
  EXPECT_EQ(client.send({"LPUSH", "q", "v"}),
            "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
  EXPECT_EQ(client.send({"DEL", "key"}), ":1\r\n");
  EXPECT_EQ(client.send({"LPUSH", "q", "v"}), ":1\r\n");
}

TEST(Glob, MatchesAsRedisDoes) {
  EXPECT_TRUE(glob_matches("h?llo*", "hello world"));
  EXPECT_TRUE(glob_matches("[^a-c]x", "dx"));
  EXPECT_FALSE(glob_matches("[^a-c]x", "bx"));
  EXPECT_TRUE(glob_matches("a\\*", "a*"));
  EXPECT_FALSE(glob_matches("a\\*", "ab"));
  EXPECT_TRUE(glob_matches("*a*b*c", "xxaxxbxxc"));
  EXPECT_FALSE(glob_matches(std::string(50, '*') + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace weir::redis
