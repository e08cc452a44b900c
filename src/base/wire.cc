#include "base/wire.h"

namespace weir {

void Writer::varint(uint64_t value) {
  char buffer[10];
  size_t length = 0;
  while (value >= 0x80) {
    buffer[length++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  buffer[length++] = static_cast<char>(value);
  out_->append(buffer, length);
}

uint64_t Reader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = u8();
    if (failed_) return 0;
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  failed_ = true;
  return 0;
}

uint64_t Reader::count(size_t element_size_min) {
  const uint64_t value = varint();
  if (value > remaining() / (element_size_min == 0 ? 1 : element_size_min)) failed_ = true;
  return failed_ ? 0 : value;
}

}  // namespace weir
