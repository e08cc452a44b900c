#pragma once
// Elements packed one behind the other: each between its length and, so that they can be walked
// backwards, the size of both. Lengths are LEB128, the one behind the bytes from its end.
//
// Of memory only; it is never stored, and never read from outside.

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace weir::keyspace::packed {

constexpr size_t varint_size(uint32_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Of an element of so many bytes, with what stands around it.
constexpr size_t size_of(size_t length) {
  const size_t front = varint_size(static_cast<uint32_t>(length)) + length;
  return front + varint_size(static_cast<uint32_t>(front));
}

// Writes size_of(element.size()) bytes.
inline void put(char* to, ByteView element) {
  const char* const begin = to;
  auto length = static_cast<uint32_t>(element.size());
  for (; length >= 0x80; length >>= 7) *to++ = static_cast<char>(length | 0x80);
  *to++ = static_cast<char>(length);
  to = std::copy(element.begin(), element.end(), to);
  auto front = static_cast<uint32_t>(to - begin);
  char* behind = to + varint_size(front);
  for (; front >= 0x80; front >>= 7) *--behind = static_cast<char>(front | 0x80);
  *--behind = static_cast<char>(front);
}

struct Element {
  ByteView bytes;
  const char* begin;  // of all that belongs to it
  const char* end;
};

// The element that begins here.
inline Element after(const char* begin) {
  const char* at = begin;
  uint32_t length = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    length |= (byte & 0x7fU) << shift;
    if (byte < 0x80) break;
  }
  const char* const end = at + length;
  return {.bytes = {at, length},
          .begin = begin,
          .end = end + varint_size(static_cast<uint32_t>(end - begin))};
}

// The element that ends here.
inline Element before(const char* end) {
  const char* at = end;
  uint32_t front = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*--at);
    front |= (byte & 0x7fU) << shift;
    if (byte < 0x80) break;
  }
  return after(at - front);
}

}  // namespace weir::keyspace::packed
