#pragma once
// ChunkedQueue: a queue that can be pinned as it is. Its items lie in chunks that are filled once,
// from front to back, and that a pin shares: neither the pin nor what comes after it copies them.
// Only the newest item may still change, and a pin has its own copy of that. So a pin costs a step
// a chunk, however long the queue is.
//
// References are valid until their item is removed.
//
// Thread: one; what is pinned may be read and dropped on any other.

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace weir {

template <typename T>
class ChunkedQueue {
 public:
  static constexpr size_t kChunkItems = 64;

 private:
  using Chunk = std::array<T, kChunkItems>;

 public:
  // The queue as it was.
  class Pinned {
   public:
    size_t size() const { return size_; }
    template <typename F>
    void for_each(F&& visit) const {
      for (size_t at = begin_; at + 1 < begin_ + size_; ++at)
        visit((*chunks_[at / kChunkItems])[at % kChunkItems]);
      if (newest_) visit(*newest_);
    }

   private:
    friend class ChunkedQueue;
    std::vector<std::shared_ptr<const Chunk>> chunks_;
    size_t begin_ = 0;
    size_t size_ = 0;
    std::optional<T> newest_;
  };
  Pinned pin() const {
    Pinned pinned;
    pinned.chunks_.assign(chunks_.begin(), chunks_.end());
    pinned.begin_ = begin_;
    pinned.size_ = size_;
    if (size_ > 0) pinned.newest_ = (*this)[size_ - 1];
    return pinned;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t index) const {
    const size_t at = begin_ + index;
    return (*chunks_[at / kChunkItems])[at % kChunkItems];
  }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size_ - 1]; }
  T& back() {
    const size_t at = begin_ + size_ - 1;
    return (*chunks_[at / kChunkItems])[at % kChunkItems];
  }

  void push_back(const T& item) {
    const size_t at = begin_ + size_;
    if (at == chunks_.size() * kChunkItems) chunks_.push_back(std::make_shared<Chunk>());
    (*chunks_.back())[at % kChunkItems] = item;
    ++size_;
  }
  void pop_front() {
    --size_;
    if (++begin_ < kChunkItems) return;
    chunks_.pop_front();
    begin_ = 0;
  }

 private:
  std::deque<std::shared_ptr<Chunk>> chunks_;
  size_t begin_ = 0;  // of the first item in the first chunk
  size_t size_ = 0;
};

}  // namespace weir
