// XGROUP POLICY: redelivery and the delivery limit of a group; MONITOR and LCS.
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string entry(int number) {
  return "*2\r\n" + bulk(std::to_string(number) + "-0") + "*2\r\n" + bulk("f") +
         bulk(std::to_string(number));
}

std::string of_stream(int count, const std::string& entries) {
  return "*1\r\n*2\r\n" + bulk("s") + "*" + std::to_string(count) + "\r\n" + entries;
}

class GroupPolicy : public testing::Test, protected OneClient {
 protected:
  GroupPolicy() {
    send({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"});
    for (int i = 1; i <= 2; ++i) send({"XADD", "s", std::to_string(i), "f", std::to_string(i)});
  }
  std::string read(const std::string& consumer) {
    return send({"XREADGROUP", "GROUP", "g", consumer, "STREAMS", "s", ">"});
  }
};

TEST_F(GroupPolicy, WhatIsNotAcknowledgedInTimeIsDeliveredAgain) {
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "REDELIVER", "100"}), "+OK\r\n");
  EXPECT_EQ(read("a"), of_stream(2, entry(1) + entry(2)));
  EXPECT_EQ(read("b"), "*-1\r\n");
  send({"XACK", "s", "g", "2"});
  TestClient waiting(server);
  EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  server.advance(99);
  EXPECT_EQ(waiting.last(), "");
  server.advance(1);
  EXPECT_EQ(waiting.last(), of_stream(1, entry(1)));
}

TEST_F(GroupPolicy, WhatWasDeliveredTooOftenGoesToAnotherStreamInOneCommit) {
  send({"XGROUP", "POLICY", "s", "g", "REDELIVER", "100", "MAXDELIVERIES", "2", "DEADLETTER", "d"});
  read("a");
  send({"XNACK", "s", "g", "FATAL", "IDS", "1", "2"});
  EXPECT_EQ(read("b"), "*-1\r\n");
  EXPECT_EQ(send({"XLEN", "d"}), ":1\r\n");
  server.advance(100);
  EXPECT_EQ(read("b"), of_stream(1, entry(1)));
  server.advance(100);
  restart();
  EXPECT_EQ(read("b"), "*-1\r\n");
  EXPECT_EQ(send({"XPENDING", "s", "g"}), "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
  EXPECT_EQ(send({"XLEN", "s"}), ":2\r\n");
  const std::string dead = send({"XRANGE", "d", "-", "+"});
  EXPECT_TRUE(dead.contains(bulk("f") + bulk("1") + bulk("weir.dead-letter.source") + bulk("s") +
                            bulk("weir.dead-letter.group") + bulk("g") +
                            bulk("weir.dead-letter.id") + bulk("1-0") +
                            bulk("weir.dead-letter.deliveries") + bulk("2")))
      << dead;
}

TEST_F(GroupPolicy, EntriesStayPendingWhileTheOtherNameIsNoStream) {
  send({"SET", "d", "x"});
  send({"XGROUP", "POLICY", "s", "g", "REDELIVER", "10", "MAXDELIVERIES", "1", "DEADLETTER", "d"});
  read("a");
  server.advance(10);
  EXPECT_EQ(read("b"), "*-1\r\n");
  EXPECT_TRUE(send({"XPENDING", "s", "g"}).starts_with("*4\r\n:2\r\n"));
  send({"DEL", "d"});
  EXPECT_EQ(read("b"), "*-1\r\n");
  EXPECT_EQ(send({"XLEN", "d"}), ":2\r\n");
}

TEST_F(GroupPolicy, EntriesAreHeldBackForAsLongAsItSays) {
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "DELAY", "1000"}), "+OK\r\n");
  EXPECT_EQ(read("a"), "*-1\r\n");
  server.journal.sync();
  server.advance(400);
  send({"XADD", "s", "3", "f", "3"});
  TestClient waiting(server);
  EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  server.advance(599);
  EXPECT_EQ(waiting.last(), "");
  server.advance(1);
  EXPECT_EQ(waiting.last(), of_stream(2, entry(1) + entry(2))) << "and not what came later";
  EXPECT_EQ(read("a"), "*-1\r\n");
  server.advance(400);
  EXPECT_EQ(send({"XREADGROUP", "GROUP", "g", "a", "NOACK", "STREAMS", "s", ">"}),
            of_stream(1, entry(3)));
}

TEST_F(GroupPolicy, WhoWaitsForEntriesGetsANewOneWhenItsTimeHasCome) {
  send({"XGROUP", "POLICY", "s", "g", "DELAY", "1000"});
  send({"XGROUP", "SETID", "s", "g", "$"});
  server.journal.sync();
  TestClient waiting(server);
  EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  server.advance(5000);
  send({"XADD", "s", "3", "f", "3"});
  EXPECT_EQ(waiting.last(), "");
  server.advance(999);
  EXPECT_EQ(waiting.last(), "");
  server.advance(1);
  EXPECT_EQ(waiting.last(), of_stream(1, entry(3)));
}

