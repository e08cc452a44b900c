// Tokens signed here by keys made here.

#include "protocols/kafka/sasl/token_keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "base/credentials/base64.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/sasl.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {
namespace {

using testing::HasSubstr;

constexpr Timestamp kNow(1'700'000'000'000);

std::string url_base64(std::string_view bytes) {
  std::string text = to_base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

// A private key, its public half as a JWK, and tokens that it signs.
class Issuer {
 public:
  Issuer(bool rsa, std::string id, unsigned bits = 2048)
      : rsa_(rsa),
        id_(std::move(id)),
        key_(rsa ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256"), &EVP_PKEY_free) {}

  std::string jwk() const {
    if (rsa_) {
      return fmt::format(R"({{"kty":"RSA","use":"sig","kid":"{}","n":"{}","e":"{}"}})", id_,
                         number(OSSL_PKEY_PARAM_RSA_N, 0), number(OSSL_PKEY_PARAM_RSA_E, 0));
    }
    return fmt::format(R"({{"kty":"EC","crv":"P-256","kid":"{}","x":"{}","y":"{}"}})", id_,
                       number(OSSL_PKEY_PARAM_EC_PUB_X, 32), number(OSSL_PKEY_PARAM_EC_PUB_Y, 32));
  }
  std::string token(std::string_view claims, std::string_view header = "") const {
    const std::string head =
        header.empty() ? fmt::format(R"({{"alg":"{}","kid":"{}"}})", rsa_ ? "RS256" : "ES256", id_)
                       : std::string(header);
    const std::string text = url_base64(head) + "." + url_base64(claims);
    return text + "." + url_base64(signature(text));
  }

 private:
  std::string number(const char* name, int width) const {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key_.get(), name, &value), 1);
    std::string bytes(static_cast<size_t>(width == 0 ? BN_num_bytes(value) : width), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
                 static_cast<int>(bytes.size()));
    BN_free(value);
    return url_base64(bytes);
  }
  std::string signature(const std::string& text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context, nullptr, &size, data, text.size()), 1);
    std::string bytes(size, '\0');
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    EXPECT_EQ(EVP_DigestSign(context, out, &size, data, text.size()), 1);
    bytes.resize(size);
    EVP_MD_CTX_free(context);
    if (rsa_) return bytes;
    const unsigned char* der = reinterpret_cast<const unsigned char*>(bytes.data());
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(bytes.size()));
    std::string raw(64, '\0');
    auto* place = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(both), place, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), place + 32, 32);
    ECDSA_SIG_free(both);
    return raw;
  }

  bool rsa_;
  std::string id_;
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

std::string claims(std::string_view more = "", int64_t ends_in_s = 60) {
  return fmt::format(R"({{"sub":"alice","exp":{}{}}})", kNow.ms() / 1000 + ends_in_s, more);
}

class Tokens : public testing::Test {
 protected:
  static std::shared_ptr<const TokenKeys> keys(const std::string& jwks, TokenRules rules = {}) {
    auto parsed = TokenKeys::parse(fmt::format(R"({{"keys":[{}]}})", jwks), std::move(rules));
    EXPECT_TRUE(parsed) << parsed.error().message;
    return parsed ? *parsed : nullptr;
  }
  std::string refusal(const std::string& token, TokenRules rules = {}) const {
    const auto verified = keys(both(), std::move(rules))->verify(token, kNow);
    return verified ? "" : verified.error().message;
  }
  std::string both() const { return rsa.jwk() + "," + elliptic.jwk(); }

  const Issuer rsa{true, "one"};
  const Issuer elliptic{false, "two"};
};

