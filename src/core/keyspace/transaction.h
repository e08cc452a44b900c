#pragma once
// The changes of one commit to the keyspace: one command, or all commands of a MULTI. Each decision
// is applied at once, so that the next command of the same transaction sees it, and its event is
// kept for the journal.
//
// What a method decides it decides on live keys only: writing a key whose deadline has passed
// removes it first. A key of another type is kWrongKind; nothing has changed then.
//
// Thread: the state shard, for the length of one call.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "core/keyspace/keyspace.h"

namespace weir::keyspace {

class Transaction {
 public:
  // An event for the journal, and the key that it concerns (views into the transaction).
  struct Change {
    BucketId bucket;
    EventKind kind;
    ByteView key;
    ByteView event;
  };

  // Memory that one transaction leaves to the next.
  class Buffers {
    friend class Transaction;
    struct Recorded {
      BucketId bucket;
      EventKind kind;
      size_t begin;
      size_t end;
    };
    std::string bytes_;
    std::vector<Recorded> changes_;
  };

  Transaction(Keyspace& keyspace, Timestamp now, Buffers buffers = {})
      : keyspace_(keyspace), now_(now), buffers_(std::move(buffers)) {}

  // Ends it; what was large is freed.
  Buffers buffers() &&;

  Keyspace& keyspace() { return keyspace_; }
  Timestamp now() const { return now_; }

  // From now on nothing but touch() counts as a use of keys that are there.
  void use_nothing() { uses_ = false; }

  size_t change_count() const { return buffers_.changes_.size(); }
  // Valid until the next change.
  Change change(size_t index) const;

  // --- any key
  // Does not count as a use of the key.
  const KeyState* find(uint32_t database, ByteView key) const {
    return keyspace_.find(database, key, now_);
  }
  // The value if the key holds this type; null when there is no such key.
  template <typename T>
  Result<const T*> get(uint32_t database, ByteView key) const {
    const auto* slot = keyspace_.find_slot(database, key, now_);
    if (slot == nullptr) return static_cast<const T*>(nullptr);
    if (uses_) slot->mark = Keyspace::access_at(now_);
    const T* value = held<T>(slot->value.value);
    if (value == nullptr) return fail(ErrorCode::kWrongKind);
    return value;
  }
  // Counts as a use of the key. False when there is no such key.
  bool touch(uint32_t database, ByteView key) const;
  bool erase(uint32_t database, ByteView key);
  // A deadline at or before now removes the key. False when there is no such key.
  bool expire_at(uint32_t database, ByteView key, Timestamp deadline);
  // Puts a copy of the value of `from` (which exists) under `to`, deadline included, replacing what
  // was there.
  void copy(uint32_t from_database, ByteView from, uint32_t to_database, ByteView to);
  void clear(uint32_t database);
  // Removes up to `count` keys whose deadline has passed.
  size_t remove_expired(size_t count);

  // --- strings
  void set_string(uint32_t database, ByteView key, ByteView value, Timestamp deadline);
  // The new length. kWrongKind.
  Result<size_t> append(uint32_t database, ByteView key, ByteView value);

  // --- lists. `push` makes the list, the others leave an absent key alone.
  Result<size_t> push(uint32_t database, ByteView key, Side side, std::span<const ByteView> values);
  // The same for a list that get() has found, or null.
  size_t push(uint32_t database,
              ByteView key,
              Side side,
              std::span<const ByteView> values,
              const List* list);
  // Drops `count` elements that the list has.
  void pop(uint32_t database, ByteView key, Side side, size_t count);
  void trim(uint32_t database, ByteView key, size_t first, size_t count);
  void set_element(uint32_t database, ByteView key, size_t index, ByteView value);
  void insert_element(uint32_t database, ByteView key, size_t index, ByteView value);
  void erase_elements(uint32_t database, ByteView key, std::span<const uint64_t> indexes);

  // --- hashes, sets, sorted sets: the caller has asked get() for the type; set and add make the
  // key.
  void set_fields(uint32_t database, ByteView key, std::span<const ByteView> fields_and_values);
  void erase_fields(uint32_t database, ByteView key, std::span<const ByteView> fields);
  void add_members(uint32_t database, ByteView key, std::span<const ByteView> members);
  void erase_members(uint32_t database, ByteView key, std::span<const ByteView> members);
  void set_scores(uint32_t database,
                  ByteView key,
                  std::span<const ByteView> members,
                  std::span<const double> scores);
  void erase_scored(uint32_t database, ByteView key, std::span<const ByteView> members);

 private:
  void emit(uint32_t database, const Event& event);
  void emit_to(BucketId bucket, const Event& event);
  // Removes the key if its deadline has passed, so that what is written next starts from nothing.
  void make_way(uint32_t database, ByteView key);

  Keyspace& keyspace_;
  Timestamp now_;
  bool uses_ = true;
  Buffers buffers_;
};

}  // namespace weir::keyspace
