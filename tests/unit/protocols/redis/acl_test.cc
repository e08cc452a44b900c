// Logins and the ACL commands.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/protocols/redis/fixture.h"

namespace weir::redis {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kOk = "+OK\r\n";

ServiceOptions demanding() {
  ServiceOptions options;
  options.login = {.required = true, .super_users = {"admin"}};
  return options;
}

TEST(RedisLogin, WithoutUsersEverybodyIsDefaultAndMayDoEverything) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"ACL", "WHOAMI"}), "$7\r\ndefault\r\n");
  EXPECT_EQ(client.send({"SET", "k", "v"}), kOk);
  EXPECT_EQ(client.send({"AUTH", "default", "anything"}), kOk);
  EXPECT_THAT(client.send({"AUTH", "anything"}), HasSubstr("without any password configured"));
  EXPECT_THAT(client.send({"AUTH", "alice", "x"}), StartsWith("-WRONGPASS"));
  EXPECT_EQ(client.send({"ACL", "LIST"}),
            "*1\r\n$51\r\nuser default on nopass sanitize-payload ~* &* +@all\r\n");
}

TEST(RedisLogin, AUserLogsInByAuthAndByHelloAndSurvivesARestart) {
  TestServer server;
  {
    TestClient client(server);
    EXPECT_EQ(client.send({"ACL", "SETUSER", "alice", "on", ">secret", "~*", "&*", "+@all"}), kOk);
  }
  server.restart();
  TestClient client(server);
  EXPECT_THAT(client.send({"AUTH", "alice", "guess"}), StartsWith("-WRONGPASS"));
  EXPECT_EQ(client.send({"AUTH", "alice", "secret"}), kOk);
  EXPECT_EQ(client.send({"ACL", "WHOAMI"}), "$5\r\nalice\r\n");
  EXPECT_EQ(client.send({"SET", "k", "v"}), kOk);
  EXPECT_EQ(client.send({"AUTH", "alice", "secret"}), kOk) << "the second time";
  TestClient other(server);
  EXPECT_THAT(other.send({"HELLO", "3", "AUTH", "alice", "secret"}), HasSubstr("proto"));
  EXPECT_THAT(other.send({"CLIENT", "LIST"}), HasSubstr("user=alice"));
}

TEST(RedisLogin, AnAnswerThatTellsOfAUserWaitsForHisCommit) {
  TestServer server;
  TestClient client(server);
  client.send({"ACL", "SETUSER", "alice", "on", ">secret"});
  EXPECT_GT(client.last_depends.lsn, Lsn());
  server.journal.sync();
  client.send({"ACL", "DELUSER", "alice"});
  EXPECT_GT(client.last_depends.lsn, Lsn());
}

