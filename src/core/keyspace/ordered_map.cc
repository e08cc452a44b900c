#include "core/keyspace/ordered_map.h"

#include "base/checksum.h"

namespace weir::keyspace {

uint64_t hash_of(ByteView key) {
  return hash64(key);
}

}  // namespace weir::keyspace
