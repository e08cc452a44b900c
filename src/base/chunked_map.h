#pragma once
// ChunkedMap: an ordered map that can be pinned as it is. Its items lie in sorted chunks, which a
// pin shares; a shared chunk is copied before it changes. So a pin costs a step a chunk, and the
// first change of a chunk after it a copy of at most kChunkItemsMax items: never more, however
// large the map is.
//
// Keys and values can be copied. Iterators and references are valid until the next insert, erase or
// pin; one that is not const takes the chunk for itself when it is looked through.
//
// Thread: one; what is pinned may be read and dropped on any other.

#include <absl/container/btree_map.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

template <typename Key, typename Value>
class ChunkedMap {
 public:
  using Item = std::pair<Key, Value>;
  static constexpr size_t kChunkItemsMax = 64;

 private:
  using Chunk = std::vector<Item>;  // ascending, never empty
  // By a key that is not above the first in the chunk.
  using Chunks = absl::btree_map<Key, std::shared_ptr<Chunk>>;

  template <bool kConst>
  class Iterator {
    using Map = std::conditional_t<kConst, const ChunkedMap, ChunkedMap>;
    using Where =
        std::conditional_t<kConst, typename Chunks::const_iterator, typename Chunks::iterator>;

   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = Item;
    using difference_type = ptrdiff_t;
    using reference = std::conditional_t<kConst, const Item&, Item&>;
    using pointer = std::conditional_t<kConst, const Item*, Item*>;

    Iterator() = default;
    operator Iterator<true>() const {  // NOLINT(google-explicit-constructor)
      return {map_, where_, index_};
    }

