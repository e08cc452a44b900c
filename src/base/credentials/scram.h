#pragma once
// The verifier of a password, as SCRAM has it (RFC 5802; SHA-256: RFC 7677): a salt, a number of
// iterations and two keys. It verifies a password that was sent (PLAIN, AUTH) as well as a proof
// that one is known. Pure, but for random_bytes(); any thread.
//
// Cost: derive() and matches() of 4096 iterations take 1 to 3 ms of a core.

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"

namespace weir {

// The numbers are those of KIP-554, and stored.
enum class ScramHash : uint8_t { kSha256 = 1, kSha512 = 2 };

// Enough to verify a password, not enough to log in.
struct ScramCredential {
  uint32_t iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;

  bool operator==(const ScramCredential&) const = default;
};
using ScramCredentials = std::map<ScramHash, ScramCredential>;

inline constexpr uint32_t kScramIterationsMin = 4096;
inline constexpr uint32_t kScramIterationsMax = 16384;
inline constexpr size_t kPasswordBytesMax = 1024;

size_t key_bytes(ScramHash hash);

// Secret; from the operating system's generator.
std::string random_bytes(size_t count);

std::string hmac(ScramHash hash, ByteView key, ByteView text);
// The hash itself.
std::string digest(ScramHash hash, ByteView text);
// In constant time for strings of one length.
bool equal_secrets(ByteView a, ByteView b);

// Hi() of RFC 5802.
std::string salted_password(ScramHash hash, ByteView password, ByteView salt, uint32_t iterations);
ScramCredential credential_of(ScramHash hash,
                              ByteView salted_password,
                              ByteView salt,
                              uint32_t iterations);
// With a salt of its own, for both hashes.
ScramCredentials credentials_of(ByteView password, uint32_t iterations = kScramIterationsMin);

bool matches(ScramHash hash, const ScramCredential& credential, ByteView password);
// By whichever there is; false when there is none.
bool matches(const ScramCredentials& credentials, ByteView password);

}  // namespace weir
