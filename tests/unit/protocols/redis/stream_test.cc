#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string entry(const std::string& id, const std::string& field, const std::string& value) {
  return "*2\r\n" + bulk(id) + "*2\r\n" + bulk(field) + bulk(value);
}

TEST(Streams, EntriesAreReadByIdInBothDirections) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"XADD", "s", "1-1", "a", "1"}), bulk("1-1"));
  EXPECT_EQ(client.send({"XADD", "s", "1-*", "b", "2"}), bulk("1-2"));
  EXPECT_EQ(client.send({"XADD", "s", "5", "c", "3"}), bulk("5-0"));
  EXPECT_EQ(client.send({"XLEN", "s"}), ":3\r\n");
  EXPECT_EQ(client.send({"XRANGE", "s", "1-2", "+"}),
            "*2\r\n" + entry("1-2", "b", "2") + entry("5-0", "c", "3"));
  EXPECT_EQ(client.send({"XREVRANGE", "s", "(5-0", "-", "COUNT", "1"}),
            "*1\r\n" + entry("1-2", "b", "2"));
  EXPECT_EQ(
      client.send({"XADD", "s", "4-0", "x", "y"}),
      "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n");
  EXPECT_EQ(client.send({"XADD", "s", "0-0", "x", "y"}),
            "-ERR The ID specified in XADD must be greater than 0-0\r\n");
  EXPECT_EQ(client.send({"TYPE", "s"}), "+stream\r\n");
  EXPECT_EQ(client.send({"LPUSH", "s", "x"}),
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

TEST(Streams, DeletedAndTrimmedEntriesAreGone) {
  TestServer server;
  TestClient client(server);
  for (int i = 1; i <= 5; ++i)
    client.send({"XADD", "s", std::to_string(i), "f", std::to_string(i)});
  EXPECT_EQ(client.send({"XDEL", "s", "2-0", "9-0"}), ":1\r\n");
  EXPECT_EQ(client.send({"XLEN", "s"}), ":4\r\n");
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "2"}), ":2\r\n");
  EXPECT_EQ(client.send({"XRANGE", "s", "-", "+"}),
            "*2\r\n" + entry("4-0", "f", "4") + entry("5-0", "f", "5"));
  EXPECT_EQ(client.send({"XTRIM", "s", "MINID", "5"}), ":1\r\n");
  EXPECT_EQ(client.send({"DEL", "s"}), ":1\r\n");
  EXPECT_EQ(client.send({"EXISTS", "s"}), ":0\r\n");
}

TEST(Streams, AReaderThatWaitsGetsWhatIsAddedAndSoDoTheOthers) {
  TestServer server;
  TestClient first(server);
  TestClient second(server, 3);
  TestClient writer(server);
  writer.send({"XADD", "s", "1-0", "a", "1"});
  EXPECT_EQ(first.send({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}), "");
  EXPECT_EQ(second.send({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}), "");
  writer.send({"XADD", "s", "2-0", "b", "2"});
  EXPECT_EQ(first.last(), "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("2-0", "b", "2"));
  EXPECT_EQ(second.last(), "%1\r\n" + bulk("s") + "*1\r\n" + entry("2-0", "b", "2"));
  EXPECT_EQ(first.send({"XREAD", "BLOCK", "50", "STREAMS", "s", "none", "$", "$"}), "");
  server.advance(50);
  EXPECT_EQ(first.last(), "*-1\r\n");
}

TEST(StreamGroups, EntriesAreDeliveredOncePendUntilAcknowledgedAndAreTakenOver) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"}), "+OK\r\n");
  EXPECT_EQ(client.send({"XGROUP", "CREATE", "s", "g", "$"}),
            "-BUSYGROUP Consumer Group name already exists\r\n");
  client.send({"XADD", "s", "1-0", "a", "1"});
  client.send({"XADD", "s", "2-0", "b", "2"});
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c1", "COUNT", "1", "STREAMS", "s", ">"}),
            "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("1-0", "a", "1"));
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c2", "STREAMS", "s", ">"}),
            "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("2-0", "b", "2"));
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">"}), "*-1\r\n");
  EXPECT_EQ(client.send({"XPENDING", "s", "g"}), "*4\r\n:2\r\n" + bulk("1-0") + bulk("2-0") +
                                                     "*2\r\n*2\r\n" + bulk("c1") + bulk("1") +
                                                     "*2\r\n" + bulk("c2") + bulk("1"));
  EXPECT_EQ(client.send({"XACK", "s", "g", "2-0", "7-0"}), ":1\r\n");
  server.advance(1000);
  EXPECT_EQ(client.send({"XPENDING", "s", "g", "-", "+", "10"}),
            "*1\r\n*4\r\n" + bulk("1-0") + bulk("c1") + ":1000\r\n:1\r\n");
  EXPECT_EQ(client.send({"XAUTOCLAIM", "s", "g", "c2", "500", "0"}),
            "*3\r\n" + bulk("0-0") + "*1\r\n" + entry("1-0", "a", "1") + "*0\r\n");
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c2", "STREAMS", "s", "0"}),
            "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("1-0", "a", "1"));
  client.send({"XDEL", "s", "1-0"});
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c2", "STREAMS", "s", "0"}),
            "*1\r\n*2\r\n" + bulk("s") + "*1\r\n*2\r\n" + bulk("1-0") + "*-1\r\n");
  EXPECT_EQ(
      client.send({"XREADGROUP", "GROUP", "nope", "c", "STREAMS", "s", ">"}),
      "-NOGROUP No such key 's' or consumer group 'nope' in XREADGROUP with GROUP option\r\n");
}

