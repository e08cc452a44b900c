// Ranges and combinations of sorted sets, SORT, and replies that are silenced.
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulks(const std::vector<std::string>& texts) {
  std::string all = "*" + std::to_string(texts.size()) + "\r\n";
  for (const std::string& text : texts)
    all += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  return all;
}

TEST(SortedSets, RangesByMemberKeepToTheirBounds) {
  TestServer server;
  TestClient client(server);
  client.send({"ZADD", "z", "0", "a", "0", "b", "0", "c", "0", "d"});
  EXPECT_EQ(client.send({"ZRANGEBYLEX", "z", "-", "(c"}), bulks({"a", "b"}));
  EXPECT_EQ(client.send({"ZREVRANGEBYLEX", "z", "+", "[b", "LIMIT", "1", "2"}), bulks({"c", "b"}));
  EXPECT_EQ(client.send({"ZRANGE", "z", "[b", "+", "BYLEX"}), bulks({"b", "c", "d"}));
  EXPECT_EQ(client.send({"ZRANGE", "z", "0", "1", "REV"}), bulks({"d", "c"}));
  EXPECT_EQ(client.send({"ZLEXCOUNT", "z", "(a", "[c"}), ":2\r\n");
  EXPECT_EQ(client.send({"ZRANGEBYLEX", "z", "a", "c"}),
            "-ERR min or max not valid string range item\r\n");
  EXPECT_EQ(client.send({"ZRANGESTORE", "y", "z", "[b", "[c", "BYLEX"}), ":2\r\n");
  EXPECT_EQ(client.send({"ZRANGE", "y", "0", "-1", "WITHSCORES"}), bulks({"b", "0", "c", "0"}));
  EXPECT_EQ(client.send({"ZREMRANGEBYLEX", "z", "[a", "[b"}), ":2\r\n");
  EXPECT_EQ(client.send({"ZCARD", "z"}), ":2\r\n");
}

TEST(SortedSets, AMemberGivenTwiceIsAddedOnceAndKeepsTheLastScore) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"ZADD", "z", "CH", "1", "a", "2", "b", "3", "a"}), ":3\r\n");
  EXPECT_EQ(client.send({"ZADD", "z", "GT", "CH", "5", "a", "4", "a", "4", "c", "9", "c"}),
            ":3\r\n");
  EXPECT_EQ(client.send({"ZMSCORE", "z", "a", "b", "c"}),
            "*3\r\n$1\r\n5\r\n$1\r\n2\r\n$1\r\n9\r\n");
  EXPECT_EQ(client.send({"ZREM", "z", "a", "a", "c"}), ":2\r\n");
}

TEST(SortedSets, CombinationsWeighAndAggregate) {
  TestServer server;
  TestClient client(server);
  client.send({"ZADD", "a", "1", "x", "2", "y"});
  client.send({"ZADD", "b", "10", "y", "20", "z"});
  client.send({"SADD", "s", "y", "w"});
  EXPECT_EQ(client.send({"ZUNION", "2", "a", "b", "WEIGHTS", "2", "1", "WITHSCORES"}),
            bulks({"x", "2", "y", "14", "z", "20"}));
  EXPECT_EQ(client.send({"ZINTER", "3", "a", "b", "s", "AGGREGATE", "MAX", "WITHSCORES"}),
            bulks({"y", "10"}));
  EXPECT_EQ(client.send({"ZDIFFSTORE", "d", "2", "b", "a"}), ":1\r\n");
  EXPECT_EQ(client.send({"ZRANGE", "d", "0", "-1"}), bulks({"z"}));
  EXPECT_EQ(client.send({"ZINTERCARD", "2", "a", "s", "LIMIT", "5"}), ":1\r\n");
  EXPECT_EQ(client.send({"ZUNION", "0", "a"}),
            "-ERR at least 1 input key is needed for 'zunion' command\r\n");
  EXPECT_EQ(client.send({"COMMAND", "GETKEYS", "ZUNIONSTORE", "d", "2", "a", "b"}),
            bulks({"d", "a", "b"}));
}

TEST(SortedSets, AWaitingMultiPopIsServedWhenMembersCome) {
  TestServer server;
  TestClient client(server);
  TestClient waiting(server);
  EXPECT_EQ(waiting.send({"BZMPOP", "0", "2", "z", "y", "MAX", "COUNT", "2"}), "");
  client.send({"ZADD", "y", "1", "a", "2", "b", "3", "c"});
  EXPECT_EQ(waiting.last(), "*2\r\n$1\r\ny\r\n*2\r\n" + bulks({"c", "3"}) + bulks({"b", "2"}));
  EXPECT_EQ(client.send({"ZMPOP", "1", "z", "MIN"}), "*-1\r\n");
  EXPECT_EQ(client.send({"ZRANDMEMBER", "y", "-3"}), bulks({"a", "a", "a"}));
}

TEST(Sort, OrdersByPatternsAndStores) {
  TestServer server;
  TestClient client(server);
  TestClient waiting(server);
  client.send({"RPUSH", "l", "3", "10", "1"});
  client.send({"MSET", "w3", "1", "w10", "2", "w1", "3"});
  client.send({"HSET", "h10", "name", "ten"});
  EXPECT_EQ(client.send({"SORT", "l"}), bulks({"1", "3", "10"}));
  EXPECT_EQ(client.send({"SORT", "l", "ALPHA", "DESC"}), bulks({"3", "10", "1"}));
  EXPECT_EQ(client.send({"SORT", "l", "BY", "w*", "LIMIT", "0", "2"}), bulks({"3", "10"}));
  EXPECT_EQ(client.send({"SORT", "l", "BY", "none", "GET", "#", "GET", "h*->name"}),
            "*6\r\n$1\r\n3\r\n$-1\r\n$2\r\n10\r\n$3\r\nten\r\n$1\r\n1\r\n$-1\r\n");
  EXPECT_EQ(waiting.send({"BLPOP", "sorted", "0"}), "");
  EXPECT_EQ(client.send({"SORT", "l", "STORE", "sorted"}), ":3\r\n");
  EXPECT_EQ(waiting.last(), bulks({"sorted", "1"}));
  client.send({"RPUSH", "l", "word"});
  EXPECT_EQ(client.send({"SORT", "l"}),
            "-ERR One or more scores can't be converted into double\r\n");
}

