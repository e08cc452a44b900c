#pragma once
// A hash map that remembers the order of insertion and gives every key a sequence number that never
// changes while the key lives. A scan cursor is such a number: whatever grows, shrinks or is
// compacted meanwhile, a key that was there from the first call to the last is returned, once.
// Buckets, hashes, sets and the members of sorted sets are all this one structure.
//
// Invariants: slots_ is ordered by sequence; a dead slot is not in table_; dead slots are at most
// as many as live ones (plus a few), so memory and iteration stay proportional to size().
//
// Pointers to values are valid until the next insert or erase.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::keyspace {

// Stable across processes: stored cells rely on it.
uint64_t hash_of(ByteView key);

template <typename V>
class OrderedMap {
 public:
  struct Slot {
    std::string key{};
    V value{};
    uint64_t sequence = 0;
    uint32_t hash = 0;
    bool live = false;
  };

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  const V* find(ByteView key, uint64_t hash) const {
    const uint32_t index = lookup(key, static_cast<uint32_t>(hash));
    return index == kNone ? nullptr : &slots_[index].value;
  }
  V* find(ByteView key, uint64_t hash) {
    return const_cast<V*>(std::as_const(*this).find(key, hash));
  }
  const V* find(ByteView key) const { return find(key, hash_of(key)); }
  V* find(ByteView key) { return find(key, hash_of(key)); }

  // The value of the key, default-made when it was not there (second: true).
  std::pair<V*, bool> insert(ByteView key, uint64_t hash) {
    if (V* found = find(key, hash)) return {found, false};
    return {append(key, hash, next_sequence_), true};
  }
  std::pair<V*, bool> insert(ByteView key) { return insert(key, hash_of(key)); }

  // Adds a key that is not there under a sequence at or above all present ones (used when an image
  // is loaded).
  V* append(ByteView key, uint64_t hash, uint64_t sequence) {
    WEIR_ASSERT(sequence >= next_sequence_);
    next_sequence_ = sequence + 1;
    if ((size_ + 1) * 2 > table_.size()) rebuild_table(size_ + 1);
    Slot& slot = slots_.emplace_back();
    slot.key.assign(key);
    slot.sequence = sequence;
    slot.hash = static_cast<uint32_t>(hash);
    slot.live = true;
    ++size_;
    place(static_cast<uint32_t>(slots_.size() - 1));
    return &slot.value;
  }

  bool erase(ByteView key, uint64_t hash) {
    const size_t cell = lookup_cell(key, static_cast<uint32_t>(hash));
    if (cell == kNoCell) return false;
    const uint32_t index = table_[cell] - 1;
    close_gap(cell);
    slots_[index] = Slot{.key = {}, .sequence = slots_[index].sequence};
    --size_;
    while (!slots_.empty() && !slots_.back().live) slots_.pop_back();
    if (slots_.size() > 2 * size_ + 8) compact();
    return true;
  }
  bool erase(ByteView key) { return erase(key, hash_of(key)); }

  void clear() {
    slots_.clear();
    table_.clear();
    size_ = 0;
  }

  // Live slots in order of insertion.
  template <typename F>
  void for_each(F&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.live) visit(slot);
    }
  }

  // Visits live slots from `sequence` on until `visit` returns false; returns the sequence to
  // continue from, 0 at the end.
  template <typename F>
  uint64_t scan(uint64_t sequence, F&& visit) const {
    size_t low = 0;
    size_t high = slots_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (slots_[middle].sequence < sequence) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (; low < slots_.size(); ++low) {
      if (slots_[low].live && !visit(slots_[low])) {
        return low + 1 < slots_.size() ? slots_[low].sequence + 1 : 0;
      }
    }
    return 0;
  }

  // Some live slot near the position that `draw` names; nullptr when empty.
  const Slot* any(uint64_t draw) const {
    if (size_ == 0) return nullptr;
    size_t index = draw % slots_.size();
    while (!slots_[index].live) index = (index + 1) % slots_.size();
    return &slots_[index];
  }

  uint64_t next_sequence() const { return next_sequence_; }
  void set_next_sequence(uint64_t sequence) { next_sequence_ = sequence; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kNoCell = SIZE_MAX;
  static constexpr size_t kTableMin = 8;

  size_t mask() const { return table_.size() - 1; }

  size_t lookup_cell(ByteView key, uint32_t hash) const {
    if (table_.empty()) return kNoCell;
    for (size_t cell = hash & mask(); table_[cell] != 0; cell = (cell + 1) & mask()) {
      const Slot& slot = slots_[table_[cell] - 1];
      if (slot.hash == hash && slot.key == key) return cell;
    }
    return kNoCell;
  }
  uint32_t lookup(ByteView key, uint32_t hash) const {
    const size_t cell = lookup_cell(key, hash);
    return cell == kNoCell ? kNone : table_[cell] - 1;
  }

  void place(uint32_t index) {
    size_t cell = slots_[index].hash & mask();
    while (table_[cell] != 0) cell = (cell + 1) & mask();
    table_[cell] = index + 1;
  }

  // Linear probing without tombstones: what follows the emptied cell moves up if it may.
  void close_gap(size_t gap) {
    table_[gap] = 0;
    for (size_t cell = (gap + 1) & mask(); table_[cell] != 0; cell = (cell + 1) & mask()) {
      const size_t home = slots_[table_[cell] - 1].hash & mask();
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
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].live) place(i);
    }
  }

  void compact() {
    std::erase_if(slots_, [](const Slot& slot) { return !slot.live; });
    slots_.shrink_to_fit();
    rebuild_table(size_);
  }

  std::vector<Slot> slots_;
  std::vector<uint32_t> table_;  // slot index + 1; 0 is empty; a power of two
  size_t size_ = 0;
  uint64_t next_sequence_ = 1;
};

}  // namespace weir::keyspace
