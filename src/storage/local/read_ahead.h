#pragma once
// Who reads on, and what the device should fetch before it is asked for. A consumer that catches up
// works through the files from a place on; it, and whoever comes after it, should find in the page
// cache what it reads next.
//
// A mark stands where something was read lately. Rows of other logs may lie between two of the
// same: as long as enough of what is fetched is taken by somebody, wide gaps count as reading on,
// and otherwise only narrow ones.
//
// Thread: the reactor.

#include <deque>
#include <vector>

#include "storage/local/files.h"

namespace weir::storage {

class ReadAhead {
 public:
  static constexpr uint64_t kAheadBytes = uint64_t{8} << 20;  // beyond what was read last
  static constexpr uint64_t kStepBytes = uint64_t{2} << 20;   // fetched at a time, but at ends

  struct Stretch {
    FileId file;
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  explicit ReadAhead(const FileSet& files) : files_(files) {}

  // Spans that are further apart are not read by the same consumer.
  uint64_t gap_max() const;
  // Somebody reads `bytes` within `read`. Whether it reads on; then what is to be fetched is
  // appended to `ahead`.
  bool note(const Stretch& read, uint64_t bytes, std::vector<Stretch>& ahead);
  // What was fetched long ago may be gone from the page cache.
  void forget() { marks_.clear(); }

 private:
  struct Mark {
    FileId file;
    uint64_t begin = 0;    // what was read or fetched: from here,
    uint64_t fetched = 0;  // to here
    uint64_t end = 0;      // of what was read
  };

  Mark* before(FileId file, uint64_t begin, uint64_t gap);
  Mark& add(Mark mark);
  void fetch(Mark& mark, uint64_t to, std::vector<Stretch>& ahead);
  JournalFile* next_file(FileId file) const;

  const FileSet& files_;
  std::deque<Mark> marks_;  // the newest first
  // Bytes fetched and bytes taken by those who read on, of late.
  uint64_t fetched_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace weir::storage
