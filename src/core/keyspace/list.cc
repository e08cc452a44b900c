#include "core/keyspace/list.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/assert.h"

namespace weir::keyspace {
namespace {

constexpr size_t kCapacityMin = 32;
constexpr size_t kRoomyBytesMin = 1 << 10;
constexpr size_t kSpareChunksMax = 64;

}  // namespace

List::Chunk List::Chunk::of(size_t capacity) {
  Chunk chunk;
  chunk.capacity = static_cast<uint32_t>(capacity);
  // NOLINTNEXTLINE(modernize-avoid-c-arrays)
  chunk.bytes = std::make_shared_for_overwrite<char[]>(capacity);
  return chunk;
}

List::Position List::locate(size_t index) const {
  WEIR_ASSERT(index < size_, "index {} of {}", index, size_);
  if (index < size_ / 2) {
    size_t chunk = first_;
    while (index >= chunks_[chunk].count) index -= chunks_[chunk++].count;
    return {chunk, static_cast<uint32_t>(index)};
  }
  size_t behind = size_ - 1 - index;
  size_t chunk = chunks_.size() - 1;
  while (behind >= chunks_[chunk].count) behind -= chunks_[chunk--].count;
  return {chunk, static_cast<uint32_t>(chunks_[chunk].count - 1 - behind)};
}

packed::Element List::element_at(Position position) const {
  const Chunk& chunk = chunks_[position.chunk];
  if (position.offset < chunk.count / 2) {
    packed::Element element = packed::after(chunk.first());
    for (uint32_t i = 0; i < position.offset; ++i) element = packed::after(element.end);
    return element;
  }
  packed::Element element = packed::before(chunk.last());
  for (uint32_t i = chunk.count - 1; i > position.offset; --i)
    element = packed::before(element.begin);
  return element;
}

// The elements go to memory of their own, with all the room at one side.
void List::move_to(Chunk& chunk, size_t capacity, Side room) {
  Chunk moved = Chunk::of(capacity);
  moved.begin = room == Side::kRight ? 0 : static_cast<uint32_t>(capacity - chunk.used());
  moved.end = moved.begin + static_cast<uint32_t>(chunk.used());
  moved.count = chunk.count;
  std::copy(chunk.first(), chunk.last(), moved.bytes.get() + moved.begin);
  chunk = std::move(moved);
}

void List::put_into(Chunk& chunk, Side side, ByteView value) {
  const auto size = static_cast<uint32_t>(packed::size_of(value.size()));
  const bool right = side == Side::kRight;
  if (!right) chunk.begin -= size;
  packed::put(chunk.bytes.get() + (right ? chunk.end : chunk.begin), value);
  if (right) chunk.end += size;
  ++chunk.count;
}

// False when the chunk is full.
bool List::push_into(size_t index, Side side, ByteView value) {
  Chunk& chunk = chunks_[index];
  const size_t size = packed::size_of(value.size());
  if (!chunk.holds(size)) return false;
  const size_t needed = chunk.used() + size;
  const size_t room = side == Side::kRight ? chunk.capacity - chunk.end : chunk.begin;
  if (room < size) {
    const bool roomy = needed * 2 <= chunk.capacity;  // at the other side
    // One that was made as large as its neighbour is full enough.
    if (!roomy && chunk.count >= kChunkElementsMax / 2) return false;
    const size_t more = std::min(chunk.capacity + size_t{chunk.capacity} / 2, kChunkBytesMax);
    move_to(chunk, roomy ? chunk.capacity : std::max(needed, more), side);
  } else if (chunk.shared()) {
    move_to(chunk, std::max<size_t>(needed, chunk.capacity), side);
  }
  put_into(chunk, side, value);
  return true;
}

void List::add_chunk(Side side, size_t needed) {
  size_t capacity = std::max(needed, kCapacityMin);
  if (chunks_.size() > first_) {
    // Of a long list the next elements are probably like those before them.
    const Chunk& neighbour = side == Side::kLeft ? chunks_[first_] : chunks_.back();
    if (neighbour.count >= kChunkElementsMax / 2 && needed <= kChunkBytesMax)
      capacity = std::max(capacity, std::min(neighbour.used(), kChunkBytesMax));
  }
  Chunk chunk = Chunk::of(capacity);
  if (side == Side::kRight) {
    chunks_.push_back(std::move(chunk));
    return;
  }
  chunk.begin = chunk.end = chunk.capacity;
  if (first_ == 0) {
    // Room for as many again, so that pushing at the front stays constant time.
    const size_t room = std::max<size_t>(1, chunks_.size());
    chunks_.insert(chunks_.begin(), room, Chunk{});
    first_ = room;
  }
  chunks_[--first_] = std::move(chunk);
}

void List::push(Side side, ByteView value) {
  size_ += 1;
  bytes_ += value.size();
  if (chunks_.size() > first_) {
    if (push_into(side == Side::kLeft ? first_ : chunks_.size() - 1, side, value)) return;
  }
  add_chunk(side, packed::size_of(value.size()));
  put_into(side == Side::kLeft ? chunks_[first_] : chunks_.back(), side, value);
}

void List::remove_chunk(size_t chunk) {
  if (chunk == first_) {
    chunks_[first_++] = Chunk{};
    if (first_ * 2 > chunks_.size() + 8) {
      chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(first_));
      first_ = 0;
    }
  } else {
    chunks_.erase(chunks_.begin() + static_cast<ptrdiff_t>(chunk));
  }
}

