// Keyspace notifications.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOk = "+OK\r\n";

// One who listens to all that is told.
struct Listening {
  explicit Listening(const std::string& events) {
    EXPECT_EQ(client.send({"CONFIG", "SET", "notify-keyspace-events", events}), kOk);
    listener.send({"PSUBSCRIBE", "*"});
  }
  // "channel message" a line, since the last time.
  std::string heard() {
    std::string lines;
    std::string_view rest = listener.pushed;
    while (!rest.empty()) {
      std::string_view words[5];  // the number of words, and four of them
      const auto line = [&] {
        const size_t end = rest.find("\r\n");
        const std::string_view text = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        return text;
      };
      words[0] = line();
      for (int i = 1; i <= 4; ++i) {
        line();
        words[i] = line();
      }
      lines += std::string(words[3]) + " " + std::string(words[4]) + "\n";
    }
    listener.pushed.clear();
    return lines;
  }
  // The events that a command is told by.
  std::string events(const std::vector<std::string>& words) {
    heard();
    client.send(words);
    return heard();
  }

  TestServer server;
  TestClient client{server};
  TestClient listener{server};
};

TEST(Notifications, AreToldOnTheChannelOfTheKeyAndOfTheEvent) {
  Listening all("KEA");
  EXPECT_EQ(all.events({"SET", "k", "v"}), "__keyspace@0__:k set\n__keyevent@0__:set k\n");
  EXPECT_EQ(all.listener.pushed_depends, all.client.last_depends.lsn)
      << "it leaves with the commit";
  all.client.send({"SELECT", "3"});
  EXPECT_EQ(all.events({"DEL", "k"}), "");
  EXPECT_EQ(all.events({"RPUSH", "l", "x", "y"}),
            "__keyspace@3__:l rpush\n__keyevent@3__:rpush l\n");
  Listening keys("KA");
  EXPECT_EQ(keys.events({"SET", "k", "v"}), "__keyspace@0__:k set\n");
  Listening none("A");
  EXPECT_EQ(none.events({"SET", "k", "v"}), "");
}

TEST(Notifications, OnlyTheChosenEventsAreTold) {
  Listening lists("El");
  EXPECT_EQ(lists.events({"SET", "k", "v"}), "");
  EXPECT_EQ(lists.events({"LPUSH", "l", "x"}), "__keyevent@0__:lpush l\n");
  EXPECT_EQ(lists.events({"LPOP", "l"}), "__keyevent@0__:lpop l\n");
  Listening fresh("En");
  EXPECT_EQ(fresh.events({"SET", "k", "v"}), "__keyevent@0__:new k\n");
  EXPECT_EQ(fresh.events({"SET", "k", "w"}), "");
  EXPECT_EQ(fresh.events({"MSET", "k", "w", "m", "x"}), "__keyevent@0__:new m\n");
  EXPECT_EQ(fresh.events({"XADD", "s", "1", "f", "v"}), "__keyevent@0__:new s\n");
}

