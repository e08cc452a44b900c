#pragma once
// A hash map that remembers the order of insertion and gives every key a sequence number that never
// changes while the key lives. A scan cursor is such a number: whatever grows, shrinks or is
// compacted meanwhile, a key that was there from the first call to the last is returned, once.
// Buckets, hashes, sets and the members of sorted sets are all this one structure.
//
// Slots lie in chunks. pin() shares them: a shared chunk is copied before it changes, so that a
// checkpoint writes a map of any size as it was, on another thread, while the live one goes on.
//
// Invariants: slots are ordered by sequence, every chunk but the last is full; a dead slot is not
// in table_; dead slots are at most as many as live ones (plus a few), so memory and iteration stay
// proportional to size().
//
// Pointers to values are valid until the next insert or erase; a value is written only through a
// pointer of a non-const call since the last pin().

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/text.h"

namespace weir::keyspace {

// Stable across processes: which bucket holds a key is stored.
uint64_t hash_of(ByteView key);
// Of this process only, so that nobody can choose keys that collide.
uint32_t table_hash(ByteView key);

template <typename V>
class OrderedMap {
 public:
  struct Slot {
    Text key{};
    V value{};
    uint64_t sequence = 0;
    uint32_t hash = 0;
    uint32_t live : 1 = 0;
    // For the owner of a map that is never pinned: a note on the key, which no copy of the map has
    // to keep.
    mutable uint32_t mark : 24 = 0;
  };

 private:
  static constexpr size_t kChunkSlots = 128;
  using Chunk = std::vector<Slot>;
  using Chunks = std::vector<std::shared_ptr<Chunk>>;

 public:
  // The map as it was; any thread.
  class Pinned {
   public:
    size_t size() const { return size_; }
    size_t chunk_count() const { return chunks_.size(); }
    // Live slots of the chunks [first, end), in order of insertion.
    template <typename F>
    void for_each_in(size_t first, size_t end, F&& visit) const {
      for (size_t chunk = first; chunk < end; ++chunk) {
        for (const Slot& slot : *chunks_[chunk]) {
          if (slot.live != 0) visit(slot);
        }
      }
    }