TEST(RedisLogin, WhereItIsDemandedNothingIsAnsweredBeforeIt) {
  TestServer server(demanding());
  TestClient client(server);
  EXPECT_EQ(client.send({"GET", "k"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(client.send({"PING"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_THAT(client.send({"HELLO", "3"}), StartsWith("-NOAUTH HELLO must be called"));
  EXPECT_THAT(client.send({"AUTH", "default", ""}), StartsWith("-WRONGPASS"));
  EXPECT_THAT(client.send({"AUTH", "secret"}), StartsWith("-WRONGPASS"));
}

TEST(RedisLogin, APasswordOfDefaultIsDemandedOfNewConnections) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.send({"ACL", "SETUSER", "default", ">secret"}), kOk);
  EXPECT_EQ(client.send({"SET", "k", "v"}), kOk) << "a connection from before";
  TestClient other(server);
  EXPECT_EQ(other.send({"GET", "k"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_THAT(other.send({"AUTH", "guess"}), StartsWith("-WRONGPASS"));
  EXPECT_EQ(other.send({"AUTH", "secret"}), kOk);
  EXPECT_EQ(other.send({"GET", "k"}), "$1\r\nv\r\n");
  EXPECT_EQ(other.send({"RESET"}), "+RESET\r\n");
  EXPECT_EQ(other.send({"GET", "k"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(client.send({"ACL", "SETUSER", "default", "nopass"}), kOk);
  TestClient third(server);
  EXPECT_EQ(third.send({"GET", "k"}), "$1\r\nv\r\n");
}

TEST(RedisLogin, AUserMayDoWhatHisRightsSayFromThatMomentOn) {
  TestServer server(demanding());
  catalog::User admin;
  admin.name = "admin";
  admin.credentials = credentials_of("first");
  ASSERT_TRUE(server.broker->put_user(admin, Timestamp(server.now_ms)));
  catalog::User alice = admin;
  alice.name = "alice";
  ASSERT_TRUE(server.broker->put_user(alice, Timestamp(server.now_ms)));

  TestClient root(server);
  EXPECT_EQ(root.send({"AUTH", "admin", "first"}), kOk);
  TestClient client(server);
  EXPECT_EQ(client.send({"AUTH", "alice", "first"}), kOk);
  EXPECT_EQ(client.send({"GET", "k"}),
            "-NOPERM User alice has no permissions to run the 'get' command\r\n");
  EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "+@all"}), kOk);
  EXPECT_EQ(client.send({"PING"}), "+PONG\r\n");
  EXPECT_EQ(client.send({"GET", "k"}), "-NOPERM No permissions to access a key\r\n");
  EXPECT_EQ(client.send({"PUBLISH", "c", "m"}), "-NOPERM No permissions to access a channel\r\n");
  EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "~*", "&*"}), kOk);
  EXPECT_EQ(client.send({"GET", "k"}), "$-1\r\n");
  EXPECT_EQ(client.send({"PUBLISH", "c", "m"}), ":0\r\n");
  EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "off"}), kOk);
  EXPECT_THAT(client.send({"GET", "k"}), StartsWith("-NOPERM"));
  EXPECT_THAT(client.send({"MULTI"}), StartsWith("-NOPERM"));
}

TEST(RedisLogin, UsersAreShownAndDeletedWithTheirConnections) {
  TestServer server;
  TestClient root(server);
  root.send({"ACL", "SETUSER", "alice", "on", ">secret", "allkeys", "+@all"});
  EXPECT_EQ(root.send({"ACL", "USERS"}), "*2\r\n$7\r\ndefault\r\n$5\r\nalice\r\n");
  EXPECT_THAT(root.send({"ACL", "LIST"}), HasSubstr("user alice on sanitize-payload #"));
  const std::string shown = root.send({"ACL", "GETUSER", "alice"});
  EXPECT_THAT(shown, HasSubstr("$5\r\n+@all\r\n"));
  EXPECT_THAT(shown, HasSubstr("$2\r\n~*\r\n"));
  EXPECT_EQ(root.send({"ACL", "GETUSER", "nobody"}), "$-1\r\n");

  TestClient client(server);
  ASSERT_EQ(client.send({"AUTH", "alice", "secret"}), kOk);
  EXPECT_EQ(root.send({"ACL", "DELUSER", "alice", "nobody"}), ":1\r\n");
  EXPECT_TRUE(client.closed);
  EXPECT_THAT(root.send({"ACL", "DELUSER", "default"}), HasSubstr("cannot be removed"));
  EXPECT_THAT(root.send({"AUTH", "alice", "secret"}), StartsWith("-WRONGPASS"));
}

TEST(RedisLogin, ThereIsOnePasswordAndNoneThatIsKnownByItsHash) {
  TestServer server;
  TestClient root(server);
  for (const std::string rule : {"#0123", "<secret", "!0123", ">"}) {
    EXPECT_THAT(root.send({"ACL", "SETUSER", "alice", "on", rule}),
                StartsWith("-ERR Error in ACL SETUSER modifier '"))
        << rule;
  }
  EXPECT_EQ(root.send({"ACL", "USERS"}), "*1\r\n$7\r\ndefault\r\n") << "nothing has changed";
  EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "on", ">first", ">second"}), kOk);
  TestClient client(server);
  EXPECT_THAT(client.send({"AUTH", "alice", "first"}), StartsWith("-WRONGPASS"));
  EXPECT_EQ(client.send({"AUTH", "alice", "second"}), kOk);
  EXPECT_EQ(root.send({"MULTI"}), kOk);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", ">third"}), "+QUEUED\r\n");
  EXPECT_THAT(root.send({"EXEC"}), HasSubstr("cannot be set in a transaction"));
}