TEST(Notifications, EveryTypeHasItsEvents) {
  Listening all("EA");
  const auto told = [&](const std::vector<std::string>& words) {
    std::string text = all.events(words);
    const std::string prefix = "__keyevent@0__:";
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    return text;
  };
  EXPECT_EQ(told({"SET", "k", "1", "EX", "100"}), "set k\nexpire k\n");
  EXPECT_EQ(told({"INCR", "k"}), "incrby k\n");
  EXPECT_EQ(told({"INCRBYFLOAT", "k", "1.5"}), "incrbyfloat k\n");
  EXPECT_EQ(told({"APPEND", "k", "x"}), "append k\n");
  EXPECT_EQ(told({"SETRANGE", "k", "0", "x"}), "setrange k\n");
  EXPECT_EQ(told({"PERSIST", "k"}), "persist k\n");
  EXPECT_EQ(told({"EXPIRE", "k", "100"}), "expire k\n");
  EXPECT_EQ(told({"EXPIRE", "k", "-1"}), "del k\n");
  EXPECT_EQ(told({"RPUSH", "l", "a", "b", "c"}), "rpush l\n");
  EXPECT_EQ(told({"LMOVE", "l", "m", "LEFT", "RIGHT"}), "rpush m\nlpop l\n");
  EXPECT_EQ(told({"RPOPLPUSH", "m", "m"}), "lpush m\nrpop m\n");
  EXPECT_EQ(told({"LMOVE", "m", "m", "LEFT", "LEFT"}), "lpush m\nlpop m\n");
  EXPECT_EQ(told({"LSET", "l", "0", "x"}), "lset l\n");
  EXPECT_EQ(told({"LINSERT", "l", "BEFORE", "x", "y"}), "linsert l\n");
  EXPECT_EQ(told({"LREM", "l", "0", "x"}), "lrem l\n");
  EXPECT_EQ(told({"LTRIM", "l", "1", "0"}), "ltrim l\ndel l\n");
  EXPECT_EQ(told({"LPOP", "m"}), "lpop m\ndel m\n");
  EXPECT_EQ(told({"HSET", "h", "f", "1"}), "hset h\n");
  EXPECT_EQ(told({"HINCRBY", "h", "f", "1"}), "hincrby h\n");
  EXPECT_EQ(told({"HDEL", "h", "f"}), "hdel h\ndel h\n");
  EXPECT_EQ(told({"SADD", "s1", "a", "b"}), "sadd s1\n");
  EXPECT_EQ(told({"SMOVE", "s1", "s2", "a"}), "srem s1\nsadd s2\n");
  EXPECT_EQ(told({"SUNIONSTORE", "s3", "s1", "s2"}), "sunionstore s3\n");
  EXPECT_EQ(told({"SUNIONSTORE", "s3", "none"}), "del s3\n");
  EXPECT_EQ(told({"SPOP", "s2"}), "spop s2\ndel s2\n");
  EXPECT_EQ(told({"ZADD", "z", "1", "incr", "2", "b", "3", "c"}), "zadd z\n");
  EXPECT_EQ(told({"ZADD", "z", "INCR", "1", "b"}), "zincr z\n");
  EXPECT_EQ(told({"ZPOPMIN", "z"}), "zpopmin z\n");
  EXPECT_EQ(told({"ZMPOP", "2", "min", "z", "MAX"}), "zpopmax z\n");
  EXPECT_EQ(told({"ZREMRANGEBYRANK", "z", "0", "-1"}), "zremrangebyrank z\ndel z\n");
  EXPECT_EQ(told({"SORT", "s1", "ALPHA", "STORE", "l"}), "sortstore l\n");
  EXPECT_EQ(told({"RENAME", "l", "n"}), "rename_from l\nrename_to n\n");
  EXPECT_EQ(told({"COPY", "n", "o"}), "copy_to o\n");
  EXPECT_EQ(told({"MOVE", "o", "1"}), "move_from o\n__keyevent@1__:move_to o\n");
  EXPECT_EQ(told({"GETDEL", "none"}), "");
  EXPECT_EQ(told({"FLUSHALL"}), "");
}

