#pragma once
// The keys of the Redis databases: strings, lists, hashes, sets, sorted sets and their deadlines; a pure state machine.
//
// A database is divided into kBucketsPerDatabase buckets by the hash of the key. A bucket is one cell: it has an image of
// its own, and every event concerns the keys of exactly one bucket. The broker gives buckets their CellIds.
//
// Decide and apply: commands decide in a Transaction (transaction.h), which applies every event at once and keeps its
// bytes for the journal. apply() is the only way that state changes and is total: an event that does not fit the state
// (which no live command makes) changes nothing it cannot. Replaying the events of a bucket on its image gives the live
// state, byte for byte in image().
//
// Time: a key whose deadline has passed is not there for readers; it is removed by an event of its own, either by a
// command that writes the key or by Transaction::remove_expired(). Replay never looks at a clock.
//
// Thread: confined to the state shard. image().deferred runs elsewhere, on chunks that are shared and never change.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/container/btree_set.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "core/keyspace/event.h"
#include "core/keyspace/value.h"

namespace weir::keyspace {

inline constexpr uint32_t kDatabases = 16;
inline constexpr uint32_t kBucketsPerDatabase = 256;

struct KeyState {
  Value value;
  Timestamp deadline = Timestamp::never();

  bool alive(Timestamp now) const { return now < deadline; }
};

// Which bucket, over all databases.
struct BucketId {
  uint32_t database = 0;
  uint32_t bucket = 0;

  bool operator==(const BucketId&) const = default;
  uint32_t index() const { return database * kBucketsPerDatabase + bucket; }
};

// The same shape as the journal port's image: `deferred` appends to the output after `head`, in order, on any thread.
struct BucketImage {
  std::string head;
  std::vector<std::move_only_function<void(std::string& out)>> deferred;
};

struct Deadline {
  Timestamp at;
  uint32_t database;
  std::string key;
  auto operator<=>(const Deadline&) const = default;
};

class Keyspace {
 public:
  Keyspace();
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  static BucketId bucket_of(uint32_t database, ByteView key);

  // Null when there is no such key or its deadline has passed. Valid until the next apply().
  const KeyState* find(uint32_t database, ByteView key, Timestamp now) const;
  // Also finds keys whose deadline has passed.
  const KeyState* find_any(uint32_t database, ByteView key) const;

  // Keys of a database, those counted whose deadline has passed and that are not yet removed.
  size_t size(uint32_t database) const { return databases_[database].keys; }
  size_t size_with_deadline(uint32_t database) const { return databases_[database].with_deadline; }
  size_t bucket_size(BucketId id) const;
  // An estimate, kept up to date by apply().
  size_t used_bytes() const { return used_bytes_; }
  // When the next key expires; never() if none will.
  Timestamp next_deadline() const;
  const absl::btree_set<Deadline>& deadlines() const { return deadlines_; }

  // Visits about `count` keys from the cursor (0: from the start) and returns the next cursor (0: done). A key that lives
  // during a whole iteration is visited exactly once. Cursors stay below 2^53.
  template <typename F>
  uint64_t scan(uint32_t database, uint64_t cursor, size_t count, Timestamp now, F&& visit) const {
    uint64_t bucket = cursor >> kCursorSequenceBits;
    uint64_t sequence = cursor & kCursorSequenceMask;
    for (; bucket < kBucketsPerDatabase; ++bucket, sequence = 0) {
      const Bucket* keys = databases_[database].buckets[bucket].get();
      if (keys == nullptr) continue;
      const uint64_t next = keys->scan(sequence, [&](const auto& slot) {
        if (slot.value.alive(now)) visit(ByteView(slot.key), slot.value);
        return --count > 0;
      });
      if (count == 0) {
        if (next != 0) return (bucket << kCursorSequenceBits) | next;
        return bucket + 1 < kBucketsPerDatabase ? (bucket + 1) << kCursorSequenceBits : 0;
      }
    }
    return 0;
  }
  template <typename F>
  void for_each(uint32_t database, Timestamp now, F&& visit) const {
    for (const auto& bucket : databases_[database].buckets) {
      if (!bucket) continue;
      bucket->for_each([&](const auto& slot) {
        if (slot.value.alive(now)) visit(ByteView(slot.key), slot.value);
      });
    }
  }
  // Some live key, chosen by the draw; empty view and null when there is none.
  std::pair<ByteView, const KeyState*> any(uint32_t database, uint64_t draw, Timestamp now) const;

  void apply(BucketId id, const Event& event);
  // Decodes and applies an event from the journal. kStorageCorrupt.
  Result<void> replay(BucketId id, ByteView event);

  BucketImage image(BucketId id) const;
  // Replaces the bucket (which must be empty) by an image. kStorageCorrupt leaves the bucket in an unspecified state.
  Result<void> load_image(BucketId id, ByteView image);

 private:
  using Bucket = OrderedMap<KeyState>;
  static constexpr int kCursorSequenceBits = 44;
  static constexpr uint64_t kCursorSequenceMask = (uint64_t{1} << kCursorSequenceBits) - 1;

  struct Database {
    std::array<std::unique_ptr<Bucket>, kBucketsPerDatabase> buckets;
    size_t keys = 0;
    size_t with_deadline = 0;
  };

  Bucket& bucket(BucketId id);
  KeyState* find_state(BucketId id, ByteView key);
  KeyState& make_state(BucketId id, ByteView key, ValueType type);
  void erase(BucketId id, ByteView key);
  void clear(BucketId id);
  void put(BucketId id, ByteView key, Value value, Timestamp deadline);
  void set_deadline(BucketId id, ByteView key, KeyState& state, Timestamp deadline);
  template <typename T>
  void apply_to(BucketId id,
                const Event& event,
                void (*how)(T&, const Event&),
                std::optional<ValueType> made = std::nullopt);
  // Runs a change of one value (nothing when the key is absent or of another type), keeps the estimate of memory, and removes the key when its value became empty.
  template <typename T, typename F>
  void change(BucketId id, ByteView key, KeyState* state, F&& how);

  std::array<Database, kDatabases> databases_;
  absl::btree_set<Deadline> deadlines_;
  size_t used_bytes_ = 0;
};

}  // namespace weir::keyspace
