// What took long: SLOWLOG, LATENCY and the times of INFO commandstats.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kOk = "+OK\r\n";

// Every command takes `step_ns`.
struct Timed {
  Timed() {
    server.service->measure_by([this] { return now_ns += step_ns; });
  }
  std::string send(const std::vector<std::string>& words) { return client.send(words); }
  // Without taking time.
  std::string ask(const std::vector<std::string>& words) {
    const int64_t step = std::exchange(step_ns, 0);
    std::string answer = client.send(words);
    step_ns = step;
    return answer;
  }

  TestServer server;
  TestClient client{server};
  int64_t now_ns = 1;
  int64_t step_ns = 1'500'000;
};

std::string words(const std::vector<std::string>& texts) {
  std::string all = "*" + std::to_string(texts.size()) + "\r\n";
  for (const std::string& text : texts)
    all += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  return all;
}

std::string entry(int id, const std::vector<std::string>& arguments) {
  return "*6\r\n:" + std::to_string(id) + "\r\n:1700000000\r\n:1500\r\n" + words(arguments) +
         "$0\r\n\r\n$0\r\n\r\n";
}

TEST(SlowLog, HoldsWhatTookLongNewestFirst) {
  Timed timed;
  EXPECT_EQ(timed.send({"SET", "k", "v"}), kOk);
  EXPECT_EQ(timed.ask({"SLOWLOG", "LEN"}), ":0\r\n") << "the threshold is 10 ms";
  EXPECT_EQ(timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "1500"}), kOk);
  timed.send({"set", "k", "v"});
  timed.send({"GET", "k"});
  EXPECT_EQ(timed.ask({"SLOWLOG", "LEN"}), ":2\r\n");
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET"}),
            "*2\r\n" + entry(1, {"GET", "k"}) + entry(0, {"set", "k", "v"}));
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET", "1"}), "*1\r\n" + entry(1, {"GET", "k"}));
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET", "0"}), "*0\r\n");
  EXPECT_EQ(timed.ask({"SLOWLOG", "RESET"}), kOk);
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET", "-1"}), "*0\r\n");
  timed.ask({"CLIENT", "SETNAME", "me"});
  timed.send({"PING"});
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET"}),
            "*1\r\n*6\r\n:2\r\n:1700000000\r\n:1500\r\n*1\r\n$4\r\nPING\r\n$0\r\n\r\n$2\r\nme\r\n");
}

TEST(SlowLog, KeepsAsManyAsItsParameterSaysAndNoneWhenItIsOff) {
  Timed timed;
  timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "12"});
  for (int i = 0; i < 20; ++i) timed.ask({"PING"});
  EXPECT_THAT(timed.ask({"SLOWLOG", "GET"}), StartsWith("*10\r\n")) << "ten unless said";
  EXPECT_THAT(timed.ask({"SLOWLOG", "GET", "-1"}), StartsWith("*12\r\n"));
  EXPECT_THAT(timed.ask({"SLOWLOG", "GET", "100"}), StartsWith("*12\r\n"));
  timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "-1"});
  timed.ask({"SLOWLOG", "RESET"});
  timed.send({"PING"});
  EXPECT_EQ(timed.ask({"SLOWLOG", "LEN"}), ":0\r\n");
  EXPECT_THAT(timed.ask({"CONFIG", "SET", "slowlog-max-len", "10001"}),
              HasSubstr("argument must be between 0 and 10000 inclusive"));
  EXPECT_THAT(timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "-2"}), StartsWith("-ERR"));
}

TEST(SlowLog, ShowsPartsOfWhatIsLongAndNoSecrets) {
  Timed timed;
  timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "1"});
  std::vector<std::string> many{"SADD", "s"};
  for (int i = 0; i < 31; ++i) many.push_back(std::to_string(i));
  timed.send(many);
  many.resize(31);
  many.emplace_back("... (2 more arguments)");
  timed.send({"SET", "k", std::string(129, 'A')});
  timed.send({"AUTH", "nobody", "secret"});
  timed.send({"HELLO", "2", "SETNAME", "x", "AUTH", "nobody", "secret"});
  timed.send({"ACL", "SETUSER", "alice", ">secret"});
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET"}),
            "*5\r\n" + entry(4, {"ACL", "SETUSER", "(redacted)", "(redacted)"}) +
                entry(3, {"HELLO", "2", "SETNAME", "x", "AUTH", "(redacted)", "(redacted)"}) +
                entry(2, {"AUTH", "(redacted)", "(redacted)"}) +
                entry(1, {"SET", "k", std::string(128, 'A') + "... (1 more bytes)"}) +
                entry(0, many));
}

TEST(SlowLog, ShowsTheCommandsOfATransactionAndNotExec) {
  Timed timed;
  timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "1"});
  timed.ask({"MULTI"});
  timed.ask({"SET", "k", "v"});
  timed.ask({"GET", "k"});
  timed.send({"EXEC"});
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET"}),
            "*2\r\n" + entry(1, {"GET", "k"}) + entry(0, {"SET", "k", "v"}));
}

TEST(SlowLog, ShowsACommandThatWaitedWhenItIsAnswered) {
  Timed timed;
  TestClient pusher(timed.server);
  timed.ask({"CONFIG", "SET", "slowlog-log-slower-than", "1"});
  EXPECT_EQ(timed.send({"BLPOP", "l", "0"}), "");
  EXPECT_EQ(timed.server.service->slow_log().newest_first().size(), 0U);
  pusher.send({"RPUSH", "l", "x"});
  const auto& entries = timed.server.service->slow_log().newest_first();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].arguments, (std::vector<std::string>{"BLPOP", "l", "0"}));
  EXPECT_EQ(entries[1].taken_us, 1500) << "without the time that it waited";
  EXPECT_EQ(entries[0].arguments, (std::vector<std::string>{"RPUSH", "l", "x"}));
}

