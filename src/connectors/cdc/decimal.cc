#include "connectors/cdc/decimal.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cdc {

namespace {

constexpr size_t kDigitsAtOnce = 9;
constexpr uint32_t kChunk = 1'000'000'000;

void trim(std::string& digits) {
  const size_t first = digits.find_first_not_of('0');
  digits.erase(0, first == std::string::npos ? digits.size() - 1 : first);
}

void add_one(std::string& digits) {
  size_t i = digits.size();
  while (i > 0 && digits[i - 1] == '9') digits[--i] = '0';
  if (i == 0) {
    digits.insert(0, 1, '1');
  } else {
    ++digits[i - 1];
  }
}

// Little-endian words of the magnitude; the square of the length, which the limit keeps small.
std::vector<uint32_t> words_of(std::string_view digits) {
  std::vector<uint32_t> words;
  for (size_t at = 0; at < digits.size();) {
    const size_t length = (digits.size() - at) % kDigitsAtOnce == 0
                              ? kDigitsAtOnce
                              : (digits.size() - at) % kDigitsAtOnce;
    uint32_t chunk = 0;
    for (size_t i = 0; i < length; ++i) {
      chunk = chunk * 10 + static_cast<uint32_t>(digits[at + i] - '0');
    }
    at += length;
    uint64_t carry = chunk;
    for (uint32_t& word : words) {
      carry += uint64_t{word} * kChunk;
      word = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) words.push_back(static_cast<uint32_t>(carry));
  }
  return words;
}

}  // namespace

std::optional<Decimal> read_decimal(std::string_view text) {
  Decimal decimal;
  if (text.starts_with('-')) decimal.negative = true;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.size() > kDecimalDigitsMax) return std::nullopt;
  bool fraction = false;
  for (const char c : text) {
    if (c == '.' && !fraction) {
      fraction = true;
    } else if (c >= '0' && c <= '9') {
      decimal.digits += c;
      if (fraction) ++decimal.scale;
    } else {
      return std::nullopt;
    }
  }
  if (decimal.digits.empty()) return std::nullopt;
  trim(decimal.digits);
  if (decimal.digits == "0") decimal.negative = false;
  return decimal;
}

void set_scale(Decimal& decimal, int32_t scale) {
  if (scale >= decimal.scale) {
    if (decimal.digits != "0") {
      decimal.digits.append(static_cast<size_t>(scale - decimal.scale), '0');
    }
  } else {
    const auto away = static_cast<size_t>(decimal.scale - scale);
    if (decimal.digits.size() < away) decimal.digits.insert(0, away - decimal.digits.size(), '0');
    const char next = decimal.digits[decimal.digits.size() - away];
    decimal.digits.resize(decimal.digits.size() - away);
    if (decimal.digits.empty()) decimal.digits = "0";
    if (next >= '5') add_one(decimal.digits);
    trim(decimal.digits);
    if (decimal.digits == "0") decimal.negative = false;
  }
  decimal.scale = scale;
}

void strip_zeros(Decimal& decimal) {
  while (decimal.scale > 0 && decimal.digits.ends_with('0')) {
    if (decimal.digits == "0") {
      decimal.scale = 0;
      return;
    }
    decimal.digits.pop_back();
    --decimal.scale;
  }
}

std::string twos_complement(const Decimal& decimal) {
  std::string bytes;  // little-endian until the end
  for (const uint32_t word : words_of(decimal.digits)) {
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift & 0xFF);
  }
  bytes += '\0';
  if (decimal.negative) {
    uint32_t carry = 1;
    for (char& byte : bytes) {
      carry += static_cast<unsigned char>(~byte);
      byte = static_cast<char>(carry & 0xFF);
      carry >>= 8;
    }
  }
  // A byte goes that only repeats the sign of the one before it.
  const char filler = decimal.negative ? '\xFF' : '\0';
  while (bytes.size() > 1 && bytes.back() == filler &&
         ((bytes[bytes.size() - 2] & 0x80) != 0) == decimal.negative) {
    bytes.pop_back();
  }
  std::ranges::reverse(bytes);
  return bytes;
}

std::string plain_text(const Decimal& decimal) {
  std::string text = decimal.digits;
  if (decimal.scale > 0) {
    const auto scale = static_cast<size_t>(decimal.scale);
    if (text.size() <= scale) text.insert(0, scale - text.size() + 1, '0');
    text.insert(text.size() - scale, 1, '.');
  } else if (decimal.scale < 0 && text != "0") {
    text.append(static_cast<size_t>(-decimal.scale), '0');
  }
  return decimal.negative ? "-" + text : text;
}

}  // namespace weir::cdc
