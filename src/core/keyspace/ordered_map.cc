#include "core/keyspace/ordered_map.h"

#include <xxhash.h>

namespace weir::keyspace {

uint64_t hash_of(ByteView key) {
  return XXH3_64bits(key.data(), key.size());
}

}  // namespace weir::keyspace
