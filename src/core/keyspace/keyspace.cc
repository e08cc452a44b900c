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
  count(id, 0, 0);
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
  const auto* slot = find_slot(database, key, now);
  return slot == nullptr ? nullptr : &slot->value;
}

const Bucket::Keys::Slot* Keyspace::find_slot(uint32_t database,
                                              ByteView key,
                                              Timestamp now) const {
  const Bucket* keys = bucket(bucket_of(database, key));
  const auto* slot = keys == nullptr ? nullptr : keys->keys().find_slot(key);
  return slot != nullptr && slot->value.alive(now) ? slot : nullptr;
}

void Keyspace::count(BucketId id, size_t keys_before, size_t deadlines_before) {
  const Bucket& keys = *buckets_[id.index()];
  counts_[id.database].keys += keys.size() - keys_before;
  counts_[id.database].with_deadline += keys.size_with_deadline() - deadlines_before;
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

void Keyspace::apply(BucketId id, const Event& event, uint32_t access) {
  Bucket*& keys = buckets_[id.index()];
  if (keys == nullptr) keys = make_(id);
  WEIR_ASSERT(keys != nullptr);
  const size_t used = keys->used_bytes();
  const Timestamp deadline = keys->next_deadline();
  const size_t size = keys->size();
  const size_t with_deadline = keys->size_with_deadline();
  keys->apply(event, access);
  count(id, size, with_deadline);
  used_bytes_ += keys->used_bytes() - used;
  moved_deadline(id.index(), deadline, keys->next_deadline());
}

}  // namespace weir::keyspace
