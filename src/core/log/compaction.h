#pragma once
// Compaction by key: of each key the newest record stays. A pass first notes the newest offset of
// each key in the dirty part of the log (add_keys), as many as its memory allows, then looks at
// every batch from the start of the log on (compact_batch). What is left of a batch keeps its base
// offset, its last offset delta, its sequences and its codec; a batch of which nothing is left is
// dropped, since the log's rows, and not batches, account for offsets.
//
// A tombstone (a record with a key and no value) outlives what it deletes: the first pass that
// finds everything before it gone writes into the batch until when it stays (the delete horizon of
// KIP-534), and a pass after that moment drops it.
//
// Batches that compaction does not understand stay as they are and delete nothing: control batches,
// those of transactions, and those that cannot be opened.
//
// Thread safety: no state but KeyOffsets, which is confined to one thread at a time.

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "core/log/reader.h"
#include "core/log/record_batch.h"

namespace weir::log {

// The newest offset of each key, keys by a hash of 128 bits.
class KeyOffsets {
 public:
  explicit KeyOffsets(size_t keys_max) : keys_max_(keys_max) {}

  // False when the key is new and there is no room for it.
  bool put(ByteView key, Offset offset);
  std::optional<Offset> newest(ByteView key) const;
  size_t size() const { return newest_.size(); }

 private:
  using Hash = std::array<uint64_t, 2>;

  size_t keys_max_;
  absl::flat_hash_map<Hash, int64_t> newest_;
};

// Adds the keys of the batch's records in [from, end). Returns the offset up to which they are all
// in: at least `end` or the batch's end, or that of the first record whose key found no room.
Offset add_keys(const StoredBatch& batch, Offset from, Offset end, KeyOffsets& keys);

struct CompactionRules {
  Offset end;  // the keys of the dirty records below it were added; records from it on stay
  Timestamp now;
  int64_t delete_retention_ms = 0;
};

enum class BatchFate : uint8_t { kUnchanged, kRewritten, kDropped };

struct CompactedBatch {
  BatchFate fate = BatchFate::kUnchanged;
  // Of a rewritten batch; the base offset and epoch in it are those it had.
  BatchHeader header;
  std::string bytes;
  int64_t horizon_ms = -1;  // until when its tombstones stay; -1: it has none that wait for it
};

CompactedBatch compact_batch(const StoredBatch& batch,
                             const KeyOffsets& keys,
                             const CompactionRules& rules);

// The indexes of the records without a key, for a compacted topic's door; `count_max` of them at
// most. kCorruptBatch, kTooLarge: the batch cannot be opened.
Result<std::vector<int32_t>> records_without_key(ByteView batch,
                                                 const BatchHeader& header,
                                                 size_t count_max,
                                                 const DecompressLimits& limits = {});

}  // namespace weir::log
