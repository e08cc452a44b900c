#pragma once
// The C++ types of schema fields that are not plain numbers. Every string and every blob is a
// Bytes: decoded ones are slices of the request's buffer, so they may travel to another thread and
// outlive the connection; encoded ones are referenced, not copied, where they are long.

#include <absl/container/inlined_vector.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir::wire {

// 128 bits, in the order of the wire. All zero means none.
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  bool is_zero() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;

  template <typename H>
  friend H AbslHashValue(H state, const Uuid& uuid) {
    return H::combine(std::move(state), uuid.bytes);
  }
};

std::string to_string(const Uuid& uuid);  // 8-4-4-4-12 hexadecimal digits

// One blob made of slices: what a reader gets is their concatenation.
struct Records {
  absl::InlinedVector<Bytes, 1> pieces;

  Records() = default;
  explicit Records(Bytes piece) { append(std::move(piece)); }

  void append(Bytes piece) {
    if (!piece.empty()) pieces.push_back(std::move(piece));
  }
  size_t size() const;
  bool empty() const { return pieces.empty(); }
  std::string joined() const;

  friend bool operator==(const Records& a, const Records& b) { return a.joined() == b.joined(); }
};

// A Bytes over a text that lives for ever (a literal, a static table): nothing is copied or
// counted.
inline Bytes literal(std::string_view text) {
  return Bytes::of_owner(nullptr, text);
}

}  // namespace weir::wire
