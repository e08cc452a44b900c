// What Redis added after 7.2, and what it answers about scripts that it does not hold.
#include <gtest/gtest.h>

#include "protocols/redis/service.h"
#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string bulks(const std::vector<std::string>& texts) {
  std::string all = "*" + std::to_string(texts.size()) + "\r\n";
  for (const std::string& text : texts) all += bulk(text);
  return all;
}

std::string integers(const std::vector<int>& values) {
  std::string all = "*" + std::to_string(values.size()) + "\r\n";
  for (const int value : values) all += ":" + std::to_string(value) + "\r\n";
  return all;
}

void add_entries(TestClient& client, int count) {
  for (int i = 1; i <= count; ++i)
    client.send({"XADD", "s", std::to_string(i), "f", std::to_string(i)});
}

void read_all(TestClient& client, const std::string& group) {
  client.send({"XGROUP", "CREATE", "s", group, "0"});
  client.send({"XREADGROUP", "GROUP", group, "c", "STREAMS", "s", ">"});
}

TEST(ManyMove, ElementsKeepTheirOrderInBulkAndTurnRoundOneByOne) {
  TestServer server;
  TestClient client(server);
  client.send({"RPUSH", "a", "1", "2", "3", "4", "5"});
  EXPECT_EQ(client.send({"LMOVEM", "a", "b", "LEFT", "LEFT"}), bulks({"1"}));
  EXPECT_EQ(client.send({"LMOVEM", "a", "b", "LEFT", "LEFT", "COUNT", "2", "OBO"}),
            bulks({"3", "2"}));
  EXPECT_EQ(client.send({"LRANGE", "b", "0", "-1"}), bulks({"3", "2", "1"}));
  EXPECT_EQ(client.send({"LMOVEM", "a", "b", "RIGHT", "RIGHT", "COUNT", "9", "BULK"}),
            bulks({"4", "5"}));
  EXPECT_EQ(client.send({"LRANGE", "b", "0", "-1"}), bulks({"3", "2", "1", "4", "5"}));
  EXPECT_EQ(client.send({"EXISTS", "a"}), ":0\r\n");
  EXPECT_EQ(client.send({"LMOVEM", "b", "b", "RIGHT", "LEFT", "COUNT", "2", "OBO"}),
            bulks({"4", "5"}));
  EXPECT_EQ(client.send({"LRANGE", "b", "0", "-1"}), bulks({"4", "5", "3", "2", "1"}));
  EXPECT_EQ(client.send({"LMOVEM", "b", "b", "LEFT", "LEFT", "COUNT", "2", "BULK"}),
            bulks({"4", "5"}));
  EXPECT_EQ(client.send({"LMOVEM", "b", "c", "LEFT", "LEFT", "COUNT", "2"}),
            "-ERR syntax error\r\n");
}

TEST(ManyMove, ExactlyMovesAllOrWaits) {
  TestServer server;
  TestClient client(server);
  TestClient waiting(server);
  client.send({"RPUSH", "a", "1", "2"});
  EXPECT_EQ(client.send({"LMOVEM", "a", "b", "LEFT", "RIGHT", "EXACTLY", "3", "BULK"}), "*-1\r\n");
  EXPECT_EQ(waiting.send({"BLMOVEM", "a", "b", "LEFT", "RIGHT", "0", "EXACTLY", "4", "BULK"}), "");
  client.send({"RPUSH", "a", "3"});
  EXPECT_EQ(waiting.last(), "");
  client.send({"RPUSH", "a", "4", "5"});
  EXPECT_EQ(waiting.last(), bulks({"1", "2", "3", "4"}));
  EXPECT_EQ(client.send({"LRANGE", "a", "0", "-1"}), bulks({"5"}));
}

TEST(StreamDeletes, ReferencesStayGoOrForbidTheDeletion) {
  TestServer server;
  TestClient client(server);
  add_entries(client, 3);
  read_all(client, "g");
  EXPECT_EQ(client.send({"XDELEX", "s", "ACKED", "IDS", "2", "1", "9"}), integers({2, -1}));
  EXPECT_EQ(client.send({"XDELEX", "s", "IDS", "1", "1"}), integers({1}));
  EXPECT_EQ(client.send({"XDELEX", "s", "DELREF", "IDS", "1", "2"}), integers({1}));
  EXPECT_EQ(client.send({"XLEN", "s"}), ":1\r\n");
  // The first stays pending without a body, the second is forgotten.
  const std::string pending = client.send({"XPENDING", "s", "g", "-", "+", "10"});
  EXPECT_TRUE(pending.starts_with("*2\r\n*4\r\n" + bulk("1-0"))) << pending;
  client.send({"XACK", "s", "g", "3"});
  EXPECT_EQ(client.send({"XDELEX", "s", "ACKED", "IDS", "1", "3"}), integers({1}));
  EXPECT_EQ(client.send({"XDELEX", "s", "IDS", "2", "1"}),
            "-ERR The `numids` parameter must match the number of arguments\r\n");
  EXPECT_EQ(client.send({"XDELEX", "none", "IDS", "2", "1", "2"}), integers({-1, -1}));
}

