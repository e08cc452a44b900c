#pragma once
// The start: from the files of a data directory to an owner that holds the state of the newest
// durable commit.
//
// 1. CURRENT and its manifest; the next epoch is written.
// 2. Every slot's header is read: which journal files exist.
// 3. The newest image of every cell is handed to the owner, in ascending order of cells.
// 4. Commits newer than the checkpoint are replayed in LSN order, each entry only if its cell's
// image does not hold it.
//
// Where the journal ends and where it is corrupt is decided by the rules of docs/formats/journal.md
// ("The end").
//
// Blocking; runs before the reactor serves anybody.

#include <absl/container/flat_hash_map.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/local/files.h"
#include "storage/local/manifest.h"

namespace weir::storage {

// Where the newest image of a cell lies.
struct CellPlace {
  uint64_t image_file = 0;  // 0: it has none
  uint64_t bytes = 0;
  Lsn lsn;
  bool dirty = false;  // has an entry newer than that
};
using CellDirectory = absl::flat_hash_map<CellId, CellPlace>;

struct Recovered {
  Current current;
  Manifest manifest;
  CellDirectory cells;
  std::vector<DroppedCell> dropped;
  Lsn next{1};
  Timestamp now;
  uint64_t replayed_bytes = 0;
  uint64_t replayed_entries = 0;
  bool salvaged = false;  // something was given up: a checkpoint is due at once
};

class Recovery {
 public:
  // Files and slots that are found go into `files`; `live` bytes of replayed entries are counted
  // there.
  Recovery(const LocalJournalOptions& options,
           Disk& disk,
           FileSet& files,
           broker::JournalOwner& owner);
  ~Recovery();

  Result<Recovered> run();

 private:
  class Window;
  // A slot that holds a part of a journal file.
  struct FoundSlot {
    FileHeader header;
    std::shared_ptr<Slot> slot;

    // Of two slots that claim the same part, the one with the later header holds it.
    auto age() const { return std::pair(header.epoch, header.serial); }
  };

  Result<void> read_roots();
  Result<void> load_images();
  Result<void> load_directory();
  Result<void> find_slots();
  // The header of a slot's file, nothing if it has none; learns the slot's size.
  Result<std::optional<FileHeader>> read_slot(Slot& slot);
  bool holds_data(const FileHeader& header, const Slot& slot) const;
  void adopt_part(const FoundSlot& found);
  Result<void> replay_all();
  // Replays one file from its first frame to its end; sets ended_ when nothing may follow.
  Result<void> replay_file(JournalFile& file);
  Result<void> replay_frame(const FrameHeader& header, ByteView frame);
  Result<void> replay_entry(const FrameHeader& header,
                            const EntryView& entry,
                            Lsn lsn,
                            uint32_t position);
  Result<bool> drop_unused_part(JournalFile& file, Window& window, uint64_t at);
  Result<bool> vouched_for(JournalFile& file, Window& window, uint64_t from);
  Result<void> judge_gap(JournalFile& file, Window& window, uint64_t at);
  Result<void> judge_bad_frame(JournalFile& file, Window& window, uint64_t at);
  Result<void> corrupt(const std::string& what);

  const LocalJournalOptions& options_;
  Disk& disk_;
  FileSet& files_;
  broker::JournalOwner& owner_;
  Recovered state_;
  Lsn expected_;  // of the next commit to be found
  bool salvage_stop_ = false;
  absl::flat_hash_map<CellId, Lsn> gone_;  // dropped cells
};

}  // namespace weir::storage
