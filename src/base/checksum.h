#pragma once
// CRC-32C (Castagnoli), as Kafka's record batch and our journal use it: initial value ~0, final
// complement, so that crc32c(b, crc32c(a)) == crc32c(ab). A seed other than 0 makes bytes of
// another file fail the check.

#include <cstdint>

#include "base/bytes.h"

namespace weir {

uint32_t crc32c(ByteView bytes, uint32_t seed = 0);

}  // namespace weir
