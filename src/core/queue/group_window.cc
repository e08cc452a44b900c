#include "core/queue/group_window.h"

#include "base/assert.h"

namespace weir::queue {

GroupWindow::Chunk* GroupWindow::chunk_of(int64_t offset) const {
  const auto it = chunks_.find(offset / kChunkSize);
  if (it == chunks_.end()) return nullptr;
  const auto at = static_cast<size_t>(offset % kChunkSize);
  return (it->second->present[at / 64] >> (at % 64) & 1U) != 0 ? it->second.get() : nullptr;
}

GroupWindow::Chunk& GroupWindow::held_chunk(int64_t offset) const {
  Chunk* chunk = chunk_of(offset);
  WEIR_ASSERT(chunk != nullptr, "offset {} is in a chain and not in the window", offset);
  return *chunk;
}

int64_t GroupWindow::after(int64_t offset) const {
  const uint32_t distance = held_chunk(offset).next[static_cast<size_t>(offset % kChunkSize)];
  if (distance == 0) return -1;
  return distance == kFar ? far_next_.at(offset) : offset + distance;
}

int64_t GroupWindow::before(int64_t offset) const {
  const uint32_t distance = held_chunk(offset).previous[static_cast<size_t>(offset % kChunkSize)];
  if (distance == 0) return -1;
  return distance == kFar ? far_previous_.at(offset) : offset - distance;
}

// Makes them neighbours; -1 stands for none, on either side.
void GroupWindow::link(int64_t offset, int64_t next) {
  const bool far = offset >= 0 && next >= 0 && next - offset >= int64_t{kFar};
  const uint32_t distance = offset < 0 || next < 0 ? 0
                            : far                  ? kFar
                                                   : static_cast<uint32_t>(next - offset);
  if (offset >= 0) {
    held_chunk(offset).next[static_cast<size_t>(offset % kChunkSize)] = distance;
    far_next_.erase(offset);
    if (far) far_next_[offset] = next;
  }
  if (next >= 0) {
    held_chunk(next).previous[static_cast<size_t>(next % kChunkSize)] = distance;
    far_previous_.erase(next);
    if (far) far_previous_[next] = offset;
  }
}

void GroupWindow::append(GroupHash group, IsReady is_ready) {
  const int64_t offset = end_++;
  const auto at = static_cast<size_t>(offset % kChunkSize);
  std::unique_ptr<Chunk>& chunk = chunks_[offset / kChunkSize];
  if (!chunk) chunk = std::make_unique<Chunk>();
  chunk->group[at] = group;
  chunk->next[at] = chunk->previous[at] = 0;
  chunk->present[at / 64] |= 1ULL << (at % 64);
  ++chunk->live;
  ++size_;
  const auto [it, is_new] = groups_.try_emplace(group, Group{offset, offset});
  if (is_new) {
    if (is_ready(offset)) ready_heads_.insert(offset);
    return;
  }
  link(it->second.tail, offset);
  it->second.tail = offset;
}

void GroupWindow::unlink(int64_t offset) {
  link(before(offset), after(offset));
  far_next_.erase(offset);
  far_previous_.erase(offset);
  Chunk& chunk = held_chunk(offset);
  const auto at = static_cast<size_t>(offset % kChunkSize);
  chunk.present[at / 64] &= ~(1ULL << (at % 64));
  --size_;
  if (--chunk.live == 0) chunks_.erase(offset / kChunkSize);
}

void GroupWindow::settle(int64_t offset, IsReady is_ready) {
  const Chunk* chunk = chunk_of(offset);
  if (chunk == nullptr) return;
  const auto group = groups_.find(chunk->group[static_cast<size_t>(offset % kChunkSize)]);
  WEIR_ASSERT(group != groups_.end(), "offset {} belongs to no group", offset);
  const bool was_head = group->second.head == offset;
  if (was_head) {
    ready_heads_.erase(offset);
    group->second.head = after(offset);
  }
  if (group->second.tail == offset) group->second.tail = before(offset);
  unlink(offset);
  if (!was_head) return;
  const int64_t head = group->second.head;
  if (head < 0) {
    groups_.erase(group);
  } else if (is_ready(head)) {
    ready_heads_.insert(head);
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
  if (chunk_of(offset) == nullptr) return std::nullopt;
  const int64_t next = after(offset);
  return next < 0 ? std::nullopt : std::optional(next);
}

std::optional<GroupHash> GroupWindow::group_of(int64_t offset) const {
  const Chunk* chunk = chunk_of(offset);
  if (chunk == nullptr) return std::nullopt;
  return chunk->group[static_cast<size_t>(offset % kChunkSize)];
}

}  // namespace weir::queue
