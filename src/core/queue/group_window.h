#pragma once
// GroupWindow: which message group each not yet settled message of a stretch of the log belongs to,
// so that the next deliverable message of any group is found without a scan. A cache of what the
// log says: 12 bytes a message plus a little for each chunk of 256 offsets and for each group; it
// holds messages from the queue's floor to `end`, without gaps except for settled ones.
//
// A group is a chain of messages in offset order, linked by distance. Only its head can open or
// close it: a group is deliverable when its head is ready. A message that is settled behind its
// head leaves it at once if nothing but such messages stands between; otherwise it stays, marked,
// until what stands before it has gone. So no receive walks what a redrive took from behind a
// message in flight.

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/queue/events.h"

namespace weir::queue {

class GroupWindow {
 public:
  // Whether a message that is not settled may be delivered: it is neither leased nor delayed.
  using IsReady = absl::FunctionRef<bool(int64_t)>;

  explicit GroupWindow(int64_t start) : end_(start) {}

  int64_t end() const { return end_; }     // the first offset whose group is not known
  uint64_t size() const { return size_; }  // messages held, marked ones included

  // The group of offset end(); moves end() by one.
  void append(GroupHash group, IsReady is_ready);
  // end() is settled already, or has no record: moves end() by one.
  void skip() { ++end_; }
  void settle(int64_t offset, IsReady is_ready);
  // The message became ready, or stopped being so.
  void changed(int64_t offset, IsReady is_ready);

  // The heads of deliverable groups in offset order.
  const absl::btree_set<int64_t>& ready_heads() const { return ready_heads_; }
  // The next message of the same group that is not settled.
  std::optional<int64_t> next_in_group(int64_t offset) const;
  std::optional<GroupHash> group_of(int64_t offset) const;

 private:
  static constexpr int64_t kChunkSize = 256;
  static constexpr uint32_t kSettledBit = 1U << 31;
  static constexpr uint32_t kFar = kSettledBit - 1;  // the distance is in far_

  struct Chunk {
    uint32_t live = 0;
    std::array<GroupHash, kChunkSize> group;
    std::array<uint32_t, kChunkSize>
        link;  // distance to the next of the group, 0: last; kSettledBit
    std::array<uint64_t, kChunkSize / 64> present{};
  };
  struct Group {
    int64_t head;
    int64_t tail;
  };

  Chunk* chunk_of(int64_t offset) const;                // null unless the offset is held
  int64_t follow(int64_t offset, uint32_t link) const;  // -1: last
  void release(int64_t offset, Chunk& chunk);
  void drop_settled_behind(Group& group);

  int64_t end_;
  uint64_t size_ = 0;
  absl::flat_hash_map<int64_t, std::unique_ptr<Chunk>> chunks_;
  absl::flat_hash_map<GroupHash, Group> groups_;
  absl::flat_hash_map<int64_t, int64_t> far_;
  absl::btree_set<int64_t> ready_heads_;
};

}  // namespace weir::queue
