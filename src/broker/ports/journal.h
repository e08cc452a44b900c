#pragma once
// What the broker needs from storage: one journal per state shard, the only place where a commit
// happens and where data stays and is read. storage/memory and storage/local implement it;
// tests/contract holds the suite that both pass.
//
// Thread: everything is called on the state shard's thread, and calls back on it. Nothing here
// blocks.
//
// The rules between the two sides
// - The broker is the only writer, so the LSN of its next commit is known before it is submitted
// (next_lsn()); it may
//   apply events first and submit them in the same call of the reactor.
// - submit() copies everything into the open frame at once and cannot fail; admit() said before
// whether it may be called.
// - Nothing that depends on a commit leaves the process before written()/durable() has reached its
// LSN.
// - Payloads (record batches) stay where they were first written and are read back by extent until
// they are released.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/log/location.h"

namespace weir::broker {

// The largest commit: one frame of its own.
inline constexpr size_t kCommitBytesMax = size_t{64} << 20;

// Where one entry with a payload lies: from its header to the end of its payload.
using Extent = log::Location;

// One entry of a commit. The views must live until submit() returns.
struct Entry {
  CellId cell;
  ByteView event;         // the encoded event of the cell's state machine
  ByteView payload_head;  // the first bytes of the payload (a batch's stamped base offset and
                          // epoch), often empty
  ByteView payload_rest;  // the rest of it, taken verbatim; no payload at all when both are empty
};

// An entry with a payload, read back.
struct StoredEntry {
  Bytes event;
  Bytes payload;
  Extent extent;
};

enum class Admission : uint8_t {
  kData,     // brings new data: refused when the disk is full or failing, or too much is undurable
  kRelease,  // acknowledges, deletes, releases leases: also goes through on a full disk, from the
             // reserve
};

// An image of a cell, made in at most a millisecond on the shard's thread. Big values are pinned
// (reference-counted, immutable from then on) and written out by `deferred` on another thread, in
// order, after `head`.
struct CellImage {
  std::string head;
  std::vector<std::move_only_function<void(std::string& out)>> deferred;
};

// Spans of cells' log rows inside one file, and how many of its logs were not looked at yet.
struct LiveSpans {
  std::vector<std::pair<CellId, Extent>> spans;
  size_t left = 0;
};
inline constexpr size_t kAllLogs = SIZE_MAX;  // to begin with

// One span of a cell's log rows inside one file, and where its bytes went.
struct MovedSpan {
  CellId cell;
  Extent from;
  std::vector<Extent> to;  // the same entries, in order, in the new file
};

using ReadResult = Result<std::vector<StoredEntry>>;
using ReadCallback = std::move_only_function<void(ReadResult)>;

class Journal {
 public:
  virtual ~Journal() = default;

  // The LSN that the next submit() returns.
  virtual Lsn next_lsn() const = 0;

  // May a commit of about `bytes` be submitted now? kStorageUnavailable (disk full or failing),
  // kOverloaded (the limit of undurable bytes), kTooLarge, kShuttingDown. Once admitted, submit()
  // on the same turn of the reactor succeeds.
  virtual Result<void> admit(Admission admission, size_t bytes) const = 0;

  // Copies the entries into the open frame as one commit. `extents` has one element per entry (of
  // entries without a payload they are left as they are). Entries of one commit may name the same
  // cell several times; order is kept.
  virtual Lsn submit(std::span<const Entry> entries,
                     Durability durability,
                     Timestamp now,
                     std::span<Extent> extents) = 0;

  virtual Lsn written() const = 0;
  virtual Lsn durable() const = 0;

  // The entries with a payload of `cell` inside `span` (one extent, or the union of extents of one
  // frame), if they are in memory (open frame, frames under way, tail cache); otherwise nothing,
  // and read() must be asked.
  virtual std::optional<std::vector<StoredEntry>> read_cached(CellId cell, const Extent& span) = 0;
  // The same from the file, off the reactor; calls back on the shard, never before it returns.
  // Errors: kStorageCorrupt (checksum), kStorageUnavailable, kNotFound (the file is gone),
  // kShuttingDown.
  virtual void read(CellId cell, const Extent& span, ReadCallback callback) = 0;

  // Work that is too long for the reactor (compaction): `work` runs beside it, one at a time, and
  // owns what it touches; then `done` on the shard, never before this call returns. Neither is
  // promised once the journal is gone.
  virtual void background(std::move_only_function<void()> work,
                          std::move_only_function<void()> done) = 0;

  // The live bytes of files. Every extent that submit() or recovery made is live until released; a
  // release counts from the LSN of the commit that caused it (which may be the next one, submitted
  // on the same turn). Order does not matter; sums do: only file and length count here, and an
  // owner that keeps one row for several extents keeps the sum of their lengths for this, since the
  // span between them may hold entries of other cells.
  virtual void release(const Extent& extent, Lsn lsn) = 0;
  // Called while recovering, for every span that a loaded image refers to, and for every span that
  // a replayed switch (JournalOwner::moved) brings in. Entries that replay() hands over with a
  // payload are counted already. A span whose file is missing stops the start with
  // kStorageCorrupt, unless it is released by the end of JournalOwner::replayed().
  virtual void retain(const Extent& span) = 0;
};

// What storage asks of the broker. Called on the state shard's thread.
class JournalOwner {
 public:
  virtual ~JournalOwner() = default;

  // Recovery, in this order: all images (in ascending order of cells), then entries in LSN order.
  // Storage has already left out the entries that a cell's image holds. An image or event that
  // cannot be understood is an error that stops the start (kStorageCorrupt). Images were taken at
  // different LSNs: an image may be there of a cell that the catalog's image does not know yet, or
  // be missing of one that it still knows. Cells agree with each other only after the replay.
  virtual Result<void> load_image(CellId cell, ByteView image) = 0;
  virtual Result<void> replay(Lsn lsn,
                              Timestamp now,
                              CellId cell,
                              ByteView event,
                              ByteView payload,
                              const Extent& extent) = 0;
  // The end of recovery: what nothing refers to any more is released here.
  virtual void replayed() {}

  // The cell as it is now (all commits up to next_lsn() - 1 applied); nothing if the cell is gone
  // for good.
  virtual std::optional<CellImage> image(CellId cell) = 0;

  // written()/durable() have advanced. Replies that waited may leave.
  virtual void progressed(Lsn written, Lsn durable) = 0;
  // Writing became impossible (an error that says why and what to do) or possible again (no error).
  virtual void storage_health(std::optional<Error> problem) = 0;
  // True: so much waits for the disk that who brings more should not be read any further; false: it
  // has gone down again. Said long before admit() refuses, so that who is not read is not refused
  // either. May be called from within submit().
  virtual void pressed(bool /*on*/) {}

  // The spans that the file still holds for live logs, for the tidier; of some logs each time: it
  // asks again with the `left` of the answer until that is 0. One may be given twice.
  virtual LiveSpans live_spans(FileId file, size_t left) = 0;
  // The copies are durable and counted as live: commit the switch (one commit). For every span
  // switched release `from`; for one that is no longer live release `to`. Returns the LSN of the
  // commit.
  virtual Lsn moved(std::span<const MovedSpan> spans) = 0;
};

}  // namespace weir::broker
