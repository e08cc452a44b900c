#pragma once
// One codec for every message: it walks the tables of schema.h. Pure and without state; any thread.
//
// decode: never reads beyond the input; every length is checked against what remains, and the
// memory of arrays against a budget, before memory is taken. An error is the peer's mistake and
// says where, which field and why. Input that is left over is an error unless allowed. Strings,
// blobs and records are slices of the input.
//
// encode: a list of slices, to be written one after the other. Numbers and short strings share a
// buffer of the encoder; records of kReferenceMin bytes and more are referenced where they lie.
//
// A null in a version that has no null is written as empty; a field that a version does not have is
// not written.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "protocols/wire/schema.h"

namespace weir::wire {

struct DecodeLimits {
  size_t string_bytes_max = 32767;             // also of strings with a varint length
  size_t memory_bytes_max = 64 * 1024 * 1024;  // of the elements of all arrays together
  size_t unknown_tags_max = 256;               // in one message
  bool left_over_allowed = false;  // Kafka ignores what follows a request, and clients rely on it
};

inline constexpr size_t kReferenceMin = 2048;

// The bytes of one or more messages, in order.
using Pieces = std::vector<Bytes>;
size_t size_of(const Pieces& pieces);

Result<> decode(const Message& message,
                int16_t version,
                const Bytes& input,
                void* out,
                const DecodeLimits& limits = {});

template <typename T>
Result<T> decode(int16_t version, const Bytes& input, const DecodeLimits& limits = {}) {
  T value;
  if (auto done = decode(T::kMessage, version, input, &value, limits); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return value;
}

// Bytes that encode() would produce.
size_t encoded_size(const Message& message, int16_t version, const void* value);

// Appends the encoding of `value` to `pieces`; `prefix` (a frame's size and header) is put before
// it in the same buffer.
void encode(
    const Message& message, int16_t version, const void* value, std::string prefix, Pieces& pieces);

template <typename T>
Pieces encode(int16_t version, const T& value, std::string prefix = {}) {
  Pieces pieces;
  encode(T::kMessage, version, &value, std::move(prefix), pieces);
  return pieces;
}

}  // namespace weir::wire
