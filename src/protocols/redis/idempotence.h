#pragma once
// Idempotent production (XADD IDMP, IDMPAUTO): which entry a producer's message became, for a time
// and up to a number of messages a producer.
//
// It is kept in the keyspace's side database, so that it is durable in the commit of the entry
// itself: a hash for each producer of a stream (message -> ID, in order of arrival) and one with
// the counters of the stream. The keys begin with the cell of the stream's log, which is never used
// again, so a renamed stream keeps what it knows and a new one of the same name knows nothing.
//
// Source: https://redis.io/docs/latest/commands/xadd/ and .../xcfgset/
//
// Thread: the state shard's.

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/keyspace/transaction.h"
#include "core/log/log.h"

namespace weir::redis {

class Idempotence {
 public:
  static constexpr int64_t kDefault = 100;  // of both settings
  static constexpr int64_t kDurationSecondsMax = 86'400;
  static constexpr int64_t kSizeMax = 10'000;
  static constexpr size_t kNameBytesMax = 4096;
  static constexpr const char* kDurationProperty = "redis.idmp-duration";
  static constexpr const char* kSizeProperty = "redis.idmp-maxsize";

  struct Settings {
    Milliseconds duration;
    size_t size_max = 0;
  };
  struct Counts {
    int64_t producers = 0;
    int64_t ids = 0;
    int64_t added = 0;
    int64_t duplicates = 0;
  };

  explicit Idempotence(keyspace::Keyspace& keys) : keyspace_(keys) {}

  // The same for the same pairs of names and values, whatever their order.
  static std::string name_of_fields(std::span<const ByteView> fields);

  std::optional<log::StreamId> find(const keyspace::Transaction& keys,
                                    CellId log,
                                    ByteView producer,
                                    ByteView message,
                                    const Settings& settings) const;
  void remember(keyspace::Transaction& keys,
                CellId log,
                ByteView producer,
                ByteView message,
                log::StreamId id,
                const Settings& settings);
  void count_duplicate(keyspace::Transaction& keys, CellId log);
  // Forgets the messages, but not how many there were.
  void clear(keyspace::Transaction& keys, CellId log);
  // Forgets everything about a stream.
  void forget(keyspace::Transaction& keys, CellId log);
  Counts counts(const keyspace::Transaction& keys, CellId log, const Settings& settings) const;

  // Makes known what was recovered; returns the logs that are not there any more.
  std::vector<CellId> recover(const std::function<const log::Log*(CellId)>& find_log);
  // A key of the side database went.
  void removed(ByteView key);

 private:
  void count(keyspace::Transaction& keys, CellId log, ByteView what);

  keyspace::Keyspace& keyspace_;
  absl::btree_map<CellId, absl::btree_set<std::string>> producers_;
};

}  // namespace weir::redis
