#pragma once
// ReplyQueue: the replies of one connection in the order of their requests. Places are reserved in
// order, completed in any order, and leave in order as far as they are complete and the watermark
// covers them.

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "net/reply.h"
#include "net/watermark.h"
#include "runtime/task.h"

namespace weir::net {

// What one system call writes: pieces of replies, small ones copied together so that a burst of
// tiny answers is one piece. Lives on the stack for the time of a flush; the pieces refer to the
// queue.
class GatheredWrite {
 public:
  static constexpr size_t kPiecesMax = 64;
  static constexpr size_t kSmallPieceBytes = 512;

  // False when it is full; `piece` was not taken.
  bool add(ByteView piece);
  void clear();
  bool empty() const { return count_ == 0; }
  size_t bytes() const { return bytes_; }
  std::span<iovec> pieces() { return {pieces_.data(), count_}; }

 private:
  std::array<iovec, kPiecesMax> pieces_;
  std::array<char, 16384> copied_;
  size_t copied_bytes_ = 0;
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool last_is_copied_ = false;
};

class ReplyQueue {
 public:
  // The number of the new place.
  uint64_t reserve();
  // True unless the place was completed before or the queue was cleared.
  bool complete(uint64_t number, Reply reply, Lsn lsn, Durability durability);
  void set_hook(uint64_t number, runtime::Task hook);
  // The hooks of all places that are not complete; each is given once.
  std::vector<runtime::Task> take_hooks();

  // Gathers the front of what may leave.
  void gather(const Watermark& watermark, GatheredWrite& out) const;
  // So many gathered bytes have left.
  void consume(const Watermark& watermark, size_t bytes);

  struct Blocked {
    Lsn lsn;
    Durability durability;
  };
  // What the first reply waits for, if it is complete and not covered.
  std::optional<Blocked> blocked(const Watermark& watermark) const;

  // Complete replies that have not left, in bytes; places that have not left.
  size_t bytes() const { return bytes_; }
  size_t count() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  uint64_t reserved() const { return first_ + slots_.size(); }
  void clear();

 private:
  struct Slot {
    Reply reply;
    Lsn lsn;
    Durability durability = Durability::kTransient;
    bool complete = false;
    std::unique_ptr<runtime::Task> hook;
  };

  Slot* find(uint64_t number);
  static bool may_leave(const Slot& slot, const Watermark& watermark) {
    return slot.complete && watermark.covers(slot.lsn, slot.durability);
  }

  std::deque<Slot> slots_;
  uint64_t first_ = 1;     // number of the slot at the front
  size_t front_sent_ = 0;  // bytes of it that have left
  size_t bytes_ = 0;
};

}  // namespace weir::net
