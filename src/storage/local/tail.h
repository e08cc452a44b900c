#pragma once
// The recent part of the journal in memory: what is being gathered, what is under way to the disk,
// and what was written last. Memory is laid out as the files are: a chunk stands for a stretch of
// one file, byte by byte, so that a frame is written from where its commits were gathered and an
// extent is found by its place.
//
// Invariant: chunks are ordered by (file, begin) and do not overlap. A chunk with a frame that is
// not yet durable is not dropped. Slices handed out keep their chunk alive beyond that.
//
// Thread: the reactor. A writer thread may fill in headers and checksums of a frame meanwhile,
// never entries.

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/disk.h"

namespace weir::storage {

struct Chunk {
  Chunk(size_t bytes, FileId in, uint64_t at) : memory(bytes), file(in), begin(at) {}

  Buffer memory;
  FileId file;
  uint64_t begin;        // the place in the file of its first byte
  size_t filled = 0;     // bytes that hold whole frames or entries of the open one
  size_t undurable = 0;  // frames that must stay
};

class Tail {
 public:
  static constexpr size_t kChunkBytes = size_t{2} << 20;

  explicit Tail(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Memory for a frame that begins at `offset` of `file` and needs at least `bytes`; the newest
  // chunk if it has the room.
  std::shared_ptr<Chunk> chunk_for(FileId file, uint64_t offset, size_t bytes);

  // The entries of `cell` with a payload inside `span`; nothing if they are not (all) here.
  std::optional<std::vector<broker::StoredEntry>> find(CellId cell,
                                                       const broker::Extent& span) const;

  // Drops the oldest chunks beyond the limit.
  void trim() { trim_to(bytes_max_); }
  void trim_to(size_t bytes);
  size_t bytes() const { return bytes_; }
  void grown(Chunk& chunk, size_t filled) {
    bytes_ += filled - chunk.filled;
    chunk.filled = filled;
  }

 private:
  size_t bytes_max_;
  size_t bytes_ = 0;  // filled bytes of all chunks
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::vector<std::shared_ptr<Chunk>>
      spare_;  // emptied ones, to be used again: their pages are there
};

// Collects the entries of `cell` with a payload from `bytes`, which lie at span.position. Slices
// share `owner`. Nothing if the bytes are not whole entries.
std::optional<std::vector<broker::StoredEntry>> collect_entries(
    CellId cell,
    const broker::Extent& span,
    ByteView bytes,
    const std::shared_ptr<const void>& owner);

// Where the first entry begins that is not the one that was written; nothing if all are whole.
std::optional<size_t> damaged_at(ByteView bytes, uint32_t salt);

// Opens the slot `path` as `mode` says if `handle` is empty. Blocking.
Result<void> open_slot(Disk& disk,
                       std::shared_ptr<File>& handle,
                       const std::string& path,
                       OpenMode mode);

// Opens it and reads from it. Blocking.
Result<void> read_slot(Disk& disk,
                       std::shared_ptr<File>& handle,
                       const std::string& path,
                       OpenMode mode,
                       uint64_t begin,
                       std::span<char> into);

// Bytes read from a file: those of the span begin at data[at].
struct RawSpan {
  Buffer data;
  size_t at = 0;
};
// Reads a span from the slot `path` (opened if `handle` is empty), every entry checked against its
// checksum. Blocking.
Result<RawSpan> read_whole_entries(Disk& disk,
                                   std::shared_ptr<File>& handle,
                                   const std::string& path,
                                   uint32_t salt,
                                   const broker::Extent& span);

// The same, and collects the entries of `cell`.
broker::ReadResult read_span(Disk& disk,
                             std::shared_ptr<File>& handle,
                             const std::string& path,
                             uint32_t salt,
                             CellId cell,
                             const broker::Extent& span);

}  // namespace weir::storage
