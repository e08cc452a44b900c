#include "base/credentials/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace weir {
namespace {

constexpr size_t kSaltBytes = 16;

const EVP_MD* algorithm(ScramHash hash) {
  return hash == ScramHash::kSha256 ? EVP_sha256() : EVP_sha512();
}

const unsigned char* octets(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* octets(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

size_t key_bytes(ScramHash hash) {
  return hash == ScramHash::kSha256 ? 32 : 64;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  const int done = RAND_bytes(octets(bytes), static_cast<int>(count));
  WEIR_ASSERT(done == 1, "the generator of random bytes failed");
  return bytes;
}

std::string hmac(ScramHash hash, ByteView key, ByteView text) {
  std::string result(key_bytes(hash), '\0');
  const unsigned char* done = HMAC(algorithm(hash), key.data(), static_cast<int>(key.size()),
                                   octets(text), text.size(), octets(result), nullptr);
  WEIR_ASSERT(done != nullptr, "an HMAC failed");
  return result;
}

std::string digest(ScramHash hash, ByteView text) {
  std::string result(key_bytes(hash), '\0');
  const int done =
      EVP_Digest(text.data(), text.size(), octets(result), nullptr, algorithm(hash), nullptr);
  WEIR_ASSERT(done == 1, "a digest failed");
  return result;
}

bool equal_secrets(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string salted_password(ScramHash hash, ByteView password, ByteView salt, uint32_t iterations) {
  std::string result(key_bytes(hash), '\0');
  const int done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations),
                        algorithm(hash), static_cast<int>(result.size()), octets(result));
  WEIR_ASSERT(done == 1, "a key derivation failed");
  return result;
}

ScramCredential credential_of(ScramHash hash,
                              ByteView salted_password,
                              ByteView salt,
                              uint32_t iterations) {
  return {.iterations = iterations,
          .salt = std::string(salt),
          .stored_key = digest(hash, hmac(hash, salted_password, "Client Key")),
          .server_key = hmac(hash, salted_password, "Server Key")};
}

ScramCredentials credentials_of(ByteView password, uint32_t iterations) {
  ScramCredentials credentials;
  for (const ScramHash hash : {ScramHash::kSha256, ScramHash::kSha512}) {
    const std::string salt = random_bytes(kSaltBytes);
    credentials[hash] =
        credential_of(hash, salted_password(hash, password, salt, iterations), salt, iterations);
  }
  return credentials;
}

bool matches(ScramHash hash, const ScramCredential& credential, ByteView password) {
  if (password.size() > kPasswordBytesMax) return false;
  const std::string salted =
      salted_password(hash, password, credential.salt, credential.iterations);
  return equal_secrets(digest(hash, hmac(hash, salted, "Client Key")), credential.stored_key);
}

bool matches(const ScramCredentials& credentials, ByteView password) {
  if (credentials.empty()) return false;
  // The first is the cheaper one.
  const auto& [hash, credential] = *credentials.begin();
  return matches(hash, credential, password);
}

}  // namespace weir
