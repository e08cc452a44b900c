#pragma once
// Watermark: how far the journal has come, as one connection shard knows it, and who waits for it.
// Nothing that depends on an LSN leaves the process before the watermark of its durability class
// has reached that LSN.
//
// A release costs what it releases: waiters stand in LSN order, one queue per class.
// Thread: everything on its shard.

#include <deque>
#include <memory>

#include "base/ids.h"

namespace weir::net {

// Something that waits, once, for an LSN.
class Parked {
 public:
  virtual ~Parked() = default;
  virtual void released() = 0;
};

class Watermark {
 public:
  // LSN 0 and transient output are always covered.
  bool covers(Lsn lsn, Durability durability) const;

  Lsn written() const { return written_; }
  Lsn durable() const { return durable_; }

  // Calls released() of everybody whose LSN is now covered, in LSN order. Positions never go back:
  // an older one is ignored. What is durable was written.
  void advance(Lsn written, Lsn durable);

  // The LSN must not be covered. One released() for one park().
  void park(Lsn lsn, Durability durability, std::shared_ptr<Parked> waiter);

  size_t parked() const { return for_written_.size() + for_durable_.size(); }

 private:
  struct Entry {
    Lsn lsn;
    std::shared_ptr<Parked> waiter;
  };

  static void release(std::deque<Entry>& waiting, Lsn reached);

  Lsn written_;
  Lsn durable_;
  std::deque<Entry> for_written_;
  std::deque<Entry> for_durable_;
};

}  // namespace weir::net
