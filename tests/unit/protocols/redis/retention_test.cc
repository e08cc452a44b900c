// How long and how much of a stream is kept: XCFGSET RETENTION-MS and RETENTION-BYTES.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOk = "+OK\r\n";

class StreamRetention : public testing::Test, protected OneClient {
 protected:
  // Each entry lies in a frame of its own.
  void add(int id, size_t bytes = 1) {
    send({"XADD", "s", std::to_string(id), "f", std::string(bytes, 'x')});
    server.journal.sync();
  }
  int64_t length() {
    const std::string answer = send({"XLEN", "s"});
    return std::stoll(answer.substr(1));
  }
};

TEST_F(StreamRetention, WhatIsTooOldGoesByItself) {
  add(1);
  add(2);
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-MS", "60000"}), kOk);
  server.advance(50'000);
  add(3);
  EXPECT_EQ(length(), 3);
  server.advance(11'000);
  EXPECT_EQ(length(), 1);
  EXPECT_THAT(send({"XRANGE", "s", "-", "+"}), HasSubstr("3-0"));
  EXPECT_EQ(
      send({"XADD", "s", "2", "f", "v"}),
      "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n");
  restart();
  server.advance(60'000);
  EXPECT_EQ(length(), 0);
  EXPECT_EQ(send({"EXISTS", "s"}), ":1\r\n") << "an empty stream stays";
}

TEST_F(StreamRetention, WhatIsTooMuchGoesByItselfAndSoMuchStays) {
  EXPECT_EQ(send({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"}), kOk);
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-BYTES", "3000"}), kOk);
  for (int i = 1; i <= 10; ++i) add(i, 1000);
  server.advance(2000);
  EXPECT_GE(length(), 2);
  EXPECT_LE(length(), 4);
  const std::string read = send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
  EXPECT_THAT(read, HasSubstr("10-0"));
  EXPECT_THAT(read, Not(HasSubstr("$3\r\n1-0\r\n"))) << "a group goes on with what is there";
}

TEST_F(StreamRetention, ItIsShownOnceItIsSetAndGoesWithTheName) {
  add(1);
  EXPECT_THAT(send({"XINFO", "STREAM", "s"}), Not(HasSubstr("retention")));
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-MS", "5000", "IDMP-MAXSIZE", "7"}), kOk);
  send({"RENAME", "s", "t"});
  send({"RENAME", "t", "s"});
  restart();
  const std::string kept = "$12\r\nretention-ms\r\n:5000\r\n$15\r\nretention-bytes\r\n:-1\r\n";
  EXPECT_THAT(send({"XINFO", "STREAM", "s"}), HasSubstr(kept));
  EXPECT_THAT(send({"XINFO", "STREAM", "s", "FULL"}), HasSubstr(kept));
  EXPECT_THAT(send({"XINFO", "STREAM", "s"}), HasSubstr("$12\r\nidmp-maxsize\r\n:7\r\n"));
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-MS", "-1"}), kOk);
  EXPECT_THAT(send({"XINFO", "STREAM", "s"}), Not(HasSubstr("retention")));
  server.advance(100'000);
  EXPECT_EQ(length(), 1);
}

TEST_F(StreamRetention, MistakesAreToldAndChangeNothing) {
  add(1);
  for (const std::string value : {"0", "-2"}) {
    EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-MS", value}),
              "-ERR RETENTION-MS must be at least 1, or -1 for no limit\r\n");
  }
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-BYTES", "x"}),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-BYTES", "5", "RETENTION-BYTES", "6"}),
            "-ERR RETENTION-BYTES specified multiple times\r\n");
  EXPECT_EQ(send({"XCFGSET", "s", "RETENTION-BYTES", "5", "RETENTION-MS"}),
            "-ERR syntax error\r\n");
  EXPECT_EQ(send({"XCFGSET", "none", "RETENTION-MS", "5"}), "-ERR no such key\r\n");
  EXPECT_THAT(send({"XINFO", "STREAM", "s"}), Not(HasSubstr("retention")));
}

TEST_F(StreamRetention, WhatAnotherProtocolMadeKeepsItsOwn) {
  broker::TopicSpec spec;
  spec.name = {"", "orders"};
  spec.origin = catalog::Origin::kKafka;
  ASSERT_TRUE(server.broker->create_topic(spec, Timestamp(server.now_ms)));
  EXPECT_THAT(send({"XCFGSET", "orders", "RETENTION-MS", "5000"}),
              HasSubstr("-ERR refused: the stream was made through another protocol"));
}

}  // namespace
}  // namespace weir::redis
