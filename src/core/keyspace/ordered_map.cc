#include "core/keyspace/ordered_map.h"

#include <absl/hash/hash.h>

#include "base/checksum.h"

namespace weir::keyspace {

uint64_t hash_of(ByteView key) {
  return hash64(key);
}

// Abseil seeds its hash with where the program lies in memory, which differs from start to start.
uint32_t table_hash(ByteView key) {
  return static_cast<uint32_t>(absl::Hash<ByteView>{}(key));
}

}  // namespace weir::keyspace
