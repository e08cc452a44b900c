#pragma once
// What was last read from journal files: a few spans, with their entries already checked and cut. A
// queue or a stream group that works off a cold backlog asks for the same span once for every few
// messages; without this each of them would read, check and parse all of it again.
//
// The bytes of a span never change while somebody may ask for it: a file has its number for itself
// alone, and what the tidier moves gets another place.
//
// Thread: the reactor.

#include <list>
#include <optional>
#include <vector>

#include "broker/ports/journal.h"

namespace weir::storage {

class SpanCache {
 public:
  explicit SpanCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // The entries of `cell` in `span`, if it, or a span around it, was read lately.
  std::optional<std::vector<broker::StoredEntry>> find(CellId cell, const broker::Extent& span);
  // Replaces what was not asked for the longest; a span of more than a quarter of the limit is not
  // kept.
  void put(CellId cell,
           const broker::Extent& span,
           const std::vector<broker::StoredEntry>& entries);
  void clear();
  size_t bytes() const { return bytes_; }

 private:
  struct Held {
    CellId cell;
    broker::Extent span;
    std::vector<broker::StoredEntry> entries;
  };

  const size_t bytes_max_;
  size_t bytes_ = 0;
  // The newest first. So few that looking at all of them is the quickest.
  std::list<Held> spans_;
};

}  // namespace weir::storage
