#pragma once
// The undo log of the power-cut layer: a file mapped shared by the program under test, so that it
// survives SIGKILL, and read afterwards by the cutter. It holds one record for each operation that
// a power cut may still undo.
//
// Layout: Header, kRecordsMax records, then the arena that holds paths and pre-images. A record is
// filled first and becomes visible by its state; the allocator's own books live in the program's
// memory and die with it.

#include <atomic>
#include <cstdint>

namespace weir::powercut {

inline constexpr uint64_t kMagic = 0x32545543'52574f50;
inline constexpr uint64_t kRecordsMax = 32768;
inline constexpr uint64_t kArenaBlockBytes = 4096;
inline constexpr uint64_t kArenaBytes = uint64_t{768} << 20;
inline constexpr uint64_t kSectorBytes = 512;  // what a disk writes whole or not at all

enum class State : uint32_t {
  kFree,
  kPending,  // begun or done, and covered by no sync
  kDurable,  // covered, but an older pending record of the same file overlaps it or it moved the
             // end of the file
};

enum class Kind : uint32_t {
  kWrite,
  kResize,
  kCreate,
  kRename,
  kUnlink,
  kLink,
  kMakeDirectory,
  kRemoveDirectory
};

struct Blob {
  uint64_t at = 0;  // in the arena
  uint64_t length = 0;
};

struct Record {
  std::atomic<State> state;
  Kind kind;
  uint64_t sequence;  // order in which operations began
  uint64_t inode;     // the file; for names, what the name leads to
  // kWrite: [offset, offset + length) as it was before stands in `before`; what is missing there
  // were zeros or past the end. kResize: from size_before to offset; `before` holds what a
  // shrinking cut off.
  uint64_t offset;
  uint64_t length;
  uint64_t size_before;
  uint64_t extends;  // whether the file's end moves
  uint64_t ended;    // whether the call had returned; for explanations only
  Blob before;
  // Names: the directories that must be synced, full paths, and the number of the stashed link to
  // what was replaced or removed.
  uint64_t directory;
  uint64_t other_directory;  // 0 when the same or none
  Blob path;
  Blob other_path;
  uint64_t stash;  // 0: none
};

struct Header {
  std::atomic<uint64_t> magic;
  std::atomic<uint64_t> sequence;
  std::atomic<uint64_t> stashes;
  std::atomic<uint64_t>
      given_up;  // records dropped for lack of room: treated as if the kernel had written them back
  std::atomic<uint64_t>
      unsupported;  // calls that this layer cannot follow; the cutter refuses to judge such a run
};

struct Log {
  Header header;
  Record records[kRecordsMax];
};

inline constexpr uint64_t kArenaAt =
    (sizeof(Log) + kArenaBlockBytes - 1) / kArenaBlockBytes * kArenaBlockBytes;
inline constexpr uint64_t kFileBytes = kArenaAt + kArenaBytes;

}  // namespace weir::powercut
