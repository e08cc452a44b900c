// Logins over a real socket.

#include "protocols/kafka/gen/sasl.h"

#include "base/credentials/scram.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/api_versions.h"
#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/gen/metadata.h"
#include "tests/unit/protocols/kafka/port.h"
#include "tests/unit/protocols/kafka/scram_client.h"

namespace weir::kafka {
namespace {

Config demanding() {
  Config config;
  config.listener.sasl = Sasl::kRequired;
  config.failed_login_pause = Milliseconds(0);
  return config;
}

catalog::User user(std::string name, std::string_view password) {
  catalog::User made;
  made.name = std::move(name);
  made.credentials = credentials_of(password);
  return made;
}

class SaslTest : public testing::Test {
 protected:
  explicit SaslTest(Config config = demanding(), bool two_shards = false)
      : port(std::move(config), two_shards) {
    port.on_broker([](broker::Broker& broker) {
      ASSERT_TRUE(broker.put_user(user("alice", "wonderland"), broker.now()));
      ASSERT_TRUE(broker.put_user(user("bob", "builder"), broker.now()));
    });
  }

  static int16_t handshake(Client& who, std::string_view mechanism, int16_t version = 1) {
    SaslHandshakeRequest request;
    request.mechanism = Bytes::copy_of(mechanism);
    return who.call<SaslHandshakeResponse>(version, request).error_code;
  }
  static SaslAuthenticateResponse say(Client& who, std::string_view message, int16_t version = 2) {
    SaslAuthenticateRequest request;
    request.auth_bytes = Bytes::copy_of(message);
    return who.call<SaslAuthenticateResponse>(version, request);
  }
  static SaslAuthenticateResponse plain(Client& who,
                                        std::string name,
                                        const std::string& password) {
    EXPECT_EQ(handshake(who, "PLAIN"), 0);
    return say(who, '\0' + std::move(name) + '\0' + password);
  }
  static SaslAuthenticateResponse scram(Client& who,
                                        ScramHash hash,
                                        const std::string& name,
                                        std::string_view password) {
    EXPECT_EQ(handshake(who, hash == ScramHash::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512"), 0);
    const std::string first = "n=" + name + ",r=clientnonce";
    const auto challenge = say(who, "n,," + first);
    EXPECT_EQ(challenge.error_code, 0);
    return say(who, scram_proof(hash, password, first, challenge.auth_bytes.view()));
  }
  static bool answered(Client& who) {
    return !who.call<MetadataResponse>(1, MetadataRequest()).brokers.empty();
  }
  static bool closed(Client& who) { return who.socket().receive(1).empty(); }

  Port port;
};

TEST_F(SaslTest, NothingButTheLoginIsAnsweredBeforeIt) {
  Client client(port);
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest()).error_code, 0);
  client.send(1, MetadataRequest());
  EXPECT_TRUE(closed(client));
}

TEST_F(SaslTest, PlainLetsInWhoKnowsThePassword) {
  for (int16_t version = 0; version <= 2; ++version) {
    SCOPED_TRACE(version);
    Client client(port);
    ASSERT_EQ(handshake(client, "PLAIN"), 0);
    const auto answer = say(client, std::string_view("\0alice\0wonderland", 17), version);
    EXPECT_EQ(answer.error_code, 0);
    EXPECT_TRUE(answered(client));
  }
}

TEST_F(SaslTest, AWrongPasswordAndAnUnknownNameAreToldTheSameAndEndTheConnection) {
  std::string told[2];
  for (const std::string name : {"alice", "nobody"}) {
    Client client(port);
    const auto answer = plain(client, name, "guess");
    EXPECT_EQ(answer.error_code, wire_code(KafkaError::kSaslAuthenticationFailed));
    told[name == "alice" ? 0 : 1] = answer.error_message.value_or(Bytes()).view();
    EXPECT_TRUE(closed(client));
  }
  EXPECT_EQ(told[0], told[1]);
}

TEST_F(SaslTest, MalformedPlainMessagesAreRefused) {
  for (const std::string_view message :
       {std::string_view(""), std::string_view("\0alice", 6), std::string_view("\0\0x", 3),
        std::string_view("\0alice\0", 7), std::string_view("\0alice\0wonderland\0", 18),
        std::string_view("bob\0alice\0wonderland", 20)}) {
    Client client(port);
    ASSERT_EQ(handshake(client, "PLAIN"), 0);
    EXPECT_EQ(say(client, message).error_code, wire_code(KafkaError::kSaslAuthenticationFailed));
    EXPECT_TRUE(closed(client));
  }
}

TEST_F(SaslTest, ScramLetsInWhoKnowsThePassword) {
  for (const ScramHash hash : {ScramHash::kSha256, ScramHash::kSha512}) {
    Client client(port);
    EXPECT_EQ(scram(client, hash, "alice", "wonderland").error_code, 0);
    EXPECT_TRUE(answered(client));
    for (const std::string name : {"alice", "nobody"}) {
      Client other(port);
      EXPECT_EQ(scram(other, hash, name, "guess").error_code,
                wire_code(KafkaError::kSaslAuthenticationFailed));
      EXPECT_TRUE(closed(other));
    }
  }
}

TEST_F(SaslTest, AUserWhoIsDisabledOrGoneCannotLogIn) {
  port.on_broker([](broker::Broker& broker) {
    catalog::User disabled = user("alice", "wonderland");
    disabled.enabled = false;
    ASSERT_TRUE(broker.put_user(disabled, broker.now()));
    ASSERT_TRUE(broker.remove_user("bob", broker.now()));
  });
  Client alice(port);
  EXPECT_NE(plain(alice, "alice", "wonderland").error_code, 0);
  Client bob(port);
  EXPECT_NE(scram(bob, ScramHash::kSha256, "bob", "builder").error_code, 0);
}

TEST_F(SaslTest, AnUnknownMechanismIsToldWhatThereIs) {
  Client client(port);
  SaslHandshakeRequest request;
  request.mechanism = wire::literal("GSSAPI");
  const auto answer = client.call<SaslHandshakeResponse>(1, request);
  EXPECT_EQ(answer.error_code, wire_code(KafkaError::kUnsupportedSaslMechanism));
  EXPECT_EQ(answer.mechanisms.size(), 3U);
  EXPECT_TRUE(closed(client));
}

TEST_F(SaslTest, AMessageWithoutAHandshakeIsRefused) {
  Client client(port);
  EXPECT_EQ(say(client, "x").error_code, wire_code(KafkaError::kIllegalSaslState));
  EXPECT_TRUE(closed(client));
}

// Clients from before KIP-152 send the mechanism's messages without a header.
TEST_F(SaslTest, AfterHandshake0MessagesComeBare) {
  Client client(port);
  ASSERT_EQ(handshake(client, "PLAIN", 0), 0);
  client.socket().send(std::string_view("\0\0\0\x11\0alice\0wonderland", 21));
  EXPECT_EQ(client.socket().receive(4), std::string(4, '\0'));
  EXPECT_TRUE(answered(client));

  Client other(port);
  ASSERT_EQ(handshake(other, "PLAIN", 0), 0);
  other.socket().send(std::string_view("\0\0\0\x04\0a\0b", 8));
  EXPECT_TRUE(closed(other));
}

TEST_F(SaslTest, AStrangersFramesAreSmall) {
  Client client(port);
  client.socket().send(std::string_view("\0\x10\0\0", 4));  // a mebibyte is announced
  EXPECT_TRUE(closed(client));
}

TEST_F(SaslTest, AStrangerHasHalfAMinute) {
  Client client(port);
  EXPECT_EQ(client.call<ApiVersionsResponse>(3, ApiVersionsRequest()).error_code, 0);
  port.advance(Milliseconds(30'000));
  client.send(3, ApiVersionsRequest());
  EXPECT_TRUE(closed(client));
}

class SaslWithPause : public SaslTest {
 protected:
  SaslWithPause() : SaslTest(config(), true) {}
  static Config config() {
    Config config = demanding();
    config.failed_login_pause = Milliseconds(1000);
    config.session_lifetime = Milliseconds(60'000);
    return config;
  }
};

TEST_F(SaslWithPause, AFailedLoginIsAnsweredAfterThePause) {
  Client client(port);
  ASSERT_EQ(handshake(client, "PLAIN"), 0);
  SaslAuthenticateRequest request;
  request.auth_bytes = wire::literal(std::string_view("\0alice\0guess", 12));
  const int32_t sent = client.send(2, request);
  port.until_waiting(1);
  port.advance(Milliseconds(999));
  EXPECT_FALSE(client.has_answer());
  port.advance(Milliseconds(1));
  EXPECT_EQ(client.receive<SaslAuthenticateResponse>(2, sent).error_code,
            wire_code(KafkaError::kSaslAuthenticationFailed));
  EXPECT_TRUE(closed(client));
}

TEST_F(SaslWithPause, ASessionEndsUnlessItsUserLogsInAgain) {
  Client client(port);
  EXPECT_EQ(plain(client, "alice", "wonderland").session_lifetime_ms, 60'000);
  port.advance(Milliseconds(59'000));
  EXPECT_TRUE(answered(client));
  EXPECT_EQ(plain(client, "alice", "wonderland").error_code, 0);
  port.advance(Milliseconds(59'000));
  EXPECT_TRUE(answered(client));
  port.advance(Milliseconds(1'000));
  client.send(1, MetadataRequest());
  EXPECT_TRUE(closed(client));
}

// KIP-368 for each mechanism, and also when the time is over: a late login is in time as long as
// nothing else was asked before it.
TEST_F(SaslWithPause, EveryMechanismLogsInAgainAndMayBeLate) {
  for (const bool is_plain : {true, false}) {
    Client client(port);
    const auto log_in = [&] {
      return is_plain ? plain(client, "alice", "wonderland")
                      : scram(client, ScramHash::kSha256, "alice", "wonderland");
    };
    for (int time = 0; time < 3; ++time) {
      const auto answer = log_in();
      EXPECT_EQ(answer.error_code, 0);
      EXPECT_EQ(answer.session_lifetime_ms, 60'000);
      EXPECT_TRUE(answered(client));
      port.advance(Milliseconds(61'000));
    }
  }
}

TEST_F(SaslWithPause, TheLifetimeOfASessionIsShownAsASettingOfTheBroker) {
  Client client(port);
  ASSERT_EQ(plain(client, "alice", "wonderland").error_code, 0);
  DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 4;
  resource.resource_name = wire::literal("1");
  resource.configuration_keys.emplace().push_back(wire::literal("connections.max.reauth.ms"));
  const auto described = client.call<DescribeConfigsResponse>(4, request);
  EXPECT_EQ(described.results.at(0).configs.at(0).value->view(), "60000");
}

TEST_F(SaslWithPause, ASessionCannotBeContinuedByAnotherUserOrMechanism) {
  Client client(port);
  ASSERT_EQ(plain(client, "alice", "wonderland").error_code, 0);
  Client other(port);
  ASSERT_EQ(plain(other, "alice", "wonderland").error_code, 0);
  EXPECT_EQ(handshake(other, "SCRAM-SHA-256"), wire_code(KafkaError::kUnsupportedSaslMechanism));
  EXPECT_TRUE(closed(other));

  ASSERT_EQ(handshake(client, "PLAIN"), 0);
  SaslAuthenticateRequest request;
  request.auth_bytes = wire::literal(std::string_view("\0bob\0builder", 12));
  const int32_t sent = client.send(2, request);
  port.until_waiting(1);
  port.advance(Milliseconds(1000));
  EXPECT_EQ(client.receive<SaslAuthenticateResponse>(2, sent).error_code,
            wire_code(KafkaError::kSaslAuthenticationFailed));
}

class SaslThatIsOptional : public SaslTest {
 protected:
  SaslThatIsOptional() : SaslTest(config()) {}
  static Config config() {
    Config config = demanding();
    config.listener.sasl = Sasl::kOptional;
    return config;
  }
};

TEST_F(SaslThatIsOptional, WhoDoesNotLogInIsAnsweredAndWhoDoesIsVerified) {
  Client client(port);
  EXPECT_TRUE(answered(client));
  EXPECT_EQ(plain(client, "alice", "wonderland").error_code, 0);
  EXPECT_TRUE(answered(client));
  Client other(port);
  EXPECT_NE(plain(other, "alice", "guess").error_code, 0);
  EXPECT_TRUE(closed(other));
}

TEST(SaslThatIsOff, AHandshakeIsRefusedAndTheConnectionStays) {
  Config config;
  config.listener.sasl = Sasl::kOff;
  Port port(std::move(config));
  Client client(port);
  SaslHandshakeRequest request;
  request.mechanism = wire::literal("PLAIN");
  EXPECT_EQ(client.call<SaslHandshakeResponse>(1, request).error_code,
            wire_code(KafkaError::kIllegalSaslState));
  EXPECT_FALSE(client.call<MetadataResponse>(1, MetadataRequest()).brokers.empty());
}

}  // namespace
}  // namespace weir::kafka
