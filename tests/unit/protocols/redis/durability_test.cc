// What each answer waits for: a test a row of the Redis table of docs/durability.md. Nothing is
// durable until the test says so; an answer that may leave at once names no commit.

#include <gtest/gtest.h>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using Arguments = std::vector<std::string>;

class RedisDurability : public testing::Test {
 protected:
  Lsn newest() const { return Lsn(server.broker->next_lsn().value() - 1); }
  // What the reply of a command waits for.
  broker::Depends depends(TestClient& who, const Arguments& arguments) {
    who.last_depends = {};
    who.send(arguments);
    EXPECT_FALSE(who.last().empty()) << arguments[0] << " waits";
    EXPECT_NE(who.last().front(), '-') << arguments[0] << ": " << who.last();
    return who.last_depends;
  }
  // It waits for the newest commit, until the device has it.
  void waits_for_newest(TestClient& who, const Arguments& arguments) {
    SCOPED_TRACE(arguments[0]);
    const broker::Depends found = depends(who, arguments);
    EXPECT_EQ(found.lsn, newest());
    EXPECT_EQ(found.durability, Durability::kFsync);
  }
  void leaves_at_once(TestClient& who, const Arguments& arguments) {
    SCOPED_TRACE(arguments[0]);
    EXPECT_TRUE(server.broker->is_safe(depends(who, arguments)));
  }
  void make_topic(const std::string& name, Durability durability) {
    broker::TopicSpec spec;
    spec.name = {"", name};
    spec.log.durability = durability;
    EXPECT_TRUE(server.broker->create_topic(spec, Timestamp(server.now_ms)));
    server.journal.sync();
  }

  TestServer server;
  TestClient writer{server};
  TestClient reader{server};
};

TEST_F(RedisDurability, AWriteWaitsForItsCommit) {
  for (const Arguments& write : {Arguments{"SET", "text", "x"}, Arguments{"LPUSH", "list", "x"},
                                 Arguments{"XADD", "stream", "*", "f", "v"}}) {
    waits_for_newest(writer, write);
  }
  writer.send({"MULTI"});
  writer.send({"SET", "a", "1"});
  writer.send({"XADD", "stream", "*", "f", "v"});
  const Lsn before = newest();
  waits_for_newest(writer, {"EXEC"});
  EXPECT_EQ(newest(), before.next());
}

TEST_F(RedisDurability, APoppedValueWaitsForItsRemoval) {
  writer.send({"RPUSH", "list", "a", "b", "c"});
  server.journal.sync();
  waits_for_newest(reader, {"LPOP", "list"});
  waits_for_newest(reader, {"BRPOP", "list", "0"});
  waits_for_newest(reader, {"BLMOVE", "list", "other", "LEFT", "RIGHT", "0"});
  // Also when it was waited for: the removal is a commit of its own behind the push.
  EXPECT_EQ(reader.send({"BRPOP", "empty", "0"}), "");
  writer.send({"LPUSH", "empty", "x"});
  EXPECT_EQ(reader.last_depends.lsn, newest());
  EXPECT_GT(reader.last_depends.lsn, writer.last_depends.lsn);
}

TEST_F(RedisDurability, AReaderWaitsForWhatItRead) {
  writer.send({"RPUSH", "list", "a"});
  const Lsn pushed = newest();
  writer.send({"XADD", "stream", "*", "f", "v"});
  waits_for_newest(reader, {"XRANGE", "stream", "-", "+"});
  waits_for_newest(reader, {"XREAD", "STREAMS", "stream", "0"});
  waits_for_newest(reader, {"XLEN", "stream"});
  EXPECT_EQ(depends(reader, {"LRANGE", "list", "0", "-1"}).lsn, pushed);
  server.journal.sync();
  leaves_at_once(reader, {"LRANGE", "list", "0", "-1"});
  leaves_at_once(reader, {"XRANGE", "stream", "-", "+"});
}

TEST_F(RedisDurability, WhatANameStandsForWaitsForItsMakingAndItsRemoval) {
  writer.send({"XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"});
  waits_for_newest(reader, {"TYPE", "stream"});
  waits_for_newest(reader, {"EXISTS", "stream"});
  waits_for_newest(reader, {"XLEN", "stream"});
  writer.send({"DEL", "stream"});
  waits_for_newest(reader, {"EXISTS", "stream"});
  waits_for_newest(reader, {"XLEN", "stream"});
}

TEST_F(RedisDurability, AListingWaitsForTheNewestChangeOfAnyKey) {
  writer.send({"SET", "text", "x"});
  for (const Arguments& listing :
       {Arguments{"KEYS", "*"}, Arguments{"DBSIZE"}, Arguments{"SCAN", "0"}, Arguments{"RANDOMKEY"},
        Arguments{"INFO"}}) {
    waits_for_newest(reader, listing);
  }
}

