#pragma once
// A list: a double-ended queue of chunks, in which elements lie packed. Both ends push and pop in
// constant time; positions in the middle are found by stepping over chunk counts, then elements. A
// large element has a chunk of its own.
//
// A copy of a list shares its chunks; the bytes of a chunk that is shared are copied before they
// change, so a checkpoint (or COPY) may hold a list of any size as it was while the live one goes
// on.
//
// Views of elements are valid until the list changes.
//
// Invariant: no chunk is empty; counts agree with the chunks.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "core/keyspace/packed.h"

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
      const char* at = chunks_[chunk].first();
      while (at != chunks_[chunk].last()) {
        const packed::Element element = packed::after(at);
        visit(element.bytes);
        at = element.end;
      }
    }
  }

  // Visits the elements from `index` in the direction away from `from` until `visit` returns false:
  // from the left, upwards from index; from the right, downwards.
  template <typename F>
  void walk(size_t index, Side from, F&& visit) const {
    if (index >= size_) return;
    Position p = locate(index);
    packed::Element element = element_at(p);
    while (visit(element.bytes)) {
      if (from == Side::kLeft) {
        if (element.end == chunks_[p.chunk].last()) {
          if (++p.chunk == chunks_.size()) return;
          element = packed::after(chunks_[p.chunk].first());
        } else {
          element = packed::after(element.end);
        }
      } else if (element.begin == chunks_[p.chunk].first()) {
        if (p.chunk == first_) return;
        element = packed::before(chunks_[--p.chunk].last());
      } else {
        element = packed::before(element.begin);
      }
    }
  }

 private:
  static constexpr uint32_t kChunkElementsMax = 128;
  static constexpr size_t kChunkBytesMax = 16 << 10;  // unless it is one element

  // Elements lie in [begin, end); the rest is room.
  struct Chunk {
    std::shared_ptr<char[]> bytes;  // NOLINT(modernize-avoid-c-arrays): one piece of memory
    uint32_t capacity = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t count = 0;

    const char* first() const { return bytes.get() + begin; }
    const char* last() const { return bytes.get() + end; }
    size_t used() const { return end - begin; }
    bool shared() const { return bytes.use_count() != 1; }
    bool holds(size_t more) const {
      return count < kChunkElementsMax && used() + more <= kChunkBytesMax;
    }
    static Chunk of(size_t capacity);
  };
  struct Position {
    size_t chunk;
    uint32_t offset;
  };

  Position locate(size_t index) const;
  packed::Element element_at(Position position) const;
  static void move_to(Chunk& chunk, size_t capacity, Side room);
  bool push_into(size_t chunk, Side side, ByteView value);
  static void put_into(Chunk& chunk, Side side, ByteView value);
  void add_chunk(Side side, size_t needed);
  void remove_chunk(size_t chunk);
  void replace(Position position, uint32_t removed, const ByteView* added);

  // Those before first_ are spent. Most lists are of one chunk.
  absl::InlinedVector<Chunk, 1> chunks_;
  size_t first_ = 0;
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir::keyspace