TEST_F(GroupPolicy, WithoutTheDelayWhatWaitsIsGivenOutAtOnce) {
  send({"XGROUP", "POLICY", "s", "g", "DELAY", "1000"});
  restart();
  EXPECT_EQ(read("a"), "*-1\r\n");
  TestClient waiting(server);
  EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  send({"XGROUP", "POLICY", "s", "g", "DELAY", "0"});
  EXPECT_EQ(waiting.last(), of_stream(2, entry(1) + entry(2)));
}

TEST_F(GroupPolicy, AnEntryThatWasDeletedWhileItWaitedIsPassedOver) {
  send({"XGROUP", "POLICY", "s", "g", "DELAY", "1000"});
  send({"XDEL", "s", "1"});
  server.advance(1000);
  EXPECT_EQ(read("a"), of_stream(1, entry(2)));
  EXPECT_EQ(read("a"), "*-1\r\n");
}

TEST_F(GroupPolicy, OptionsAreShownCheckedAndForgottenWithTheGroup) {
  const std::string none = "*8\r\n" + bulk("redeliver") + ":0\r\n" + bulk("maxdeliveries") +
                           ":0\r\n" + bulk("deadletter") + bulk("") + bulk("delay") + ":0\r\n";
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g"}), none);
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "MAXDELIVERIES", "3"}),
            "-ERR MAXDELIVERIES needs DEADLETTER, the stream that gets the entries\r\n");
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "MAXDELIVERIES", "3", "DEADLETTER", "s"}),
            "-ERR a stream cannot be its own DEADLETTER\r\n");
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "REDELIVER", "-1"}),
            "-ERR REDELIVER must be between 0 and 31536000000 ms\r\n");
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g", "DELAY", "31536000001"}),
            "-ERR DELAY must be between 0 and 31536000000 ms\r\n");
  send({"XGROUP", "POLICY", "s", "g", "REDELIVER", "5", "MAXDELIVERIES", "3", "DEADLETTER", "a b",
        "DELAY", "7"});
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g"}),
            "*8\r\n" + bulk("redeliver") + ":5\r\n" + bulk("maxdeliveries") + ":3\r\n" +
                bulk("deadletter") + bulk("a b") + bulk("delay") + ":7\r\n");
  send({"XGROUP", "DESTROY", "s", "g"});
  send({"XGROUP", "CREATE", "s", "g", "0"});
  EXPECT_EQ(send({"XGROUP", "POLICY", "s", "g"}), none);
}

TEST(Monitor, ShowsWhatOthersRunButNoSecrets) {
  TestServer server;
  TestClient listener(server);
  TestClient client(server);
  client.client->address = "127.0.0.1:7";
  EXPECT_EQ(listener.send({"MONITOR"}), "+OK\r\n");
  client.send({"SET", "a\"b", "x\ny"});
  client.send({"CONFIG", "GET", "save"});
  client.send({"AUTH", "user", "secret"});
  const std::string time = "+1700000000.000000 [0 127.0.0.1:7] ";
  EXPECT_EQ(listener.pushed, time + "\"SET\" \"a\\\"b\" \"x\\ny\"\r\n" + time +
                                 "\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n");
  listener.pushed.clear();
  listener.send({"RESET"});
  client.send({"PING"});
  EXPECT_EQ(listener.pushed, "");
}

TEST(Lcs, TheSubsequenceItsLengthOrItsPlaces) {
  TestServer server;
  TestClient client(server);
  client.send({"MSET", "a", "ohmytext", "b", "mynewtext"});
  EXPECT_EQ(client.send({"LCS", "a", "b"}), bulk("mytext"));
  EXPECT_EQ(client.send({"LCS", "a", "b", "LEN"}), ":6\r\n");
  EXPECT_EQ(client.send({"LCS", "a", "none"}), bulk(""));
  EXPECT_EQ(client.send({"LCS", "a", "b", "IDX", "MINMATCHLEN", "3", "WITHMATCHLEN"}),
            "*4\r\n" + bulk("matches") + "*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n" +
                bulk("len") + ":6\r\n");
  EXPECT_EQ(
      client.send({"LCS", "a", "b", "IDX"}),
      "*4\r\n" + bulk("matches") +
          "*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:"
          "1\r\n" +
          bulk("len") + ":6\r\n");
  EXPECT_EQ(client.send({"LCS", "a", "b", "IDX", "LEN"}),
            "-ERR If you want both the length and indexes, please just use IDX.\r\n");
  client.send({"RPUSH", "l", "x"});
  EXPECT_EQ(client.send({"LCS", "a", "l"}),
            "-ERR The specified keys must contain string values\r\n");
}

}  // namespace
}  // namespace weir::redis
