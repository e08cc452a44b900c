#pragma once
// The bytes of journal files: encoding and decoding, nothing else. docs/formats/journal.md is the
// specification.
//
// A file is a header block, then frames, each padded to whole blocks. Checksums are CRC-32C seeded
// with the file's salt, so that what an earlier life of the same blocks left behind is never taken
// for a frame of this one.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "broker/ports/journal.h"
#include "storage/local/disk.h"

namespace weir::storage {

inline constexpr uint16_t kJournalVersion = 1;
inline constexpr size_t kFrameHeaderBytes = 64;
inline constexpr size_t kFrameTrailerBytes = 4;
inline constexpr size_t kEntryHeaderBytes = 24;
inline constexpr size_t kFrameBytesMax = size_t{1} << 20;  // unless a single commit is larger
inline constexpr uint32_t kNowDeltaMax = (1U << 24) - 1;   // milliseconds between a frame's commits

constexpr size_t frame_bytes(size_t entries) {
  return round_up(kFrameHeaderBytes + entries + kFrameTrailerBytes, kBlock);
}

enum class FileKind : uint8_t {
  kCommits = 1,  // commits in LSN order
  kCopies = 2,   // payloads that the tidier moved here; they have no LSN
};

// The first block of a file.
struct FileHeader {
  FileKind kind = FileKind::kCommits;
  FileId id;
  uint32_t part = 0;  // after a failed write the file goes on in another one, as its next part,
  uint64_t start = kBlock;  // from this place on
  uint64_t size = 0;
  uint64_t epoch = 0;
  uint32_t salt = 0;
  uint64_t serial = 0;  // the later of two slots that claim the same part is the one in use
  uint64_t written_to =
      0;  // blocks before this were written in an earlier life: the device has room for them
};

void encode_file_header(const FileHeader& header, std::span<char> block);
std::optional<FileHeader> decode_file_header(ByteView block);

enum class FrameKind : uint8_t {
  kCommits = 1,
  kCopies = 2,
  kSeal = 3,  // the last frame of a file: an index of its extents
};

struct FrameHeader {
  FrameKind kind = FrameKind::kCommits;
  uint32_t length = 0;  // bytes of the entries
  uint32_t count = 0;   // commits; in a seal, rows
  FileId file;
  uint32_t block = 0;  // its own place in the file
  uint64_t epoch = 0;
  Lsn first;      // the LSN of its first commit; in a seal, the one that the next file begins with
  Timestamp now;  // of its first commit
  Lsn durable;    // the durable watermark when the frame was handed to its writer

  size_t bytes() const { return frame_bytes(length); }
  Lsn last() const { return Lsn(first.value() + count - 1); }
};

std::optional<FrameHeader> decode_frame_header(ByteView bytes, uint32_t salt);
// The whole frame is there and its entries are the ones that were written.
bool frame_is_whole(const FrameHeader& header, ByteView frame, uint32_t salt);

struct EntryView {
  CellId cell;
  ByteView event;
  ByteView payload;
  uint32_t length = 0;  // of all of it
  uint32_t now_delta = 0;
  bool ends_commit = false;
  uint32_t crc = 0;  // of an entry with a payload, so that it can be read without its frame
};

// What submit() writes into the frame; the checksum of an entry is stamped when the frame is
// finished.
size_t entry_bytes(const broker::Entry& entry);
void encode_entry(const broker::Entry& entry, uint32_t now_delta, bool ends_commit, char* to);
// Nothing if `from` does not begin with a whole entry.
std::optional<EntryView> decode_entry(ByteView from);
bool entry_is_whole(const EntryView& entry, ByteView bytes, uint32_t salt);

// One row of a seal.
struct IndexRow {
  CellId cell;
  uint32_t position = 0;
  uint32_t length = 0;
};

// Stamps entry checksums, writes header, frame checksum and padding around the entries that lie at
// frame + kFrameHeaderBytes. Off the reactor; touches no byte that a reader of the entries looks
// at. Returns a row for every entry with a payload.
std::vector<IndexRow> finish_frame(const FrameHeader& header, uint32_t salt, char* frame);

std::string encode_index(std::span<const IndexRow> rows);
std::optional<std::vector<IndexRow>> decode_index(ByteView bytes, uint32_t count);
inline constexpr size_t kIndexRowBytesMax = 20;

}  // namespace weir::storage
