#include "net/certificate_name.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "net/openssl_pointers.h"

namespace weir::net {
namespace {

// Null for an attribute without a name in RFC 2253.
const char* keyword_of(const ASN1_OBJECT* type) {
  switch (OBJ_obj2nid(type)) {
    case NID_commonName: return "CN";
    case NID_localityName: return "L";
    case NID_stateOrProvinceName: return "ST";
    case NID_organizationName: return "O";
    case NID_organizationalUnitName: return "OU";
    case NID_countryName: return "C";
    case NID_streetAddress: return "STREET";
    case NID_domainComponent: return "DC";
    case NID_userId: return "UID";
    default: return nullptr;
  }
}

std::string number_of(const ASN1_OBJECT* type) {
  std::array<char, 128> text{};
  const int size = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), type, 1);
  return {text.data(), std::min(static_cast<size_t>(std::max(size, 0)), text.size() - 1)};
}

std::string printed(const ASN1_STRING* value, unsigned long flags) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out || ASN1_STRING_print_ex(out.get(), value, flags) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string attribute(const X509_NAME_ENTRY* entry) {
  const ASN1_OBJECT* type = X509_NAME_ENTRY_get_object(entry);
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(entry);
  if (const char* keyword = keyword_of(type)) {
    // Letters beyond ASCII stay UTF-8; commas, quotes and control characters are escaped.
    return std::string(keyword) + "=" +
           printed(value, ASN1_STRFLGS_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  }
  std::string bytes = printed(value, ASN1_STRFLGS_DUMP_ALL | ASN1_STRFLGS_DUMP_DER);
  std::ranges::transform(bytes, bytes.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return number_of(type) + "=" + bytes;
}

}  // namespace

std::string distinguished_name(const X509_NAME* name) {
  std::string text;
  // Parts backwards; the attributes of one part, joined by a plus, forwards.
  for (int end = X509_NAME_entry_count(name); end > 0;) {
    const int part = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, end - 1));
    int first = end - 1;
    while (first > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first - 1)) == part) --first;
    if (!text.empty()) text += ',';
    for (int i = first; i < end; ++i) {
      if (i > first) text += '+';
      text += attribute(X509_NAME_get_entry(name, i));
    }
    end = first;
  }
  return text;
}

}  // namespace weir::net
