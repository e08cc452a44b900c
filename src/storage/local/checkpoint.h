#pragma once
// Checkpoints: images of the cells that changed, taken one by one between requests, and the freeing
// of journal files that the newest installed checkpoint makes possible.
//
// A checkpoint covers every entry up to its first moment: each cell that was dirty then is imaged
// once, at its own later LSN. It is installed (manifest, then CURRENT, by rename) only after its
// bytes are on the device and the durable watermark has passed the LSN of every image: an image
// must not hold what a crash could still take away.
//
// A file is freed when the installed checkpoint covers its last commit and knows that no extent in
// it is live.
//
// Image files whose live share fell below one half are emptied: their cells are imaged again with
// the next checkpoint.
//
// Thread: the reactor; bytes are written in the background lane.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "storage/local/commit_path.h"
#include "storage/local/recovery.h"

namespace weir::storage {

class Checkpointer {
 public:
  Checkpointer(const LocalJournalOptions& options,
               Disk& disk,
               Steps& steps,
               FileSet& files,
               CommitPath& path,
               JournalMetrics& metrics);
  ~Checkpointer();

  void start(Recovered recovered, broker::JournalOwner& owner);

  // An entry of the cell was submitted.
  void touched(CellId cell, size_t bytes) {
    CellPlace& place = cells_[cell];
    if (!place.dirty) {
      place.dirty = true;
      dirty_.push_back(cell);
    }
    bytes_since_ += bytes;
    ++entries_since_;
  }

  void on_installed(std::function<void()> then) { on_installed_ = std::move(then); }
  // Every entry up to here is in an installed image.
  Lsn covered() const { return manifest_.covered; }
  // Begins one if it is due (or `wanted`) and none is under way.
  void consider(bool wanted);
  // The durable watermark has moved.
  void progressed();
  void close() { closed_ = true; }
  bool anything_new() const { return entries_since_ > 0; }
  bool under_way() const { return run_ != nullptr; }

  // Frees what nothing needs by the installed checkpoint.
  void free_files();
  bool may_free(const JournalFile& file) const;

 private:
  struct Run;  // a checkpoint under way
  struct Finished;
  struct Live {
    uint64_t bytes = 0;
    uint64_t cells = 0;
  };
  // A cell to be imaged: 0, or only if its image still lies in this file, which is to be emptied.
  struct Planned {
    CellId cell;
    uint64_t image_file = 0;

    auto operator<=>(const Planned&) const = default;
  };

  void begin();
  std::vector<ImageFileRef> to_be_emptied() const;
  void planned(std::vector<Planned> work);
  bool wanted(const Planned& planned) const;
  void step();
  void take_image(CellId cell);
  void flush_batch();
  void finish_images();
  void install();
  void installed(Manifest manifest);
  void settle();
  void abandon(const Error& error);
  void remove_old(const Manifest& before);
  void remove_leftovers();
  bool due() const;

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  FileSet& files_;
  CommitPath& path_;
  JournalMetrics& metrics_;
  broker::JournalOwner* owner_ = nullptr;

  Current current_;
  Manifest manifest_;  // the installed one
  CellDirectory cells_;
  std::shared_ptr<const std::vector<DroppedCell>> dropped_;
  std::map<uint64_t, Live> live_;  // newest images by image file
  std::vector<CellId> dirty_;
  uint64_t last_number_ = 0;  // of manifests and image files
  uint64_t bytes_since_ = 0;
  uint64_t entries_since_ = 0;
  bool salvaged_ = false;
  bool closed_ = false;
  bool retrying_ = false;
  std::chrono::milliseconds retry_{};
  std::function<void()> on_installed_;
  std::unique_ptr<Run> run_;
};

}  // namespace weir::storage
