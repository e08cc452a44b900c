#pragma once
// What reading single records remembers, so that a queue that is worked off in another order than
// it was written in (message groups, returned messages, large batches) does not cut and open the
// same bytes again for every receive:
//   - of a row, where each of its batches lies, so that one is fetched alone;
//   - batches of several records, opened: what was decompressed, and where each record begins.
// It pins no memory of the journal, and what it says stays true: a place in a file is never used
// twice, and a row that has grown or was moved is another row.
//
// Bounded by kPlacesMax and kOpenedBytesMax; emptied when nobody has asked for a while.
//
// Thread: the state shard.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <list>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/ports/journal.h"
#include "core/log/reader.h"
#include "core/log/rows.h"

namespace weir::broker {

class ReadCache {
 public:
  static constexpr size_t kPlacesMax = 262'144;  // 32 bytes each
  static constexpr size_t kOpenedBytesMax = size_t{16} << 20;
  // A row of fewer batches is as quick to cut as to look up.
  static constexpr size_t kRowBatchesMin = 8;

  struct Place {
    Offset first;  // of the batch
    Extent extent;
  };
  using Places = std::vector<Place>;  // ascending by offset

  // Null: not known. Valid until the next put_places().
  const Places* places(CellId log, const log::Row& row);
  // `entries`: all that the row stands for, in order.
  void put_places(CellId log, const log::Row& row, const std::vector<StoredEntry>& entries);

  // The batch of this entry (its event without the kind byte), opened now or before; null if it
  // cannot be understood.
  std::shared_ptr<const log::OpenedBatch> open(const StoredEntry& entry);
  uint64_t batches_opened() const { return batches_opened_; }

  // Called now and then: forgets everything unless something was asked for since the last call.
  void forget_when_idle();

 private:
  using Key =
      std::tuple<CellId, FileId, uint32_t, uint32_t>;  // of a span: log, file, place, length

  // Values by key, the ones that were used last; `cost` of all of them stays within `cost_max` (one
  // alone may be larger).
  template <typename Value>
  class Recent {
   public:
    explicit Recent(size_t cost_max) : cost_max_(cost_max) {}
    const Value* find(const Key& key);
    void put(const Key& key, Value value, size_t cost);
    void clear();

   private:
    struct Item {
      Key key;
      Value value;
      size_t cost;
    };
    const size_t cost_max_;
    size_t cost_ = 0;
    std::list<Item> items_;  // the newest first
    absl::flat_hash_map<Key, typename std::list<Item>::iterator> by_key_;
  };

  Recent<Places> places_{kPlacesMax};
  Recent<std::shared_ptr<const log::OpenedBatch>> opened_{kOpenedBytesMax};
  uint64_t batches_opened_ = 0;
  bool used_ = false;
};

}  // namespace weir::broker
