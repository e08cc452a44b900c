// What tools ask about: COMMAND, OBJECT, MEMORY, ACL CAT, and what is deliberately not there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOk = "+OK\r\n";

std::string uses(const std::vector<std::pair<std::string, std::vector<std::string>>>& keys) {
  std::string all = "*" + std::to_string(keys.size()) + "\r\n";
  for (const auto& [key, words] : keys) {
    all += "*2\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n*" +
           std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) all += "+" + word + "\r\n";
  }
  return all;
}

TEST(CommandTable, TellsWhatACommandDoesWithItsKeys) {
  OneClient one;
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"COMMAND", "GETKEYSANDFLAGS"});
    return one.send(words);
  };
  EXPECT_EQ(ask({"set", "k1", "v1"}), uses({{"k1", {"OW", "update"}}}));
  EXPECT_EQ(ask({"set", "k1", "v1", "Get"}), uses({{"k1", {"RW", "access", "update"}}}));
  EXPECT_EQ(ask({"mset", "k1", "v1", "k2", "v2"}),
            uses({{"k1", {"OW", "update"}}, {"k2", {"OW", "update"}}}));
  EXPECT_EQ(ask({"LMOVE", "k1", "k2", "left", "right"}),
            uses({{"k1", {"RW", "access", "delete"}}, {"k2", {"RW", "insert"}}}));
  EXPECT_EQ(ask({"sort", "k1", "store", "k2"}),
            uses({{"k1", {"RO", "access"}}, {"k2", {"OW", "update"}}}));
  EXPECT_EQ(ask({"zunionstore", "d", "2", "a", "b"}),
            uses({{"d", {"OW", "update"}}, {"a", {"RO", "access"}}, {"b", {"RO", "access"}}}));
  EXPECT_EQ(ask({"XGROUP", "CREATE", "s", "g", "$"}), uses({{"s", {"RW", "insert"}}}));
  EXPECT_EQ(ask({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"}),
            uses({{"s", {"RO", "access"}}}));
  EXPECT_EQ(ask({"get", "k"}), uses({{"k", {"RO", "access"}}}));
  EXPECT_EQ(ask({"incr", "k"}), uses({{"k", {"RW", "access", "update"}}}));
  EXPECT_EQ(ask({"del", "k"}), uses({{"k", {"RM", "delete"}}}));
}

TEST(CommandTable, MistakesAreToldAsByRedis) {
  OneClient one;
  for (const std::string sub : {"GETKEYS", "GETKEYSANDFLAGS"}) {
    EXPECT_EQ(one.send({"COMMAND", sub, "nothing", "k"}), "-ERR Invalid command specified\r\n");
    EXPECT_EQ(one.send({"COMMAND", sub, "ping"}), "-ERR The command has no key arguments\r\n");
    EXPECT_EQ(one.send({"COMMAND", sub, "get"}),
              "-ERR Invalid number of arguments specified for command\r\n");
    EXPECT_EQ(one.send({"COMMAND", sub, "zinter", "0", "x"}),
              "-ERR Invalid arguments specified for command\r\n");
    EXPECT_EQ(one.send({"COMMAND", sub, "eval", "return", "0"}), "*0\r\n");
  }
  EXPECT_EQ(one.send({"COMMAND", "COUNT", "x"}),
            "-ERR wrong number of arguments for 'command|count' command\r\n");
  EXPECT_EQ(one.send({"COMMAND", "x"}), "-ERR unknown subcommand 'x'. Try COMMAND HELP.\r\n");
  EXPECT_THAT(one.send({"COMMAND", "HELP"}), StartsWith("*17\r\n+COMMAND <subcommand>"));
  EXPECT_EQ(one.send({"COMMAND", "LIST", "FILTERBY", "PATTERN"}), "-ERR syntax error\r\n");
}

TEST(CommandTable, CategoriesFollowFromFlagsToo) {
  OneClient one;
  EXPECT_THAT(one.send({"COMMAND", "INFO", "flushall"}),
              HasSubstr("*4\r\n+@keyspace\r\n+@dangerous\r\n+@write\r\n+@slow\r\n"));
  EXPECT_THAT(one.send({"COMMAND", "INFO", "get"}),
              HasSubstr("*3\r\n+@string\r\n+@read\r\n+@fast\r\n"));
  EXPECT_THAT(one.send({"COMMAND", "LIST", "FILTERBY", "ACLCAT", "Dangerous"}),
              AllOf(HasSubstr("flushall"), HasSubstr("keys"), Not(HasSubstr("lpush"))));
  EXPECT_EQ(one.send({"COMMAND", "LIST", "FILTERBY", "ACLCAT", "none"}), "*0\r\n");
  EXPECT_EQ(one.send({"COMMAND", "LIST", "FILTERBY", "PATTERN", "xr*p"}),
            "*1\r\n$10\r\nxreadgroup\r\n");
  EXPECT_EQ(one.send({"COMMAND", "LIST", "FILTERBY", "MODULE", "json"}), "*0\r\n");
  EXPECT_THAT(one.send({"ACL", "CAT"}),
              AllOf(HasSubstr("$8\r\nkeyspace\r\n"), HasSubstr("$8\r\nblocking\r\n"),
                    HasSubstr("$4\r\nslow\r\n")));
  EXPECT_THAT(one.send({"ACL", "CAT", "blocking"}), HasSubstr("$5\r\nblpop\r\n"));
  EXPECT_EQ(one.send({"ACL", "CAT", "none"}), "-ERR Unknown category 'none'\r\n");
}

TEST(CommandTable, SubcommandsAreDescribedAndCountedByTheirOwnNames) {
  OneClient one;
  EXPECT_EQ(one.send({"COMMAND", "INFO", "config|get"}),
            "*1\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n*1\r\n+admin\r\n:0\r\n:0\r\n:0\r\n"
            "*3\r\n+@admin\r\n+@dangerous\r\n+@slow\r\n*0\r\n*0\r\n*0\r\n");
  EXPECT_THAT(one.send({"COMMAND", "INFO", "config"}),
              AllOf(HasSubstr("*1\r\n+@slow\r\n*0\r\n*0\r\n*5\r\n*10\r\n$10\r\nconfig|get"),
                    HasSubstr("config|rewrite")));
  EXPECT_THAT(one.send({"COMMAND", "LIST", "FILTERBY", "PATTERN", "xinfo|*"}),
              AllOf(HasSubstr("xinfo|stream"), HasSubstr("xinfo|groups")));
  EXPECT_THAT(one.send({"ACL", "CAT", "scripting"}), HasSubstr("function|list"));
  EXPECT_THAT(one.send({"ACL", "CAT", "slow"}), HasSubstr("$6\r\nconfig\r\n"));
  one.send({"CONFIG", "RESETSTAT"});
  one.send({"CLIENT", "ID"});
  one.send({"CLIENT", "ID", "x"});
  EXPECT_THAT(one.send({"INFO", "commandstats"}),
              AllOf(HasSubstr("cmdstat_client|id:calls=1,"), HasSubstr("rejected_calls=1,")));
}

TEST(CommandTable, AMistakeInASubcommandBreaksATransaction) {
  OneClient one;
  one.send({"MULTI"});
  EXPECT_EQ(one.send({"XINFO", "NOTHING", "k"}),
            "-ERR unknown subcommand 'NOTHING'. Try XINFO HELP.\r\n");
  EXPECT_EQ(one.send({"XGROUP", "CREATE", "k"}),
            "-ERR wrong number of arguments for 'xgroup|create' command\r\n");
  EXPECT_THAT(one.send({"EXEC"}), StartsWith("-EXECABORT"));
}

TEST(Object, AnswersAsRedisWithoutEviction) {
  OneClient one;
  one.send({"SET", "small", "9999"});
  one.send({"SET", "large", "10000"});
  one.send({"RPUSH", "l", "x"});
  one.send({"XADD", "s", "1-1", "f", "v"});
  EXPECT_EQ(one.send({"OBJECT", "REFCOUNT", "small"}), ":2147483647\r\n");
  EXPECT_EQ(one.send({"OBJECT", "REFCOUNT", "large"}), ":1\r\n");
  EXPECT_EQ(one.send({"OBJECT", "REFCOUNT", "s"}), ":1\r\n");
  EXPECT_EQ(one.send({"OBJECT", "ENCODING", "l"}), "$8\r\nlistpack\r\n");
  EXPECT_EQ(one.send({"OBJECT", "ENCODING", "s"}), "$6\r\nstream\r\n");
  EXPECT_EQ(one.send({"OBJECT", "IDLETIME", "s"}), ":0\r\n");
  EXPECT_EQ(one.send({"OBJECT", "FREQ", "l"}),
            "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please "
            "note that when switching between policies at runtime LRU and LFU data will take some "
            "time to adjust.\r\n");
  for (const std::string sub : {"REFCOUNT", "ENCODING", "IDLETIME", "FREQ"}) {
    EXPECT_EQ(one.send({"OBJECT", sub, "none"}), "$-1\r\n");
    EXPECT_THAT(one.send({"OBJECT", sub}),
                StartsWith("-ERR wrong number of arguments for 'object|"));
  }
  EXPECT_EQ(one.send({"OBJECT", "x", "none"}), "-ERR unknown subcommand 'x'. Try OBJECT HELP.\r\n");
  EXPECT_THAT(one.send({"OBJECT", "HELP"}), StartsWith("*11\r\n+OBJECT <subcommand>"));
}

TEST(Memory, IsToldInRedisShapes) {
  OneClient one;
  one.send({"SET", "k", "v"});
  EXPECT_THAT(one.send({"MEMORY", "USAGE", "k", "SAMPLES", "0"}), StartsWith(":"));
  EXPECT_EQ(one.send({"MEMORY", "USAGE", "none"}), "$-1\r\n");
  EXPECT_EQ(one.send({"MEMORY", "USAGE", "k", "SAMPLES"}), "-ERR syntax error\r\n");
  EXPECT_EQ(one.send({"MEMORY", "USAGE", "k", "SAMPLES", "-1"}), "-ERR syntax error\r\n");
  EXPECT_EQ(one.send({"MEMORY", "USAGE"}),
            "-ERR wrong number of arguments for 'memory|usage' command\r\n");
  EXPECT_THAT(one.send({"MEMORY", "STATS"}),
              AllOf(StartsWith("*26\r\n$15\r\ntotal.allocated\r\n:"),
                    HasSubstr("$4\r\ndb.0\r\n*4\r\n"), HasSubstr("$10\r\nkeys.count\r\n:1\r\n"),
                    HasSubstr("$18\r\ndataset.percentage\r\n$3\r\n100\r\n")));
  EXPECT_THAT(one.send({"MEMORY", "DOCTOR"}), HasSubstr("nothing is wrong"));
  EXPECT_EQ(one.send({"MEMORY", "PURGE"}), kOk);
  EXPECT_EQ(one.send({"MEMORY", "MALLOC-STATS"}),
            "$45\r\nStats not supported for the current allocator\r\n");
  TestClient third(one.server, 3);
  EXPECT_THAT(third.send({"MEMORY", "STATS"}), StartsWith("%13\r\n"));
  EXPECT_THAT(third.send({"MEMORY", "DOCTOR"}), StartsWith("="));
}

TEST(AbsentCommands, AreRefusedByNameAndUnknownToCommand) {
  OneClient one;
  for (const std::string name :
       {"DUMP", "restore", "MIGRATE", "DEBUG", "SHUTDOWN", "SETBIT", "PFADD", "GEOADD", "PSYNC",
        "REPLICAOF", "EVAL_RO", "BGREWRITEAOF"}) {
    const std::string answer = one.send({name, "k", "v"});
    EXPECT_THAT(answer, StartsWith("-ERR ")) << name;
    EXPECT_THAT(answer, Not(HasSubstr("unknown command"))) << name;
    EXPECT_EQ(one.send({"COMMAND", "INFO", name}), "*1\r\n*-1\r\n");
  }
  EXPECT_EQ(one.send({"CLUSTER", "INFO"}), "-ERR This instance has cluster support disabled\r\n");
  EXPECT_EQ(one.send({"DUMP", "k"}),
            "-ERR serialized values (DUMP, RESTORE, MIGRATE) are not supported by this server\r\n");
  EXPECT_THAT(one.send({"DEBUG", "SLEEP", "1"}), HasSubstr("DEBUG command not allowed"));
  EXPECT_EQ(one.send({"nosuch", "v"}),
            "-ERR unknown command 'nosuch', with args beginning with: 'v' \r\n");
  one.send({"MULTI"});
  one.send({"DUMP", "k"});
  EXPECT_THAT(one.send({"EXEC"}), StartsWith("-EXECABORT"));
}

TEST(Lolwut, NamesTheVersionThatToolsLookFor) {
  OneClient one;
  EXPECT_THAT(one.send({"LOLWUT", "VERSION", "5"}), HasSubstr("\nRedis ver. 7.2.4\n"));
}

TEST(ServerCommands, IdleTimesCountFromTheLastUseOfAKey) {
  OneClient one;
  const auto idle = [&](const std::string& key) { return one.send({"OBJECT", "IDLETIME", key}); };
  one.send({"SET", "text", "v"});
  one.send({"RPUSH", "list", "a", "b"});
  one.send({"HSET", "hash", "f", "v"});
  EXPECT_EQ(idle("text"), ":0\r\n");
  one.server.advance(7'500);
  for (const char* key : {"text", "list", "hash"}) EXPECT_EQ(idle(key), ":7\r\n") << key;
  // Looking at a key is no use of it, reading or changing what it holds is.
  one.send({"TYPE", "text"});
  one.send({"TTL", "text"});
  one.send({"EXISTS", "text"});
  one.send({"OBJECT", "ENCODING", "text"});
  EXPECT_EQ(idle("text"), ":7\r\n");
  one.send({"GET", "text"});
  one.send({"LPUSH", "list", "c"});
  for (const char* key : {"text", "list"}) EXPECT_EQ(idle(key), ":0\r\n") << key;
  EXPECT_EQ(idle("hash"), ":7\r\n");
  EXPECT_EQ(one.send({"TOUCH", "hash", "none"}), ":1\r\n");
  EXPECT_EQ(idle("hash"), ":0\r\n");
  one.server.advance(3'000);
  one.send({"CLIENT", "NO-TOUCH", "ON"});
  one.send({"GET", "text"});
  EXPECT_EQ(idle("text"), ":3\r\n");
  one.send({"TOUCH", "text"});
  EXPECT_EQ(idle("text"), ":0\r\n");
  // 24 bits of seconds.
  one.server.advance(180LL * 86'400 * 1'000);
  EXPECT_EQ(idle("text"), ":15552000\r\n");
  one.restart();
  EXPECT_EQ(idle("text"), ":0\r\n");
  one.server.advance(2'000);
  EXPECT_EQ(idle("text"), ":2\r\n");
}

TEST(ServerCommands, CountsAndScansOfManyStreamsFindEachOnce) {
  OneClient one;
  for (int i = 0; i < 300; ++i) one.send({"XADD", "s" + std::to_string(i), "*", "f", "v"});
  for (int i = 0; i < 20; ++i) one.send({"SET", "k" + std::to_string(i), "v"});
  for (int i = 0; i < 300; i += 3) one.send({"DEL", "s" + std::to_string(i)});
  one.send({"RENAME", "s1", "renamed"});
  one.send({"SELECT", "1"});
  one.send({"XADD", "elsewhere", "*", "f", "v"});
  EXPECT_EQ(one.send({"DBSIZE"}), ":1\r\n");
  EXPECT_EQ(one.send({"RANDOMKEY"}), "$9\r\nelsewhere\r\n");
  one.send({"SELECT", "0"});
  EXPECT_EQ(one.send({"DBSIZE"}), ":220\r\n");
  one.restart();
  EXPECT_EQ(one.send({"DBSIZE"}), ":220\r\n");
  std::multiset<std::string> seen;
  std::string cursor = "0";
  do {
    const std::string reply = one.send({"SCAN", cursor, "COUNT", "7"});
    std::vector<std::string> words;
    for (size_t at = 0, end = 0; (end = reply.find("\r\n", at)) != std::string::npos; at = end + 2)
      words.push_back(reply.substr(at, end - at));
    cursor = words.at(2);
    for (size_t i = 5; i < words.size(); i += 2) seen.insert(words[i]);
  } while (cursor != "0");
  EXPECT_EQ(seen.size(), 220U);
  EXPECT_EQ(seen.count("renamed"), 1U);
  EXPECT_EQ(seen.count("s1"), 0U);
  EXPECT_EQ(seen.count("elsewhere"), 0U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 220U);
  one.send({"FLUSHALL"});
  EXPECT_EQ(one.send({"DBSIZE"}), ":0\r\n");
  EXPECT_EQ(one.send({"RANDOMKEY"}), "$-1\r\n");
}

// The buckets of four databases are more cells than one call looks at: clients that expect little
// to be found at once were given a cursor to go on with.
TEST(ServerCommands, AScanOfFewKeysIsOneCallHoweverManyDatabasesThereAre) {
  OneClient one;
  for (int database = 0; database < 16; ++database) {
    one.send({"SELECT", std::to_string(database)});
    one.send({"SET", "key", "v"});
    one.send({"DEL", "key"});
    EXPECT_EQ(one.send({"SCAN", "0"}), "*2\r\n$1\r\n0\r\n*0\r\n");
  }
  one.send({"XADD", "stream", "*", "f", "v"});
  EXPECT_EQ(one.send({"SCAN", "0"}), "*2\r\n$1\r\n0\r\n*1\r\n$6\r\nstream\r\n");
}

}  // namespace
}  // namespace weir::redis
