// XADD IDMP and IDMPAUTO, XCFGSET.
// Source: https://redis.io/docs/latest/commands/xadd/ and .../xcfgset/
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

class Idempotent : public testing::Test, protected OneClient {
 protected:
  std::string add(const std::string& producer, const std::string& message) {
    return send({"XADD", "s", "IDMP", producer, message, "*", "f", "v"});
  }
  std::string add_auto(const std::vector<std::string>& fields) {
    std::vector<std::string> words{"XADD", "s", "IDMPAUTO", "p", "*"};
    words.insert(words.end(), fields.begin(), fields.end());
    return send(words);
  }
  // idmp-duration, idmp-maxsize, pids-tracked, iids-tracked, iids-added, iids-duplicates
  std::vector<int> numbers() {
    const std::string text = send({"XINFO", "STREAM", "s"});
    std::vector<int> found;
    for (const char* name : {"idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked",
                             "iids-added", "iids-duplicates"}) {
      const size_t at = text.find(std::string(name) + "\r\n:");
      EXPECT_NE(at, std::string::npos) << name;
      found.push_back(std::stoi(text.substr(at + std::string_view(name).size() + 3)));
    }
    return found;
  }
  std::string length() { return send({"XLEN", "s"}); }
};

TEST_F(Idempotent, AMessageSentAgainIsAnsweredWithItsFirstId) {
  const std::string first = add("p", "1");
  server.advance(5);
  EXPECT_EQ(add("p", "1"), first);
  EXPECT_NE(add("p", "2"), first);
  EXPECT_NE(add("q", "1"), first);
  EXPECT_EQ(length(), ":3\r\n");
  EXPECT_EQ(numbers(), (std::vector<int>{100, 100, 2, 3, 3, 1}));
  EXPECT_EQ(send({"XADD", "none", "NOMKSTREAM", "IDMP", "p", "1", "*", "f", "v"}), "$-1\r\n");
}

TEST_F(Idempotent, AStreamThatHasNothingToDoWithItShowsNoMoreFieldsThanBefore) {
  send({"XADD", "s", "*", "f", "v"});
  EXPECT_TRUE(send({"XINFO", "STREAM", "s"}).starts_with("*20\r\n"));
  EXPECT_TRUE(send({"XINFO", "STREAM", "s", "FULL"}).starts_with("*18\r\n"));
  add("p", "1");
  EXPECT_TRUE(send({"XINFO", "STREAM", "s"}).starts_with("*32\r\n"));
  EXPECT_TRUE(send({"XINFO", "STREAM", "s", "FULL"}).starts_with("*30\r\n"));
}

TEST_F(Idempotent, TheSameFieldsAreTheSameMessageInAnyOrder) {
  const std::string first = add_auto({"a", "1", "b", "2"});
  server.advance(5);
  EXPECT_EQ(add_auto({"b", "2", "a", "1"}), first);
  EXPECT_NE(add_auto({"a", "12", "b", ""}), first);
  EXPECT_NE(add_auto({"a", "1", "b", "2", "b", "2"}), first);
  EXPECT_EQ(length(), ":3\r\n");
}

TEST_F(Idempotent, ItIsRememberedAcrossARestart) {
  const std::string first = add("p", "1");
  send({"XCFGSET", "s", "IDMP-MAXSIZE", "7"});
  const std::string second = add("p", "1");
  EXPECT_NE(second, first);
  add("p", "1");
  restart();
  server.advance(50);
  EXPECT_EQ(add("p", "1"), second);
  EXPECT_EQ(numbers(), (std::vector<int>{100, 7, 1, 1, 2, 2}));
}