TEST(RedisLogin, AUserWithNopassLogsInWithAnyPassword) {
  TestServer server;
  TestClient root(server);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "guest", "on", "nopass", "~*", "+@read"}), kOk);
  EXPECT_THAT(root.send({"ACL", "LIST"}),
              HasSubstr("user guest on nopass sanitize-payload ~* resetchannels -@all +@read"));
  TestClient client(server);
  EXPECT_EQ(client.send({"AUTH", "guest", "whatever"}), kOk);
  EXPECT_EQ(client.send({"GET", "k"}), "$-1\r\n");
  EXPECT_THAT(client.send({"SET", "k", "v"}), StartsWith("-NOPERM"));
  EXPECT_EQ(root.send({"ACL", "SETUSER", "guest", "resetpass"}), kOk);
  EXPECT_THAT(client.send({"AUTH", "guest", "whatever"}), StartsWith("-WRONGPASS"));
  TestServer demanded(demanding());
  catalog::User super;
  super.name = "admin";
  super.credentials = credentials_of("p");
  ASSERT_TRUE(demanded.broker->put_user(super, Timestamp(demanded.now_ms)));
  TestClient admin(demanded);
  EXPECT_EQ(admin.send({"AUTH", "admin", "p"}), kOk);
  EXPECT_THAT(admin.send({"ACL", "SETUSER", "guest", "nopass"}), HasSubstr("has to log in"));
}

TEST(RedisLogin, TheDefaultUserMayBeLimitedOrSwitchedOff) {
  TestServer server;
  TestClient root(server);
  TestClient other(server);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "admin", "on", ">p", "~*", "&*", "+@all"}), kOk);
  EXPECT_EQ(root.send({"AUTH", "admin", "p"}), kOk);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "default", "-@dangerous"}), kOk);
  EXPECT_EQ(other.send({"FLUSHALL"}),
            "-NOPERM User default has no permissions to run the 'flushall' command\r\n");
  EXPECT_EQ(other.send({"SET", "k", "v"}), kOk);
  EXPECT_THAT(root.send({"ACL", "LIST"}),
              HasSubstr("user default on nopass sanitize-payload ~* &* +@all -@dangerous"));
  EXPECT_EQ(root.send({"ACL", "SETUSER", "default", "off"}), kOk);
  TestClient late(server);
  EXPECT_EQ(late.send({"GET", "k"}), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(root.send({"ACL", "SETUSER", "default", "on", "+@all"}), kOk);
  TestClient latest(server);
  EXPECT_EQ(latest.send({"FLUSHALL"}), kOk);
}

TEST(RedisLogin, RulesSurviveARestart) {
  TestServer server;
  const std::string shown =
      "user alice on sanitize-payload ~a:* %R~b resetchannels &news -@all +@read -get "
      "+config|get (~log:* resetchannels -@all +xadd)";
  {
    TestClient root(server);
    EXPECT_EQ(root.send({"ACL", "SETUSER", "alice", "on", "~a:*", "%R~b", "&news", "+@read", "-get",
                         "+config|get", "(~log:*", "+xadd)"}),
              kOk);
    EXPECT_THAT(root.send({"ACL", "LIST"}), HasSubstr(shown));
  }
  server.restart();
  TestClient root(server);
  EXPECT_THAT(root.send({"ACL", "LIST"}), HasSubstr(shown));
  const std::string user = root.send({"ACL", "GETUSER", "alice"});
  EXPECT_THAT(user, HasSubstr("-@all +@read -get +config|get"));
  EXPECT_THAT(user, HasSubstr("~a:* %R~b"));
  EXPECT_THAT(user,
              HasSubstr("$9\r\nselectors\r\n*1\r\n*6\r\n$8\r\ncommands\r\n$11\r\n-@all +xadd"));
}

// Alice, who may do what the rules say.
struct Limited {
  explicit Limited(std::vector<std::string> rules) {
    rules.insert(rules.begin(), {"ACL", "SETUSER", "alice", "on", "nopass"});
    EXPECT_EQ(root.send(rules), kOk);
    EXPECT_EQ(alice.send({"AUTH", "alice", "x"}), kOk);
  }

  TestServer server;
  TestClient root{server};
  TestClient alice{server};
};

