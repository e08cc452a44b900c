// SCRAM credentials made and taken away by requests (KIP-554).

#include "protocols/kafka/gen/scram.h"

#include "base/credentials/scram.h"
#include "tests/unit/protocols/kafka/acls.h"

namespace weir::kafka {
namespace {

class ScramCredentialsByRequest : public Acls {
 protected:
  static AlterUserScramCredentialsRequest::Upsertion upsertion(std::string_view password) {
    const std::string salt = "some salt";
    AlterUserScramCredentialsRequest::Upsertion made;
    made.name = wire::literal("carol");
    made.mechanism = 1;
    made.iterations = 4096;
    made.salt = Bytes::copy_of(salt);
    made.salted_password = Bytes::take(salted_password(ScramHash::kSha256, password, salt, 4096));
    return made;
  }
  int16_t alter(const AlterUserScramCredentialsRequest::Upsertion& wanted) {
    AlterUserScramCredentialsRequest request;
    request.upsertions.push_back(wanted);
    return one<AlterUserScramCredentialsResponse>(admin, 0, request).results.at(0).error_code;
  }
  int16_t remove(const std::string& name, int8_t mechanism) {
    AlterUserScramCredentialsRequest request;
    request.deletions.push_back({Bytes::copy_of(name), mechanism});
    return one<AlterUserScramCredentialsResponse>(admin, 0, request).results.at(0).error_code;
  }
};

TEST_F(ScramCredentialsByRequest, MakeAUserWhoCanLogIn) {
  EXPECT_EQ(alter(upsertion("carol")), 0);
  Client carol(port);
  log_in(carol, "carol");

  DescribeUserScramCredentialsRequest describe;
  describe.users.emplace().push_back({wire::literal("carol")});
  describe.users->push_back({wire::literal("nobody")});
  describe.users->push_back({wire::literal("alice")});
  describe.users->push_back({wire::literal("alice")});
  const auto found = one<DescribeUserScramCredentialsResponse>(admin, 0, describe);
  ASSERT_EQ(found.results.size(), 3U);
  EXPECT_EQ(found.results.at(0).error_code, wire_code(KafkaError::kDuplicateResource));
  ASSERT_EQ(found.results.at(1).credential_infos.size(), 1U);
  EXPECT_EQ(found.results.at(1).credential_infos.at(0).iterations, 4096);
  EXPECT_EQ(found.results.at(2).error_code, wire_code(KafkaError::kResourceNotFound));

  EXPECT_EQ(remove("carol", 2), wire_code(KafkaError::kResourceNotFound));
  EXPECT_EQ(remove("carol", 1), 0);
  EXPECT_EQ(
      one<DescribeUserScramCredentialsResponse>(admin, 0, DescribeUserScramCredentialsRequest())
          .results.size(),
      3U);
}

TEST_F(ScramCredentialsByRequest, AreRefusedWhenTheyAreNotInOrder) {
  auto wanted = upsertion("x");
  wanted.iterations = 4095;
  EXPECT_EQ(alter(wanted), wire_code(KafkaError::kUnacceptableCredential));
  wanted.iterations = 16385;
  EXPECT_EQ(alter(wanted), wire_code(KafkaError::kUnacceptableCredential));
  wanted = upsertion("x");
  wanted.name = Bytes();
  EXPECT_EQ(alter(wanted), wire_code(KafkaError::kUnacceptableCredential));
  wanted = upsertion("x");
  wanted.salt = Bytes();
  EXPECT_EQ(alter(wanted), wire_code(KafkaError::kUnacceptableCredential));
  wanted = upsertion("x");
  wanted.mechanism = 3;
  EXPECT_EQ(alter(wanted), wire_code(KafkaError::kUnsupportedSaslMechanism));
  AlterUserScramCredentialsRequest twice;
  twice.upsertions = {upsertion("x"), upsertion("y")};
  const auto answer = one<AlterUserScramCredentialsResponse>(admin, 0, twice);
  ASSERT_EQ(answer.results.size(), 1U);
  EXPECT_EQ(answer.results.at(0).error_code, wire_code(KafkaError::kDuplicateResource));
}

}  // namespace
}  // namespace weir::kafka
