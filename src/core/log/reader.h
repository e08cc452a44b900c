#pragma once
// Records out of stored batches: what XRANGE, SQS receive, a bridge or the command line reads.
// Offsets, IDs and timestamps are absolute; compressed batches are opened within limits. A batch
// whose records cannot be walked (its inside was never checked at the door, as for compressed ones)
// yields its records as `damaged`, without key and value: offsets stay accounted for and nobody
// gets stuck.
//
// Thread safety: a reader is confined to its thread; it needs no state of the log but the deletion
// set handed in.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/log/events.h"
#include "core/log/offset_set.h"
#include "core/log/record_batch.h"

namespace weir::log {

// An append as it stands in the journal: the encoded event and the batch.
struct StoredBatch {
  ByteView event;
  ByteView payload;
};

struct ReadRecord {
  Offset offset;
  StreamId id;
  Timestamp timestamp;  // of the record; of the append under log append time
  Timestamp appended;   // the broker's time at the append
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  HeaderList headers;
  bool damaged = false;
};

// The records of one batch. Views in a record live as long as the reader and the batch.
class BatchReader {
 public:
  BatchReader() = default;

  // kStorageCorrupt when event or header cannot be understood. Reads from the record with offset
  // `from` on.
  Result<void> open(const StoredBatch& batch,
                    Offset from = {},
                    const DecompressLimits& limits = {});
  bool next(ReadRecord& record);
  const BatchHeader& header() const { return header_; }

 private:
  BatchHeader header_;
  AppendEvent event_;
  std::string decompressed_;
  RecordIterator records_{{}, 0};
  Offset from_;
  // Offset delta of the next record, or in a sparse batch the lowest that it may have; -1: none is
  // left.
  int32_t position_ = 0;
  bool damaged_ = false;
};

// One batch, opened once, of which single records are then read in any order: it knows where each
// of them begins and keeps what it decompressed.
class OpenedBatch {
 public:
  // kStorageCorrupt when event or header cannot be understood.
  static Result<OpenedBatch> open(const StoredBatch& batch, const DecompressLimits& limits = {});

  // The record at `offset`; false when the batch has none for readers there. `payload` is the one
  // that was opened; views live as long as it and this object.
  bool read(ByteView payload, Offset offset, ReadRecord& record) const;
  // Its records lie in memory of this object, not in the payload.
  bool decompressed() const { return header_.codec() != Codec::kNone; }
  size_t memory_bytes() const;

 private:
  bool dense() const { return header_.count == header_.last_offset_delta + 1; }

  BatchHeader header_;
  AppendEvent event_;
  std::string decompressed_;
  struct Place {
    int32_t delta;
    uint32_t begin;
  };
  // Where the batch has a record for each of its offsets (`begins_`, from the second one on), or
  // not (`places_`, ascending): those that can be walked to.
  std::vector<uint32_t> begins_;
  std::vector<Place> places_;
  bool damaged_ = false;
};

// The records of several batches in order, with offsets in [from, end) and not in `deleted`
// (nullptr: none). The batches, and the set, must outlive it.
class RecordReader {
 public:
  RecordReader(std::span<const StoredBatch> batches,
               Offset from,
               Offset end,
               const OffsetSet* deleted = nullptr,
               const DecompressLimits& limits = {});

  // True and the next live record. Views in it live until the next call. False at the end or on an
  // error.
  bool next(ReadRecord& record);
  const std::optional<Error>& error() const { return error_; }

 private:
  bool open_next();

  std::span<const StoredBatch> batches_;
  Offset from_;
  Offset end_;
  const OffsetSet* deleted_;
  DecompressLimits limits_;
  BatchReader batch_;
  size_t position_ = 0;
  bool open_ = false;
  std::optional<Error> error_;
};

struct FoundRecord {
  Offset offset;
  StreamId id;
  Timestamp timestamp;
};

// The first live record with a timestamp >= t, or an ID >= id, in [from, end) of these batches.
Result<std::optional<FoundRecord>> find_by_time(std::span<const StoredBatch> batches,
                                                Timestamp t,
                                                Offset from,
                                                Offset end,
                                                const OffsetSet* deleted = nullptr);
// Needs no record bytes; the timestamp is that of the append.
Result<std::optional<FoundRecord>> find_by_id(std::span<const StoredBatch> batches,
                                              StreamId id,
                                              Offset from,
                                              Offset end,
                                              const OffsetSet* deleted = nullptr);

}  // namespace weir::log
