// Delegation tokens over a real socket: made, used to log in, renewed and ended.

#include "protocols/kafka/gen/delegation_tokens.h"

#include "protocols/kafka/engine.h"
#include "protocols/kafka/gen/configs.h"
#include "tests/unit/protocols/kafka/acls.h"
#include "tests/unit/protocols/kafka/scram_client.h"

namespace weir::kafka {
namespace {

constexpr Milliseconds kHour{60 * 60 * 1000};

class DelegationTokens : public Acls {
 protected:
  explicit DelegationTokens(Config config = patient()) : Acls(std::move(config)) {
    log_in(bob, "bob");
  }
  static Config patient() {
    Config config = strict();
    config.failed_login_pause = Milliseconds(0);
    return config;
  }

  using Token = CreateDelegationTokenResponse;

  static Token create(Client& who) { return create(who, lasting()); }
  static Token create(Client& who, const CreateDelegationTokenRequest& request) {
    return one<Token>(who, 3, request);
  }
  static CreateDelegationTokenRequest lasting(int64_t lifetime_ms = -1) {
    CreateDelegationTokenRequest request;
    request.max_lifetime_ms = lifetime_ms;
    return request;
  }
  static CreateDelegationTokenRequest renewed_by(std::string_view type, std::string_view name) {
    CreateDelegationTokenRequest request = lasting();
    request.renewers.push_back({Bytes::copy_of(type), Bytes::copy_of(name)});
    return request;
  }
  static CreateDelegationTokenRequest owned_by(std::string_view type, std::string_view name) {
    CreateDelegationTokenRequest request = lasting();
    request.owner_principal_type = Bytes::copy_of(type);
    request.owner_principal_name = Bytes::copy_of(name);
    return request;
  }
  static RenewDelegationTokenResponse renew(Client& who, const Bytes& secret, int64_t ms = -1) {
    return one<RenewDelegationTokenResponse>(who, 2, RenewDelegationTokenRequest{secret, ms});
  }
  static ExpireDelegationTokenResponse expire(Client& who, const Bytes& secret, int64_t ms = -1) {
    return one<ExpireDelegationTokenResponse>(who, 2, ExpireDelegationTokenRequest{secret, ms});
  }
  static DescribeDelegationTokenResponse describe(Client& who) {
    return one<DescribeDelegationTokenResponse>(who, 3, DescribeDelegationTokenRequest());
  }
  // The last answer of a login with a token.
  static SaslAuthenticateResponse log_in_with(Client& who,
                                              std::string_view id,
                                              const Bytes& secret,
                                              ScramHash hash = ScramHash::kSha256,
                                              std::string_view extension = ",tokenauth=true") {
    SaslHandshakeRequest handshake;
    handshake.mechanism =
        wire::literal(hash == ScramHash::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512");
    EXPECT_EQ(one<SaslHandshakeResponse>(who, 1, handshake).error_code, 0);
    const std::string first = "n=" + std::string(id) + ",r=clientnonce" + std::string(extension);
    SaslAuthenticateRequest say;
    say.auth_bytes = Bytes::copy_of("n,," + first);
    const auto challenge = one<SaslAuthenticateResponse>(who, 2, say);
    EXPECT_EQ(challenge.error_code, 0);
    say.auth_bytes = Bytes::take(
        scram_proof(hash, to_base64(secret.view()), first, challenge.auth_bytes.view()));
    return one<SaslAuthenticateResponse>(who, 2, say);
  }
  int16_t log_in_anew(const Token& token) {
    Client client(port);
    return log_in_with(client, token.token_id.view(), token.hmac).error_code;
  }

  static constexpr int16_t kLoginRefused = wire_code(KafkaError::kSaslAuthenticationFailed);
  Client bob{port};
};

TEST_F(DelegationTokens, LogInForTheirOwner) {
  allow(Operation::kWrite, ResourceType::kTopic, "orders");
  for (int16_t version = 1; version <= 3; ++version) {
    const auto token = one<Token>(alice, version, lasting());
    ASSERT_EQ(token.error_code, 0);
    EXPECT_EQ(token.principal_type.view(), "User");
    EXPECT_EQ(token.principal_name.view(), "alice");
    EXPECT_EQ(token.hmac.size(), 64U);
    EXPECT_EQ(token.expiry_timestamp_ms, token.issue_timestamp_ms + 24 * kHour.count());
    EXPECT_EQ(token.max_timestamp_ms, token.issue_timestamp_ms + 7 * 24 * kHour.count());
    for (const ScramHash hash : {ScramHash::kSha256, ScramHash::kSha512}) {
      Client client(port);
      const auto answer = log_in_with(client, token.token_id.view(), token.hmac, hash);
      EXPECT_EQ(answer.error_code, 0);
      EXPECT_EQ(answer.session_lifetime_ms, 24 * kHour.count()) << "the token's";
      EXPECT_EQ(produce(client), 0);
      EXPECT_EQ(fetch(client), kTopicRefused);
    }
  }
}

TEST_F(DelegationTokens, OnlyTheTokensSecretLogsInAndOnlyAsAToken) {
  const auto token = create(alice);
  Client wrong(port);
  EXPECT_EQ(log_in_with(wrong, token.token_id.view(), wire::literal("guess")).error_code,
            kLoginRefused);
  Client unknown(port);
  EXPECT_EQ(log_in_with(unknown, "alice", token.hmac).error_code, kLoginRefused);
  Client user(port);
  EXPECT_EQ(
      log_in_with(user, token.token_id.view(), token.hmac, ScramHash::kSha256, ",tokenauth=false")
          .error_code,
      kLoginRefused);
}

TEST_F(DelegationTokens, WhoCameWithATokenOrUnknownMakesNone) {
  const auto refused = wire_code(KafkaError::kDelegationTokenRequestNotAllowed);
  const auto token = create(alice);
  Client delegate(port);
  ASSERT_EQ(log_in_with(delegate, token.token_id.view(), token.hmac).error_code, 0);
  Client stranger(port);
  for (Client* client : {&delegate, &stranger}) {
    EXPECT_EQ(create(*client).error_code, refused);
    EXPECT_EQ(renew(*client, token.hmac).error_code, refused);
    EXPECT_EQ(expire(*client, token.hmac).error_code, refused);
    EXPECT_EQ(describe(*client).error_code, refused);
  }
  EXPECT_EQ(log_in_anew(token), 0) << "it was not removed";
}

TEST_F(DelegationTokens, ForSomebodyElseNeedARule) {
  EXPECT_EQ(create(alice, owned_by("User", "bob")).error_code,
            wire_code(KafkaError::kDelegationTokenAuthorizationFailed));
  allow(Operation::kCreateTokens, ResourceType::kUser, "User:bob");
  const auto token = create(alice, owned_by("User", "bob"));
  ASSERT_EQ(token.error_code, 0);
  EXPECT_EQ(token.principal_name.view(), "bob");
  EXPECT_EQ(token.token_requester_principal_name.view(), "alice");
  EXPECT_EQ(renew(alice, token.hmac).error_code,
            wire_code(KafkaError::kDelegationTokenOwnerMismatch))
      << "who asked for it is no renewer";
  EXPECT_EQ(renew(bob, token.hmac).error_code, 0);
  EXPECT_EQ(describe(alice).tokens.size(), 1U);
  EXPECT_EQ(describe(bob).tokens.size(), 1U);
  EXPECT_EQ(create(admin, owned_by("Group", "crew")).error_code,
            wire_code(KafkaError::kInvalidPrincipalType));
}

TEST_F(DelegationTokens, AreRenewedByTheirOwnerAndTheirRenewers) {
  EXPECT_EQ(create(alice, renewed_by("Group", "crew")).error_code,
            wire_code(KafkaError::kInvalidPrincipalType));
  const auto token = create(alice, renewed_by("User", "bob"));
  ASSERT_EQ(token.error_code, 0);
  port.advance(kHour);
  EXPECT_EQ(renew(bob, token.hmac).expiry_timestamp_ms, token.expiry_timestamp_ms + kHour.count());
  EXPECT_EQ(renew(alice, token.hmac, 1000).expiry_timestamp_ms,
            token.issue_timestamp_ms + kHour.count() + 1000);
  EXPECT_EQ(renew(admin, token.hmac).error_code,
            wire_code(KafkaError::kDelegationTokenOwnerMismatch));
  EXPECT_EQ(renew(alice, wire::literal("guess")).error_code,
            wire_code(KafkaError::kDelegationTokenNotFound));
}

TEST_F(DelegationTokens, NeverLiveBeyondTheirMaximum) {
  const auto token = create(alice, lasting(2 * kHour.count()));
  EXPECT_EQ(token.max_timestamp_ms, token.issue_timestamp_ms + 2 * kHour.count());
  EXPECT_EQ(token.expiry_timestamp_ms, token.max_timestamp_ms);
  EXPECT_EQ(renew(alice, token.hmac).expiry_timestamp_ms, token.max_timestamp_ms);
  EXPECT_EQ(expire(alice, token.hmac, INT64_MAX).expiry_timestamp_ms, token.max_timestamp_ms);
  const auto longest = create(alice, lasting(INT64_MAX));
  EXPECT_EQ(longest.max_timestamp_ms, longest.issue_timestamp_ms + 7 * 24 * kHour.count());
}

TEST_F(DelegationTokens, AreWorthNothingOnceTheyHaveEnded) {
  const auto token = create(alice, lasting(1000));
  const auto later = create(alice);
  Client client(port);
  ASSERT_EQ(log_in_with(client, token.token_id.view(), token.hmac).session_lifetime_ms, 1000);
  port.advance(Milliseconds(1000));
  client.send(9, MetadataRequest());
  EXPECT_TRUE(client.socket().receive(1).empty()) << "the session ended with the token";
  EXPECT_EQ(log_in_anew(token), kLoginRefused);
  EXPECT_EQ(renew(alice, token.hmac).error_code, wire_code(KafkaError::kDelegationTokenExpired));
  EXPECT_EQ(expire(alice, token.hmac, 1000).error_code,
            wire_code(KafkaError::kDelegationTokenExpired));
  port.advance(kHour);
  EXPECT_EQ(renew(alice, token.hmac).error_code, wire_code(KafkaError::kDelegationTokenNotFound))
      << "the check removed it";
  EXPECT_EQ(log_in_anew(later), 0);
}

TEST_F(DelegationTokens, AreEndedSoonerOrAtOnce) {
  const auto token = create(alice, renewed_by("User", "bob"));
  EXPECT_EQ(expire(admin, token.hmac).error_code,
            wire_code(KafkaError::kDelegationTokenOwnerMismatch));
  EXPECT_EQ(expire(bob, token.hmac, 5000).expiry_timestamp_ms, token.issue_timestamp_ms + 5000);
  EXPECT_EQ(log_in_anew(token), 0);
  EXPECT_EQ(expire(alice, token.hmac).expiry_timestamp_ms, token.issue_timestamp_ms);
  EXPECT_EQ(log_in_anew(token), kLoginRefused);
  EXPECT_EQ(expire(alice, token.hmac).error_code, wire_code(KafkaError::kDelegationTokenNotFound));
}

TEST_F(DelegationTokens, AreSeenByWhomTheyConcernAndWhoMay) {
  const auto token = create(alice);
  const auto other = create(bob, renewed_by("User", "carol"));
  EXPECT_EQ(describe(alice).tokens.size(), 1U);
  EXPECT_EQ(describe(admin).tokens.size(), 2U) << "a super user";
  for (int16_t version = 1; version <= 3; ++version) {
    const auto seen =
        one<DescribeDelegationTokenResponse>(bob, version, DescribeDelegationTokenRequest());
    ASSERT_EQ(seen.tokens.size(), 1U);
    EXPECT_EQ(seen.tokens.at(0).token_id, other.token_id);
    EXPECT_EQ(seen.tokens.at(0).hmac, other.hmac);
    EXPECT_EQ(seen.tokens.at(0).renewers.at(0).principal_name.view(), "carol");
    EXPECT_EQ(seen.tokens.at(0).expiry_timestamp, other.expiry_timestamp_ms);
  }
  DescribeDelegationTokenRequest of_carol;
  of_carol.owners.emplace().push_back({wire::literal("User"), wire::literal("carol")});
  EXPECT_EQ(one<DescribeDelegationTokenResponse>(admin, 3, of_carol).tokens.size(), 1U);
  EXPECT_TRUE(one<DescribeDelegationTokenResponse>(alice, 3, of_carol).tokens.empty());
  allow(Operation::kDescribe, ResourceType::kDelegationToken, std::string(other.token_id.view()));
  EXPECT_EQ(one<DescribeDelegationTokenResponse>(alice, 3, of_carol).tokens.size(), 1U);
  of_carol.owners->clear();
  EXPECT_TRUE(one<DescribeDelegationTokenResponse>(admin, 3, of_carol).tokens.empty());
}

TEST_F(DelegationTokens, OfAnOwnerAreSeenByWhoMayDescribeThem) {
  create(bob);
  EXPECT_TRUE(describe(alice).tokens.empty());
  allow(Operation::kDescribeTokens, ResourceType::kUser, "User:bob");
  EXPECT_EQ(describe(alice).tokens.size(), 1U);
}

TEST_F(DelegationTokens, GoWithTheirOwner) {
  const auto token = create(alice);
  port.on_broker([](broker::Broker& broker) {
    catalog::User disabled = *broker.catalog().access().find_user("alice");
    disabled.enabled = false;
    ASSERT_TRUE(broker.put_user(disabled, broker.now()));
  });
  EXPECT_EQ(log_in_anew(token), kLoginRefused);
  port.on_broker([](broker::Broker& broker) {
    ASSERT_TRUE(broker.remove_user("alice", broker.now()));
    EXPECT_TRUE(broker.catalog().tokens().all().empty());
  });
  EXPECT_EQ(log_in_anew(token), kLoginRefused);
}

TEST_F(DelegationTokens, AreBoundedAndThoseThatEndedMakeRoom) {
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(create(alice, lasting(1000)).error_code, 0) << i;
  EXPECT_EQ(create(alice).error_code, wire_code(KafkaError::kPolicyViolation));
  EXPECT_EQ(create(bob).error_code, 0);
  port.advance(Milliseconds(1000));
  EXPECT_EQ(create(alice).error_code, 0);
  EXPECT_EQ(describe(alice).tokens.size(), 1U);
  auto many = lasting();
  for (int i = 0; i < 500; ++i) {
    many.renewers.push_back({wire::literal("User"), wire::literal("somebody")});
  }
  EXPECT_EQ(create(alice, many).error_code, wire_code(KafkaError::kInvalidRequest));
}

TEST_F(DelegationTokens, AreToldOnlyWhenTheyAreDurable) {
  port.sync();
  port.hold_back(true);
  const int32_t asked = alice.send(3, lasting());
  port.until_parked(1);
  EXPECT_FALSE(alice.has_answer());
  port.sync();
  EXPECT_EQ(alice.receive<Token>(3, asked).error_code, 0);
  port.hold_back(false);
}

class WithoutScram : public DelegationTokens {
 protected:
  WithoutScram() : DelegationTokens(config()) {}
  static Config config() {
    Config config = patient();
    config.sasl_mechanisms = {"PLAIN"};
    return config;
  }
};

TEST_F(WithoutScram, ThereAreNoTokens) {
  const auto disabled = wire_code(KafkaError::kDelegationTokenAuthDisabled);
  EXPECT_EQ(create(alice).error_code, disabled);
  EXPECT_EQ(describe(alice).error_code, disabled);
}

}  // namespace
}  // namespace weir::kafka
