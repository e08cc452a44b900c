#include "core/queue/group_window.h"

#include "base/assert.h"

namespace weir::queue {

GroupWindow::Chunk* GroupWindow::chunk_of(int64_t offset) const {
  const auto it = chunks_.find(offset / kChunkSize);
  if (it == chunks_.end()) return nullptr;
  const auto at = static_cast<size_t>(offset % kChunkSize);
  return (it->second->present[at / 64] >> (at % 64) & 1U) != 0 ? it->second.get() : nullptr;
}

int64_t GroupWindow::follow(int64_t offset, uint32_t link) const {
  const uint32_t distance = link & ~kSettledBit;
  if (distance == 0) return -1;
  return distance == kFar ? far_.at(offset) : offset + distance;
}

void GroupWindow::append(GroupHash group, IsReady is_ready) {
  const int64_t offset = end_++;
  const auto at = static_cast<size_t>(offset % kChunkSize);
  std::unique_ptr<Chunk>& chunk = chunks_[offset / kChunkSize];
  if (!chunk) chunk = std::make_unique<Chunk>();
  chunk->group[at] = group;
  chunk->link[at] = 0;
  chunk->present[at / 64] |= 1ULL << (at % 64);
  ++chunk->live;
  ++size_;
  const auto [it, is_new] = groups_.try_emplace(group, Group{offset, offset});
  if (is_new) {
    if (is_ready(offset)) ready_heads_.insert(offset);
    return;
  }
  const int64_t tail = it->second.tail;
  Chunk* tail_chunk = chunk_of(tail);
  WEIR_ASSERT(tail_chunk != nullptr, "the tail {} of a group is not in the window", tail);
  uint32_t& link = tail_chunk->link[static_cast<size_t>(tail % kChunkSize)];
  if (offset - tail >= kFar) far_[tail] = offset;
  link |= offset - tail >= kFar ? kFar : static_cast<uint32_t>(offset - tail);
  it->second.tail = offset;
}

void GroupWindow::release(int64_t offset, Chunk& chunk) {
  const auto at = static_cast<size_t>(offset % kChunkSize);
  if ((chunk.link[at] & ~kSettledBit) == kFar) far_.erase(offset);
  chunk.present[at / 64] &= ~(1ULL << (at % 64));
  --size_;
  if (--chunk.live == 0) chunks_.erase(offset / kChunkSize);
}

void GroupWindow::settle(int64_t offset, IsReady is_ready) {
  Chunk* chunk = chunk_of(offset);
  if (chunk == nullptr) return;
  const auto at = static_cast<size_t>(offset % kChunkSize);
  const auto group = groups_.find(chunk->group[at]);
  WEIR_ASSERT(group != groups_.end(), "offset {} belongs to no group", offset);
  if (group->second.head != offset) {
    chunk->link[at] |= kSettledBit;
    drop_settled_behind(group->second);
    return;
  }
  ready_heads_.erase(offset);
  int64_t head = offset;
  while (chunk != nullptr) {
    const int64_t next = follow(head, chunk->link[static_cast<size_t>(head % kChunkSize)]);
    release(head, *chunk);
    head = next;
    chunk = head < 0 ? nullptr : chunk_of(head);
    if (chunk != nullptr &&
        (chunk->link[static_cast<size_t>(head % kChunkSize)] & kSettledBit) == 0)
      break;
  }
  if (head < 0) {
    groups_.erase(group);
    return;
  }
  group->second.head = head;
  if (is_ready(head)) ready_heads_.insert(head);
}

// Takes the marked messages that follow the head directly out of the chain.
void GroupWindow::drop_settled_behind(Group& group) {
  const int64_t head = group.head;
  uint32_t& link = chunk_of(head)->link[static_cast<size_t>(head % kChunkSize)];
  const int64_t before = follow(head, link);
  int64_t next = before;
  while (next >= 0) {
    Chunk* chunk = chunk_of(next);
    WEIR_ASSERT(chunk != nullptr, "offset {} is in a chain and not in the window", next);
    const uint32_t after = chunk->link[static_cast<size_t>(next % kChunkSize)];
    if ((after & kSettledBit) == 0) break;
    const int64_t behind = follow(next, after);
    release(next, *chunk);
    next = behind;
  }
  if (next == before) return;
  far_.erase(head);
  link = 0;
  if (next < 0) {
    group.tail = head;
  } else if (next - head >= kFar) {
    far_[head] = next;
    link = kFar;
  } else {
    link = static_cast<uint32_t>(next - head);
  }
}

void GroupWindow::changed(int64_t offset, IsReady is_ready) {
  const Chunk* chunk = chunk_of(offset);
  if (chunk == nullptr) return;
  const auto group = groups_.find(chunk->group[static_cast<size_t>(offset % kChunkSize)]);
  if (group == groups_.end() || group->second.head != offset) return;
  if (is_ready(offset)) {
    ready_heads_.insert(offset);
  } else {
    ready_heads_.erase(offset);
  }
}

std::optional<int64_t> GroupWindow::next_in_group(int64_t offset) const {
  while (true) {
    const Chunk* chunk = chunk_of(offset);
    if (chunk == nullptr) return std::nullopt;
    offset = follow(offset, chunk->link[static_cast<size_t>(offset % kChunkSize)]);
    if (offset < 0) return std::nullopt;
    const Chunk* next = chunk_of(offset);
    if (next != nullptr &&
        (next->link[static_cast<size_t>(offset % kChunkSize)] & kSettledBit) == 0)
      return offset;
  }
}

std::optional<GroupHash> GroupWindow::group_of(int64_t offset) const {
  const Chunk* chunk = chunk_of(offset);
  if (chunk == nullptr) return std::nullopt;
  return chunk->group[static_cast<size_t>(offset % kChunkSize)];
}

}  // namespace weir::queue
