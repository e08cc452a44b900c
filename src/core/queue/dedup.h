#pragma once
// The deduplication ids of one queue: each leads to the offset of the message that was sent with it
// first, until its time is over. About 32 bytes an id: 24 in a ring in the order of sending, and an
// index of slot numbers. Since ids leave in the order in which they came, an id never leaves before
// an older one: after the window was made shorter, ids that follow stay until the older ones have
// gone.
//
// Source: Amazon SQS developer guide, "Using the message deduplication ID in Amazon SQS".

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <optional>

#include "base/chunked_queue.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/queue/events.h"

namespace weir::queue {

class Dedup {
 public:
  Dedup();
  Dedup(const Dedup&) = delete;
  Dedup& operator=(const Dedup&) = delete;

  std::optional<Offset> find(const DedupId& id) const;
  // An id that is there already keeps its first offset.
  void insert(const DedupId& id, Offset offset, Timestamp expiry);
  void expire(Timestamp now);
  Timestamp next_expiry() const {
    return runs_.empty() ? Timestamp::never() : runs_.front().expiry;
  }
  size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }

  // The ids as they are, to be saved on any thread. Costs a step a chunk of them.
  struct Pinned;
  Pinned pin() const;
  static void save(const Pinned& pinned, Writer& out);
  bool load(Reader& in);

 private:
  struct Slot {
    DedupId id;
    int64_t offset;
  };
  struct Run {  // ids that end at the same time
    Timestamp expiry;
    uint32_t count = 0;
  };
  struct SlotHash {
    using is_transparent = void;
    const Dedup* owner;
    size_t operator()(uint32_t slot) const;
    size_t operator()(const DedupId& id) const;
  };
  struct SlotEqual {
    using is_transparent = void;
    const Dedup* owner;
    bool operator()(uint32_t left, uint32_t right) const { return left == right; }
    bool operator()(uint32_t slot, const DedupId& id) const;
    bool operator()(const DedupId& id, uint32_t slot) const { return (*this)(slot, id); }
  };
  const Slot& slot(uint32_t number) const { return slots_[static_cast<uint32_t>(number - first_)]; }

  ChunkedQueue<Slot> slots_;
  ChunkedQueue<Run> runs_;
  uint32_t first_ = 0;  // number of the first slot; numbers wrap around
  absl::flat_hash_set<uint32_t, SlotHash, SlotEqual> index_;
};

struct Dedup::Pinned {
  ChunkedQueue<Slot>::Pinned slots;
  ChunkedQueue<Run>::Pinned runs;
};

}  // namespace weir::queue
