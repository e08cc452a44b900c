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

TEST(RedisLogin, RulesThatAreNotThereAreRefusedAndChangeNothing) {
  TestServer server;
  TestClient root(server);
  for (const std::string rule : {"~cache:*", "+get", "-@dangerous", "&news", "#0123", "<secret",
                                 "nopass", "(~a +get)", "%R~*", ">"}) {
    EXPECT_THAT(root.send({"ACL", "SETUSER", "alice", "on", rule}),
                StartsWith("-ERR Error in ACL SETUSER modifier '"))
        << rule;
  }
  EXPECT_EQ(root.send({"ACL", "USERS"}), "*1\r\n$7\r\ndefault\r\n");
  EXPECT_THAT(root.send({"ACL", "LOG"}), HasSubstr("unknown subcommand 'LOG'"));
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
