#pragma once
// The journal as a value in memory: the obvious reference that storage/local is compared with, and
// the double that tests of the broker use. Nothing happens by itself: the watermarks advance, reads
// are delivered, checkpoints are made and crashes happen when the test says so. The object outlives
// a crash as a disk would; the owner does not.
//
// A life:  MemoryJournal journal;  Broker broker(journal);  journal.recover(broker);  ...
// journal.sync();
//          journal.crash();  Broker again(journal);  journal.recover(again);
//
// Thread: one.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/ports/journal.h"

namespace weir::storage {

struct MemoryJournalOptions {
  size_t file_bytes = 64 << 10;  // small, so that tests see several files
  size_t undurable_bytes_max = 64 << 20;
  size_t undurable_bytes_pause = 32 << 20;   // the owner is pressed from here on
  size_t undurable_bytes_resume = 16 << 20;  // and not any more from here on
};

class MemoryJournal : public broker::Journal {
 public:
  using Options = MemoryJournalOptions;

  explicit MemoryJournal(Options options = {});
  ~MemoryJournal() override;

  // Loads the images and replays what is durable into `owner`, and serves it from then on. An error
  // of the owner is returned as it is.
  Result<void> recover(broker::JournalOwner& owner);
  // The process dies: the owner is forgotten, reads under way never answer, and of the commits that
  // were not durable only those up to `survivors` (by default none) are found again.
  void crash(std::optional<Lsn> survivors = {});

  // Commits up to `lsn` (all by default) are handed to the operating system, or are on the device
  // (which includes the former). The owner hears of it before the call returns.
  void write(std::optional<Lsn> lsn = {});
  void sync(std::optional<Lsn> lsn = {});
  // From now on every commit is durable when poll() is next called; convenient where durability is
  // not the subject.
  void sync_on_poll(bool on) { sync_on_poll_ = on; }
  // Delivers the reads asked so far and does the background work; with sync_on_poll also makes
  // everything durable. Returns whether it did anything.
  bool poll();

  // Nothing is found in memory any more: read_cached() answers nothing, read() must be used.
  void forget_cache(bool on) { cache_forgotten_ = on; }
  // The disk fails, fills or recovers: the owner hears it, admit() refuses. A full disk lets
  // releases through.
  void fail(std::optional<Error> problem, bool releases_pass = false);
  // How many entries reads were given: what the owner makes of its reading.
  uint64_t entries_given() const { return entries_given_; }
  // From now on reads of this extent find bad bytes.
  void corrupt(const broker::Extent& extent) { corrupt_.push_back(extent); }
  // From now on good ones again.
  void mend() { corrupt_.clear(); }

  // Writes the images of all cells that changed since their last one; everything is synced first.
  // Then frees the files that nothing needs.
  void checkpoint();
  // Checkpoints leave the cell's image as it is when the cell is gone, as those did that were not
  // told of it.
  void keep_image(CellId cell) { kept_images_.insert(cell); }
  bool has_image(CellId cell) const { return images_.contains(cell); }
  // Copies the live spans of `file` into a new file and lets the owner commit the switch.
  void tidy(FileId file);

  size_t undurable_bytes() const { return undurable_bytes_; }
  // Bytes of extents not released, over all files or in one.
  uint64_t live_bytes() const;
  uint64_t live_bytes(FileId file) const;
  size_t files() const { return files_.size(); }
  // Commits that recovery would replay over the images.
  size_t replay_length() const { return commits_.size(); }
  std::vector<FileId> file_ids() const;

  // broker::Journal
  Lsn next_lsn() const override { return next_; }
  Result<void> admit(broker::Admission admission, size_t bytes) const override;
  Lsn submit(std::span<const broker::Entry> entries,
             Durability durability,
             Timestamp now,
             std::span<broker::Extent> extents) override;
  Lsn written() const override { return written_; }
  Lsn durable() const override { return durable_; }
  std::optional<std::vector<broker::StoredEntry>> read_cached(CellId cell,
                                                              const broker::Extent& span) override;
  void read(CellId cell, const broker::Extent& span, broker::ReadCallback callback) override;
  void background(std::move_only_function<void()> work,
                  std::move_only_function<void()> done) override;
  void release(const broker::Extent& extent, Lsn lsn) override;
  void retain(const broker::Extent& span) override;

 private:
  struct Record {  // one entry of a commit
    CellId cell;
    std::string event;
    Bytes payload;
    broker::Extent extent;
  };
  struct Commit {
    Lsn lsn;
    Timestamp now;
    size_t bytes = 0;
    std::vector<Record> records;
  };
  struct Stored {  // an entry with a payload, in its file
    CellId cell;
    broker::StoredEntry entry;
    Lsn lsn;
  };
  struct File {
    std::map<uint32_t, Stored> entries;  // by position
    int64_t live = 0;
    int64_t released = 0;  // released, but not in an image yet
    Lsn last;
  };
  struct Image {
    Lsn lsn;
    std::string bytes;
  };
  struct Work {
    std::move_only_function<void()> work;
    std::move_only_function<void()> done;
  };
  struct Read {
    CellId cell;
    broker::Extent span;
    broker::ReadCallback callback;
  };

  broker::Extent place(CellId cell, const broker::Entry& entry, Lsn lsn, Bytes payload);
  void open_file();
  broker::ReadResult find(CellId cell, const broker::Extent& span) const;
  void mark_dirty(CellId cell, Lsn lsn);
  void free_files();
  void announce();
  void press();

  Options options_;
  broker::JournalOwner* owner_ = nullptr;
  bool replaying_ = false;
  Lsn next_{1};
  Lsn written_;
  Lsn durable_;
  std::deque<Commit> commits_;  // newer than the oldest image needs
  std::map<CellId, Image> images_;
  std::set<CellId> kept_images_;
  std::map<FileId, uint64_t> missing_;  // bytes retained in files that are gone; while recovering
  std::map<CellId, Lsn> dirty_;         // cells with an entry newer than their image
  std::map<FileId, File> files_;
  FileId current_;
  uint32_t position_ = 0;  // the end of the current file, in bytes
  uint32_t frame_ = 0;     // the open frame's place, in blocks
  bool frame_open_ = false;
  size_t undurable_bytes_ = 0;
  bool pressed_ = false;
  std::deque<Read> reads_;
  std::deque<Work> work_;
  std::vector<broker::Extent> corrupt_;
  std::optional<Error> problem_;
  bool releases_pass_ = false;
  bool cache_forgotten_ = false;
  bool sync_on_poll_ = false;
  uint64_t entries_given_ = 0;
};

}  // namespace weir::storage
