#pragma once
// Reads of what lies in files only. They go through the page cache: what several consumers read,
// long after each other, comes from the device once for all of them, as far as the machine has
// memory to spare; and for who reads on, the device fetches ahead (read_ahead.h).
//
// What is asked for within one turn is read together. Who reads on in small spans gets a whole
// stretch of the file (a region), so that not each of them costs a step of its own.
//
// What came through the page cache may be older than the file, and a region may have been read
// before a later frame was written inside it. So what does not match its checksum is no damage yet:
// the span is then read for itself, past the page cache, and that decides.
//
// Thread: the reactor.

#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/files.h"
#include "storage/local/read_ahead.h"
#include "storage/local/region_pool.h"
#include "storage/local/span_cache.h"

namespace weir::storage {

class ColdReads {
 public:
  ColdReads(const LocalJournalOptions& options,
            Disk& disk,
            Steps& steps,
            FileSet& files,
            JournalMetrics& metrics);

  // The entries of `cell` in `span`, if they were read lately.
  std::optional<std::vector<broker::StoredEntry>> find(CellId cell, const broker::Extent& span);
  // The same from the file; see Journal::read().
  void read(CellId cell, const broker::Extent& span, broker::ReadCallback callback);
  // Gives back what is kept in memory.
  void clear();

 private:
  struct Waiting {
    CellId cell;
    broker::Extent span;
    broker::ReadCallback callback;
  };
  struct Region {
    FileId file;
    uint64_t begin = 0;
    uint64_t end = 0;
    uint32_t salt = 0;
    std::shared_ptr<const char> data;  // nothing while it is under way
    std::vector<Waiting> waiting;
  };
  using RegionPointer = std::shared_ptr<Region>;
  using Handle = std::shared_ptr<File> Slot::*;

  // Runs `work` (with `handle` of the slot, to be opened if it is empty) beside the reactor, then
  // `then` on it.
  template <typename Work, typename Then>
  void run(const Part& part, Handle handle, Work work, Then then);
  void flush();
  void read_near(std::span<Waiting> wanted);
  void fetch(const ReadAhead::Stretch& ahead);
  void read_together(const JournalFile& file, std::span<Waiting> wanted);
  void start_batch(const Part& part, std::span<Waiting> wanted);
  RegionPointer covering(FileId file, uint64_t begin, uint64_t end);
  RegionPointer start_region(const JournalFile& file, uint64_t position);
  void finish_region(const RegionPointer& region, Result<std::shared_ptr<const char>> data);
  std::optional<std::vector<broker::StoredEntry>> take(Region& region,
                                                       CellId cell,
                                                       const broker::Extent& span);
  void read_alone(CellId cell, const broker::Extent& span, broker::ReadCallback callback);
  void forget(const Region& region);
  void trim();

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  FileSet& files_;
  JournalMetrics& metrics_;
  SpanCache spans_;
  ReadAhead ahead_;
  std::shared_ptr<RegionPool> pool_;
  std::vector<Waiting> pending_;  // until the end of the turn
  // The last used first. So few that looking at all of them is the quickest.
  std::list<RegionPointer> regions_;
  size_t bytes_ = 0;  // of regions that are read
  size_t under_way_ = 0;
};

}  // namespace weir::storage
