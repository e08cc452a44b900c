#include "tests/unit/net/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/assert.h"
#include "net/openssl_pointers.h"

namespace weir::net {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

void extend(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  WEIR_ASSERT(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

CertificatePtr unsigned_certificate(const std::string& name,
                                    EVP_PKEY* key,
                                    long begins,
                                    long ends) {
  static std::atomic<long> serial{1};
  CertificatePtr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), begins);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), ends);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

std::string text_in(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  WEIR_ASSERT(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_in(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  WEIR_ASSERT(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_in(bio.get());
}

}  // namespace

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

Certificates::Certificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
  WEIR_ASSERT(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  authority_ = self_signed("authority");
}

Certificates::~Certificates() {
  std::error_code ignored;  // a folder that stays is the worst that can happen
  std::filesystem::remove_all(folder_, ignored);
}

std::string Certificates::file(const std::string& name, const std::string& text) const {
  std::ofstream(path(name)) << text;
  std::filesystem::permissions(
      path(name), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path(name);
}

Certificates::Made Certificates::self_signed(const std::string& name) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr made = unsigned_certificate(name, key.get(), -3600, 30L * 86400);
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(made.get(), NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  WEIR_ASSERT(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
  return {file(name + ".pem", pem_of(made.get())), file(name + ".key", pem_of(key.get()))};
}

Certificates::Made Certificates::make(const std::string& name, long begins_s, long ends_s) {
  const std::string authority_text = text_of(authority_.certificate);
  const std::string key_text = text_of(authority_.key);
  const BioPtr authority_bio(BIO_new_mem_buf(authority_text.data(), -1));
  const BioPtr key_bio(BIO_new_mem_buf(key_text.data(), -1));
  const CertificatePtr authority(PEM_read_bio_X509(authority_bio.get(), nullptr, nullptr, nullptr));
  const KeyPtr authority_key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr made = unsigned_certificate(name, key.get(), begins_s, ends_s);
  X509_set_issuer_name(made.get(), X509_get_subject_name(authority.get()));
  extend(made.get(), NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost");
  WEIR_ASSERT(X509_sign(made.get(), authority_key.get(), EVP_sha256()) > 0);
  return {file(name + ".pem", pem_of(made.get())), file(name + ".key", pem_of(key.get()))};
}

}  // namespace weir::net
