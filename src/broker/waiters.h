#pragma once
// Those who wait for something to happen to a cell or a key: long polls, fetches below their
// minimum, blocking pops.
//
// A wake-up does not carry a result: the waiter tries again what it wanted. Waiters of one key are
// tried in the order in which they came. A waiter that shares work (kOne) and finds nothing stops
// the round, so that one message costs one attempt more than there are takers; readers (kAll) are
// all tried.
//
// Thread: the state shard's. A wake function may add and cancel waiters and call the broker.

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <functional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace weir::broker {

// What one can wait for: a cell, or a key of a keyspace (by its hash).
class WaitKey {
 public:
  constexpr WaitKey() = default;
  static constexpr WaitKey of_cell(CellId cell) { return WaitKey(cell.value()); }
  static constexpr WaitKey of_hash(uint64_t hash) { return WaitKey(hash | (uint64_t{1} << 63)); }

  constexpr auto operator<=>(const WaitKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const WaitKey& key) {
    return H::combine(std::move(state), key.value_);
  }

 private:
  constexpr explicit WaitKey(uint64_t value) : value_(value) {}
  uint64_t value_ = 0;
};

using WaiterId = Id<struct WaiterIdTag>;

enum class WakeReason : uint8_t { kChanged, kDeadline, kStopping };
enum class WaitMode : uint8_t { kOne, kAll };

// Returns true when the waiter is done (always taken so for kDeadline and kStopping); false keeps
// it in its place.
using Wake = std::move_only_function<bool(WakeReason)>;

class Waiters {
 public:
  // Duplicate keys are allowed. `deadline` may be Timestamp::never().
  WaiterId add(std::span<const WaitKey> keys, Timestamp deadline, WaitMode mode, Wake wake);
  // No effect when it is gone already.
  void cancel(WaiterId id);

  void wake(WaitKey key);
  void expire(Timestamp now);
  void stop_all();

  bool waiting_for(WaitKey key) const { return by_key_.contains(key); }
  Timestamp next_deadline() const;
  size_t size() const { return waiters_.size(); }
  size_t keys() const { return by_key_.size(); }

 private:
  struct Waiter {
    std::vector<WaitKey> keys;
    Timestamp deadline;
    WaitMode mode;
    Wake wake;
  };

  // Calls the waiter, which is out of the tables' reach meanwhile; returns whether it is done.
  bool attempt(WaiterId id, WakeReason reason);
  void unlink(WaiterId id, const Waiter& waiter);

  WaiterId last_;
  absl::flat_hash_map<WaiterId, Waiter> waiters_;
  absl::flat_hash_map<WaitKey, absl::btree_set<WaiterId>> by_key_;
  absl::btree_set<std::pair<Timestamp, WaiterId>> deadlines_;
};

}  // namespace weir::broker
