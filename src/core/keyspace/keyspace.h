#pragma once
// The keys of the Redis databases: strings, lists, hashes, sets, sorted sets and their deadlines.
//
// A database is divided into kBucketsPerDatabase buckets by the hash of the key; each is a cell of
// its own (bucket.h). The keyspace does not own them: it is the view over all that are there, and
// asks for one when it is first written.
//
// Decide and apply: commands decide in a Transaction (transaction.h), which applies every event at
// once and keeps its bytes for the journal.
//
// Time: a key whose deadline has passed is not there for readers; it is removed by an event of its
// own, either by a command that writes the key or by Transaction::remove_expired(). Replay never
// looks at a clock.
//
// Thread: confined to the state shard.

#include <absl/container/btree_set.h>

#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "core/keyspace/bucket.h"

namespace weir::keyspace {

inline constexpr uint32_t kDatabases = 16;  // that clients can select
// What the front end keeps beside the keys, durable as they are; no client sees it.
inline constexpr uint32_t kSideDatabase = kDatabases;
inline constexpr uint32_t kDatabasesInAll = kDatabases + 1;
// So many that the image of one takes well under a millisecond at ten million keys. A power of two;
// stored cells rely on it.
inline constexpr int kBucketBits = 10;
inline constexpr uint32_t kBucketsPerDatabase = uint32_t{1} << kBucketBits;

// Which bucket, over all databases.
struct BucketId {
  uint32_t database = 0;
  uint32_t bucket = 0;

  bool operator==(const BucketId&) const = default;
  uint32_t index() const { return database * kBucketsPerDatabase + bucket; }
};

class Keyspace {
 public:
  // Gives the bucket that an event is about to be written to; it must live as long as the keyspace.
  using MakeBucket = std::function<Bucket*(BucketId)>;

  explicit Keyspace(MakeBucket make);

  // Makes a bucket known that was there before (recovered).
  void attach(BucketId id, Bucket* bucket);

  static BucketId bucket_of(uint32_t database, ByteView key);

  // Null when there is no such key or its deadline has passed. Valid until the next apply().
  const KeyState* find(uint32_t database, ByteView key, Timestamp now) const;
  const Bucket::Keys::Slot* find_slot(uint32_t database, ByteView key, Timestamp now) const;
  // Also finds keys whose deadline has passed.
  const KeyState* find_any(uint32_t database, ByteView key) const;
  // Null when it was never written.
  const Bucket* bucket(BucketId id) const { return buckets_[id.index()]; }

  // Keys of a database, those counted whose deadline has passed and that are not yet removed.
  // Constant time.
  size_t size(uint32_t database) const { return counts_[database].keys; }
  size_t size_with_deadline(uint32_t database) const { return counts_[database].with_deadline; }
  // An estimate, over all databases; constant time.
  size_t used_bytes() const { return used_bytes_; }
  // When the next key expires; never() if none will.
  Timestamp next_deadline() const;
  // The bucket whose key expires next; only while next_deadline() is not never().
  BucketId next_to_expire() const;

  // Visits about `count` keys from the cursor (0: from the start) and returns the next cursor (0:
  // done). A key that lives during a whole iteration is visited exactly once. Cursors stay below
  // 2^52.
  template <typename F>
  uint64_t scan(uint32_t database, uint64_t cursor, size_t count, Timestamp now, F&& visit) const {
    uint64_t number = cursor >> kCursorSequenceBits;
    uint64_t sequence = cursor & kCursorSequenceMask;
    for (; number < kBucketsPerDatabase; ++number, sequence = 0) {
      const Bucket* keys = bucket({database, static_cast<uint32_t>(number)});
      if (keys == nullptr) continue;
      const uint64_t next = keys->keys().scan(sequence, [&](const auto& slot) {
        if (slot.value.alive(now)) visit(ByteView(slot.key), slot.value);
        return --count > 0;
      });
      if (count == 0) {
        if (next != 0) return (number << kCursorSequenceBits) | next;
        return number + 1 < kBucketsPerDatabase ? (number + 1) << kCursorSequenceBits : 0;
      }
    }
    return 0;
  }
  template <typename F>
  void for_each(uint32_t database, Timestamp now, F&& visit) const {
    scan(database, 0, SIZE_MAX, now, std::forward<F>(visit));
  }
  // Some live key, chosen by the draw; empty view and null when there is none.
  std::pair<ByteView, const KeyState*> any(uint32_t database, uint64_t draw, Timestamp now) const;

  // For Transaction: applies an event to its bucket, made first if need be. The key that it leaves
  // is used with the time of `access`; 0: it is not.
  void apply(BucketId id, const Event& event, uint32_t access = 0);

  // Times of use are seconds in 24 bits that are never 0; a key that was not used since it was
  // loaded has none.
  static uint32_t access_at(Timestamp now) {
    return static_cast<uint32_t>(static_cast<uint64_t>(now.ms()) / 1000 % kAccessTimes) + 1;
  }
  // For how many seconds; of more than 194 days, the rest.
  static uint32_t idle_seconds(uint32_t access, Timestamp now) {
    return (access_at(now) + kAccessTimes - access) % kAccessTimes;
  }

 private:
  static constexpr int kCursorSequenceBits = 52 - kBucketBits;
  static constexpr uint64_t kCursorSequenceMask = (uint64_t{1} << kCursorSequenceBits) - 1;

  static constexpr uint32_t kAccessTimes = (uint32_t{1} << 24) - 1;

  struct Counts {
    size_t keys = 0;
    size_t with_deadline = 0;
  };
  void count(BucketId id, size_t keys_before, size_t deadlines_before);
  void moved_deadline(uint32_t index, Timestamp from, Timestamp to);

  MakeBucket make_;
  std::vector<Bucket*> buckets_;
  absl::btree_set<std::pair<Timestamp, uint32_t>> next_deadlines_;  // of each bucket that has one
  std::array<Counts, kDatabasesInAll> counts_{};
  size_t used_bytes_ = 0;
};

}  // namespace weir::keyspace
