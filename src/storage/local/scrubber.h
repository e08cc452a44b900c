#pragma once
// Reads stored payloads again, now and then, and compares them with their checksums, so that rot is
// noticed while a copy may still exist elsewhere. It reports; it repairs nothing.
//
// One pass goes through all sealed files, slowly; then it rests. Thread: the reactor; reads in the
// background lane.

#include <memory>

#include "storage/local/live_pieces.h"

namespace weir::storage {

class Scrubber {
 public:
  Scrubber(const LocalJournalOptions& options,
           Disk& disk,
           Steps& steps,
           FileSet& files,
           JournalMetrics& metrics);

  void start(broker::JournalOwner& owner);
  void close() { closed_ = true; }

 private:
  struct Pass {
    std::vector<CopyPiece> pieces;
    size_t next = 0;
    std::map<std::string, std::shared_ptr<File>> sources;
  };
  struct Found {
    uint64_t bytes = 0;
    std::vector<std::string> problems;
  };

  static Found check(Disk& disk, Pass& pass);
  void rest();
  void next_file();
  void step();

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  FileSet& files_;
  JournalMetrics& metrics_;
  broker::JournalOwner* owner_ = nullptr;
  bool closed_ = false;
  FileId last_;  // scrubbed most recently
  std::shared_ptr<Pass> pass_;
  std::vector<std::shared_ptr<Slot>> slots_;  // in use by the pass
};

}  // namespace weir::storage
