#pragma once
// The subject of a certificate as text by RFC 2253: the most special part first, as Java's
// X500Principal writes it and Kafka's access rules name it ("CN=billing,OU=Finance,O=Example").
//
// CN, L, ST, O, OU, C, STREET, DC and UID have their names; any other attribute is its number and
// the bytes of its value in hexadecimal ("1.2.840.113549.1.9.1=#1603613062"). Pure; any thread.

#include <openssl/types.h>

#include <string>

namespace weir::net {

std::string distinguished_name(const X509_NAME* name);

}  // namespace weir::net
