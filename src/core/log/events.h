#pragma once
// The events of a log, as they stand in the journal: absolute facts, so that replay needs no clock
// and no decision.
//
//   byte 0  kind, then (varint = LEB128, svarint = zigzag LEB128, id = varint ms, varint seq):
//   1 append   varint base offset, id base id, svarint appended ms - id ms (mod 2^64)      payload:
//   the batch 2 trim     varint new start 3 epoch    varint epoch, varint start offset 4 delete id
//   max deleted id, varint runs, per run: varint gap from the end of the run before, varint length
//   5 set ids  id last id, varint entries added, id max deleted id
//   6 moved    varint rows, per row: varint first offset, u32 file, u32 frame, u32 position, u32
//   length, u32 bytes
//   7 rewritten  as append; payload: what compaction left of that batch
//   8 compacted  varint first offset, varint end: the rewritten batches before it, in this commit,
//   are all that is left of [first, end)
//   9 cleaned    varint end, svarint ms: below `end` a key is there once; when the first tombstone
//   may go, or -1
//   10 repeated  varint first offset, varint ms, svarint producer id, varint epoch, varint first
//   sequence, varint last offset delta
//
// An unknown kind, a value out of range or trailing bytes are kStorageCorrupt.

#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/log/location.h"
#include "core/log/stream_id.h"

namespace weir::log {

// One batch was appended. Its record i has the offset base_offset + i and the ID (base_id.ms,
// base_id.seq + i).
struct AppendEvent {
  Offset base_offset;
  StreamId base_id;
  Timestamp appended;  // the broker's time

  StreamId id_of(Offset offset) const {
    return {base_id.ms, base_id.seq + static_cast<uint64_t>(offset - base_offset)};
  }
};

// Everything below `start` is gone.
struct TrimEvent {
  Offset start;
};

// Batches from `start` on carry `epoch`.
struct EpochEvent {
  int32_t epoch = 0;
  Offset start;
};

// Offsets [first, end).
struct OffsetRun {
  Offset first;
  Offset end;

  bool operator==(const OffsetRun&) const = default;
};

// Single records were deleted (XDEL). Runs are ascending and do not touch.
struct DeleteEvent {
  std::vector<OffsetRun> runs;
  StreamId max_deleted_id;
};

// The stream's own counters were set (XSETID).
struct SetIdsEvent {
  StreamId last_id;
  int64_t entries_added = 0;
  StreamId max_deleted_id;
};

// Rows whose bytes lie elsewhere now, by their first offset.
struct MovedRow {
  Offset first;
  Location to;         // the span of the copies
  uint32_t bytes = 0;  // the sum of the copies' lengths
};
struct MovedEvent {
  std::vector<MovedRow> rows;
};

// What compaction left of a batch. It takes effect with the CompactedEvent that follows it in the
// same commit.
struct RewrittenEvent {
  AppendEvent batch;
};
// Of the offsets [first, end), whole rows, only the rewritten batches are left.
struct CompactedEvent {
  Offset first;
  Offset end;
};
// A pass of compaction is done: below `end` each key is there once.
struct CleanedEvent {
  Offset end;
  int64_t horizon_ms = -1;  // when the first tombstone below `end` may go; -1: there is none
};

// An idempotent producer sent again what was appended from `first` on, perhaps by another producer:
// nothing is stored, and its sequence goes on as if this had been its batch.
struct RepeatedEvent {
  Offset first;
  Timestamp at;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  int32_t base_sequence = 0;
  int32_t last_offset_delta = 0;
};

using Event = std::variant<AppendEvent,
                           TrimEvent,
                           EpochEvent,
                           DeleteEvent,
                           SetIdsEvent,
                           MovedEvent,
                           RewrittenEvent,
                           CompactedEvent,
                           CleanedEvent,
                           RepeatedEvent>;

// Appends the encoded event to `out`.
void encode(const AppendEvent& event, std::string& out);
void encode(const TrimEvent& event, std::string& out);
void encode(const EpochEvent& event, std::string& out);
void encode(const DeleteEvent& event, std::string& out);
void encode(const SetIdsEvent& event, std::string& out);
void encode(const MovedEvent& event, std::string& out);
void encode(const RewrittenEvent& event, std::string& out);
void encode(const CompactedEvent& event, std::string& out);
void encode(const CleanedEvent& event, std::string& out);
void encode(const RepeatedEvent& event, std::string& out);

Result<Event> decode_event(ByteView bytes);
// The event beside a stored batch, appended or rewritten.
Result<AppendEvent> decode_append(ByteView bytes);

}  // namespace weir::log
