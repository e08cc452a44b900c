#include <gtest/gtest.h>

#include "base/credentials/base64.h"
#include "base/credentials/scram.h"
#include "base/credentials/scram_server.h"
#include "base/random.h"

namespace weir {
namespace {

TEST(Base64, TheExamplesOfItsSpecificationComeOutAndBack) {
  const std::pair<ByteView, ByteView> examples[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(from_base64_url("-_8"), "\xfb\xff");
}

TEST(Base64, WhatNoEncoderWritesIsRefused) {
  for (const ByteView text : {"Z", "Zg", "Zg=", "Zh==", "Zg===", "Z=g=", "Zm9 ", "Zm8\n", "===="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
  for (const ByteView text : {"Zg==", "+/8", "A"}) EXPECT_FALSE(from_base64_url(text)) << text;
}

TEST(Base64, AnyBytesSurvive) {
  Random random(5);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(random.next()));
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes) << "seed 5, size " << size;
  }
}

// The exchange of RFC 7677, section 3.
class Example : public testing::Test {
 protected:
  static constexpr ByteView kClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
  static constexpr ByteView kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  static constexpr ByteView kClientFinal =
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

  static ScramCredential credential(ByteView password = "pencil") {
    const std::string salt = from_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value();
    return credential_of(ScramHash::kSha256,
                         salted_password(ScramHash::kSha256, password, salt, 4096), salt, 4096);
  }
  static Result<std::string> finish(ByteView client_final, ByteView password = "pencil") {
    ScramServer scram(ScramHash::kSha256);
    EXPECT_EQ(scram.begin(kClientFirst), "user");
    (void)scram.challenge(credential(password), kServerNonce);
    return scram.finish(client_final);
  }
};

TEST_F(Example, OfTheSpecificationSucceeds) {
  ScramServer scram(ScramHash::kSha256);
  EXPECT_EQ(scram.begin(kClientFirst), "user");
  EXPECT_EQ(scram.challenge(credential(), kServerNonce),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  EXPECT_EQ(scram.finish(kClientFinal), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_F(Example, WithAnotherPasswordIsRefused) {
  EXPECT_EQ(finish(kClientFinal, "pencils").error().code, ErrorCode::kRefused);
}

// As librdkafka before 2.6.1 sends it.
TEST_F(Example, WithTheClientsPartOfTheNonceTwiceSucceeds) {
  EXPECT_TRUE(
      finish("c=biws,r=rOprNGfwEbeRWgbNEkqOrOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
             "p=1Y75+q7XaCGJj/r6vyQWwoNxSzV5ksS8xhp5Lqyriec="));
}

TEST_F(Example, OfWhichAnyBitIsTurnedFails) {
  ScramServer scram(ScramHash::kSha256);
  ASSERT_TRUE(scram.begin(kClientFirst));
  (void)scram.challenge(credential(), kServerNonce);
  for (size_t i = 0; i < kClientFinal.size(); ++i) {
    std::string turned(kClientFinal);
    turned[i] = static_cast<char>(turned[i] ^ 1);
    EXPECT_FALSE(scram.finish(turned)) << i;
    EXPECT_FALSE(scram.finish(kClientFinal.substr(0, i))) << i;
  }
  EXPECT_TRUE(scram.finish(kClientFinal));
}

TEST(Scram, NamesMayHoldCommasAndEqualsSigns) {
  ScramServer scram(ScramHash::kSha512);
  EXPECT_EQ(scram.begin("n,,n=a=2Cb=3Dc,r=abc"), "a,b=c");
  EXPECT_EQ(scram.begin("n,a=a=2Cb,n=a=2Cb,r=abc"), "a,b");
}

TEST(Scram, ExtensionsAreHandedOn) {
  ScramServer scram(ScramHash::kSha512);
  EXPECT_EQ(scram.begin("n,,n=user,r=abc"), "user");
  EXPECT_EQ(scram.extensions(), "");
  EXPECT_EQ(scram.begin("n,,n=token,r=abc,tokenauth=true,x=y"), "token");
  EXPECT_EQ(scram.extensions(), "tokenauth=true,x=y");
}

TEST(Scram, WhatIsNotThereOrNotWellFormedIsRefused) {
  ScramServer scram(ScramHash::kSha512);
  for (const ByteView text :
       {"", "n", "n,", "n,,", "n,,n=user", "n,,r=abc", "n,,n=,r=abc",
        "n,,n=user,r=", "n,,n=u=2X,r=a", "p=tls-unique,,n=user,r=abc", "n,a=other,n=user,r=abc",
        "n,,m=x,n=user,r=abc", "n,,n=user,r=a\tb"}) {
    EXPECT_EQ(scram.begin(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(Scram, APasswordMatchesItsCredentialsAndNoOther) {
  const ScramCredentials credentials = credentials_of("correct horse");
  for (const auto& [hash, credential] : credentials) {
    EXPECT_TRUE(matches(hash, credential, "correct horse"));
    EXPECT_FALSE(matches(hash, credential, "correct hors"));
    EXPECT_FALSE(matches(hash, credential, ""));
  }
  EXPECT_EQ(credentials.size(), 2U);
  EXPECT_NE(credentials_of("correct horse"), credentials) << "two users share a salt";
  EXPECT_FALSE(matches(ScramCredentials(), ""));
  EXPECT_FALSE(matches(credentials, std::string(kPasswordBytesMax + 1, 'x')));
}

TEST(Scram, ADecoyIsTheSameForTheSameNameAndFitsNothing) {
  const auto one = decoy_credential(ScramHash::kSha256, "nobody", "secret");
  const auto two = decoy_credential(ScramHash::kSha256, "nobody", "secret");
  EXPECT_EQ(one.salt, two.salt);
  EXPECT_NE(one.salt, decoy_credential(ScramHash::kSha256, "other", "secret").salt);
  EXPECT_FALSE(matches(ScramHash::kSha256, one, "secret"));
}

}  // namespace
}  // namespace weir
