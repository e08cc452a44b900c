#pragma once
// CRC-32C (Castagnoli), as Kafka's record batch and our journal use it: initial value ~0, final
// complement, so that crc32c(b, crc32c(a)) == crc32c(ab). A seed other than 0 makes bytes of
// another file fail the check.

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace weir {

uint32_t crc32c(ByteView bytes, uint32_t seed = 0);

// XXH3 without a seed: the same value in every process and version, so results may be stored. Not
// for hash tables that a peer can fill on purpose unless its collisions are bounded otherwise.
uint64_t hash64(ByteView bytes);
std::array<uint64_t, 2> hash128(ByteView bytes);  // low half first

}  // namespace weir
