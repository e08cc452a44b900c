#include "core/keyspace/keyspace.h"

#include <utility>

#include "base/assert.h"

namespace weir::keyspace {

Keyspace::Keyspace(MakeBucket make)
    : make_(std::move(make)), buckets_(size_t{kDatabasesInAll} * kBucketsPerDatabase) {}

void Keyspace::attach(BucketId id, Bucket* bucket) {
  WEIR_ASSERT(bucket != nullptr && buckets_[id.index()] == nullptr);
  buckets_[id.index()] = bucket;
  used_bytes_ += bucket->used_bytes();
  moved_deadline(id.index(), Timestamp::never(), bucket->next_deadline());
}

BucketId Keyspace::bucket_of(uint32_t database, ByteView key) {
  return {database, static_cast<uint32_t>(hash_of(key) >> (64 - kBucketBits))};
}

const KeyState* Keyspace::find_any(uint32_t database, ByteView key) const {
  const Bucket* keys = bucket(bucket_of(database, key));
  return keys == nullptr ? nullptr : keys->find(key);
}

const KeyState* Keyspace::find(uint32_t database, ByteView key, Timestamp now) const {
  const KeyState* state = find_any(database, key);
  return state != nullptr && state->alive(now) ? state : nullptr;
}

size_t Keyspace::size(uint32_t database) const {
  size_t sum = 0;
  for (uint32_t i = 0; i < kBucketsPerDatabase; ++i) {
    if (const Bucket* keys = bucket({database, i})) sum += keys->size();
  }
  return sum;
}

size_t Keyspace::size_with_deadline(uint32_t database) const {
  size_t sum = 0;
  for (uint32_t i = 0; i < kBucketsPerDatabase; ++i) {
    if (const Bucket* keys = bucket({database, i})) sum += keys->size_with_deadline();
  }
  return sum;
}

Timestamp Keyspace::next_deadline() const {
  return next_deadlines_.empty() ? Timestamp::never() : next_deadlines_.begin()->first;
}

BucketId Keyspace::next_to_expire() const {
  const uint32_t index = next_deadlines_.begin()->second;
  return {index / kBucketsPerDatabase, index % kBucketsPerDatabase};
}

std::pair<ByteView, const KeyState*> Keyspace::any(uint32_t database,
                                                   uint64_t draw,
                                                   Timestamp now) const {
  for (uint32_t i = 0; i < kBucketsPerDatabase; ++i) {
    const Bucket* keys =
        bucket({database, static_cast<uint32_t>((draw + i) % kBucketsPerDatabase)});
    if (keys == nullptr || keys->size() == 0) continue;
    const auto* slot = keys->keys().any(draw / kBucketsPerDatabase);
    if (slot->value.alive(now)) return {slot->key, &slot->value};
    const Bucket::Keys::Slot* alive = nullptr;
    keys->keys().for_each([&](const auto& other) {
      if (other.value.alive(now)) alive = &other;
    });
    if (alive != nullptr) return {alive->key, &alive->value};
  }
  return {};
}

void Keyspace::moved_deadline(uint32_t index, Timestamp from, Timestamp to) {
  if (from == to) return;
  if (from != Timestamp::never()) next_deadlines_.erase({from, index});
  if (to != Timestamp::never()) next_deadlines_.insert({to, index});
}

void Keyspace::apply(BucketId id, const Event& event) {
  Bucket*& keys = buckets_[id.index()];
  if (keys == nullptr) keys = make_(id);
  WEIR_ASSERT(keys != nullptr);
  const size_t used = keys->used_bytes();
  const Timestamp deadline = keys->next_deadline();
  keys->apply(event);
  used_bytes_ += keys->used_bytes() - used;
  moved_deadline(id.index(), deadline, keys->next_deadline());
}

}  // namespace weir::keyspace
