#include "base/checksum.h"

#include <isa-l/crc.h>
#include <xxhash.h>

#include <algorithm>

namespace weir {

uint32_t crc32c(ByteView bytes, uint32_t seed) {
  // The library neither reads beyond nor writes to the buffer; its signature predates const.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  constexpr size_t kPieceMax = size_t{1} << 30;  // its length is an int
  uint32_t crc = ~seed;
  for (size_t position = 0; position < bytes.size(); position += kPieceMax) {
    const size_t length = std::min(kPieceMax, bytes.size() - position);
    crc = crc32_iscsi(data + position, static_cast<int>(length), crc);
  }
  return ~crc;
}

uint64_t hash64(ByteView bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::array<uint64_t, 2> hash128(ByteView bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

}  // namespace weir