TEST_F(Tokens, AreTrustedWhenAKnownKeySignedThem) {
  for (const Issuer* issuer : {&rsa, &elliptic}) {
    const auto verified = keys(both())->verify(issuer->token(claims()), kNow);
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->name, "alice");
    EXPECT_EQ(verified->ends, kNow + Milliseconds(60'000) + kTokenSkew);
  }
  EXPECT_THAT(refusal(Issuer(true, "one").token(claims())), HasSubstr("no key that is known"));
  EXPECT_THAT(refusal(Issuer(false, "two").token(claims())), HasSubstr("no key that is known"));
}

TEST_F(Tokens, ThatAreNotSignedOrOtherwiseAreRefused) {
  const std::string body = url_base64(claims());
  const std::string none = url_base64(R"({"alg":"none"})") + "." + body + ".";
  EXPECT_THAT(refusal(none), HasSubstr("RS256 or ES256"));
  EXPECT_THAT(refusal(rsa.token(claims(), R"({"alg":"HS256"})")), HasSubstr("RS256 or ES256"));
  // The key is for the other algorithm.
  EXPECT_THAT(refusal(rsa.token(claims(), R"({"alg":"ES256"})")), HasSubstr("no key"));
  EXPECT_THAT(refusal(rsa.token(claims(), R"({"alg":"RS256","kid":"two"})")), HasSubstr("no key"));
  EXPECT_THAT(refusal(rsa.token(claims(), R"({"alg":"RS256","crit":["x"]})")),
              HasSubstr("understood"));
}

TEST_F(Tokens, HoldForTheirTimeAndTheirPurpose) {
  EXPECT_THAT(refusal(rsa.token(claims("", -30))), HasSubstr("expired"));
  EXPECT_EQ(refusal(rsa.token(claims("", -29))), "");
  EXPECT_THAT(refusal(rsa.token(R"({"sub":"alice"})")), HasSubstr("no end"));
  EXPECT_THAT(refusal(rsa.token(claims(fmt::format(R"(,"nbf":{})", kNow.ms() / 1000 + 31)))),
              HasSubstr("not hold yet"));
  EXPECT_EQ(refusal(rsa.token(claims(fmt::format(R"(,"nbf":{})", kNow.ms() / 1000 + 30)))), "");
  EXPECT_THAT(refusal(rsa.token(fmt::format(R"({{"exp":{}}})", kNow.ms() / 1000 + 60))),
              HasSubstr("names nobody"));
  const TokenRules rules{.issuer = "us", .audience = "weir"};
  EXPECT_THAT(refusal(rsa.token(claims()), rules), HasSubstr("another issuer"));
  EXPECT_THAT(refusal(rsa.token(claims(R"(,"iss":"us")")), rules), HasSubstr("somebody else"));
  EXPECT_EQ(refusal(rsa.token(claims(R"(,"iss":"us","aud":"weir")")), rules), "");
  EXPECT_EQ(refusal(rsa.token(claims(R"(,"iss":"us","aud":["x","weir"])")), rules), "");
}

TEST_F(Tokens, OfWhichAnyLetterIsChangedAreRefused) {
  const auto known = keys(both());
  const std::string token = elliptic.token(claims());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(known->verify(changed, kNow)) << i;
    EXPECT_FALSE(known->verify(token.substr(0, i), kNow)) << i;
  }
  EXPECT_FALSE(known->verify(std::string(kTokenBytesMax + 1, 'a'), kNow));
  EXPECT_FALSE(known->verify("..", kNow));
}

TEST_F(Tokens, KeySetsThatCannotBeUsedAreRefused) {
  for (const std::string text :
       {"", "{}", "[]", R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"AA"}]})",
        R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})",
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})"}) {
    EXPECT_FALSE(TokenKeys::parse(text, {})) << text;
  }
  const std::string small = Issuer(true, "small", 1024).jwk();
  EXPECT_FALSE(TokenKeys::parse(fmt::format(R"({{"keys":[{}]}})", small), {}));
}

class OauthBearer : public Tokens {
 protected:
  static Config config() {
    Config config;
    config.listener.sasl = Sasl::kRequired;
    config.failed_login_pause = Milliseconds(0);
    return config;
  }
  static SaslAuthenticateResponse log_in(Client& client, const std::string& token) {
    SaslHandshakeRequest handshake;
    handshake.mechanism = wire::literal("OAUTHBEARER");
    EXPECT_EQ(client.call<SaslHandshakeResponse>(1, handshake).error_code, 0);
    SaslAuthenticateRequest request;
    request.auth_bytes = Bytes::take(
        "n,,\x01"
        "auth=Bearer " +
        token + "\x01\x01");
    return client.call<SaslAuthenticateResponse>(2, request);
  }
  static bool answered(Client& client) {
    return !client.call<MetadataResponse>(1, MetadataRequest()).brokers.empty();
  }

  Port port{config()};
};

TEST_F(OauthBearer, LetsInForTheTimeOfTheToken) {
  Client before(port);
  SaslHandshakeRequest handshake;
  handshake.mechanism = wire::literal("OAUTHBEARER");
  EXPECT_EQ(before.call<SaslHandshakeResponse>(1, handshake).error_code,
            wire_code(KafkaError::kUnsupportedSaslMechanism))
      << "without keys";
  port.set_token_keys(keys(both()));
  Client client(port);
  const auto answer = log_in(client, elliptic.token(claims()));
  EXPECT_EQ(answer.error_code, 0);
  EXPECT_EQ(answer.session_lifetime_ms, 90'000);
  EXPECT_TRUE(answered(client));
  port.advance(Milliseconds(90'000));
  client.send(1, MetadataRequest());
  EXPECT_TRUE(client.socket().receive(1).empty());
}

TEST_F(OauthBearer, KeepsOutWhoHasNoTokenThatIsTrusted) {
  port.set_token_keys(keys(both()));
  for (const std::string& token : {Issuer(true, "one").token(claims()), std::string("x.y.z")}) {
    Client client(port);
    EXPECT_EQ(log_in(client, token).error_code, wire_code(KafkaError::kSaslAuthenticationFailed));
    EXPECT_TRUE(client.socket().receive(1).empty());
  }
}

}  // namespace
}  // namespace weir::kafka
