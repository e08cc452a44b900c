// Streams as keys among others: deadlines, COPY, MOVE.
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

class StreamKeys : public testing::Test, protected OneClient {
 protected:
  void add(const std::string& key, int count) {
    for (int i = 1; i <= count; ++i) send({"XADD", key, std::to_string(i), "f", std::to_string(i)});
  }
};

TEST_F(StreamKeys, AStreamExpiresAsOtherKeysDo) {
  add("s", 1);
  EXPECT_EQ(send({"TTL", "s"}), ":-1\r\n");
  EXPECT_EQ(send({"PERSIST", "s"}), ":0\r\n");
  EXPECT_EQ(send({"EXPIRE", "s", "10", "XX"}), ":0\r\n");
  EXPECT_EQ(send({"EXPIRE", "s", "10"}), ":1\r\n");
  EXPECT_EQ(send({"EXPIRE", "s", "5", "GT"}), ":0\r\n");
  server.advance(1000);
  EXPECT_EQ(send({"PTTL", "s"}), ":9000\r\n");
  EXPECT_EQ(send({"PERSIST", "s"}), ":1\r\n");
  server.advance(100'000);
  EXPECT_EQ(send({"PEXPIRE", "s", "50"}), ":1\r\n");
  server.now_ms += 49;
  EXPECT_EQ(send({"EXISTS", "s"}), ":1\r\n");
  // Nobody sees it afterwards, even if no timer has run.
  server.now_ms += 1;
  EXPECT_EQ(send({"EXISTS", "s"}), ":0\r\n");
  EXPECT_EQ(send({"TTL", "s"}), ":-2\r\n");
  add("s", 1);
  EXPECT_EQ(send({"EXPIREAT", "s", "1"}), ":1\r\n");
  EXPECT_EQ(send({"XLEN", "s"}), ":0\r\n");
}

// What a transaction makes, removes and makes again changes the catalog at one LSN: whoever
// remembers what a name stood for must not go by that.
TEST_F(StreamKeys, AStreamThatATransactionMakesAnewIsTheNewOne) {
  send({"MULTI"});
  send({"XADD", "s", "9-1", "a", "1"});
  send({"XADD", "s", "9-2", "b", "2"});
  send({"DEL", "s"});
  send({"XADD", "s", "5-1", "c", "3"});
  send({"XADD", "s", "5-2", "d", "4"});
  EXPECT_EQ(send({"EXEC"}),
            "*5\r\n" + bulk("9-1") + bulk("9-2") + ":1\r\n" + bulk("5-1") + bulk("5-2"));
  EXPECT_EQ(send({"XLEN", "s"}), ":2\r\n");
  EXPECT_EQ(send({"XRANGE", "s", "-", "5-1"}),
            "*1\r\n*2\r\n" + bulk("5-1") + "*2\r\n" + bulk("c") + bulk("3"));
  EXPECT_EQ(send({"DEL", "s"}), ":1\r\n");
  EXPECT_EQ(send({"XADD", "s", "1-1", "e", "5"}), bulk("1-1"));
}

TEST_F(StreamKeys, WhoWaitsForAStreamIsToldWhenItExpires) {
  send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  send({"PEXPIRE", "s", "100"});
  TestClient reader(server);
  EXPECT_EQ(reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  server.advance(100);
  EXPECT_TRUE(reader.last().starts_with("-NOGROUP")) << reader.last();
}

TEST_F(StreamKeys, ADeadlineGoesWithTheStreamAndOutlivesARestart) {
  add("s", 1);
  send({"PEXPIRE", "s", "500"});
  send({"RENAME", "s", "t"});
  restart();
  EXPECT_EQ(send({"PTTL", "t"}), ":500\r\n");
  EXPECT_EQ(send({"MOVE", "t", "3"}), ":1\r\n");
  EXPECT_EQ(send({"EXISTS", "t"}), ":0\r\n");
  send({"SELECT", "3"});
  EXPECT_EQ(send({"XLEN", "t"}), ":1\r\n");
  EXPECT_EQ(send({"PTTL", "t"}), ":500\r\n");
  server.advance(500);
  EXPECT_EQ(send({"EXISTS", "t"}), ":0\r\n");
}

TEST_F(StreamKeys, ACopyHasEntriesCountersGroupsAndDeadline) {
  add("s", 6);
  send({"XDEL", "s", "2", "6"});
  send({"XGROUP", "CREATE", "s", "g", "0"});
  send({"XREADGROUP", "GROUP", "g", "a", "COUNT", "2", "STREAMS", "s", ">"});
  server.advance(7);
  send({"XREADGROUP", "GROUP", "g", "b", "COUNT", "1", "STREAMS", "s", ">"});
  send({"XNACK", "s", "g", "FAIL", "IDS", "1", "3"});
  send({"EXPIRE", "s", "100"});
  EXPECT_EQ(send({"COPY", "s", "t"}), ":1\r\n");
  for (const std::vector<std::string>& question : std::vector<std::vector<std::string>>{
           {"XRANGE", "KEY", "-", "+"},
           {"XPENDING", "KEY", "g", "-", "+", "9"},
           {"XINFO", "GROUPS", "KEY"},
           {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "KEY", ">"},
           {"PTTL", "KEY"}}) {
    std::vector<std::string> of_source = question;
    std::vector<std::string> of_copy = question;
    for (std::string& word : of_source) word = word == "KEY" ? "s" : word;
    for (std::string& word : of_copy) word = word == "KEY" ? "t" : word;
    std::string expected = send(of_source);
    if (question.front() == "XREADGROUP") expected.replace(expected.find("s\r\n"), 1, "t");
    EXPECT_EQ(send(of_copy), expected);
  }
  const std::string info = send({"XINFO", "STREAM", "t"});
  EXPECT_TRUE(info.contains(bulk("last-generated-id") + bulk("6-0"))) << info;
  EXPECT_TRUE(info.contains(bulk("max-deleted-entry-id") + bulk("6-0"))) << info;
  EXPECT_TRUE(info.contains(bulk("entries-added") + ":6\r\n")) << info;
}

TEST_F(StreamKeys, ACopyReplacesOnlyWhenItIsTold) {
  add("s", 2);
  send({"SET", "t", "x"});
  EXPECT_EQ(send({"COPY", "s", "t"}), ":0\r\n");
  EXPECT_EQ(send({"COPY", "s", "t", "REPLACE"}), ":1\r\n");
  EXPECT_EQ(send({"XLEN", "t"}), ":2\r\n");
  send({"SET", "u", "x"});
  EXPECT_EQ(send({"COPY", "u", "t", "REPLACE"}), ":1\r\n");
  EXPECT_EQ(send({"TYPE", "t"}), "+string\r\n");
  EXPECT_EQ(send({"COPY", "s", "s", "DB", "2"}), ":1\r\n");
  EXPECT_EQ(send({"MOVE", "s", "2"}), ":0\r\n");
  send({"MULTI"});
  send({"XADD", "s", "9", "f", "v"});
  send({"COPY", "s", "w"});
  send({"EXEC"});
  EXPECT_EQ(send({"XLEN", "w"}), ":3\r\n");
}

}  // namespace
}  // namespace weir::redis
