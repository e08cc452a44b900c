#include "core/log/seal.h"

#include "base/checksum.h"
#include "base/wire.h"

namespace weir::log {

void seal(char* batch, size_t size, BatchHeader& header) {
  store_be(batch, header.base_offset);
  store_be(batch + 8, header.length);
  store_be(batch + 12, header.leader_epoch);
  batch[16] = 2;
  store_be(batch + 21, header.attributes);
  store_be(batch + 23, header.last_offset_delta);
  store_be(batch + 27, header.base_timestamp);
  store_be(batch + 35, header.max_timestamp);
  store_be(batch + 43, header.producer_id);
  store_be(batch + 51, header.producer_epoch);
  store_be(batch + 53, header.base_sequence);
  store_be(batch + 57, header.count);
  header.crc = crc32c(ByteView(batch, size).substr(kCrcFrom));
  store_be(batch + 17, header.crc);
}

}  // namespace weir::log
