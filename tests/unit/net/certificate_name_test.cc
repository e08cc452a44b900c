// The names in certificates, as Java's X500Principal and hence Kafka's access rules write them.

#include "net/certificate_name.h"

#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "net/openssl_pointers.h"

namespace weir::net {
namespace {

struct Part {
  const char* type;
  std::string_view value;
  bool same_part = false;  // as the one before
  int kind = MBSTRING_UTF8;
};

std::string written(std::initializer_list<Part> parts) {
  const std::unique_ptr<X509_NAME, Freed<X509_NAME_free>> name(X509_NAME_new());
  for (const Part& part : parts) {
    const int added = X509_NAME_add_entry_by_txt(
        name.get(), part.type, part.kind, reinterpret_cast<const unsigned char*>(part.value.data()),
        static_cast<int>(part.value.size()), -1, part.same_part ? -1 : 0);
    EXPECT_EQ(added, 1) << part.type;
  }
  return distinguished_name(name.get());
}

TEST(CertificateName, BeginsWithTheMostSpecialPart) {
  EXPECT_EQ(written({{"C", "CH"}, {"O", "Example"}, {"OU", "Finance"}, {"CN", "billing"}}),
            "CN=billing,OU=Finance,O=Example,C=CH");
  EXPECT_EQ(written({{"CN", "alice"}}), "CN=alice");
  EXPECT_EQ(written({}), "");
}

TEST(CertificateName, HasTheNamesOfRfc2253) {
  EXPECT_EQ(
      written(
          {{"DC", "example"}, {"L", "Bern"}, {"ST", "Bern"}, {"street", "Aarhof"}, {"UID", "u1"}}),
      "UID=u1,STREET=Aarhof,ST=Bern,L=Bern,DC=example");
}

TEST(CertificateName, WritesOtherAttributesAsNumbers) {
  EXPECT_EQ(written({{"CN", "a"}, {"emailAddress", "a@b", false, V_ASN1_IA5STRING}}),
            "1.2.840.113549.1.9.1=#1603614062,CN=a");
}

TEST(CertificateName, JoinsTheAttributesOfOnePartByAPlus) {
  EXPECT_EQ(written({{"O", "Example"}, {"OU", "Sales"}, {"CN", "a", true}, {"CN", "b"}}),
            "CN=b,OU=Sales+CN=a,O=Example");
}

TEST(CertificateName, EscapesWhatWouldLookLikeAnotherName) {
  EXPECT_EQ(written({{"CN", "admin,O=Example"}}), "CN=admin\\,O=Example");
  EXPECT_EQ(written({{"CN", "a+b\"c\\d<e>f;g"}}), "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g");
  EXPECT_EQ(written({{"CN", "#1 "}}), "CN=\\#1\\ ");
  EXPECT_EQ(written({{"CN", std::string_view("admin\0x", 7)}}), "CN=admin\\00x");
}

TEST(CertificateName, KeepsLettersBeyondAscii) {
  EXPECT_EQ(written({{"CN", "Zürich"}}), "CN=Zürich");
}

}  // namespace
}  // namespace weir::net