   private:
    friend class OrderedMap;
    Pinned(Chunks chunks, size_t size) : chunks_(std::move(chunks)), size_(size) {}
    Chunks chunks_;
    size_t size_;
  };
  Pinned pin() const { return Pinned(chunks_, size_); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  const V* find(ByteView key) const {
    const uint32_t index = lookup(key, table_hash(key));
    return index == kNone ? nullptr : &slot(index).value;
  }
  const Slot* find_slot(ByteView key) const {
    const uint32_t index = lookup(key, table_hash(key));
    return index == kNone ? nullptr : &slot(index);
  }
  Slot* find_slot(ByteView key) {
    const uint32_t index = lookup(key, table_hash(key));
    return index == kNone ? nullptr : &own(index);
  }
  V* find(ByteView key) {
    Slot* const found = find_slot(key);
    return found == nullptr ? nullptr : &found->value;
  }

  // The value of the key, default-made when it was not there (second: true).
  std::pair<V*, bool> insert(ByteView key) {
    const uint32_t hash = table_hash(key);
    const uint32_t index = lookup(key, hash);
    if (index != kNone) return {&own(index).value, false};
    return {append(key, hash, next_sequence_), true};
  }

  // Adds a key that is not there under a sequence at or above all present ones (used when an image
  // is loaded).
  V* append(ByteView key, uint64_t sequence) { return append(key, table_hash(key), sequence); }

  bool erase(ByteView key) {
    const size_t cell = lookup_cell(key, table_hash(key));
    if (cell == kNoCell) return false;
    const uint32_t index = table_[cell] - 1;
    close_gap(cell);
    Slot& gone = own(index);
    gone = Slot{.key = {}, .sequence = gone.sequence};
    --size_;
    while (end_ > 0 && slot(end_ - 1).live == 0) drop_last();
    if (end_ > 2 * size_ + 8) compact();
    return true;
  }

  void clear() {
    chunks_.clear();
    table_.clear();
    end_ = 0;
    size_ = 0;
  }

  // Live slots in order of insertion.
  template <typename F>
  void for_each(F&& visit) const {
    for (const auto& chunk : chunks_) {
      for (const Slot& slot : *chunk) {
        if (slot.live != 0) visit(slot);
      }
    }
  }

  // Visits live slots from `sequence` on until `visit` returns false; returns the sequence to
  // continue from, 0 at the end.
  template <typename F>
  uint64_t scan(uint64_t sequence, F&& visit) const {
    size_t low = 0;
    size_t high = end_;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (slot(middle).sequence < sequence) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (; low < end_; ++low) {
      const Slot& found = slot(low);
      if (found.live != 0 && !visit(found)) return low + 1 < end_ ? found.sequence + 1 : 0;
    }
    return 0;
  }

  // Some live slot near the position that `draw` names; nullptr when empty.
  const Slot* any(uint64_t draw) const {
    if (size_ == 0) return nullptr;
    size_t index = draw % end_;
    while (slot(index).live == 0) index = (index + 1) % end_;
    return &slot(index);
  }

  uint64_t next_sequence() const { return next_sequence_; }
  void set_next_sequence(uint64_t sequence) { next_sequence_ = sequence; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kNoCell = SIZE_MAX;
  static constexpr size_t kTableMin = 8;

  size_t mask() const { return table_.size() - 1; }

  const Slot& slot(size_t index) const {
    return (*chunks_[index / kChunkSlots])[index % kChunkSlots];
  }
  // The slot in a chunk that nobody else holds.
  Slot& own(size_t index) { return own_chunk(index / kChunkSlots)[index % kChunkSlots]; }
  Chunk& own_chunk(size_t number) {
    std::shared_ptr<Chunk>& chunk = chunks_[number];
    if (chunk.use_count() != 1) {
      if constexpr (std::is_copy_constructible_v<V>) {
        chunk = std::make_shared<Chunk>(*chunk);
      } else {
        WEIR_ASSERT(false, "a map of values that cannot be copied was pinned");
      }
    }
    return *chunk;
  }

  V* append(ByteView key, uint32_t hash, uint64_t sequence) {
    WEIR_ASSERT(sequence >= next_sequence_);
    next_sequence_ = sequence + 1;
    if ((size_ + 1) * 2 > table_.size()) rebuild_table(size_ + 1);
    if (end_ % kChunkSlots == 0) chunks_.push_back(std::make_shared<Chunk>());
    Slot& fresh = own_chunk(chunks_.size() - 1).emplace_back();
    fresh.key = Text(key);
    fresh.sequence = sequence;
    fresh.hash = hash;
    fresh.live = 1;
    ++size_;
    place(static_cast<uint32_t>(end_++));
    return &fresh.value;
  }

  void drop_last() {
    --end_;
    if (end_ % kChunkSlots == 0) {
      chunks_.pop_back();
    } else {
      own_chunk(chunks_.size() - 1).pop_back();
    }
  }

  size_t lookup_cell(ByteView key, uint32_t hash) const {
    if (table_.empty()) return kNoCell;
    for (size_t cell = hash & mask(); table_[cell] != 0; cell = (cell + 1) & mask()) {
      const Slot& found = slot(table_[cell] - 1);
      if (found.hash == hash && found.key == key) return cell;
    }
    return kNoCell;
  }
  uint32_t lookup(ByteView key, uint32_t hash) const {
    const size_t cell = lookup_cell(key, hash);
    return cell == kNoCell ? kNone : table_[cell] - 1;
  }

  void place(uint32_t index) {
    size_t cell = slot(index).hash & mask();
    while (table_[cell] != 0) cell = (cell + 1) & mask();
    table_[cell] = index + 1;
  }

  // Linear probing without tombstones: what follows the emptied cell moves up if it may.
  void close_gap(size_t gap) {
    table_[gap] = 0;
    for (size_t cell = (gap + 1) & mask(); table_[cell] != 0; cell = (cell + 1) & mask()) {
      const size_t home = slot(table_[cell] - 1).hash & mask();
      if (((cell - home) & mask()) >= ((cell - gap) & mask())) {
        table_[gap] = std::exchange(table_[cell], 0);
        gap = cell;
      }
    }
  }

  void rebuild_table(size_t expected) {
    size_t capacity = kTableMin;
    while (capacity < expected * 3) capacity *= 2;
    table_.assign(capacity, 0);
    for (uint32_t i = 0; i < end_; ++i) {
      if (slot(i).live != 0) place(i);
    }
  }

  void compact() {
    const Chunks before = std::exchange(chunks_, {});
    end_ = 0;
    for (const auto& chunk : before) {
      const bool shared = chunk.use_count() != 1;
      for (Slot& old : *chunk) {
        if (old.live == 0) continue;
        if (end_++ % kChunkSlots == 0) chunks_.push_back(std::make_shared<Chunk>());
        if constexpr (std::is_copy_constructible_v<V>) {
          shared ? chunks_.back()->push_back(old) : chunks_.back()->push_back(std::move(old));
        } else {
          WEIR_ASSERT(!shared, "a map of values that cannot be copied was pinned");
          chunks_.back()->push_back(std::move(old));
        }
      }
    }
    rebuild_table(size_);
  }

  Chunks chunks_;
  std::vector<uint32_t> table_;  // slot index + 1; 0 is empty; a power of two
  size_t end_ = 0;               // slots, dead ones included
  size_t size_ = 0;
  uint64_t next_sequence_ = 1;
};

}  // namespace weir::keyspace
