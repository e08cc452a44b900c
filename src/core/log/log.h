#pragma once
// The state of one log (a partition of a topic, or the data of a queue): offsets, rows, epochs,
// producers, and the stream view's IDs. It holds no record: batches stay in the journal, rows say
// where.
//
// decide_* check a command against the state and compute absolute facts; they change nothing.
// apply_* change the state and cannot fail; replay() is the same from stored bytes. Live order for
// an append: decide_append(), encode the event, stamp the batch's first 16 bytes with
// event.base_offset and current_epoch(), submit to the journal (which gives location and LSN),
// apply_append(). An image plus the events after it give exactly the live state.
//
// Invariants: start <= end; rows cover [start, end) and at most the rest of one row below start;
// offsets are dense; the IDs of records rise with their offsets; last_id never falls.
//
// Transactions are not built: last_stable_offset() is where they will bound read-committed readers.
//
// Thread: the state shard's. Pure: time is an argument.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/log/events.h"
#include "core/log/location.h"
#include "core/log/offset_set.h"
#include "core/log/producers.h"
#include "core/log/record_batch.h"
#include "core/log/rows.h"
#include "core/log/stream_id.h"

namespace weir::log {

inline constexpr size_t kEpochsMax = 256;           // the oldest are forgotten
inline constexpr size_t kRetentionRowsMax = 4096;   // rows that one retention step drops at most
inline constexpr size_t kDeleteRunsMax = 65'536;    // of one delete event
inline constexpr int64_t kStreamNodeEntries = 100;  // the grain of Redis's approximate trimming

struct AppendLimits {
  size_t batch_bytes_max = size_t{64} << 20;  // max.message.bytes
  // How far a client's timestamps may lie from now (not checked under log append time).
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = INT64_MAX;
  bool log_append_time = false;
};

struct AppendPlan {
  // The batch repeats one that is in the log: do not append; answer with event.base_offset and
  // event.appended once last_lsn() may leave.
  bool duplicate = false;
  AppendEvent event;
};

struct RetentionPolicy {
  int64_t retention_ms =
      -1;  // -1: no limit. By the records' timestamps, but no later than their append
  int64_t retention_bytes = -1;  // -1: no limit. Bytes of stored entries
};

// What of a log compaction may look at: whole rows, all but the last one.
struct CleanableRange {
  Offset start;  // of the log
  Offset dirty;  // below it each key is there once
  Offset end;
  uint64_t clean_bytes = 0;
  uint64_t dirty_bytes = 0;
  int64_t oldest_ms = -1;  // when the oldest of the dirty ones was appended; -1 without any
};

struct EpochEnd {
  int32_t epoch = -1;  // -1: the epoch is not known
  Offset end;
};

class Log {
 public:
  // Bytes to write: `head` now, then each block (on any thread, in order) with
  // RowBlock::serialize().
  struct Image {
    std::string head;
    std::vector<std::shared_ptr<const RowBlock>> blocks;
  };

  explicit Log(int32_t first_epoch = 0);

  // --- append ---
  // kTooLarge, kInvalidArgument (timestamp; an ID that does not rise), kProducerFenced,
  // kOutOfOrderSequence, kDuplicateSequence, kLimitReached (no ID or offset is left). The header is
  // one that validate_batch() returned or BatchBuilder made.
  Result<AppendPlan> decide_append(const BatchHeader& header,
                                   Timestamp now,
                                   const AppendLimits& limits = {},
                                   const IdRequest& id = {}) const;
  // `durable` is a watermark below which nobody asks any more: marks up to it are forgotten.
  // The append as far as it needs no place: offsets, IDs, producers. Its row follows with place(),
  // before the log is read, trimmed to or imaged: appends of one commit are decided one on top of
  // the other, and the journal tells all their places at once. `durable`: marks up to there are
  // forgotten.
  void advance(const AppendEvent& event, const BatchHeader& header, Lsn lsn, Lsn durable);
  // False when the batch was trimmed away meanwhile: its place is the caller's to release. In order
  // of the appends.
  bool place(const AppendEvent& event, const BatchHeader& header, const Location& location);
  // Both at once.
  void apply_append(const AppendEvent& event,
                    const BatchHeader& header,
                    const Location& location,
                    Lsn lsn,
                    Lsn durable = {});

  // A batch of an idempotent producer that the caller knows to be stored already, from `first` on.
  static RepeatedEvent decide_repeated(const BatchHeader& header, Offset first, Timestamp now);
  void apply(const RepeatedEvent& event, Lsn lsn);