TEST(Notifications, StreamsTellOfTheirGroupsToo) {
  Listening all("KA");
  const std::string s = "__keyspace@0__:s ";
  EXPECT_EQ(all.events({"XADD", "s", "1", "f", "v"}), s + "xadd\n");
  all.events({"XADD", "s", "2", "f", "v"});
  EXPECT_EQ(all.events({"XADD", "s", "MAXLEN", "2", "3", "f", "v"}), s + "xadd\n" + s + "xtrim\n");
  EXPECT_EQ(all.events({"XDEL", "s", "2"}), s + "xdel\n");
  EXPECT_EQ(all.events({"XDEL", "s", "2"}), "");
  EXPECT_EQ(all.events({"XGROUP", "CREATE", "s", "g", "0"}), s + "xgroup-create\n");
  EXPECT_EQ(all.events({"XGROUP", "CREATECONSUMER", "s", "g", "a"}), s + "xgroup-createconsumer\n");
  EXPECT_EQ(all.events({"XREADGROUP", "GROUP", "g", "b", "STREAMS", "s", ">"}),
            s + "xgroup-createconsumer\n");
  EXPECT_EQ(all.events({"XREADGROUP", "GROUP", "g", "b", "STREAMS", "s", ">"}), "");
  EXPECT_EQ(all.events({"XGROUP", "DELCONSUMER", "s", "g", "none"}), "");
  EXPECT_EQ(all.events({"XGROUP", "DELCONSUMER", "s", "g", "a"}), s + "xgroup-delconsumer\n");
  EXPECT_EQ(all.events({"XGROUP", "SETID", "s", "g", "0"}), s + "xgroup-setid\n");
  EXPECT_EQ(all.events({"XGROUP", "DESTROY", "s", "g"}), s + "xgroup-destroy\n");
  EXPECT_EQ(all.events({"XTRIM", "s", "MAXLEN", "1"}), "");
  EXPECT_EQ(all.events({"XTRIM", "s", "MAXLEN", "0"}), s + "xtrim\n");
  EXPECT_EQ(all.events({"XSETID", "s", "9"}), s + "xsetid\n");
  EXPECT_EQ(all.events({"EXPIRE", "s", "100"}), s + "expire\n");
  EXPECT_EQ(all.events({"PERSIST", "s"}), s + "persist\n");
  EXPECT_EQ(all.events({"RENAME", "s", "t"}), s + "rename_from\n__keyspace@0__:t rename_to\n");
  EXPECT_EQ(all.events({"DEL", "t"}), "__keyspace@0__:t del\n");
}

TEST(Notifications, WhatExpiresIsTold) {
  Listening all("Ex");
  all.client.send({"SET", "k", "v", "PX", "100"});
  all.client.send({"XADD", "s", "1", "f", "v"});
  all.client.send({"PEXPIRE", "s", "200"});
  EXPECT_EQ(all.heard(), "");
  all.server.advance(100);
  EXPECT_EQ(all.heard(), "__keyevent@0__:expired k\n");
  all.server.advance(100);
  EXPECT_EQ(all.heard(), "__keyevent@0__:expired s\n");
  all.client.send({"SET", "l", "v", "PX", "100"});
  all.server.now_ms += 100;  // nobody has looked yet
  EXPECT_EQ(all.events({"RPUSH", "l", "x"}), "__keyevent@0__:expired l\n");
}

TEST(Notifications, InATransactionEveryCommandIsToldOnce) {
  Listening all("EA");
  all.client.send({"MULTI"});
  all.client.send({"SET", "k", "v"});
  all.client.send({"DEL", "k"});
  EXPECT_EQ(all.events({"EXEC"}), "__keyevent@0__:set k\n__keyevent@0__:del k\n");
  TestClient waiting(all.server);
  waiting.send({"BLPOP", "l", "0"});
  EXPECT_EQ(all.events({"RPUSH", "l", "x"}),
            "__keyevent@0__:rpush l\n__keyevent@0__:lpop l\n__keyevent@0__:del l\n");
}

TEST(Notifications, TheParameterIsShownInOneOrder) {
  OneClient one;
  const auto shown = [&](const std::string& letters) {
    EXPECT_EQ(one.send({"CONFIG", "SET", "notify-keyspace-events", letters}), kOk) << letters;
    std::string answer = one.send({"CONFIG", "GET", "notify-keyspace-events"});
    answer.resize(answer.size() - 2);
    return answer.substr(answer.rfind("\r\n") + 2);
  };
  EXPECT_EQ(shown("gKE"), "gKE");
  EXPECT_EQ(shown("$lshzxeKE"), "$lshzxeKE");
  EXPECT_EQ(shown("KA"), "AK");
  EXPECT_EQ(shown("EnA"), "AnE");
  EXPECT_EQ(shown("zzt"), "zt");
  EXPECT_EQ(shown(""), "");
  for (const std::string wrong : {"q", "Km"}) {
    EXPECT_THAT(one.send({"CONFIG", "SET", "notify-keyspace-events", wrong}),
                HasSubstr("Invalid event class character. Use 'Ag$lshzxeKEtdn'."));
  }
}

}  // namespace
}  // namespace weir::redis