void List::drop(Side side, size_t count) {
  WEIR_ASSERT(count <= size_, "drop {} of {}", count, size_);
  size_ -= count;
  while (count > 0) {
    const size_t index = side == Side::kLeft ? first_ : chunks_.size() - 1;
    Chunk& chunk = chunks_[index];
    const auto part = static_cast<uint32_t>(std::min<size_t>(count, chunk.count));
    for (uint32_t i = 0; i < part; ++i) {
      const packed::Element gone =
          side == Side::kLeft ? packed::after(chunk.first()) : packed::before(chunk.last());
      bytes_ -= gone.bytes.size();
      const auto size = static_cast<uint32_t>(gone.end - gone.begin);
      side == Side::kLeft ? chunk.begin += size : chunk.end -= size;
    }
    count -= part;
    chunk.count -= part;
    if (chunk.count == 0) remove_chunk(index);
  }
  // What was long and is short now gives its memory back.
  if (chunks_.size() != first_ + 1) return;
  if (chunks_.capacity() > kSpareChunksMax) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(first_));
    chunks_.shrink_to_fit();
    first_ = 0;
  }
  Chunk& only = chunks_[first_];
  if (only.capacity > kRoomyBytesMin && only.used() * 4 < only.capacity)
    move_to(only, only.used() * 2, side == Side::kLeft ? Side::kRight : Side::kLeft);
}

ByteView List::end(Side side) const {
  WEIR_ASSERT(size_ > 0);
  return side == Side::kLeft ? packed::after(chunks_[first_].first()).bytes
                             : packed::before(chunks_.back().last()).bytes;
}

ByteView List::at(size_t index) const {
  return element_at(locate(index)).bytes;
}

// Takes `removed` elements (0 or 1) out at a position, and puts `added` there unless it is null.
void List::replace(Position position, uint32_t removed, const ByteView* added) {
  Chunk& chunk = chunks_[position.chunk];
  const packed::Element element = element_at(position);
  const char* const rest = removed == 0 ? element.begin : element.end;
  const ByteView before(chunk.first(), static_cast<size_t>(element.begin - chunk.first()));
  const ByteView after(rest, static_cast<size_t>(chunk.last() - rest));
  const size_t size = added == nullptr ? 0 : packed::size_of(added->size());
  const size_t used = before.size() + size + after.size();
  const uint32_t count = chunk.count - removed + (added == nullptr ? 0 : 1);
  const bool fits = used <= kChunkBytesMax && count <= kChunkElementsMax;
  if (count == 0) return remove_chunk(position.chunk);
  if (fits && !chunk.shared() && chunk.begin + used <= chunk.capacity &&
      used * 2 >= chunk.capacity) {
    char* const at = chunk.bytes.get() + chunk.begin + before.size();
    std::memmove(at + size, after.data(), after.size());
    if (added != nullptr) packed::put(at, *added);
    chunk.end = chunk.begin + static_cast<uint32_t>(used);
    chunk.count = count;
    return;
  }
  const auto make = [](ByteView front, const ByteView* middle, ByteView back, uint32_t elements) {
    const size_t own = middle == nullptr ? 0 : packed::size_of(middle->size());
    Chunk made = Chunk::of(std::max(front.size() + own + back.size(), kCapacityMin));
    char* at = std::ranges::copy(front, made.bytes.get()).out;
    if (middle != nullptr) packed::put(at, *middle);
    at = std::ranges::copy(back, at + own).out;
    made.end = static_cast<uint32_t>(at - made.bytes.get());
    made.count = elements;
    return made;
  };
  if (fits) {
    chunk = make(before, added, after, count);
    return;
  }
  // It is cut there: a large element has a chunk of its own, a small one stays with those before.
  std::array<Chunk, 3> parts;
  size_t made = 0;
  const bool joins = position.offset > 0 && before.size() + size <= kChunkBytesMax;
  const uint32_t behind = chunk.count - position.offset - removed;
  if (joins) {
    parts[made++] = make(before, added, {}, position.offset + (added == nullptr ? 0 : 1));
  } else {
    if (position.offset > 0) parts[made++] = make(before, nullptr, {}, position.offset);
    if (added != nullptr) parts[made++] = make({}, added, {}, 1);
  }
  if (behind > 0) parts[made++] = make({}, nullptr, after, behind);
  chunk = std::move(parts[0]);
  chunks_.insert(chunks_.begin() + static_cast<ptrdiff_t>(position.chunk) + 1,
                 std::make_move_iterator(parts.begin() + 1),
                 std::make_move_iterator(parts.begin() + static_cast<ptrdiff_t>(made)));
}

void List::set(size_t index, ByteView value) {
  const Position position = locate(index);
  bytes_ += value.size();
  bytes_ -= element_at(position).bytes.size();
  replace(position, 1, &value);
}

void List::insert(size_t index, ByteView value) {
  if (index == 0) return push(Side::kLeft, value);
  if (index == size_) return push(Side::kRight, value);
  const Position position = locate(index);
  ++size_;
  bytes_ += value.size();
  // Between two chunks it goes to the first if that has room: many at one place do not end up in as
  // many chunks.
  if (position.offset == 0 && push_into(position.chunk - 1, Side::kRight, value)) return;
  replace(position, 0, &value);
}

void List::erase(size_t index) {
  const Position position = locate(index);
  bytes_ -= element_at(position).bytes.size();
  --size_;
  replace(position, 1, nullptr);
}

}  // namespace weir::keyspace