    reference operator*() const {
      if constexpr (!kConst) map_->own(where_);
      return (*where_->second)[index_];
    }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++index_ == where_->second->size()) {
        ++where_;
        index_ = 0;
      }
      return *this;
    }
    Iterator& operator--() {
      if (index_ == 0) {
        --where_;
        index_ = where_->second->size();
      }
      --index_;
      return *this;
    }
    bool operator==(const Iterator& other) const {
      return where_ == other.where_ && index_ == other.index_;
    }

   private:
    friend class ChunkedMap;
    Iterator(Map* map, Where where, size_t index) : map_(map), where_(where), index_(index) {}

    Map* map_ = nullptr;
    Where where_{};
    size_t index_ = 0;
  };

 public:
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  // The map as it was.
  class Pinned {
   public:
    size_t size() const { return size_; }
    template <typename F>
    void for_each(F&& visit) const {
      for (const auto& chunk : chunks_) {
        for (const Item& item : *chunk) visit(item);
      }
    }

   private:
    friend class ChunkedMap;
    std::vector<std::shared_ptr<const Chunk>> chunks_;
    size_t size_ = 0;
  };
  Pinned pin() const {
    Pinned pinned;
    pinned.size_ = size_;
    pinned.chunks_.reserve(chunks_.size());
    for (const auto& [key, chunk] : chunks_) pinned.chunks_.push_back(chunk);
    return pinned;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  template <typename F>
  void for_each(F&& visit) const {
    for (const auto& [key, chunk] : chunks_) {
      for (const Item& item : *chunk) visit(item);
    }
  }
  // How many items were copied because a pin held them.
  size_t copied() const { return copied_; }

  const_iterator begin() const { return {this, chunks_.begin(), 0}; }
  const_iterator end() const { return {this, chunks_.end(), 0}; }
  iterator begin() { return {this, chunks_.begin(), 0}; }
  iterator end() { return {this, chunks_.end(), 0}; }

  const_iterator lower_bound(const Key& key) const { return lower_bound_in(*this, key); }
  iterator lower_bound(const Key& key) { return lower_bound_in(*this, key); }
  const_iterator find(const Key& key) const { return find_in(*this, key); }
  iterator find(const Key& key) { return find_in(*this, key); }
  bool contains(const Key& key) const { return find(key) != end(); }

  // The item of the key; its value is made of `arguments` when it was not there (second: true).
  template <typename... Arguments>
  std::pair<iterator, bool> try_emplace(const Key& key, Arguments&&... arguments) {
    auto where = chunk_for(key);
    size_t index = position_in(*where->second, key);
    if (index < where->second->size() && !(key < (*where->second)[index].first))
      return {iterator(this, where, index), false};
    if (where->second->size() >= kChunkItemsMax) {
      where = index == kChunkItemsMax ? add_chunk(key) : split(where, key);
      index = position_in(*where->second, key);
    }
    Chunk& chunk = own(where);
    chunk.emplace(chunk.begin() + static_cast<ptrdiff_t>(index), std::piecewise_construct,
                  std::forward_as_tuple(key),
                  std::forward_as_tuple(std::forward<Arguments>(arguments)...));
    ++size_;
    return {iterator(this, where, index), true};
  }

  void erase(iterator at) {
    Chunk& chunk = own(at.where_);
    chunk.erase(chunk.begin() + static_cast<ptrdiff_t>(at.index_));
    --size_;
    if (chunk.empty()) {
      chunks_.erase(at.where_);
    } else if (chunk.size() * 4 <= chunk.capacity()) {
      draw_together(at.where_);
    }
  }

 private:
  Chunk& own(typename Chunks::iterator where) {
    std::shared_ptr<Chunk>& chunk = where->second;
    if (chunk.use_count() != 1) {
      copied_ += chunk->size();
      chunk = std::make_shared<Chunk>(*chunk);
    }
    return *chunk;
  }

  static size_t position_in(const Chunk& chunk, const Key& key) {
    const auto at = std::lower_bound(chunk.begin(), chunk.end(), key,
                                     [](const Item& item, const Key& k) { return item.first < k; });
    return static_cast<size_t>(at - chunk.begin());
  }

  template <typename Map>
  static auto lower_bound_in(Map& map, const Key& key) -> decltype(map.begin()) {
    auto where = map.chunks_.upper_bound(key);
    if (where == map.chunks_.begin()) return map.begin();
    --where;
    const size_t index = position_in(*where->second, key);
    if (index < where->second->size()) return {&map, where, index};
    return {&map, ++where, 0};
  }

  template <typename Map>
  static auto find_in(Map& map, const Key& key) -> decltype(map.begin()) {
    auto where = map.chunks_.upper_bound(key);
    if (where == map.chunks_.begin()) return map.end();
    --where;
    const Chunk& chunk = *where->second;
    const size_t index = position_in(chunk, key);
    if (index == chunk.size() || key < chunk[index].first) return map.end();
    return {&map, where, index};
  }

  // The chunk in which the key is, or belongs.
  typename Chunks::iterator chunk_for(const Key& key) {
    if (chunks_.empty()) return add_chunk(key);
    auto where = chunks_.upper_bound(key);
    if (where != chunks_.begin()) return std::prev(where);
    std::shared_ptr<Chunk> first = std::move(where->second);
    chunks_.erase(where);
    return chunks_.emplace(key, std::move(first)).first;
  }

  // An empty one, for the key that comes next.
  typename Chunks::iterator add_chunk(const Key& key) {
    return chunks_.insert_or_assign(key, std::make_shared<Chunk>()).first;
  }

  // Cuts a full chunk in two halves; the one in which the key belongs.
  typename Chunks::iterator split(typename Chunks::iterator where, const Key& key) {
    Chunk& low = own(where);
    const auto half = low.begin() + kChunkItemsMax / 2;
    auto high =
        std::make_shared<Chunk>(std::make_move_iterator(half), std::make_move_iterator(low.end()));
    low.erase(half, low.end());
    chunks_.emplace(Key(high->front().first), std::move(high));
    return std::prev(chunks_.upper_bound(key));
  }

  // What is left of a chunk joins the one before it, or lies in less memory.
  void draw_together(typename Chunks::iterator where) {
    Chunk& chunk = *where->second;
    if (where != chunks_.begin()) {
      const auto before = std::prev(where);
      if (before->second->size() + chunk.size() <= kChunkItemsMax / 2) {
        Chunk& target = own(before);
        target.insert(target.end(), std::make_move_iterator(chunk.begin()),
                      std::make_move_iterator(chunk.end()));
        chunks_.erase(where);
        return;
      }
    }
    Chunk small;
    small.reserve(2 * chunk.size());
    small.insert(small.end(), std::make_move_iterator(chunk.begin()),
                 std::make_move_iterator(chunk.end()));
    chunk = std::move(small);
  }

  Chunks chunks_;
  size_t size_ = 0;
  size_t copied_ = 0;
};

}  // namespace weir
