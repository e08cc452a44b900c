// XREADGROUP ... CLAIM and XNACK.
// Source: https://redis.io/docs/latest/commands/xreadgroup/ and .../xnack/
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string integer(int64_t value) {
  return ":" + std::to_string(value) + "\r\n";
}

// [id, [f, number], idle, deliveries]
std::string four(int number, int64_t idle, int64_t deliveries) {
  return "*4\r\n" + bulk(std::to_string(number) + "-0") + "*2\r\n" + bulk("f") +
         bulk(std::to_string(number)) + integer(idle) + integer(deliveries);
}

std::string of_stream(int count, const std::string& entries) {
  return "*1\r\n*2\r\n" + bulk("s") + "*" + std::to_string(count) + "\r\n" + entries;
}

std::string pending(int number, const std::string& owner, int64_t idle, int64_t deliveries) {
  return "*4\r\n" + bulk(std::to_string(number) + "-0") + bulk(owner) + integer(idle) +
         integer(deliveries);
}

// A stream of five entries and a group.
struct Stream : OneClient {
  Stream() {
    send({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"});
    for (int i = 1; i <= 5; ++i) add(i);
  }
  void add(int number) { send({"XADD", "s", std::to_string(number), "f", std::to_string(number)}); }
  std::string read(const std::string& consumer, const std::string& count) {
    return send({"XREADGROUP", "GROUP", "g", consumer, "COUNT", count, "STREAMS", "s", ">"});
  }
  std::string claim(const std::string& consumer,
                    const std::string& idle,
                    const std::string& count) {
    return send(
        {"XREADGROUP", "GROUP", "g", consumer, "COUNT", count, "CLAIM", idle, "STREAMS", "s", ">"});
  }
  std::string all_pending() { return send({"XPENDING", "s", "g", "-", "+", "10"}); }
};

TEST(StreamClaims, WhatWaitedLongestComesFirstThenWhatIsNew) {
  Stream s;
  s.read("a", "2");
  s.server.advance(100);
  s.read("b", "1");
  s.server.advance(50);
  EXPECT_EQ(s.claim("c", "50", "4"),
            of_stream(4, four(1, 150, 1) + four(2, 150, 1) + four(3, 50, 1) + four(4, 0, 0)));
  EXPECT_EQ(s.claim("c", "1", "9"), of_stream(1, four(5, 0, 0)));
  EXPECT_EQ(s.claim("c", "1", "9"), "*-1\r\n");
  s.server.advance(1);
  EXPECT_EQ(s.claim("d", "1", "1"), of_stream(1, four(1, 1, 2)));
  EXPECT_EQ(s.all_pending(), "*5\r\n" + pending(1, "d", 0, 3) + pending(2, "c", 1, 2) +
                                 pending(3, "c", 1, 2) + pending(4, "c", 1, 1) +
                                 pending(5, "c", 1, 1));
}

TEST(StreamClaims, EntriesWithoutABodyStayWithTheirOwner) {
  Stream s;
  s.read("a", "5");
  s.send({"XDEL", "s", "1", "2"});
  s.server.advance(10);
  EXPECT_EQ(s.claim("b", "10", "1"), of_stream(1, four(3, 10, 1)));
  EXPECT_TRUE(s.all_pending().starts_with("*5\r\n" + pending(1, "a", 10, 1)));
}

TEST(StreamClaims, AHistoryIsReadAsWithoutClaim) {
  Stream s;
  s.read("a", "1");
  s.server.advance(10);
  EXPECT_EQ(s.send({"XREADGROUP", "GROUP", "g", "b", "CLAIM", "1", "STREAMS", "s", "0"}),
            of_stream(0, ""));
  EXPECT_EQ(s.send({"XREADGROUP", "GROUP", "g", "a", "CLAIM", "1", "STREAMS", "s", "0"}),
            of_stream(1, "*2\r\n" + bulk("1-0") + "*2\r\n" + bulk("f") + bulk("1")));
}

TEST(StreamClaims, AReaderThatWaitsIsServedWhenAnEntryHasWaitedLongEnough) {
  Stream s;
  TestClient waiting(s.server);
  s.read("a", "5");
  const std::vector<std::string> claim{"XREADGROUP", "GROUP", "g", "b",     "COUNT",
                                       "1",          "BLOCK", "0", "CLAIM", "100",
                                       "STREAMS",    "s",     ">"};
  EXPECT_EQ(waiting.send(claim), "");
  s.server.advance(60);
  // Acknowledging the one that would be due first, and giving another away, postpones it.
  s.send({"XACK", "s", "g", "1", "2", "3", "4"});
  s.send({"XCLAIM", "s", "g", "c", "0", "5"});
  s.server.advance(60);
  EXPECT_EQ(waiting.last(), "");
  s.server.advance(40);
  EXPECT_EQ(waiting.last(), of_stream(1, four(5, 100, 2)));
  // New entries and the end of the time are served as ever.
  EXPECT_EQ(waiting.send(claim), "");
  s.add(6);
  EXPECT_EQ(waiting.last(), of_stream(1, four(6, 0, 0)));
  s.send({"XACK", "s", "g", "5", "6"});
  EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "250", "CLAIM", "100",
                          "STREAMS", "s", ">"}),
            "");
  s.server.advance(100);
  s.server.advance(100);
  EXPECT_EQ(waiting.last(), "");
  s.server.advance(50);
  EXPECT_EQ(waiting.last(), "*-1\r\n");
}

