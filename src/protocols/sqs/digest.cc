#include "protocols/sqs/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/assert.h"
#include "base/wire.h"

namespace weir::sqs {
namespace {

using Algorithm = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// Looking an algorithm up costs more than digesting a short body: it is done once.
Algorithm fetch(const char* name) {
  Algorithm algorithm(EVP_MD_fetch(nullptr, name, nullptr), &EVP_MD_free);
  WEIR_ASSERT(algorithm != nullptr, "the digest {} is missing", name);
  return algorithm;
}

std::string digest_hex(const Algorithm& algorithm, std::string_view bytes) {
  thread_local const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  const bool done = EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1;
  WEIR_ASSERT(done, "a digest failed");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(length * 2);
  for (unsigned int i = 0; i < length; ++i) {
    hex.push_back(kDigits[digest[i] >> 4]);
    hex.push_back(kDigits[digest[i] & 15]);
  }
  return hex;
}

}  // namespace

std::string md5_hex(std::string_view bytes) {
  static const Algorithm md5 = fetch("MD5");
  return digest_hex(md5, bytes);
}
std::string sha256_hex(std::string_view bytes) {
  static const Algorithm sha256 = fetch("SHA256");
  return digest_hex(sha256, bytes);
}

std::string md5_of_attributes(std::span<const MessageAttribute> attributes) {
  std::vector<const MessageAttribute*> sorted;
  for (const MessageAttribute& attribute : attributes) sorted.push_back(&attribute);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  Writer writer;
  const auto counted = [&](std::string_view text) {
    writer.fixed_be(static_cast<uint32_t>(text.size()));
    writer.raw(text);
  };
  for (const MessageAttribute* attribute : sorted) {
    counted(attribute->name);
    counted(attribute->type);
    writer.u8(attribute->binary() ? 2 : 1);
    counted(attribute->value);
  }
  return md5_hex(writer.out());
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1,
                   '\0');  // one more: the library writes a terminator
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  // The library would pass over white space at both ends and take '=' anywhere for zero bits.
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string_view digits = text.substr(0, text.size() - padding);
  if (digits.find_first_not_of(kAlphabet) != std::string_view::npos) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(length) - padding);
  return bytes;
}

}  // namespace weir::sqs