  // The base ID that `count` records appended now would get.
  Result<StreamId> next_id(const IdRequest& request, Timestamp now, int64_t count) const;

  // --- trimming: each returns the new start, the present one when nothing is to be done ---
  // DeleteRecords, a queue's floor, MINID (after looking the ID up): kOffsetOutOfRange beyond
  // `end`, which is the end that the caller may see. Below the start it is no change.
  Result<TrimEvent> decide_trim(Offset start, Offset end) const;
  // By time and size, whole rows, at most kRetentionRowsMax of them; never beyond `limit`.
  TrimEvent decide_retention(Timestamp now, const RetentionPolicy& policy, Offset limit) const;
  // XTRIM MAXLEN: keep the last `kept` live records. `approximate` trims whole nodes of
  // kStreamNodeEntries only, and then at most `removed_max` records.
  TrimEvent decide_trim_to_length(int64_t kept,
                                  bool approximate = false,
                                  int64_t removed_max = INT64_MAX) const;
  // XTRIM MINID: keep the records from `start` on, in the same two ways.
  TrimEvent decide_trim_to_offset(Offset start,
                                  bool approximate = false,
                                  int64_t removed_max = INT64_MAX) const;
  // How many live records a trim removes.
  int64_t live_below(Offset start) const;
  // Rows that are gone completely are appended to `released`.
  void apply(const TrimEvent& event, Lsn lsn, std::vector<Location>& released);

  // --- single deletes (XDEL): offsets and the IDs that they have, in any order; dead and absent
  // ones are left out. An event without runs means that nothing is to be done. ---
  Result<DeleteEvent> decide_delete(std::vector<std::pair<Offset, StreamId>> records) const;
  void apply(const DeleteEvent& event, Lsn lsn, std::vector<Location>& released);

  // --- epochs: kInvalidArgument unless it rises ---
  Result<EpochEvent> decide_epoch(int32_t epoch) const;
  void apply(const EpochEvent& event, Lsn lsn);

  // --- XSETID: kInvalidArgument when last_id is below the last record's ID or below max_deleted_id
  // ---
  Result<SetIdsEvent> decide_set_ids(StreamId last_id,
                                     std::optional<int64_t> entries_added,
                                     std::optional<StreamId> max_deleted_id) const;
  void apply(const SetIdsEvent& event, Lsn lsn);

  // --- relocation: `from` are spans that rows_in_file() gave, `to` the span of their copies (in
  // one frame), `bytes` the sum of the copies' lengths. Spans that are no longer live are left out
  // of the event; their copies are the caller's to release. ---
  struct Relocation {
    Location from;
    Location to;
    uint32_t bytes = 0;
  };
  MovedEvent decide_moved(std::vector<Relocation> relocations, std::vector<Location>& dead) const;
  void apply(const MovedEvent& event, Lsn lsn, std::vector<Location>& released);
  void rows_in_file(FileId file, std::vector<Row>& out) const { rows_.rows_in_file(file, out); }

  // --- compaction by key (see compaction.h) ---
  // Rows that end at or below `limit` and were appended by `newest_ms`.
  CleanableRange cleanable(Offset limit, int64_t newest_ms) const;
  Offset clean_end() const { return clean_end_; }
  // When the first tombstone may go that was left by the last pass; -1: there is none.
  int64_t tombstone_horizon_ms() const { return horizon_ms_; }
  // Whether rows begin at both: what was planned for them still fits.
  bool may_compact(Offset first, Offset end) const { return rows_.may_replace(first, end); }
  // A rewritten batch and its place, in the order of offsets; the CompactedEvent of the same commit
  // puts them into effect.
  void stage(const RewrittenEvent& event, const BatchHeader& header, const Location& location);
  void apply(const CompactedEvent& event, Lsn lsn, std::vector<Location>& released);
  void apply(const CleanedEvent& event, Lsn lsn);

  // Any event from stored bytes; `payload` and `location` belong to an append. kStorageCorrupt when
  // the event cannot be understood or does not fit the state.
  Result<void> replay(ByteView event,
                      ByteView payload,
                      const Location& location,
                      Lsn lsn,
                      std::vector<Location>& released);
  // The log is deleted: every held place.
  void release_all(std::vector<Location>& released) const;

  // --- offsets ---
  Offset start() const { return start_; }
  Offset end() const { return end_; }
  bool empty() const { return start_ == end_; }
  // The end of what may be seen under a watermark (durable or written, whichever the policy names):
  // the high watermark.
  Offset visible_end(Lsn watermark) const;
  // As visible_end(), and forgets the marks up to `durable`, below which no watermark falls any
  // more.
  Offset durable_end(Lsn durable);
  // Where read-committed readers stop.
  Offset last_stable_offset(Offset high_watermark) const { return high_watermark; }
  // Of the newest applied event; a duplicate's answer waits for it.
  Lsn last_lsn() const { return last_lsn_; }