TEST(SlowLog, MistakesAreToldAsByRedis) {
  Timed timed;
  EXPECT_EQ(timed.ask({"SLOWLOG", "GET", "-2"}),
            "-ERR count should be greater than or equal to -1\r\n");
  EXPECT_EQ(
      timed.ask({"SLOWLOG", "GET", "1", "2"}),
      "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n");
  EXPECT_EQ(timed.ask({"SLOWLOG", "LEN", "x"}),
            "-ERR wrong number of arguments for 'slowlog|len' command\r\n");
  EXPECT_EQ(timed.ask({"SLOWLOG", "x"}), "-ERR unknown subcommand 'x'. Try SLOWLOG HELP.\r\n");
  EXPECT_THAT(timed.ask({"SLOWLOG", "HELP"}),
              StartsWith("*10\r\n+SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands "
                         "are:\r\n+GET [<count>]\r\n"));
}

TEST(CommandTimes, AreToldByInfo) {
  Timed timed;
  timed.step_ns = 1'750;
  timed.send({"PING"});
  timed.send({"PING"});
  EXPECT_THAT(timed.ask({"INFO", "commandstats"}),
              HasSubstr("cmdstat_ping:calls=2,usec=3,usec_per_call=1.75,rejected_calls=0,"
                        "failed_calls=0\r\n"));
  timed.client.send_all({{"PING"}, {"ECHO", "x"}, {"PING"}});
  EXPECT_THAT(timed.ask({"INFO", "commandstats"}), HasSubstr("cmdstat_ping:calls=4,usec=7,"));
  timed.ask({"CONFIG", "RESETSTAT"});
  EXPECT_THAT(timed.ask({"INFO", "commandstats"}), testing::Not(HasSubstr("cmdstat_ping")));
}

TEST(Latency, KeepsTheWorstOfEachSecond) {
  Timed timed;
  timed.send({"GET", "k"});
  EXPECT_EQ(timed.ask({"LATENCY", "LATEST"}), "*0\r\n") << "it is off";
  EXPECT_THAT(timed.ask({"LATENCY", "DOCTOR"}), HasSubstr("latency-monitor-threshold"));
  timed.ask({"CONFIG", "SET", "latency-monitor-threshold", "2"});
  timed.send({"GET", "k"});
  EXPECT_EQ(timed.ask({"LATENCY", "LATEST"}), "*0\r\n");
  timed.step_ns = 5'900'000;
  timed.send({"LRANGE", "k", "0", "1"});
  timed.step_ns = 3'000'000;
  timed.send({"LRANGE", "k", "0", "1"});
  timed.send({"GET", "k"});
  timed.server.advance(1000);
  timed.send({"LRANGE", "k", "0", "1"});
  EXPECT_EQ(timed.ask({"LATENCY", "HISTORY", "command"}),
            "*2\r\n*2\r\n:1700000000\r\n:5\r\n*2\r\n:1700000001\r\n:3\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "LATEST"}),
            "*2\r\n*4\r\n$7\r\ncommand\r\n:1700000001\r\n:3\r\n:5\r\n"
            "*4\r\n$12\r\nfast-command\r\n:1700000000\r\n:3\r\n:3\r\n");
  EXPECT_THAT(timed.ask({"LATENCY", "DOCTOR"}), HasSubstr("command: 2 samples, 4 ms on average"));
  EXPECT_EQ(timed.ask({"LATENCY", "RESET", "COMMAND", "nothing"}), ":1\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "HISTORY", "command"}), "*0\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "RESET"}), ":1\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "RESET"}), ":0\r\n");
}

TEST(Latency, HistogramsCountTheCallsOfEachCommandByPowersOfTwo) {
  Timed timed;
  timed.ask({"CONFIG", "RESETSTAT"});
  timed.step_ns = 3'000;
  timed.send({"SET", "k", "v"});
  timed.step_ns = 40'000'000;
  timed.send({"SET", "k", "w"});
  timed.step_ns = 900;
  timed.send({"CLIENT", "ID"});
  EXPECT_EQ(timed.ask({"LATENCY", "HISTOGRAM", "set", "nothing", "get"}),
            "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n"
            "*4\r\n:4\r\n:1\r\n:67633\r\n:2\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "HISTOGRAM", "client"}),
            "*2\r\n$9\r\nclient|id\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n"
            "*2\r\n:1\r\n:1\r\n");
  EXPECT_THAT(timed.ask({"LATENCY", "HISTOGRAM"}), HasSubstr("$17\r\nlatency|histogram\r\n"));
  timed.ask({"CONFIG", "SET", "latency-tracking", "no"});
  timed.ask({"GET", "k"});
  EXPECT_EQ(timed.ask({"LATENCY", "HISTOGRAM", "get"}), "*0\r\n");
  EXPECT_THAT(timed.ask({"CONFIG", "SET", "latency-tracking", "maybe"}), StartsWith("-ERR"));
  TestClient third(timed.server, 3);
  EXPECT_EQ(third.send({"LATENCY", "HISTOGRAM", "get"}), "%0\r\n");
}

TEST(Latency, MistakesAreToldAsByRedis) {
  Timed timed;
  EXPECT_EQ(timed.ask({"LATENCY", "GRAPH", "fork"}),
            "-ERR No samples available for event 'fork'\r\n");
  EXPECT_EQ(timed.ask({"LATENCY", "HISTORY"}),
            "-ERR wrong number of arguments for 'latency|history' command\r\n");
  EXPECT_THAT(timed.ask({"LATENCY", "HELP"}), StartsWith("*13\r\n+LATENCY <subcommand>"));
}

}  // namespace
}  // namespace weir::redis
