#pragma once
// Decimal numbers of any length as a database prints them, scaled and in the two's complement bytes
// of Kafka Connect's Decimal.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::cdc {

struct Decimal {
  bool negative = false;
  std::string digits;  // of the unscaled number, without leading zeros; "0" for zero
  int32_t scale = 0;   // digits behind the point
};

inline constexpr size_t kDecimalDigitsMax = 200'000;  // PostgreSQL's own limit is near 147,455

// -12.340; nothing for NaN, Infinity and what is no number.
std::optional<Decimal> read_decimal(std::string_view text);

// Adds zeros, or rounds half up when digits must go.
void set_scale(Decimal& decimal, int32_t scale);
void strip_zeros(Decimal& decimal);  // down to a scale of 0

// The unscaled number, big-endian, as short as it can be.
std::string twos_complement(const Decimal& decimal);
std::string plain_text(const Decimal& decimal);

}  // namespace weir::cdc
