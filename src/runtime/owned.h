#pragma once
// Owned<T>: a T that lives on one shard. Whoever holds the Owned may ask for work on it, from any
// thread; the T is touched by its shard's thread only. This is how a session on a connection shard
// reaches the broker on the state shard.
//
//   broker.call([slot = std::move(slot)](Broker& b) mutable { slot.complete(...); });
//
// The closure runs at once when the caller is on that shard already, else later, in the order of
// the caller's calls. It must own what it captures: views into the caller's buffers are valid only
// in the inline case, so never capture them unless is_here(). It is never run when the shard has
// stopped.

#include <memory>
#include <utility>

#include "base/assert.h"
#include "runtime/shard.h"

namespace weir::runtime {

template <typename T>
class Owned {
 public:
  Owned(Shard& shard, std::unique_ptr<T> value) : shard_(&shard), value_(std::move(value)) {}

  Shard& shard() const { return *shard_; }
  // True when call() would run its closure inline.
  bool is_here() const { return shard_->is_current(); }

  template <typename Fn>
  void call(Fn&& fn) {
    if (is_here()) {
      std::forward<Fn>(fn)(*value_);
    } else {
      shard_->post(
          [value = value_.get(), f = std::forward<Fn>(fn)]() mutable { std::move(f)(*value); });
    }
  }

  // Direct access for code that runs on the shard.
  T& here() {
    WEIR_ASSERT(is_here(), "touched from outside of shard {}", shard_->index());
    return *value_;
  }

 private:
  Shard* shard_;
  std::unique_ptr<T> value_;
};

}  // namespace weir::runtime