TEST(RedisAccess, CommandsSubcommandsAndCategoriesAreAllowedOneByOne) {
  Limited limited({"~*", "+@all", "-@dangerous", "+config|get", "-config|set"});
  TestClient& alice = limited.alice;
  EXPECT_EQ(alice.send({"SET", "k", "v"}), kOk);
  EXPECT_EQ(alice.send({"CONFIG", "SET", "maxmemory", "1"}),
            "-NOPERM User alice has no permissions to run the 'config|set' command\r\n");
  EXPECT_THAT(alice.send({"CONFIG", "GET", "maxmemory"}), StartsWith("*2"));
  EXPECT_THAT(alice.send({"KEYS", "*"}), StartsWith("-NOPERM"));
  EXPECT_THAT(alice.send({"ACL", "LIST"}), StartsWith("-NOPERM"));
  EXPECT_EQ(alice.send({"ACL", "WHOAMI"}), "$5\r\nalice\r\n");
  limited.root.send({"ACL", "SETUSER", "alice", "+select|1", "-select", "+select|0"});
  EXPECT_EQ(alice.send({"SELECT", "0"}), kOk);
  EXPECT_THAT(alice.send({"SELECT", "1"}), StartsWith("-NOPERM"));
}

TEST(RedisAccess, KeysAreAllowedByPatternForReadingAndWriting) {
  Limited limited({"+@all", "~own:*", "%R~shared:*", "%W~out:*"});
  TestClient& alice = limited.alice;
  const std::string refused = "-NOPERM No permissions to access a key\r\n";
  EXPECT_EQ(alice.send({"SET", "own:1", "v"}), kOk);
  EXPECT_EQ(alice.send({"SET", "other", "v"}), refused);
  EXPECT_EQ(alice.send({"GET", "shared:1"}), "$-1\r\n");
  EXPECT_EQ(alice.send({"SET", "shared:1", "v"}), refused);
  EXPECT_EQ(alice.send({"SET", "out:1", "v"}), kOk);
  EXPECT_EQ(alice.send({"GET", "out:1"}), refused);
  EXPECT_EQ(alice.send({"SET", "out:1", "v", "GET"}), refused) << "it reads, too";
  EXPECT_EQ(alice.send({"LMOVE", "own:1", "shared:1", "LEFT", "LEFT"}), refused);
  EXPECT_EQ(alice.send({"COPY", "shared:1", "own:2"}), ":0\r\n");
  EXPECT_EQ(alice.send({"COPY", "own:1", "shared:1"}), refused);
  EXPECT_EQ(alice.send({"EXISTS", "out:1"}), ":1\r\n") << "reads no data";
  EXPECT_EQ(alice.send({"SORT", "own:9", "BY", "w_*"}),
            "-ERR BY option of SORT denied due to insufficient ACL permissions\r\n");
  EXPECT_EQ(alice.send({"SORT", "own:9", "BY", "nosort", "GET", "w_*"}),
            "-ERR GET option of SORT denied due to insufficient ACL permissions\r\n");
  EXPECT_EQ(alice.send({"SORT", "own:9", "BY", "nosort", "GET", "#"}), "*0\r\n");
}

TEST(RedisAccess, ASelectorAllowsACommandAsAWholeOrNot) {
  Limited limited({"+get", "~a:*", "(+set ~b:*)", "(%W~c:*", "+set)"});
  TestClient& alice = limited.alice;
  EXPECT_EQ(alice.send({"GET", "a:1"}), "$-1\r\n");
  EXPECT_EQ(alice.send({"SET", "b:1", "v"}), kOk);
  EXPECT_EQ(alice.send({"SET", "c:1", "v"}), kOk);
  EXPECT_THAT(alice.send({"SET", "a:1", "v"}), HasSubstr("access a key"));
  EXPECT_THAT(alice.send({"GET", "b:1"}), HasSubstr("access a key"));
  EXPECT_THAT(alice.send({"DEL", "b:1"}), HasSubstr("run the 'del' command"));
  limited.root.send({"ACL", "SETUSER", "alice", "clearselectors"});
  EXPECT_THAT(alice.send({"SET", "b:1", "v"}), HasSubstr("run the 'set' command"));
  EXPECT_EQ(limited.root.send({"ACL", "SETUSER", "alice", "(+get", "~x"}),
            "-ERR Unmatched parenthesis in acl selector starting at '(+get'.\r\n");
}

