#pragma once
// What one turn of the broker writes: entries that were applied already and become durable
// together.

#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "broker/ports/journal.h"

namespace weir::broker {

// The first bytes of a stored batch, which the broker stamps: base offset, length, leader epoch
// (KIP-98 batch header).
using StampedHead = std::array<char, 16>;

class Commit {
 public:
  // `event` is the encoded event, its first byte the kind of cell.
  void add(CellId cell, ByteView event) { append(cell, {}, event); }
  // The same in two pieces: the kind, and the event of the cell's machine.
  void add(CellId cell, char kind, ByteView event) { append(cell, {&kind, 1}, event); }
  // With a payload: `head`, then `rest`, which must stay valid until submit() unless `owner` holds
  // it. The event is encoded behind its kind. Returns the entry's index, for its extent later.
  template <typename Event>
  size_t add_batch(CellId cell,
                   char kind,
                   const Event& event,
                   const StampedHead& head,
                   ByteView rest,
                   Bytes owner = {}) {
    const size_t begin = events_.size();
    events_.push_back(kind);
    encode(event, events_);
    return stage_batch(cell, begin, head, rest, std::move(owner));
  }
  // Where a batch may be built that is added to this commit: the same memory again and again, until
  // keep_draft() has it stay valid until submit().
  std::string& draft();
  void keep_draft() { ++drafts_kept_; }

  // The strongest of what the entries need decides for the commit.
  void require(Durability durability);
  Durability durability() const { return durability_; }

  bool empty() const { return staged_.empty(); }
  size_t bytes() const { return bytes_; }

  // Hands everything to the journal and forgets it. Extents stay valid until the next add().
  Lsn submit(Journal& journal, Timestamp now);
  const Extent& extent(size_t index) const { return extents_[index]; }

 private:
  static constexpr size_t kNoPayload = SIZE_MAX;
  struct Staged {
    CellId cell;
    size_t begin;  // of its event in events_
    size_t end;
    size_t payload;  // index
  };
  struct Payload {
    StampedHead head;
    ByteView rest;
    Bytes owner;
  };

  void append(CellId cell, ByteView kind, ByteView event);
  size_t stage_batch(
      CellId cell, size_t begin, const StampedHead& head, ByteView rest, Bytes owner);
  void clear();

  // Kept from one commit to the next for their memory: a commit takes none of its own.
  std::string events_;
  std::vector<Staged> staged_;
  std::vector<Payload> payloads_;
  std::deque<std::string> drafts_;
  size_t drafts_kept_ = 0;
  std::vector<Entry> entries_;
  std::vector<Extent> extents_;
  Durability durability_ = Durability::kTransient;
  size_t bytes_ = 0;
};

}  // namespace weir::broker
