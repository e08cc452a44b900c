#pragma once
// One bucket of a Redis database: keys with their values and deadlines; a pure state machine with
// an image of its own. A bucket is a cell: every event concerns the keys of exactly one.
//
// apply() is the only way that state changes and is total: an event that does not fit the state
// (which no live command makes) changes nothing it cannot. Replaying a bucket's events on its image
// gives the live state, byte for byte in image().
//
// Thread: confined to the state shard. image().deferred runs elsewhere, on chunks that are shared
// and never change.

#include <absl/container/btree_set.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "core/keyspace/event.h"
#include "core/keyspace/value.h"

namespace weir::keyspace {

struct KeyState {
  Value value;
  Timestamp deadline = Timestamp::never();

  bool alive(Timestamp now) const { return now < deadline; }
};

// The same shape as the journal port's image: `deferred` appends to the output after `head`, in
// order, on any thread.
struct BucketImage {
  std::string head;
  std::vector<DeferredPart> deferred;
};

class Bucket {
 public:
  using Keys = OrderedMap<KeyState>;

  Bucket() = default;
  Bucket(const Bucket&) = delete;
  Bucket& operator=(const Bucket&) = delete;

  // Also keys whose deadline has passed. Valid until the next apply().
  const KeyState* find(ByteView key) const { return keys_.find(key); }
  const Keys& keys() const { return keys_; }
  size_t size() const { return keys_.size(); }
  size_t size_with_deadline() const { return deadlines_.size(); }
  // An estimate, kept up to date by apply().
  size_t used_bytes() const { return used_bytes_; }
  // By time, then by key.
  const absl::btree_set<std::pair<Timestamp, std::string>>& deadlines() const { return deadlines_; }
  Timestamp next_deadline() const {
    return deadlines_.empty() ? Timestamp::never() : deadlines_.begin()->first;
  }

  // `access` is noted as the time when the key that the event leaves was used; 0: it was not. No
  // image keeps it.
  void apply(const Event& event, uint32_t access = 0);
  // Decodes and applies an event from the journal. kStorageCorrupt.
  Result<void> replay(ByteView event);

  BucketImage image() const;
  // Replaces an empty bucket by an image. kStorageCorrupt leaves it in an unspecified state.
  Result<void> load(ByteView image);

 private:
  KeyState* find_state(ByteView key) { return keys_.find(key); }
  KeyState& make_state(ByteView key, ValueType type);
  void used(ByteView key, uint32_t access) const {
    if (const auto* slot = keys_.find_slot(key); slot != nullptr && access != 0)
      slot->mark = access;
  }
  void erase(ByteView key);
  void clear();
  void put(ByteView key, Value value, Timestamp deadline);
  void set_deadline(ByteView key, KeyState& state, Timestamp deadline);
  template <typename T>
  void apply_to(const Event& event,
                uint32_t access,
                void (*how)(T&, const Event&),
                std::optional<ValueType> made = std::nullopt);
  // Runs a change of one value (nothing when the key is absent or of another type), keeps the
  // estimate of memory, and removes the key when its value became empty.
  template <typename T, typename F>
  void change(ByteView key, KeyState* state, F&& how);

  Keys keys_;
  absl::btree_set<std::pair<Timestamp, std::string>> deadlines_;
  size_t used_bytes_ = 0;
};

}  // namespace weir::keyspace