TEST(StreamDeletes, AcknowledgingDeletesWhatNoOtherGroupNeeds) {
  TestServer server;
  TestClient client(server);
  add_entries(client, 2);
  read_all(client, "g");
  read_all(client, "h");
  EXPECT_EQ(client.send({"XACKDEL", "s", "g", "ACKED", "IDS", "1", "1"}), integers({2}));
  EXPECT_EQ(client.send({"XACKDEL", "s", "g", "ACKED", "IDS", "1", "1"}), integers({-1}));
  EXPECT_EQ(client.send({"XACKDEL", "s", "h", "ACKED", "IDS", "1", "1"}), integers({1}));
  EXPECT_EQ(client.send({"XACKDEL", "s", "g", "IDS", "1", "2"}), integers({1}));
  EXPECT_EQ(client.send({"XLEN", "s"}), ":0\r\n");
  EXPECT_EQ(client.send({"XACKDEL", "s", "none", "IDS", "1", "2"}), integers({-1}));
}

TEST(StreamTrim, AckedPassesOverWhatAGroupStillNeeds) {
  TestServer server;
  TestClient client(server);
  add_entries(client, 10);
  read_all(client, "g");
  client.send({"XACK", "s", "g", "1", "2", "4", "6", "8"});
  EXPECT_EQ(client.send({"XTRIM", "s", "MINID", "5", "ACKED"}), ":3\r\n");
  // As many as are too many, wherever they are.
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "6", "ACKED"}), ":1\r\n");
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "0", "ACKED"}), ":1\r\n");
  EXPECT_EQ(client.send({"XLEN", "s"}), ":5\r\n");
  EXPECT_EQ(client.send({"XTRIM", "s", "MINID", "6"}), ":2\r\n");
  // What no group has read yet stays, too.
  client.send({"XADD", "s", "20", "f", "1"});
  client.send({"XGROUP", "CREATE", "s", "h", "9"});
  client.send({"XACK", "s", "g", "3", "5", "7", "9", "10"});
  EXPECT_EQ(client.send({"XADD", "s", "MAXLEN", "0", "ACKED", "21", "f", "1"}), bulk("21-0"));
  EXPECT_EQ(client.send({"XLEN", "s"}), ":3\r\n");
}

TEST(StreamTrim, ApproximationKeepsWholeNodesOfTheConfiguredSize) {
  TestServer server;
  TestClient client(server);
  client.send({"CONFIG", "SET", "stream-node-max-entries", "10"});
  add_entries(client, 95);
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "~", "30"}), ":60\r\n");
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "~", "0", "LIMIT", "15"}), ":10\r\n");
  EXPECT_EQ(client.send({"XTRIM", "s", "MAXLEN", "~", "0"}), ":25\r\n");
}

// What was deleted is found again without the cache of IDs, which a restart empties.
TEST(StreamGroups, DeletedEntriesAreAcknowledgedAfterARestart) {
  TestServer server;
  {
    TestClient client(server);
    add_entries(client, 6);
    read_all(client, "g");
    client.send({"XDEL", "s", "2", "3", "4", "6"});
  }
  server.restart();
  TestClient client(server);
  EXPECT_EQ(client.send({"XACK", "s", "g", "3", "6", "3-5", "7"}), ":2\r\n");
  EXPECT_EQ(client.send({"XACK", "s", "g", "1", "2", "3", "4", "5", "6"}), ":4\r\n");
}

TEST(StreamReads, PlusMeansTheLastEntryThatIsThere) {
  TestServer server;
  TestClient client(server);
  add_entries(client, 3);
  client.send({"XDEL", "s", "3"});
  const std::string found = client.send({"XREAD", "STREAMS", "s", "+"});
  EXPECT_NE(found.find(bulk("2-0")), std::string::npos) << found;
  EXPECT_EQ(client.send({"XREAD", "STREAMS", "none", "+"}), "*-1\r\n");
}

TEST(Scripts, ThereAreNone) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"SCRIPT", "FLUSH", "SYNC"}), "+OK\r\n");
  EXPECT_EQ(client.send({"SCRIPT", "EXISTS", "a", "b"}), integers({0, 0}));
  EXPECT_EQ(client.send({"FUNCTION", "FLUSH"}), "+OK\r\n");
  EXPECT_EQ(client.send({"FUNCTION", "LIST"}), "*0\r\n");
  EXPECT_EQ(client.send({"EVAL", "return 1", "0"}), "-ERR this server runs no scripts\r\n");
  EXPECT_TRUE(client.send({"EVALSHA", "abc", "0"}).starts_with("-NOSCRIPT"));
}

}  // namespace
}  // namespace weir::redis
