#pragma once
// Text: the bytes of a key, an element or a value; 16 bytes of its own. Up to 15 lie inside it,
// more in a block that its copies share: a copy costs a count whatever it holds, so that what a
// checkpoint has pinned can be copied before it changes.
//
// Bytes that somebody sees never change. Whoever sees all of a block may append behind them, in the
// same block.
//
// Thread: one appends; copies may be read and dropped on any thread.

#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace weir {

class Text {
 public:
  static constexpr size_t kNearBytesMax = 15;

  Text() = default;
  explicit Text(ByteView bytes);
  Text(const Text& other) noexcept : content_(other.content_) {
    if (is_far()) block()->holders.fetch_add(1, std::memory_order_relaxed);
  }
  Text(Text&& other) noexcept : content_(std::exchange(other.content_, {})) {}
  Text& operator=(const Text& other) noexcept {
    Text copy(other);
    std::swap(content_, copy.content_);
    return *this;
  }
  Text& operator=(Text&& other) noexcept {
    std::swap(content_, other.content_);
    return *this;
  }
  ~Text() {
    if (is_far()) let_go(block());
  }

  ByteView view() const {
    return is_far() ? ByteView(block()->bytes(), far_size())
                    : ByteView(content_.data(), static_cast<uint8_t>(content_.back()));
  }
  operator ByteView() const { return view(); }  // NOLINT(google-explicit-constructor)
  size_t size() const { return is_far() ? far_size() : static_cast<uint8_t>(content_.back()); }
  bool empty() const { return size() == 0; }
  // Whether the two are copies that share their bytes.
  bool shares(const Text& other) const {
    return is_far() && other.is_far() && block() == other.block();
  }

  // A byte costs constant time over many calls, whoever holds copies. `more` may be a part of it.
  void append(ByteView more);

  friend bool operator==(const Text& a, const Text& b) { return a.view() == b.view(); }
  friend bool operator==(const Text& a, ByteView b) { return a.view() == b; }
  friend auto operator<=>(const Text& a, const Text& b) { return a.view() <=> b.view(); }
  friend auto operator<=>(const Text& a, ByteView b) { return a.view() <=> b; }

 private:
  struct Block {
    std::atomic<uint32_t> holders;
    uint32_t capacity;
    uint32_t used;  // what the holder sees that sees most; only who appends asks

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };

  // The last byte says how many of the others are used, or kFar: then the block and the size are
  // there.
  static constexpr char kFar = '\xff';
  static constexpr size_t kSizeAt = sizeof(uintptr_t);
  bool is_far() const { return content_.back() == kFar; }
  Block* block() const {
    uintptr_t address = 0;
    std::memcpy(&address, content_.data(), sizeof(address));
    return std::bit_cast<Block*>(address);
  }
  uint32_t far_size() const {
    uint32_t size = 0;
    std::memcpy(&size, content_.data() + kSizeAt, sizeof(size));
    return size;
  }
  void become_far(Block* block, size_t size);
  static Block* make_block(size_t capacity);
  static void let_go(Block* block);

  alignas(uintptr_t) std::array<char, kNearBytesMax + 1> content_{};
};
static_assert(sizeof(Text) == 16);

}  // namespace weir
