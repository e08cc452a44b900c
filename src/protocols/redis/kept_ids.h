#pragma once
// KeptIds: the IDs of pending entries whose records the log has removed, so that they stay pending
// as in Redis. They lie in the side database, a hash for each log, and in the cache of IDs, where
// they are looked up. At most IdCache::kKeptMax over all streams.
//
// Thread: the state shard's.

#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "core/keyspace/transaction.h"
#include "protocols/redis/id_cache.h"

namespace weir::redis {

class KeptIds {
 public:
  KeptIds(keyspace::Keyspace& keys, IdCache& cache) : keyspace_(keys), cache_(cache) {}

  // Keeps the IDs of these entries that are known. Returns the others, and those beyond the limit.
  std::vector<Offset> keep(keyspace::Transaction& keys,
                           CellId log,
                           std::span<const Offset> offsets);
  void let_go(keyspace::Transaction& keys, CellId log, std::span<const Offset> offsets);
  // Forgets everything about a stream.
  void forget(keyspace::Transaction& keys, CellId log);

  // Makes known what was recovered, and returns it.
  std::vector<std::pair<CellId, Offset>> recover();

 private:
  keyspace::Keyspace& keyspace_;
  IdCache& cache_;
};

}  // namespace weir::redis
