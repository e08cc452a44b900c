#pragma once
// A list: a double-ended queue of chunks. Both ends push and pop in constant time; positions in the
// middle are found by stepping over chunk counts.
//
// A copy of a list shares its chunks; a chunk that is shared is copied before it changes, so a
// checkpoint (or COPY) may hold a list of any size as it was while the live one goes on.
//
// Invariant: no chunk is empty; counts agree with the chunks.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/text.h"

namespace weir::keyspace {

enum class Side : uint8_t { kLeft = 0, kRight = 1 };

class List {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The sum of the lengths of the elements.
  size_t bytes() const { return bytes_; }

  void push(Side side, ByteView value);
  // Drops `count` elements (count <= size()) from a side.
  void drop(Side side, size_t count);
  ByteView end(Side side) const;

  ByteView at(size_t index) const;
  void set(size_t index, ByteView value);
  // Puts `value` before the element at `index` (index <= size()).
  void insert(size_t index, ByteView value);
  void erase(size_t index);

  // The elements lie in so many chunks, in order; visit() sees those of [first, end) of them.
  size_t chunk_count() const { return chunks_.size() - first_; }
  template <typename F>
  void for_each_in(size_t first, size_t end, F&& visit) const {
    for (size_t chunk = first_ + first; chunk < first_ + end; ++chunk) {
      for (uint32_t i = 0; i < chunks_[chunk].count; ++i) visit(chunks_[chunk].at(i).view());
    }
  }

  // Visits the elements from `index` in the direction away from `from` until `visit` returns false:
  // from the left, upwards from index; from the right, downwards.
  template <typename F>
  void walk(size_t index, Side from, F&& visit) const {
    if (index >= size_) return;
    Position p = locate(index);
    while (true) {
      if (!visit(chunks_[p.chunk].at(p.offset).view())) return;
      if (from == Side::kLeft) {
        if (++p.offset == chunks_[p.chunk].count) {
          if (++p.chunk == chunks_.size()) return;
          p.offset = 0;
        }
      } else {
        if (p.offset == 0) {
          if (p.chunk == first_) return;
          p.offset = chunks_[--p.chunk].count;
        }
        --p.offset;
      }
    }
  }

 private:
  static constexpr uint32_t kChunkElementsMax = 128;

  // The slots in [begin, begin + count) are used; the others are empty.
  struct Chunk {
    std::shared_ptr<Text[]> slots;  // NOLINT(modernize-avoid-c-arrays): one piece of memory
    uint32_t capacity = 0;
    uint32_t begin = 0;
    uint32_t count = 0;

    const Text& at(uint32_t offset) const { return slots[begin + offset]; }
    Text& at(uint32_t offset) { return slots[begin + offset]; }
    static Chunk of(uint32_t capacity, uint32_t begin = 0);
  };
  struct Position {
    size_t chunk;
    uint32_t offset;
  };

  Position locate(size_t index) const;
  Chunk& own(size_t chunk);
  static void grow(Chunk& chunk, uint32_t capacity, uint32_t begin);
  static bool push_into(Chunk& chunk, Side side, ByteView value);
  void add_chunk(Side side);
  void remove_chunk(size_t chunk);
  void split(size_t chunk);

  // Those before first_ are spent. Most lists are of one chunk.
  absl::InlinedVector<Chunk, 1> chunks_;
  size_t first_ = 0;
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir::keyspace