TEST(RedisAccess, ChannelsAreAllowedByPatternAndPatternsAsTheyStand) {
  Limited limited({"+@all", "&news:*"});
  TestClient& alice = limited.alice;
  const std::string refused = "-NOPERM No permissions to access a channel\r\n";
  EXPECT_EQ(alice.send({"PUBLISH", "news:1", "m"}), ":0\r\n");
  EXPECT_EQ(alice.send({"PUBLISH", "other", "m"}), refused);
  EXPECT_EQ(alice.send({"SPUBLISH", "other", "m"}), refused);
  EXPECT_EQ(alice.send({"SUBSCRIBE", "news:1", "other"}), refused);
  EXPECT_EQ(alice.send({"PSUBSCRIBE", "news:1*"}), refused);
  EXPECT_THAT(alice.send({"PSUBSCRIBE", "news:*"}), HasSubstr("psubscribe"));
  EXPECT_THAT(alice.send({"SUBSCRIBE", "news:1"}), HasSubstr("subscribe"));
  limited.root.send({"ACL", "SETUSER", "alice", "+get"});
  EXPECT_FALSE(alice.closed);
  limited.root.send({"ACL", "SETUSER", "alice", "resetchannels", "&else"});
  EXPECT_TRUE(alice.closed) << "who listens to what he may not hear is sent away";
}

TEST(RedisAccess, RulesThatChangeBetweenMultiAndExecHold) {
  Limited limited({"+@all", "~*"});
  TestClient& alice = limited.alice;
  EXPECT_EQ(alice.send({"MULTI"}), kOk);
  EXPECT_EQ(alice.send({"SET", "k", "v"}), "+QUEUED\r\n");
  EXPECT_EQ(alice.send({"GET", "other"}), "+QUEUED\r\n");
  limited.root.send({"ACL", "SETUSER", "alice", "-set", "resetkeys", "~k"});
  const std::string answer = alice.send({"EXEC"});
  EXPECT_THAT(answer, StartsWith("*2\r\n-NOPERM ACLs rules changed between"));
  EXPECT_THAT(answer, HasSubstr("reason: no permission to execute the command or subcommand"));
  EXPECT_THAT(answer, HasSubstr("reason: no permission to touch the specified keys"));
}

TEST(RedisAccess, ARefusedCommandBreaksItsTransaction) {
  Limited limited({"+@all", "-set", "~*"});
  TestClient& alice = limited.alice;
  EXPECT_EQ(alice.send({"MULTI"}), kOk);
  EXPECT_THAT(alice.send({"SET", "k", "v"}), StartsWith("-NOPERM"));
  EXPECT_THAT(alice.send({"CONFIG", "NOTHING"}), StartsWith("-ERR unknown subcommand"));
  EXPECT_THAT(alice.send({"EXEC"}), StartsWith("-EXECABORT"));
}

