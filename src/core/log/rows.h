#pragma once
// The index of a log: one row per span of the journal that holds a piece of it, in offset order.
// Consecutive batches of the same frame share a row while their span stays within kSpanBytesMax, so
// that a hundred million small messages sent in bulk cost some 10 MB, and a reader gets useful
// reads. A span holds all batches of its row and no other bytes of the log, so that what compaction
// drops from between two rows is in neither. Rows are grouped in blocks of kBlockRows; full blocks
// are immutable and shared, so that an image pins them at no cost and writes them out later on
// another thread.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/log/events.h"
#include "core/log/location.h"
#include "core/log/stream_id.h"

namespace weir::log {

inline constexpr uint32_t kSpanBytesMax = uint32_t{64} << 10;

struct Row {
  int64_t first_offset = 0;
  Location
      span;  // from the first entry to the end of the last; may hold entries of other cells between
  uint32_t bytes = 0;          // the sum of the lengths of this log's entries in the span
  uint32_t count = 0;          // offsets
  int64_t max_timestamp = -1;  // of the records
  int64_t appended_ms = 0;     // the broker's time at the newest append
  StreamId last_id;

  Offset first() const { return Offset(first_offset); }
  Offset end() const { return Offset(first_offset + count); }
  // What the row keeps alive in its file: for Journal::retain() and release(), where only sums
  // count.
  Location held() const { return {span.file, span.frame, span.position, bytes}; }
  bool operator==(const Row&) const = default;
};

// Immutable once it is shared. The summaries let a search skip it.
struct RowBlock {
  std::vector<Row> rows;
  int64_t max_timestamp = -1;
  uint32_t file_min = UINT32_MAX;
  uint32_t file_max = 0;

  void summarize();
  // The stored form is described in rows.cc.
  void serialize(std::string& out) const;
  static bool load(Reader& reader, RowBlock& block);
};

class RowIndex {
 public:
  static constexpr size_t kBlockRows = 512;

  bool empty() const { return size() == 0; }
  size_t size() const;
  const Row& front() const;
  const Row& back() const;
  const Row& at(size_t index) const;  // 0 is the first live row

  // The next append begins a row, since the frame of the last one may hold rewritten batches now.
  bool tail_closed() const { return tail_closed_; }
  void close_tail() { tail_closed_ = true; }
  // Appends a batch's place, merging it into the last row if it may. Offsets are dense:
  // row.first_offset == back().end().
  void append(const Row& row);
  // The index of the row that holds `offset`, size() if none does.
  size_t find_offset(Offset offset) const;
  // The first row at or after `from` whose max timestamp >= t, size() if none. Timestamps need not
  // rise.
  size_t find_timestamp(int64_t t, size_t from = 0) const;
  // The first row whose last ID >= id, size() if none.
  size_t find_id(StreamId id) const;
  // The largest max timestamp, -1 without rows.
  int64_t max_timestamp() const;

  // Drops the rows whose offsets all lie below `start`; their held() are appended to `released`.
  // Returns their bytes.
  uint64_t drop_below(Offset start, std::vector<Location>& released);
  void rows_in_file(FileId file, std::vector<Row>& out) const;
  // Replaces the spans of the rows named in `moved` (ascending by first offset; unknown ones are
  // skipped) and merges neighbours that came together. The old places are appended to `released`.
  // Returns by how many bytes the rows hold more (or, negative, less) than before.
  int64_t move(const std::vector<MovedRow>& moved, std::vector<Location>& released);

  // Puts `rows` (ascending, within [first, end), perhaps none) in the place of the rows of
  // [first, end), whose places are appended to `released`. Offsets that belong to none of them any
  // more belong to the next one, at last to the row at `end`. Returns the difference in bytes, as
  // move(). Only when may_replace().
  int64_t replace(Offset first,
                  Offset end,
                  const std::vector<Row>& rows,
                  std::vector<Location>& released);
  // Rows begin at `first` and at `end`, and the latter can take in what lies between.
  bool may_replace(Offset first, Offset end) const;

  size_t memory_bytes() const;

  // Image: the unsealed rest goes into `head` at once, the sealed blocks are pinned and follow it
  // in order.
  std::vector<std::shared_ptr<const RowBlock>> serialize_head(Writer& head) const;
  static bool load(Reader& reader, RowIndex& index);

 private:
  static bool may_merge(const Row& left, const Row& right);
  // Nothing lies between them.
  static bool may_join(const Row& left, const Row& right);
  static void merge(Row& left, const Row& right);
  static bool follows(const Row& left, const Row& right);
  static std::span<const MovedRow> part_of(const std::vector<Row>& rows,
                                           size_t skip,
                                           std::span<const MovedRow> moved);
  static std::vector<Row> moved_rows(const std::vector<Row>& rows,
                                     size_t skip,
                                     std::span<const MovedRow> moved,
                                     std::vector<Location>& released,
                                     int64_t& difference);
  // The index of the first live row of which `before` is false; it is true of a prefix.
  template <typename Before>
  size_t partition(Before before) const;
  std::vector<Row> replacement(size_t from, size_t to, const std::vector<Row>& rows) const;
  void rebuild(size_t from, size_t to, const std::vector<Row>& rows);
  size_t sealed_rows() const;
  void seal();
  void renumber();

  std::vector<std::shared_ptr<const RowBlock>> sealed_;
  std::vector<uint32_t> starts_;  // how many rows stand before each sealed block
  std::vector<Row> tail_;
  bool tail_closed_ = false;
  uint32_t skip_ = 0;  // dead rows at the front of the first block (of the tail if none is sealed)
};

}  // namespace weir::log
