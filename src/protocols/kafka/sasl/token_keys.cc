#include "protocols/kafka/sasl/token_keys.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/credentials/base64.h"
#include "net/openssl_pointers.h"

namespace weir::kafka {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr size_t kCoordinateBytes = 32;
constexpr size_t kKeysMax = 64;

using PublicKey = net::KeyPtr;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, net::Freed<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, net::Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, net::Freed<OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, net::Freed<BN_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, net::Freed<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, net::Freed<ECDSA_SIG_free>>;

enum class Algorithm : uint8_t { kRs256, kEs256 };

std::unexpected<Error> not_understood(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, std::string(what));
}
std::unexpected<Error> not_trusted(std::string_view what) {
  return fail(ErrorCode::kRefused, std::string(what));
}

const unsigned char* octets(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number number_of(ByteView bytes) {
  return Number(BN_bin2bn(octets(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::string text_of(const simdjson::dom::element& object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::optional<std::string> bytes_of(const simdjson::dom::element& object, std::string_view key) {
  return from_base64_url(text_of(object, key));
}

PublicKey make_key(const char* type, const Builder& builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return PublicKey(key);
}

PublicKey rsa_key(const simdjson::dom::element& jwk) {
  const auto modulus = bytes_of(jwk, "n");
  const auto exponent = bytes_of(jwk, "e");
  if (!modulus || !exponent) return nullptr;
  const Number n = number_of(*modulus);
  const Number e = number_of(*exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  PublicKey key = make_key("RSA", builder);
  if (key && EVP_PKEY_get_bits(key.get()) < kRsaBitsMin) return nullptr;
  return key;
}

PublicKey elliptic_key(const simdjson::dom::element& jwk) {
  const auto x = bytes_of(jwk, "x");
  const auto y = bytes_of(jwk, "y");
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) return nullptr;
  const std::string point = '\x04' + *x + *y;  // not compressed
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return make_key("EC", builder);
}

// A signature of ES256 is two numbers side by side; the library wants them in DER.
std::optional<std::string> der_of(ByteView signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  Number r = number_of(signature.substr(0, kCoordinateBytes));
  Number s = number_of(signature.substr(kCoordinateBytes));
  const EcdsaSignature both(ECDSA_SIG_new());
  if (ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return std::nullopt;
  (void)r.release();  // it owns them now
  (void)s.release();
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &out);
  if (size <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return der;
}

bool is_signed_by(EVP_PKEY* key, Algorithm algorithm, ByteView text, ByteView signature) {
  std::string der;
  if (algorithm == Algorithm::kEs256) {
    auto made = der_of(signature);
    if (!made) return false;
    der = std::move(*made);
    signature = der;
  }
  const Digest digest(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(digest.get(), octets(signature), signature.size(), octets(text),
                          text.size()) == 1;
}

// Seconds since 1970, perhaps with a fraction.
std::optional<Timestamp> time_of(const simdjson::dom::element& claims, std::string_view key) {
  constexpr double kSecondsMax = 1e12;
  double seconds = 0;
  if (claims[key].get(seconds) != simdjson::SUCCESS || seconds < 0 || seconds > kSecondsMax) {
    return std::nullopt;
  }
  return Timestamp(static_cast<int64_t>(seconds * 1000));
}

bool names(const simdjson::dom::element& claims, std::string_view audience) {
  if (text_of(claims, "aud") == audience) return true;
  simdjson::dom::array several;
  if (claims["aud"].get(several) != simdjson::SUCCESS) return false;
  return std::ranges::any_of(several, [&](const simdjson::dom::element& one) {
    std::string_view text;
    return one.get(text) == simdjson::SUCCESS && text == audience;
  });
}

Result<TokenClaims> check_claims(const simdjson::dom::element& claims,
                                 const TokenRules& rules,
                                 Timestamp now) {
  const auto ends = time_of(claims, "exp");
  if (!ends) return not_trusted("the token has no end");
  if (now >= *ends + kTokenSkew) return not_trusted("the token has expired");
  const bool limited = claims["nbf"].error() == simdjson::SUCCESS;
  const auto begins = time_of(claims, "nbf");
  if (limited && (!begins || now + kTokenSkew < *begins)) {
    return not_trusted("the token does not hold yet");
  }
  if (!rules.issuer.empty() && text_of(claims, "iss") != rules.issuer) {
    return not_trusted("the token is of another issuer");
  }
  if (!rules.audience.empty() && !names(claims, rules.audience)) {
    return not_trusted("the token is for somebody else");
  }
  std::string name = text_of(claims, "sub");
  if (name.empty()) return not_trusted("the token names nobody");
  return TokenClaims{std::move(name), *ends + kTokenSkew};
}

}  // namespace

struct TokenKeys::Key {
  std::string id;
  Algorithm algorithm;
  PublicKey key;
};

TokenKeys::TokenKeys(std::vector<Key> keys, TokenRules rules)
    : keys_(std::move(keys)), rules_(std::move(rules)) {}
TokenKeys::~TokenKeys() = default;

Result<std::shared_ptr<const TokenKeys>> TokenKeys::parse(ByteView key_set, TokenRules rules) {
  simdjson::dom::parser parser;
  simdjson::dom::array listed;
  const simdjson::padded_string text(key_set);
  if (parser.parse(text)["keys"].get(listed) != simdjson::SUCCESS || listed.size() > kKeysMax) {
    return not_understood("no set of keys: an object with a list \"keys\" is expected");
  }
  std::vector<Key> keys;
  for (const simdjson::dom::element jwk : listed) {
    const std::string type = text_of(jwk, "kty");
    const bool rsa = type == "RSA";
    const std::string use = text_of(jwk, "use");
    const std::string algorithm = text_of(jwk, "alg");
    const bool ours = rsa || (type == "EC" && text_of(jwk, "crv") == "P-256");
    if (!ours || (!use.empty() && use != "sig")) continue;
    if (!algorithm.empty() && algorithm != (rsa ? "RS256" : "ES256")) continue;
    PublicKey key = rsa ? rsa_key(jwk) : elliptic_key(jwk);
    if (!key) {
      return not_understood("a key of the set cannot be used: RSA of 2048 bits and more, or P-256");
    }
    keys.push_back(
        {text_of(jwk, "kid"), rsa ? Algorithm::kRs256 : Algorithm::kEs256, std::move(key)});
  }
  if (keys.empty()) return not_understood("the set has no key for RS256 or ES256");
  return std::shared_ptr<const TokenKeys>(new TokenKeys(std::move(keys), std::move(rules)));
}

Result<TokenClaims> TokenKeys::verify(ByteView token, Timestamp now) const {
  const size_t first = token.find('.');
  const size_t second = first == ByteView::npos ? first : token.find('.', first + 1);
  if (token.size() > kTokenBytesMax || second == ByteView::npos) {
    return not_understood("this is no signed token");
  }
  const auto head = from_base64_url(token.substr(0, first));
  const auto body = from_base64_url(token.substr(first + 1, second - first - 1));
  const auto signature = from_base64_url(token.substr(second + 1));
  if (!head || !body || !signature) return not_understood("the token is not encoded well");

  simdjson::dom::parser parser;
  simdjson::dom::element header;
  if (parser.parse(*head).get(header) != simdjson::SUCCESS || !header.is_object()) {
    return not_understood("the token's header is not understood");
  }
  const std::string algorithm = text_of(header, "alg");
  if (algorithm != "RS256" && algorithm != "ES256") {
    return not_trusted("only tokens signed by RS256 or ES256 are trusted");
  }
  if (header["crit"].error() == simdjson::SUCCESS) {
    return not_trusted("the token wants something to be understood that is not");
  }
  const std::string id = text_of(header, "kid");
  const Algorithm wanted = algorithm == "RS256" ? Algorithm::kRs256 : Algorithm::kEs256;
  const bool trusted = std::ranges::any_of(keys_, [&](const Key& key) {
    return key.algorithm == wanted && (id.empty() || key.id.empty() || key.id == id) &&
           is_signed_by(key.key.get(), wanted, token.substr(0, second), *signature);
  });
  if (!trusted) return not_trusted("no key that is known has signed the token");

  simdjson::dom::element claims;
  if (parser.parse(*body).get(claims) != simdjson::SUCCESS || !claims.is_object()) {
    return not_understood("the token's claims are not understood");
  }
  return check_claims(claims, rules_, now);
}

}  // namespace weir::kafka