TEST(RedisAccess, RefusalsAreLoggedAndCounted) {
  Limited limited({"+get", "+multi", "~own", "&own"});
  TestClient& root = limited.root;
  root.send({"ACL", "LOG", "RESET"});
  limited.alice.send({"SET", "own", "v"});
  limited.alice.send({"SET", "own", "v"});
  limited.alice.send({"GET", "other"});
  limited.alice.send({"MULTI"});
  limited.alice.send({"CLIENT", "ID"});
  root.send({"AUTH", "alice2", "wrong"});
  const std::string all = root.send({"ACL", "LOG"});
  EXPECT_THAT(all, StartsWith("*4\r\n*20\r\n"));
  EXPECT_THAT(all, HasSubstr("$4\r\nauth\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n"
                             "$4\r\nauth\r\n$8\r\nusername\r\n$6\r\nalice2"));
  EXPECT_THAT(all, HasSubstr("$5\r\nmulti\r\n$6\r\nobject\r\n$9\r\nclient|id"));
  EXPECT_THAT(all, HasSubstr("$3\r\nkey\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n"
                             "$5\r\nother"));
  EXPECT_THAT(all, HasSubstr("$5\r\ncount\r\n:2\r\n$6\r\nreason\r\n$7\r\ncommand"));
  EXPECT_THAT(all, HasSubstr("user=alice"));
  EXPECT_THAT(root.send({"ACL", "LOG", "1"}), StartsWith("*1\r\n"));
  limited.server.advance(61'000);
  limited.alice.send({"DISCARD"});
  limited.alice.send({"GET", "other"});
  EXPECT_THAT(root.send({"ACL", "LOG"}), StartsWith("*6\r\n")) << "after a minute it is another";
  root.send({"CONFIG", "SET", "acllog-max-len", "2"});
  limited.alice.send({"GET", "another"});
  EXPECT_THAT(root.send({"ACL", "LOG"}), StartsWith("*2\r\n"));
  EXPECT_EQ(root.send({"ACL", "LOG", "RESET"}), kOk);
  EXPECT_EQ(root.send({"ACL", "LOG"}), "*0\r\n");
}

TEST(RedisAccess, DryRunTellsWithoutRunning) {
  Limited limited({"+get", "+publish", "+config|get", "~own"});
  TestClient& root = limited.root;
  const auto dry = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ACL", "DRYRUN"});
    return root.send(words);
  };
  EXPECT_EQ(dry({"alice", "GET", "own"}), kOk);
  EXPECT_THAT(dry({"alice", "SET", "own", "v"}),
              HasSubstr("User alice has no permissions to run the 'set' command"));
  EXPECT_THAT(dry({"alice", "GET", "k"}),
              HasSubstr("User alice has no permissions to access the 'k' key"));
  EXPECT_THAT(dry({"alice", "PUBLISH", "c", "m"}),
              HasSubstr("User alice has no permissions to access the 'c' channel"));
  EXPECT_EQ(dry({"alice", "CONFIG", "GET", "*"}), kOk);
  EXPECT_EQ(dry({"default", "FLUSHALL"}), kOk);
  EXPECT_EQ(dry({"bob", "GET", "k"}), "-ERR User 'bob' not found\r\n");
  EXPECT_EQ(dry({"alice", "NOSUCH"}), "-ERR Command 'NOSUCH' not found\r\n");
  EXPECT_EQ(dry({"alice", "GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(root.send({"EXISTS", "own"}), ":0\r\n");
}

TEST(RedisAccess, ADeadLetterStreamIsOneThatTheUserMayAddTo) {
  Limited limited({"+@all", "~own:*"});
  TestClient& alice = limited.alice;
  EXPECT_EQ(alice.send({"XGROUP", "CREATE", "own:s", "g", "0", "MKSTREAM"}), kOk);
  EXPECT_EQ(
      alice.send({"XGROUP", "POLICY", "own:s", "g", "MAXDELIVERIES", "2", "DEADLETTER", "other"}),
      "-NOPERM No permissions to access a key\r\n");
  EXPECT_EQ(
      alice.send({"XGROUP", "POLICY", "own:s", "g", "MAXDELIVERIES", "2", "DEADLETTER", "own:d"}),
      kOk);
}

TEST(RedisAccess, WhoLoggedInAsDefaultGoesOnWhenItNeedsNoPasswordAnyMore) {
  TestServer server;
  TestClient root(server);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "default", ">secret"}), kOk);
  TestClient client(server);
  EXPECT_EQ(client.send({"AUTH", "default", "secret"}), kOk);
  EXPECT_EQ(root.send({"ACL", "SETUSER", "default", "nopass"}), kOk);
  EXPECT_EQ(client.send({"SET", "k", "v"}), kOk);
}

TEST(RedisAccess, ThereIsNoFileOfUsers) {
  TestServer server;
  TestClient root(server);
  for (const std::string word : {"SAVE", "LOAD"}) {
    EXPECT_THAT(root.send({"ACL", word}),
                StartsWith("-ERR This Redis instance is not configured to use an ACL file."));
  }
}

TEST(RedisLogin, MakesPasswordsOfAsManyBitsAsAreWanted) {
  TestServer server;
  TestClient client(server);
  EXPECT_THAT(client.send({"ACL", "GENPASS"}), StartsWith("$64\r\n"));
  EXPECT_THAT(client.send({"ACL", "GENPASS", "5"}), StartsWith("$2\r\n"));
  EXPECT_THAT(client.send({"ACL", "GENPASS", "0"}), StartsWith("-ERR"));
}

}  // namespace
}  // namespace weir::redis
