#pragma once
// Reads of what lies in files only. Who reads on from where something was read lately gets a whole
// stretch of the file (a region), and the next one is fetched before it is asked for: a consumer
// that catches up costs few large reads instead of one for each row, and the rows of partitions
// that share frames are read once for all of them. Anybody else costs a read of the span alone.
//
// Regions of files that are written no more come through the page cache: what several consumers
// read, long after each other, comes from the device once for all of them, as far as the machine
// has memory to spare.
//
// A region may have been read before a later frame was written inside it. So what does not match
// its checksum there is no damage yet: the span is then read for itself, and that decides.
//
// Thread: the reactor.

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/files.h"
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

  // The entries of `cell` in `span`, if they were read lately, or ahead.
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
    uint64_t used = 0;  // bytes of it that somebody took
  };
  using RegionPointer = std::shared_ptr<Region>;
  // Where something was read, so that who reads on is recognised.
  struct Mark {
    FileId file;
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  using Handle = std::shared_ptr<File> Slot::*;

  // Runs `work` (with `handle` of the slot, to be opened if it is empty) beside the reactor, then
  // `then` on it.
  template <typename Work, typename Then>
  void run(const Part& part, Handle handle, uint64_t bytes, Work work, Then then);
  RegionPointer covering(FileId file, uint64_t begin, uint64_t end);
  RegionPointer start_region(const JournalFile& file, uint64_t position);
  void finish_region(const RegionPointer& region, Result<std::shared_ptr<const char>> data);
  void read_ahead(const Region& region, const broker::Extent& span);
  bool is_there(FileId file, uint64_t begin, uint64_t end) const;
  void read_alone(CellId cell, const broker::Extent& span, broker::ReadCallback callback);
  std::optional<std::vector<broker::StoredEntry>> take(Region& region,
                                                       CellId cell,
                                                       const broker::Extent& span);
  uint64_t gap_max() const;
  bool reads_on(const broker::Extent& span) const;
  void mark(const Mark& mark);
  void forget(const Region& region);
  void trim();

  const LocalJournalOptions& options_;
  Disk& disk_;
  Steps& steps_;
  FileSet& files_;
  JournalMetrics& metrics_;
  SpanCache spans_;
  std::shared_ptr<RegionPool> pool_;
  // The last used first. So few that looking at all of them is the quickest.
  std::list<RegionPointer> regions_;
  std::deque<Mark> marks_;  // the newest first
  size_t bytes_ = 0;        // of regions that are read
  size_t under_way_ = 0;
  double worth_ = 1;  // the share of a region that is taken, of late
};

}  // namespace weir::storage
