#include "base/text.h"

#include <algorithm>
#include <new>

#include "base/assert.h"

namespace weir {

Text::Block* Text::make_block(size_t capacity) {
  WEIR_ASSERT(capacity <= UINT32_MAX, "a text of {} bytes", capacity);
  void* memory = ::operator new(sizeof(Block) + capacity);
  return new (memory) Block{.holders = 1, .capacity = static_cast<uint32_t>(capacity), .used = 0};
}

void Text::let_go(Block* block) {
  if (block->holders.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  block->~Block();
  ::operator delete(block);
}

void Text::become_far(Block* block, size_t size) {
  block->used = static_cast<uint32_t>(size);
  const auto address = std::bit_cast<uintptr_t>(block);
  std::memcpy(content_.data(), &address, sizeof(address));
  std::memcpy(content_.data() + kSizeAt, &block->used, sizeof(block->used));
  content_.back() = kFar;
}

Text::Text(ByteView bytes) {
  if (bytes.size() <= kNearBytesMax) {
    std::copy(bytes.begin(), bytes.end(), content_.begin());
    content_.back() = static_cast<char>(bytes.size());
    return;
  }
  Block* block = make_block(bytes.size());
  std::memcpy(block->bytes(), bytes.data(), bytes.size());
  become_far(block, bytes.size());
}

void Text::append(ByteView more) {
  if (more.empty()) return;
  const size_t before = size();
  const size_t after = before + more.size();
  if (after <= kNearBytesMax) {
    std::memmove(content_.data() + before, more.data(), more.size());
    content_.back() = static_cast<char>(after);
    return;
  }
  if (is_far() && block()->used == before && after <= block()->capacity) {
    std::memcpy(block()->bytes() + before, more.data(), more.size());
    become_far(block(), after);
    return;
  }
  // Room for as many again once it grows, so that every byte is copied a few times at most.
  Block* grown = make_block(std::max(after, std::min<size_t>(2 * before, UINT32_MAX)));
  std::memcpy(grown->bytes(), view().data(), before);
  std::memcpy(grown->bytes() + before, more.data(), more.size());
  Text moved;
  moved.become_far(grown, after);
  std::swap(content_, moved.content_);
}

}  // namespace weir