TEST(ReplyMode, WhatComesLateIsSilencedAndSubscriptionsAreNot) {
  TestServer server;
  TestClient client(server, 3);
  client.send({"XADD", "s", "1-1", "f", "v"});
  EXPECT_EQ(client.send({"CLIENT", "REPLY", "OFF"}), "");
  EXPECT_EQ(client.send({"XRANGE", "s", "-", "+"}), "");
  EXPECT_TRUE(client.send({"SUBSCRIBE", "c"}).starts_with(">3\r\n")) << client.last();
  EXPECT_EQ(client.send({"CLIENT", "REPLY", "ON"}), "+OK\r\n");
}

// A deleted head is passed over, not delivered without a body.
TEST(StreamGroups, ADeletedHeadIsNotDelivered) {
  TestServer server;
  TestClient client(server);
  client.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  client.send({"XADD", "s", "1-1", "f", "v"});
  client.send({"XDEL", "s", "1-1"});
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"}), "*-1\r\n");
}

TEST(StreamGroups, TrimmedEntriesStayPendingUntilAcknowledged) {
  TestServer server;
  TestClient client(server);
  for (int i = 1; i <= 3; ++i) client.send({"XADD", "s", std::to_string(i), "f", "v"});
  client.send({"XGROUP", "CREATE", "s", "g", "0"});
  client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "1"}), ":2\r\n");
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", "0"}),
            "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n");
  EXPECT_EQ(client.send({"XACK", "s", "g", "1"}), ":1\r\n");
}

// A restart used to forget which entries they were: they were pending no more.
TEST(StreamGroups, ARestartChangesNothingOfTrimmedEntriesThatArePending) {
  OneClient one;
  for (int i = 1; i <= 4; ++i) one.send({"XADD", "s", std::to_string(i), "f", "v"});
  for (const char* group : {"g", "h", "i"}) {
    one.send({"XGROUP", "CREATE", "s", group, "0"});
    one.send({"XREADGROUP", "GROUP", group, "c", "STREAMS", "s", ">"});
  }
  EXPECT_EQ(one.send({"XTRIM", "s", "MAXLEN", "1"}), ":3\r\n");
  EXPECT_EQ(one.send({"XACK", "s", "g", "1"}), ":1\r\n");
  const std::vector<std::vector<std::string>> questions = {
      {"XPENDING", "s", "g"},
      {"XPENDING", "s", "h"},
      {"XPENDING", "s", "g", "-", "+", "10"},
      {"XPENDING", "s", "h", "-", "+", "10"},
      {"XREADGROUP", "GROUP", "i", "c", "STREAMS", "s", "0"}};
  std::vector<std::string> before;
  for (const auto& question : questions) before.push_back(one.send(question));
  EXPECT_TRUE(before[0].starts_with("*4\r\n:3\r\n$3\r\n2-0\r\n$3\r\n4-0\r\n")) << before[0];
  EXPECT_TRUE(before[1].starts_with("*4\r\n:4\r\n$3\r\n1-0\r\n$3\r\n4-0\r\n")) << before[1];
  one.restart();
  for (size_t i = 0; i < questions.size(); ++i) EXPECT_EQ(one.send(questions[i]), before[i]) << i;
  one.restart();  // what was recovered lasts as well
  for (size_t i = 0; i < questions.size(); ++i) EXPECT_EQ(one.send(questions[i]), before[i]) << i;
  // Redis: what is claimed and gone is pending no more.
  EXPECT_EQ(one.send({"XCLAIM", "s", "g", "d", "0", "2"}), "*0\r\n");
  EXPECT_EQ(one.send({"XACK", "s", "g", "2", "3", "4"}), ":2\r\n");
  EXPECT_EQ(one.send({"XACK", "s", "h", "1", "2", "3", "4"}), ":4\r\n");
  one.restart();
  EXPECT_TRUE(one.send({"XPENDING", "s", "h"}).starts_with("*4\r\n:0\r\n"));
}

// More entries than the cache of IDs remembers.
TEST(StreamGroups, TrimmingKeepsWhatIsPendingHoweverLongAgoItWasRead) {
  constexpr int kCount = 50'000;
  OneClient one;
  one.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  for (int i = 1; i <= kCount; ++i) one.send({"XADD", "s", std::to_string(i), "f", "v"});
  one.send({"XREADGROUP", "GROUP", "g", "c", "COUNT", std::to_string(kCount), "STREAMS", "s", ">"});
  one.send({"XTRIM", "s", "MAXLEN", "0"});
  const std::string all = "*4\r\n:" + std::to_string(kCount) + "\r\n$3\r\n1-0\r\n";
  EXPECT_TRUE(one.send({"XPENDING", "s", "g"}).starts_with(all));
  one.restart();
  EXPECT_TRUE(one.send({"XPENDING", "s", "g"}).starts_with(all));
  EXPECT_EQ(one.send({"XACK", "s", "g", "7"}), ":1\r\n");
}

}  // namespace
}  // namespace weir::redis