TEST_F(Idempotent, ARenamedStreamKnowsAndANewOneOfItsNameDoesNot) {
  const std::string first = add("p", "1");
  send({"XCFGSET", "s", "IDMP-DURATION", "100"});
  send({"RENAME", "s", "t"});
  server.advance(5);
  EXPECT_EQ(send({"XADD", "t", "IDMP", "p", "1", "*", "f", "v"}), first);
  EXPECT_NE(add("p", "1"), first);
  EXPECT_EQ(length(), ":1\r\n");
  send({"RENAME", "t", "s"});
  EXPECT_EQ(add("p", "1"), first);
  send({"DEL", "s"});
  EXPECT_NE(add("p", "1"), first);
  EXPECT_EQ(numbers(), (std::vector<int>{100, 100, 1, 1, 1, 0}));
}

TEST_F(Idempotent, TheWindowEndsByTimeAndByNumber) {
  add("p", "0");
  send({"XCFGSET", "s", "IDMP-DURATION", "10", "IDMP-MAXSIZE", "3"});
  EXPECT_EQ(numbers(), (std::vector<int>{10, 3, 0, 0, 1, 0}));
  const std::string one = add("p", "1");
  server.advance(6000);
  const std::string two = add("p", "2");
  server.advance(3999);
  EXPECT_EQ(add("p", "1"), one);
  server.advance(1);
  EXPECT_NE(add("p", "1"), one);
  EXPECT_EQ(add("p", "2"), two);
  add("p", "3");
  EXPECT_EQ(numbers()[3], 3);
  EXPECT_EQ(add("p", "2"), two);
  add("p", "4");
  EXPECT_EQ(numbers()[3], 3);
  EXPECT_NE(add("p", "2"), two);
  server.advance(60'000);
  EXPECT_EQ(numbers(), (std::vector<int>{10, 3, 0, 0, 7, 3}));
  // The same settings again forget nothing.
  const std::string last = add("p", "5");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-DURATION", "10"}), "+OK\r\n");
  EXPECT_EQ(add("p", "5"), last);
}

TEST_F(Idempotent, InATransactionTheSecondSeesTheFirst) {
  send({"MULTI"});
  add("p", "1");
  send({"XCFGSET", "s", "IDMP-MAXSIZE", "9"});
  add("p", "1");
  add("p", "1");
  send({"EXEC"});
  EXPECT_EQ(length(), ":2\r\n");
  EXPECT_EQ(numbers(), (std::vector<int>{100, 9, 1, 1, 2, 1}));
}

TEST_F(Idempotent, WrongArgumentsAreNamed) {
  EXPECT_EQ(send({"XADD", "s", "IDMP", "p", "1", "5-1", "f", "v"}),
            "-ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs\r\n");
  EXPECT_EQ(send({"XADD", "s", "IDMP", "p", "1", "IDMPAUTO", "p", "*", "f", "v"}),
            "-ERR syntax error, IDMP/IDMPAUTO specified multiple times\r\n");
  EXPECT_EQ(send({"XADD", "s", "IDMP", "", "1", "*", "f", "v"}),
            "-ERR syntax error, IDMP requires a non-empty producer ID\r\n");
  EXPECT_EQ(send({"XADD", "s", "IDMP", "p", "", "*", "f", "v"}),
            "-ERR syntax error, IDMP requires a non-empty idempotent ID\r\n");
  EXPECT_EQ(send({"XADD", "s", "IDMPAUTO", "", "*", "f", "v"}),
            "-ERR syntax error, IDMPAUTO requires a non-empty producer ID\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-MAXSIZE", "9"}), "-ERR no such key\r\n");
  add("p", "1");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-MAXSIZE", "10001"}),
            "-ERR IDMP-MAXSIZE must be between 1 and 10000 entries\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-DURATION", "0"}),
            "-ERR IDMP-DURATION must be between 1 and 86400 seconds\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-DURATION", "5", "IDMP-DURATION", "6"}),
            "-ERR IDMP-DURATION specified multiple times\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "IDMP-SIZE", "5"}), "-ERR syntax error\r\n");
}

}  // namespace
}  // namespace weir::redis
