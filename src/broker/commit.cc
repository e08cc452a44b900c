#include "broker/commit.h"

#include <algorithm>

namespace weir::broker {

void Commit::add(CellId cell, std::string event) {
  Owned& owned = owned_.emplace_back();
  owned.event = std::move(event);
  bytes_ += owned.event.size();
  entries_.push_back({cell, owned.event, {}, {}});
}

size_t Commit::add(
    CellId cell, std::string event, const StampedHead& head, ByteView rest, Bytes owner) {
  Owned& owned = owned_.emplace_back();
  owned.event = std::move(event);
  owned.head = head;
  owned.owner = std::move(owner);
  bytes_ += owned.event.size() + head.size() + rest.size();
  entries_.push_back({cell, owned.event, ByteView(owned.head.data(), owned.head.size()), rest});
  return entries_.size() - 1;
}

void Commit::require(Durability durability) {
  durability_ = std::min(durability_, durability);
}

Lsn Commit::submit(Journal& journal, Timestamp now) {
  extents_.assign(entries_.size(), Extent{});
  const Lsn lsn = journal.submit(entries_, durability_, now, extents_);
  entries_.clear();
  owned_.clear();
  durability_ = Durability::kTransient;
  bytes_ = 0;
  return lsn;
}

}  // namespace weir::broker