TEST_F(RedisDurability, ADeliveryWaitsForItsEntriesAndNotForItself) {
  writer.send({"XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"});
  server.journal.sync();
  writer.send({"XADD", "stream", "1-0", "f", "v"});
  const Lsn added = newest();
  const Arguments read{"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "stream", ">"};
  EXPECT_EQ(depends(reader, read).lsn, added);
  EXPECT_GT(newest(), added);  // the delivery's own commit, for which nobody waits
  writer.send({"XADD", "stream", "2-0", "f", "v"});
  server.journal.sync();
  writer.send({"XADD", "stream", "3-0", "f", "v"});
  leaves_at_once(reader, read);  // 2-0 is safe; that 3-0 is not does not matter
  // The same for one that waited.
  depends(reader, read);
  server.journal.sync();
  EXPECT_EQ(reader.send({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "stream", ">"}),
            "");
  writer.send({"XADD", "stream", "4-0", "f", "v"});
  EXPECT_EQ(reader.last_depends.lsn, writer.last_depends.lsn);
}

TEST_F(RedisDurability, ADeliveryThatIsAllThereWillBeWaitsForItself) {
  writer.send({"XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"});
  writer.send({"XADD", "stream", "1-0", "f", "v"});
  writer.send({"XADD", "stream", "2-0", "f", "v"});
  server.journal.sync();
  const Arguments no_ack{"XREADGROUP", "GROUP", "g",       "c",      "COUNT",
                         "1",          "NOACK", "STREAMS", "stream", ">"};
  waits_for_newest(reader, no_ack);
  server.journal.sync();
  reader.send({"MULTI"});
  reader.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">"});
  waits_for_newest(reader, {"EXEC"});
  // What is pending tells of the group's newest change, reading it again does not add to that.
  const Lsn delivered = newest();
  EXPECT_EQ(depends(reader, {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", "0"}).lsn,
            delivered);
}

TEST_F(RedisDurability, AChangeOfAGroupWaitsForItsCommit) {
  waits_for_newest(writer, {"XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"});
  for (const char* id : {"1-0", "2-0", "3-0"}) writer.send({"XADD", "stream", id, "f", "v"});
  writer.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">"});
  server.journal.sync();
  waits_for_newest(reader, {"XACK", "stream", "g", "1-0"});
  waits_for_newest(reader, {"XCLAIM", "stream", "g", "d", "0", "2-0"});
  waits_for_newest(reader, {"XAUTOCLAIM", "stream", "g", "d", "0", "0"});
  waits_for_newest(reader, {"XGROUP", "SETID", "stream", "g", "0"});
  waits_for_newest(reader, {"XGROUP", "DESTROY", "stream", "g"});
}

TEST_F(RedisDurability, WhatTellsOfAGroupWaitsForItsNewestChange) {
  writer.send({"XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM"});
  writer.send({"XADD", "stream", "1-0", "f", "v"});
  writer.send({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">"});
  waits_for_newest(reader, {"XPENDING", "stream", "g"});
  waits_for_newest(reader, {"XPENDING", "stream", "g", "-", "+", "10"});
  waits_for_newest(reader, {"XINFO", "GROUPS", "stream"});
  waits_for_newest(reader, {"XINFO", "CONSUMERS", "stream", "g"});
  waits_for_newest(reader, {"XINFO", "STREAM", "stream", "FULL"});
}

TEST_F(RedisDurability, WhatIsNotKeptIsAnsweredAtOnce) {
  writer.send({"SET", "text", "x"});
  leaves_at_once(reader, {"PING"});
  leaves_at_once(reader, {"CLIENT", "ID"});
  leaves_at_once(reader, {"SELECT", "1"});
  leaves_at_once(reader, {"SELECT", "0"});
  TestClient subscriber(server);
  subscriber.send({"SUBSCRIBE", "news"});
  reader.send({"PUBLISH", "news", "now"});
  EXPECT_NE(subscriber.pushed, "");
  EXPECT_EQ(subscriber.pushed_depends, Lsn{});
  reader.send({"MULTI"});
  reader.send({"SET", "other", "x"});
  reader.send({"PUBLISH", "news", "with it"});
  reader.send({"EXEC"});
  EXPECT_EQ(subscriber.pushed_depends, newest());
}

TEST_F(RedisDurability, ATopicsOwnDurabilityHoldsForItsEntries) {
  make_topic("written", Durability::kOs);
  make_topic("at-once", Durability::kTransient);
  EXPECT_EQ(depends(writer, {"XADD", "written", "*", "f", "v"}).durability, Durability::kOs);
  EXPECT_EQ(writer.last_depends.lsn, newest());
  EXPECT_EQ(depends(reader, {"XRANGE", "written", "-", "+"}).durability, Durability::kOs);
  server.journal.write();
  leaves_at_once(reader, {"XRANGE", "written", "-", "+"});
  leaves_at_once(writer, {"XADD", "at-once", "*", "f", "v"});
  leaves_at_once(reader, {"XRANGE", "at-once", "-", "+"});
  // A name, a group and a key beside it are synced as ever.
  waits_for_newest(writer, {"XGROUP", "CREATE", "at-once", "g", "0"});
  writer.send({"MULTI"});
  writer.send({"XADD", "at-once", "*", "f", "v"});
  writer.send({"SET", "text", "x"});
  waits_for_newest(writer, {"EXEC"});
}

}  // namespace
}  // namespace weir::redis
