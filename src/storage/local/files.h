#pragma once
// The files of the journal: which exist, which are free, how much of each is live.
//
// A journal file (FileId, what an extent names) is a numbered stretch of the log. It lies in a slot
// (a physical file `journal/N.slot`); after a failed write it goes on in another slot, as its next
// part, at the same places: extents never change. Slots are recycled; the header block, rewritten
// at each use, says which journal file a slot belongs to.
//
// A file may be appended to in memory before its slot is ready; its frames wait for it
// (JournalFile::ready).
//
// Thread: the reactor.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/local/format.h"
#include "storage/local/options.h"
#include "storage/local/steps.h"

namespace weir::storage {

inline constexpr const char* kJournalFolder = "journal";

struct Slot {
  uint32_t number = 0;
  uint64_t size = 0;
  uint64_t written_to =
      0;  // blocks before this have been written once: writing them again is quick
  // A power cut takes away neither its name nor its room. Not known of a slot that a start found:
  // the process may have been killed before it had synced them.
  bool lasting = false;
  std::shared_ptr<File> handle;  // nothing while it is closed
  std::shared_ptr<File> cached;  // the same through the page cache, for reads
  bool prewriting = false;       // zeros are on their way: frames must wait
  bool reader_opened = false;    // counted among the handles that reads keep open
  int users = 0;                 // steps that read or write it; it is not recycled meanwhile

  std::string path() const;
};

struct Part {
  uint64_t start = 0;  // holds the places of the file from here to the start of the next part
  uint32_t salt = 0;
  std::shared_ptr<Slot> slot;
};

// The one of a file's parts that a place lies in.
const Part& part_at(std::span<const Part> parts, uint64_t position);

struct JournalFile {
  FileId id;
  FileKind kind = FileKind::kCommits;
  uint64_t size = 0;
  uint64_t epoch = 0;
  std::vector<Part> parts;
  bool ready = false;          // the newest part may be written
  uint64_t end = kBlock;       // where the next frame begins
  Lsn last;                    // of its commits
  bool sealed = false;         // nothing is appended any more
  uint64_t live = 0;           // bytes of entries not released
  uint64_t pending = 0;        // released, but the newest installed checkpoint does not know it
  uint64_t covered = 0;        // of these, what the checkpoint under way knows
  uint64_t payload_count = 0;  // entries with a payload
  bool tidied = false;         // its survivors were copied (or are being copied)
  // Of each frame, until they are written into the seal.
  std::vector<std::vector<IndexRow>> index;

  const Part& part_at(uint64_t position) const { return storage::part_at(parts, position); }
  bool writable() const { return ready && !parts.back().slot->prewriting; }
  // The place beyond which no frame may reach: the seal needs the rest.
  uint64_t usable() const;
  // What can be read ends here. Of a file from before the last start only its size is known.
  uint64_t readable_end() const { return sealed ? size : round_up(end, kBlock); }
};

class FileSet {
 public:
  FileSet(const LocalJournalOptions& options, Disk& disk, Steps& steps);

  // Recovery hands over what it found. After start() the set keeps a file prepared and the reserve
  // filled.
  void adopt(std::shared_ptr<JournalFile> file);
  void adopt_free(std::shared_ptr<Slot> slot);
  void start(uint64_t epoch, std::function<void()> on_change);

  JournalFile* find(FileId id) const;
  const std::map<FileId, std::shared_ptr<JournalFile>>& all() const { return files_; }

  // The next file to append to, large enough for `size` bytes of places.
  std::shared_ptr<JournalFile> next(uint64_t size);
  // A file for the tidier, not ready yet.
  std::shared_ptr<JournalFile> add(FileKind kind, uint64_t size);
  // Lets `file` go on in a fresh slot from `start` on; ready again when that is prepared.
  void move_on(const std::shared_ptr<JournalFile>& file, uint64_t start);

  // A file for new data can be had besides the reserve. / Any file can be had.
  bool data_fits() const { return !full_; }
  uint64_t free_bytes() const { return disk_.free_bytes(); }
  bool anything_fits() const { return !full_ || !free_.empty() || (next_ && next_->ready); }
  // Why no file can be made, while that is so.
  const std::optional<Error>& problem() const { return problem_; }
  // The file prepared next is written throughout, so that going on in it now makes commits quicker.
  bool next_is_quick() const;

  // A step has used the slot: it may be recycled now, and too many open handles are closed.
  void used(const std::shared_ptr<Slot>& slot);
  // Removes a free slot, if there is one, so that the disk has room for something else; the reserve
  // is not filled again until that is written.
  void surrender();
  void surrendered_is_used();
  // Forgets the file and recycles its slots.
  void free(FileId id);
  // Writes spare slots in advance while `idle` says so, and the next file's up to `ahead`.
  void maintain(bool idle, uint64_t ahead);

  FileId last_id() const { return last_id_; }
  void seen_slot(uint32_t number) { last_slot_ = std::max(last_slot_, number); }
  void seen(FileId id) { last_id_ = std::max(last_id_, id); }  // ids up to here were given out
  size_t free_count() const { return free_.size(); }
  uint64_t bytes() const;
  uint64_t prewritten_bytes() const { return prewritten_bytes_; }

 private:
  struct Prepared {
    std::shared_ptr<Slot> slot;
    bool created = false;
  };

  void attach(const std::shared_ptr<JournalFile>& file, uint64_t start);
  void attached(std::shared_ptr<JournalFile> file, const FileHeader& header, Result<Prepared> done);
  void refill();
  void changed();
  void failed(const Error& error);
  void recovered();
  void recycle(std::shared_ptr<Slot> slot);
  void remove(const std::shared_ptr<Slot>& slot);
  void drain();
  bool prewrite(const std::shared_ptr<Slot>& slot);
  std::shared_ptr<Slot> take_free(uint64_t size, bool reserve_too);
  std::shared_ptr<Slot> new_slot(uint64_t size);
  Duration back_off();

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  Random random_;
  uint64_t epoch_ = 0;
  std::function<void()> on_change_;
  std::map<FileId, std::shared_ptr<JournalFile>> files_;
  std::shared_ptr<JournalFile> next_;
  std::vector<std::shared_ptr<Slot>> free_;
  std::vector<std::shared_ptr<Slot>> draining_;  // free once nobody uses them
  FileId last_id_;
  uint32_t last_slot_ = 0;
  uint64_t serial_ = 0;
  bool started_ = false;
  bool change_posted_ = false;
  bool refilling_ = false;
  bool prewriting_ = false;
  uint64_t prewritten_bytes_ = 0;
  bool full_ = false;
  bool surrendered_ = false;
  std::optional<Error> problem_;
  std::chrono::milliseconds retry_{};
  std::deque<std::weak_ptr<Slot>> opened_;  // by readers, oldest first
  std::shared_ptr<Buffer> zeros_;
};

}  // namespace weir::storage
