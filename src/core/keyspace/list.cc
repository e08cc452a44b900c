#include "core/keyspace/list.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::keyspace {

List::Chunk List::Chunk::of(uint32_t capacity, uint32_t begin) {
  return {.slots = std::make_shared<Text[]>(capacity), .capacity = capacity, .begin = begin};
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

// The chunk, with slots that nobody else holds.
List::Chunk& List::own(size_t index) {
  Chunk& chunk = chunks_[index];
  if (chunk.slots.use_count() != 1) {
    Chunk copy = Chunk::of(chunk.capacity, chunk.begin);
    copy.count = chunk.count;
    std::copy_n(&chunk.slots[chunk.begin], chunk.count, &copy.slots[copy.begin]);
    chunk = std::move(copy);
  }
  return chunk;
}

void List::grow(Chunk& chunk, uint32_t capacity, uint32_t begin) {
  Chunk grown = Chunk::of(capacity, begin);
  grown.count = chunk.count;
  for (uint32_t i = 0; i < chunk.count; ++i) grown.at(i) = std::move(chunk.at(i));
  chunk = std::move(grown);
}

// Makes room at one side of a small chunk, false when it has its full size already.
bool List::push_into(Chunk& chunk, Side side, ByteView value) {
  const bool right = side == Side::kRight;
  if (right ? chunk.begin + chunk.count == chunk.capacity : chunk.begin == 0) {
    if (chunk.capacity >= kChunkElementsMax) return false;
    // Half as much again, since most lists are short; or the room that is left at the other side.
    const uint32_t more = std::max<uint32_t>(2, chunk.capacity + chunk.capacity / 2);
    const bool has_room = chunk.count * 2 <= chunk.capacity && chunk.capacity > 0;
    const uint32_t wanted = has_room ? chunk.capacity : std::min(more, kChunkElementsMax);
    grow(chunk, wanted, right ? 0 : wanted - chunk.count);
  }
  if (!right) --chunk.begin;
  ++chunk.count;
  chunk.at(right ? chunk.count - 1 : 0) = Text(value);
  return true;
}

void List::add_chunk(Side side) {
  const bool only = chunks_.size() == first_;
  Chunk chunk = Chunk::of(only ? 2 : kChunkElementsMax);
  if (side == Side::kRight) {
    chunks_.push_back(std::move(chunk));
    return;
  }
  chunk.begin = chunk.capacity;
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
    const size_t chunk = side == Side::kLeft ? first_ : chunks_.size() - 1;
    if (push_into(own(chunk), side, value)) return;
  }
  add_chunk(side);
  const bool fits = push_into(side == Side::kLeft ? chunks_[first_] : chunks_.back(), side, value);
  WEIR_ASSERT(fits);
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
    const uint32_t there = chunks_[index].count;
    const auto part = static_cast<uint32_t>(std::min<size_t>(count, there));
    const uint32_t from = side == Side::kLeft ? 0 : there - part;
    for (uint32_t i = 0; i < part; ++i) bytes_ -= chunks_[index].at(from + i).size();
    count -= part;
    if (part == there) {
      remove_chunk(index);
      continue;
    }
    Chunk& chunk = own(index);
    for (uint32_t i = 0; i < part; ++i) chunk.at(from + i) = Text();
    if (side == Side::kLeft) chunk.begin += part;
    chunk.count -= part;
  }
}

ByteView List::end(Side side) const {
  WEIR_ASSERT(size_ > 0);
  const Chunk& chunk = side == Side::kLeft ? chunks_[first_] : chunks_.back();
  return chunk.at(side == Side::kLeft ? 0 : chunk.count - 1);
}

ByteView List::at(size_t index) const {
  const Position p = locate(index);
  return chunks_[p.chunk].at(p.offset);
}

void List::set(size_t index, ByteView value) {
  const Position p = locate(index);
  Text& slot = own(p.chunk).at(p.offset);
  bytes_ += value.size();
  bytes_ -= slot.size();
  slot = Text(value);
}

// Cuts a full chunk into two halves.
void List::split(size_t index) {
  Chunk& left = own(index);
  const uint32_t keep = left.count / 2;
  Chunk right = Chunk::of(left.count - keep);
  right.count = right.capacity;
  for (uint32_t i = 0; i < right.count; ++i) right.at(i) = std::exchange(left.at(keep + i), Text());
  left.count = keep;
  chunks_.insert(chunks_.begin() + static_cast<ptrdiff_t>(index) + 1, std::move(right));
}

void List::insert(size_t index, ByteView value) {
  if (index == 0) return push(Side::kLeft, value);
  if (index == size_) return push(Side::kRight, value);
  Position p = locate(index);
  if (chunks_[p.chunk].count >= kChunkElementsMax) {
    split(p.chunk);
    p = locate(index);
  }
  Chunk& chunk = own(p.chunk);
  if (chunk.begin + chunk.count == chunk.capacity) {
    // The elements move to the left edge, which leaves the room on the right.
    grow(chunk, std::min(kChunkElementsMax, std::max(chunk.capacity, chunk.count * 2)), 0);
  }
  ++chunk.count;
  Text* const at = &chunk.at(p.offset);
  std::rotate(at, &chunk.at(chunk.count - 1), &chunk.at(chunk.count - 1) + 1);
  *at = Text(value);
  ++size_;
  bytes_ += value.size();
}

void List::erase(size_t index) {
  const Position p = locate(index);
  Chunk& chunk = own(p.chunk);
  Text* const at = &chunk.at(p.offset);
  bytes_ -= at->size();
  std::rotate(at, at + 1, &chunk.at(chunk.count - 1) + 1);
  chunk.at(--chunk.count) = Text();
  --size_;
  if (chunk.count == 0) remove_chunk(p.chunk);
}

}  // namespace weir::keyspace
