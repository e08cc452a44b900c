#pragma once
// Gives space back that released payloads hold: sealed files whose live share fell below one half
// lose their survivors to a new file, in which they lie sorted by cell; the owner commits the
// switch, and the next checkpoint frees the old files.
//
// Copies go through the background lane, a megabyte at a time, at a limited rate. A crash at any
// moment leaves either the old places or the new ones in force: the copies are on the device before
// the switch is committed, and the old file stays until an installed checkpoint knows of the
// switch.
//
// Thread: the reactor.

#include <functional>
#include <memory>
#include <vector>

#include "storage/local/live_pieces.h"

namespace weir::storage {

class Tidier {
 public:
  Tidier(const LocalJournalOptions& options,
         Disk& disk,
         Steps& steps,
         FileSet& files,
         JournalMetrics& metrics);
  ~Tidier();

  void start(broker::JournalOwner& owner) { owner_ = &owner; }
  // Begins if a file is worth it: only files that `covered` includes can be freed afterwards.
  void consider(Lsn covered);
  // The file that was asked for may be ready.
  void files_changed();
  void close() { closed_ = true; }
  bool under_way() const { return run_ != nullptr; }

 private:
  struct Run;

  std::vector<std::shared_ptr<JournalFile>> choose(Lsn covered) const;
  void found(LivePieces live);
  void copy();
  void hand_over();
  void end(bool go_on);

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  FileSet& files_;
  JournalMetrics& metrics_;
  broker::JournalOwner* owner_ = nullptr;
  bool closed_ = false;
  Lsn covered_;
  std::unique_ptr<Run> run_;
};

}  // namespace weir::storage