TEST(StreamClaims, WrongArgumentsAreNamed) {
  Stream s;
  EXPECT_EQ(s.claim("a", "x", "1"), "-ERR min-idle-time is not an integer or out of range\r\n");
  EXPECT_EQ(s.claim("a", "-1", "1"), "-ERR min-idle-time must be a positive integer\r\n");
  EXPECT_EQ(s.send({"XREAD", "CLAIM", "1", "STREAMS", "s", "0"}),
            "-ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.\r\n");
}

TEST(StreamNack, WhatIsGivenBackHasNoOwnerAndIsTakenFirst) {
  Stream s;
  s.read("a", "4");
  s.server.advance(10);
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "IDS", "2", "3", "2"}), ":2\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "SILENT", "IDS", "3", "4", "5", "9"}), ":1\r\n");
  EXPECT_EQ(s.all_pending(), "*4\r\n" + pending(1, "a", 10, 1) + pending(2, "", -1, 1) +
                                 pending(3, "", -1, 1) + pending(4, "", -1, 0));
  EXPECT_EQ(s.send({"XPENDING", "s", "g"}),
            "*4\r\n:4\r\n" + bulk("1-0") + bulk("4-0") + "*1\r\n*2\r\n" + bulk("a") + bulk("1"));
  EXPECT_TRUE(s.send({"XINFO", "STREAM", "s", "FULL"})
                  .contains(bulk("pel-count") + ":4\r\n" + bulk("nacked-count") + ":3\r\n"));
  // Not for those who read what is new, at once for those who claim, in the order of the return.
  EXPECT_EQ(s.claim("b", "1000000", "2"),
            of_stream(2, four(3, s.server.now_ms, 1) + four(2, s.server.now_ms, 1)));
  EXPECT_EQ(s.send({"XCLAIM", "s", "g", "b", "1000000", "4", "1", "JUSTID"}),
            "*1\r\n" + bulk("4-0"));
}

TEST(StreamNack, TheCounterIsKeptLoweredSetOrFull) {
  Stream s;
  s.read("a", "2");
  s.send({"XNACK", "s", "g", "FATAL", "IDS", "1", "1"});
  s.send({"XNACK", "s", "g", "FATAL", "IDS", "1", "2", "RETRYCOUNT", "7"});
  EXPECT_EQ(s.all_pending(), "*2\r\n" + pending(1, "", -1, INT64_MAX) + pending(2, "", -1, 7));
  EXPECT_EQ(s.send({"XNACK", "s", "g", "SILENT", "IDS", "2", "3", "9", "FORCE"}), ":1\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "SILENT", "IDS", "1", "3"}), ":1\r\n");
  EXPECT_TRUE(s.all_pending().ends_with(pending(3, "", -1, 0)));
  // A full counter stays full.
  s.claim("b", "0", "1");
  EXPECT_TRUE(s.all_pending().contains(pending(1, "b", 0, INT64_MAX)));
}

TEST(StreamNack, AWaitingReaderThatClaimsGetsItAtOnceAndARestartForgetsNothing) {
  Stream s;
  s.read("a", "5");
  {
    TestClient waiting(s.server);
    EXPECT_EQ(waiting.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "CLAIM", "10000",
                            "STREAMS", "s", ">"}),
              "");
    s.send({"XNACK", "s", "g", "FAIL", "IDS", "1", "4"});
    EXPECT_EQ(waiting.last(), of_stream(1, four(4, s.server.now_ms, 1)));
    s.send({"XNACK", "s", "g", "FAIL", "IDS", "1", "2"});
    EXPECT_NE(waiting.send({"XREADGROUP", "GROUP", "g", "b", "NOACK", "CLAIM", "10000", "STREAMS",
                            "s", ">"}),
              "*-1\r\n");
    s.send({"XNACK", "s", "g", "FAIL", "IDS", "2", "5", "1"});
  }
  s.restart();
  EXPECT_EQ(s.claim("c", "1000", "9"),
            of_stream(2, four(5, s.server.now_ms, 1) + four(1, s.server.now_ms, 1)));
}

TEST(StreamNack, WrongArgumentsAreNamed) {
  Stream s;
  EXPECT_EQ(s.send({"XNACK", "s", "none", "FAIL", "IDS", "1", "1"}),
            "-NOGROUP No such key 's' or consumer group 'none'\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "SOFT", "IDS", "1", "1"}),
            "-ERR mode must be SILENT, FAIL, or FATAL\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "IDS", "0", "1"}),
            "-ERR numids must be a positive integer\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "IDS", "2", "1"}),
            "-ERR number of IDs doesn't match numids\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "IDS", "1", "1", "RETRYCOUNT", "-1"}),
            "-ERR Invalid RETRYCOUNT value, must be >= 0\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "IDS", "1", "1", "LATER"}),
            "-ERR Unrecognized XNACK option 'LATER'\r\n");
  EXPECT_EQ(s.send({"XNACK", "s", "g", "FAIL", "FORCE", "FORCE", "FORCE"}),
            "-ERR syntax error, expected IDS keyword\r\n");
}

}  // namespace
}  // namespace weir::redis
