#pragma once
// GroupWindow: which message group each not yet settled message of a stretch of the log belongs to,
// so that the next deliverable message of any group is found without a scan. A cache of what the
// log says: 16 bytes a message plus a little for each chunk of 256 offsets and for each group; it
// holds messages from the queue's floor to `end`, without gaps except for settled ones.
//
// A group is a chain of messages in offset order, linked by distance in both directions, so that a
// message leaves it as soon as it is settled, wherever it stands. Only its head can open or close
// the group: a group is deliverable when its head is ready.

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
  uint64_t size() const { return size_; }  // messages held

  // The group of offset end(); moves end() by one.
  void append(GroupHash group, IsReady is_ready);
  // end() is settled already, or has no record: moves end() by one.
  void skip() { ++end_; }
  void settle(int64_t offset, IsReady is_ready);
  // The message became ready, or stopped being so.
  void changed(int64_t offset, IsReady is_ready);

  // The heads of deliverable groups in offset order.
  const absl::btree_set<int64_t>& ready_heads() const { return ready_heads_; }
  // The next message of the same group.
  std::optional<int64_t> next_in_group(int64_t offset) const;
  std::optional<GroupHash> group_of(int64_t offset) const;

 private:
  static constexpr int64_t kChunkSize = 256;
  static constexpr uint32_t kFar = UINT32_MAX;  // the distance is in a table of its own

  // Distances to the neighbours of the same group; 0: none.
  struct Chunk {
    uint32_t live = 0;
    std::array<GroupHash, kChunkSize> group;
    std::array<uint32_t, kChunkSize> next;
    std::array<uint32_t, kChunkSize> previous;
    std::array<uint64_t, kChunkSize / 64> present{};
  };
  struct Group {
    int64_t head;
    int64_t tail;
  };

  Chunk* chunk_of(int64_t offset) const;  // null unless the offset is held
  Chunk& held_chunk(int64_t offset) const;
  int64_t after(int64_t offset) const;   // -1: it is the last
  int64_t before(int64_t offset) const;  // -1: it is the first
  void link(int64_t offset, int64_t next);
  void unlink(int64_t offset);  // takes it out from between its neighbours

  int64_t end_;
  uint64_t size_ = 0;
  absl::flat_hash_map<int64_t, std::unique_ptr<Chunk>> chunks_;
  absl::flat_hash_map<GroupHash, Group> groups_;
  // Of distances that do not fit: from an offset to the next, and back.
  absl::flat_hash_map<int64_t, int64_t> far_next_;
  absl::flat_hash_map<int64_t, int64_t> far_previous_;
  absl::btree_set<int64_t> ready_heads_;
};

}  // namespace weir::queue