TEST(StreamGroups, PendingEntriesSurviveARestart) {
  TestServer server;
  {
    TestClient client(server);
    client.send({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"});
    client.send({"XADD", "s", "1-0", "a", "1"});
    client.send({"XADD", "s", "2-0", "b", "2"});
    client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
    client.send({"XACK", "s", "g", "1-0"});
  }
  server.restart();
  TestClient client(server);
  EXPECT_EQ(client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0"}),
            "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("2-0", "b", "2"));
  EXPECT_EQ(client.send({"XACK", "s", "g", "2-0"}), ":1\r\n");
}

TEST(StreamGroups, AReaderThatWaitsIsToldWhenItsGroupOrKeyGoes) {
  TestServer server;
  TestClient reader(server);
  TestClient other(server);
  other.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  EXPECT_EQ(reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}), "");
  other.send({"XGROUP", "DESTROY", "s", "g"});
  EXPECT_TRUE(reader.last().starts_with("-NOGROUP")) << reader.last();
  other.send({"XGROUP", "CREATE", "s", "g", "$"});
  reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"});
  other.send({"DEL", "s"});
  EXPECT_TRUE(reader.last().starts_with("-NOGROUP")) << reader.last();
  other.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"});
  EXPECT_EQ(other.send({"SET", "s", "x"}), "+OK\r\n");
  EXPECT_TRUE(reader.last().starts_with("-WRONGTYPE")) << reader.last();
}

TEST(StreamGroups, WaitingConsumersOfAGroupAreServedInOrder) {
  TestServer server;
  TestClient first(server);
  TestClient second(server);
  TestClient writer(server);
  writer.send({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
  first.send({"XREADGROUP", "GROUP", "g", "a", "BLOCK", "0", "COUNT", "1", "STREAMS", "s", ">"});
  second.send({"XREADGROUP", "GROUP", "g", "b", "BLOCK", "0", "COUNT", "1", "STREAMS", "s", ">"});
  writer.send({"XADD", "s", "1-0", "f", "1"});
  EXPECT_NE(first.last(), "");
  EXPECT_EQ(second.last(), "");
  writer.send({"XADD", "s", "2-0", "f", "2"});
  EXPECT_NE(second.last(), "");
}

TEST(Streams, ATransactionReadsWhatItAdded) {
  TestServer server;
  TestClient client(server);
  client.send({"MULTI"});
  client.send({"XADD", "s", "1-0", "a", "1"});
  client.send({"XRANGE", "s", "-", "+"});
  client.send({"LPUSH", "l", "x"});
  EXPECT_EQ(client.send({"EXEC"}),
            "*3\r\n" + bulk("1-0") + "*1\r\n" + entry("1-0", "a", "1") + ":1\r\n");
}

TEST(Streams, XinfoTellsAboutStreamGroupsAndConsumers) {
  TestServer server;
  TestClient client(server, 3);
  client.send({"XADD", "s", "1-0", "a", "1"});
  client.send({"XGROUP", "CREATE", "s", "g", "0"});
  client.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
  const std::string stream = client.send({"XINFO", "STREAM", "s"});
  EXPECT_TRUE(stream.starts_with("%10\r\n")) << stream;
  EXPECT_NE(stream.find("last-generated-id\r\n$3\r\n1-0"), std::string::npos) << stream;
  EXPECT_NE(stream.find(bulk("recorded-first-entry-id") + bulk("1-0")), std::string::npos)
      << stream;
  const std::string groups = client.send({"XINFO", "GROUPS", "s"});
  EXPECT_NE(groups.find(bulk("last-delivered-id") + bulk("1-0")), std::string::npos) << groups;
  EXPECT_NE(groups.find(bulk("lag") + ":0"), std::string::npos) << groups;
  const std::string consumers = client.send({"XINFO", "CONSUMERS", "s", "g"});
  EXPECT_NE(consumers.find(bulk("pending") + ":1"), std::string::npos) << consumers;
  EXPECT_TRUE(client.send({"XINFO", "STREAM", "s", "FULL"}).starts_with("%9\r\n"));
}

TEST(Streams, WhatAnotherProtocolMadeIsAStreamThatRedisDoesNotDelete) {
  TestServer server;
  broker::TopicSpec spec;
  spec.name = {"", "orders"};
  spec.origin = catalog::Origin::kKafka;
  spec.partitions = 2;
  const auto topic = server.broker->create_topic(spec, Timestamp(server.now_ms));
  ASSERT_TRUE(topic.has_value());
  const log::RecordInput record{
      .key = "k", .value = "v", .headers = {}, .timestamp = Timestamp(server.now_ms)};
  ASSERT_TRUE(server.broker->append_record(topic->thing->logs[1], record, Timestamp(server.now_ms))
                  .has_value());
  TestClient client(server);
  EXPECT_EQ(client.send({"TYPE", "orders"}), "+stream\r\n");
  EXPECT_EQ(client.send({"XLEN", "orders:{1}"}), ":1\r\n");
  const std::string range = client.send({"XRANGE", "orders:{1}", "-", "+"});
  EXPECT_NE(range.find("*4\r\n" + bulk("key") + bulk("k") + bulk("value") + bulk("v")),
            std::string::npos)
      << range;
  EXPECT_TRUE(client.send({"DEL", "orders"}).starts_with("-ERR refused")) << client.last();
  client.send({"FLUSHALL"});
  EXPECT_EQ(client.send({"EXISTS", "orders"}), ":1\r\n");
}

}  // namespace
}  // namespace weir::redis