  int32_t current_epoch() const { return epochs_.back().first; }
  // Where `epoch` ended, as OffsetForLeaderEpoch answers: the largest known epoch <= `epoch` and
  // the offset at which the next one began (end() for the current one).
  EpochEnd end_of_epoch(int32_t epoch) const;
  // The epoch in which `offset` was appended.
  int32_t epoch_at(Offset offset) const;

  // --- rows ---
  size_t row_count() const { return rows_.size(); }
  // The rows that hold [from, end), in order, until they hold `bytes_max` (at least one if there is
  // any) or `rows_max`.
  void rows_from(
      Offset from, Offset end, size_t bytes_max, size_t rows_max, std::vector<Row>& out) const;
  std::optional<Row> row_at(Offset offset) const;
  // The row before the one that holds `offset` (reverse reading).
  std::optional<Row> row_before(Offset offset) const;
  // The first row that may hold a record with a timestamp >= t. When its batches turn out to hold
  // none at or after start(), ask again from the row's end.
  std::optional<Row> row_by_time(Timestamp t, Offset from = {}) const;
  // The first row that holds a record with an ID >= id, if any (the record may be deleted or below
  // start()).
  std::optional<Row> row_by_id(StreamId id) const;
  // The newest record timestamp, kNoTimestamp when the log is empty.
  int64_t max_timestamp() const { return rows_.max_timestamp(); }
  uint64_t bytes() const { return bytes_; }  // of entries in rows

  // --- the stream view ---
  StreamId last_id() const { return last_id_; }
  StreamId max_deleted_id() const { return max_deleted_id_; }
  int64_t entries_added() const { return entries_added_; }
  int64_t length() const;  // live records
  bool deleted(Offset offset) const { return deleted_ != nullptr && deleted_->contains(offset); }
  const OffsetSet* deletions() const { return deleted_.get(); }  // nullptr: none
  std::vector<ActiveProducer> active_producers(Timestamp now) const {
    return producers_ == nullptr ? std::vector<ActiveProducer>() : producers_->active(now);
  }
  size_t producer_count() const { return producers_ == nullptr ? 0 : producers_->size(); }

  // --- image ---
  Image image() const;
  std::string serialize() const;  // the image as one string
  static Result<Log> load(ByteView image);
  // Every held place of a loaded log, for Journal::retain().
  void held(std::vector<Location>& out) const { release_all(out); }
  size_t memory_bytes() const;

 private:
  struct TailMark {
    Lsn lsn;
    Offset end;
  };

  void raise_start(Offset start, std::vector<Location>& released);
  TrimEvent grained(Offset exact, bool approximate, int64_t removed_max) const;
  Offset select_live(int64_t n) const;
  void forget_marks(Lsn durable);
  Result<void> check_replay(const Event& event) const;
  // What the door and decide_append() have made sure of.
  static bool batch_fits(const BatchHeader& header, const AppendEvent& event);
  static Row row_of(const AppendEvent& event, const BatchHeader& header, const Location& location);
  bool fits(const RewrittenEvent& event, const BatchHeader& header) const;
  bool fits(const CompactedEvent& event) const;
  Result<void> replay_batch(const Event& event,
                            ByteView payload,
                            const Location& location,
                            Lsn lsn);
  static bool load_head(Reader& reader, Log& log);

  Offset start_;
  Offset end_;
  Offset settled_end_;  // the end as of the marks that were forgotten
  Lsn last_lsn_;
  uint64_t bytes_ = 0;
  int64_t entries_added_ = 0;
  StreamId last_id_;
  StreamId
      last_record_id_;  // of the last record ever appended; last_id_ may have been set beyond it
  StreamId max_deleted_id_;
  RowIndex rows_;
  std::vector<Row> staged_;  // rewritten batches; empty between commits
  Offset clean_end_;         // below it each key is there once
  int64_t horizon_ms_ = -1;
  std::vector<TailMark>
      marks_;  // the appends that may not be durable yet, oldest first from marks_begin_ on
  size_t marks_begin_ = 0;
  absl::InlinedVector<std::pair<int32_t, Offset>, 1>
      epochs_;                                // epoch and its first offset, ascending; never empty
  std::unique_ptr<ProducerTable> producers_;  // made by the first idempotent batch
  std::unique_ptr<OffsetSet> deleted_;        // made by the first delete
};

}  // namespace weir::log
