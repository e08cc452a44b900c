#include "core/keyspace/list.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::keyspace {

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

List::Chunk& List::own(size_t chunk) {
  std::shared_ptr<Chunk>& pointer = chunks_[chunk].chunk;
  if (pointer.use_count() != 1) pointer = std::make_shared<Chunk>(*pointer);
  return *pointer;
}

// Makes room at one side: doubles a small chunk, false when it has its full size already.
bool List::push_into(Link& link, Side side, ByteView value) {
  Chunk& chunk = *link.chunk;
  const size_t capacity = chunk.slots.size();
  if (side == Side::kRight) {
    if (chunk.begin + link.count == capacity) {
      if (capacity >= kChunkElementsMax) return false;
      chunk.slots.resize(std::max<size_t>(2, capacity * 2));
    }
    chunk.slots[chunk.begin + link.count] = Text(value);
  } else {
    if (chunk.begin == 0) {
      if (capacity >= kChunkElementsMax) return false;
      const size_t grown = std::max<size_t>(2, capacity * 2);
      std::vector<Text> slots(grown);
      std::move(chunk.slots.begin(), chunk.slots.end(),
                slots.end() - static_cast<ptrdiff_t>(capacity));
      chunk.slots = std::move(slots);
      chunk.begin = static_cast<uint32_t>(grown - capacity);
    }
    chunk.slots[--chunk.begin] = Text(value);
  }
  ++link.count;
  return true;
}

void List::add_chunk(Side side) {
  const bool only = chunks_.size() == first_;
  auto chunk = std::make_shared<Chunk>();
  if (!only) chunk->slots.resize(kChunkElementsMax);
  if (side == Side::kRight) {
    chunks_.push_back({std::move(chunk), 0});
    return;
  }
  chunk->begin = static_cast<uint32_t>(chunk->slots.size());
  if (first_ == 0) {
    // Room for as many again, so that pushing at the front stays constant time.
    const size_t room = std::max<size_t>(1, chunks_.size());
    chunks_.insert(chunks_.begin(), room, Link{});
    first_ = room;
  }
  chunks_[--first_] = {std::move(chunk), 0};
}

void List::push(Side side, ByteView value) {
  size_ += 1;
  bytes_ += value.size();
  if (chunks_.size() > first_) {
    const size_t chunk = side == Side::kLeft ? first_ : chunks_.size() - 1;
    own(chunk);
    if (push_into(chunks_[chunk], side, value)) return;
  }
  add_chunk(side);
  const bool fits = push_into(side == Side::kLeft ? chunks_[first_] : chunks_.back(), side, value);
  WEIR_ASSERT(fits);
}

void List::remove_chunk(size_t chunk) {
  if (chunk == first_) {
    chunks_[first_++] = Link{};
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
    Link& link = chunks_[index];
    const auto part = static_cast<uint32_t>(std::min<size_t>(count, link.count));
    const uint32_t from = link.chunk->begin + (side == Side::kLeft ? 0 : link.count - part);
    for (uint32_t i = 0; i < part; ++i) bytes_ -= link.chunk->slots[from + i].size();
    count -= part;
    if (part == link.count) {
      remove_chunk(index);
      continue;
    }
    Chunk& chunk = own(index);
    for (uint32_t i = 0; i < part; ++i) chunk.slots[from + i] = Text();
    if (side == Side::kLeft) chunk.begin += part;
    link.count -= part;
  }
}

ByteView List::end(Side side) const {
  WEIR_ASSERT(size_ > 0);
  const Link& link = side == Side::kLeft ? chunks_[first_] : chunks_.back();
  return link.chunk->slots[link.chunk->begin + (side == Side::kLeft ? 0 : link.count - 1)];
}

ByteView List::at(size_t index) const {
  const Position p = locate(index);
  const Chunk& chunk = *chunks_[p.chunk].chunk;
  return chunk.slots[chunk.begin + p.offset];
}

void List::set(size_t index, ByteView value) {
  const Position p = locate(index);
  Chunk& chunk = own(p.chunk);
  Text& slot = chunk.slots[chunk.begin + p.offset];
  bytes_ += value.size();
  bytes_ -= slot.size();
  slot = Text(value);
}

// Cuts a full chunk into two halves.
void List::split(size_t chunk) {
  Chunk& left = own(chunk);
  const uint32_t keep = chunks_[chunk].count / 2;
  auto right = std::make_shared<Chunk>();
  const auto cut = left.slots.begin() + left.begin + keep;
  const auto end = left.slots.begin() + left.begin + chunks_[chunk].count;
  right->slots.assign(std::make_move_iterator(cut), std::make_move_iterator(end));
  std::fill(cut, end, Text());
  const Link link{std::move(right), chunks_[chunk].count - keep};
  chunks_[chunk].count = keep;
  chunks_.insert(chunks_.begin() + static_cast<ptrdiff_t>(chunk) + 1, link);
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
  Link& link = chunks_[p.chunk];
  // The elements of the chunk move to its left edge, which leaves the room on the right.
  if (chunk.begin > 0) {
    std::rotate(chunk.slots.begin(), chunk.slots.begin() + chunk.begin, chunk.slots.end());
    chunk.begin = 0;
  }
  if (chunk.slots.size() == link.count)
    chunk.slots.resize(std::min<size_t>(kChunkElementsMax, link.count * 2));
  const auto at = chunk.slots.begin() + p.offset;
  std::rotate(at, chunk.slots.begin() + link.count, chunk.slots.begin() + link.count + 1);
  *at = Text(value);
  ++link.count;
  ++size_;
  bytes_ += value.size();
}

void List::erase(size_t index) {
  const Position p = locate(index);
  Chunk& chunk = own(p.chunk);
  Link& link = chunks_[p.chunk];
  const auto at = chunk.slots.begin() + chunk.begin + p.offset;
  bytes_ -= at->size();
  std::rotate(at, at + 1, chunk.slots.begin() + chunk.begin + link.count);
  --link.count;
  chunk.slots[chunk.begin + link.count] = Text();
  --size_;
  if (link.count == 0) remove_chunk(p.chunk);
}

}  // namespace weir::keyspace
