#include "core/keyspace/keyspace.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"

namespace weir::keyspace {
namespace {

// What a key costs beside its bytes and its value: slot, index, the allocator's share.
constexpr size_t kKeyOverhead = 120;

size_t size_of(const List& list) { return list.size(); }
size_t size_of(const Hash& hash) { return hash.fields.size(); }
size_t size_of(const Set& set) { return set.members.size(); }
size_t size_of(const SortedSet& sorted) { return sorted.size(); }
// An empty string is a value, so a key with one stays.
size_t size_of(const std::string&) { return 1; }

// --- what an event does to a value of its type

void list_push(List& list, const Event& event) {
  for (const ByteView item : event.items) list.push(event.side, item);
}

void list_pop(List& list, const Event& event) {
  list.drop(event.side, std::min<uint64_t>(event.count, list.size()));
}

void list_trim(List& list, const Event& event) {
  const uint64_t first = std::min<uint64_t>(event.position, list.size());
  const uint64_t keep = std::min<uint64_t>(event.count, list.size() - first);
  list.drop(Side::kRight, list.size() - first - keep);
  list.drop(Side::kLeft, first);
}

void list_set(List& list, const Event& event) {
  if (event.position < list.size()) list.set(event.position, event.value);
}

void list_insert(List& list, const Event& event) {
  if (event.position <= list.size()) list.insert(event.position, event.value);
}

void list_erase(List& list, const Event& event) {
  for (size_t i = event.positions.size(); i-- > 0;) {
    if (event.positions[i] < list.size()) list.erase(event.positions[i]);
  }
}

void hash_set(Hash& hash, const Event& event) {
  for (size_t i = 0; i + 1 < event.items.size(); i += 2) {
    const auto [value, fresh] = hash.fields.insert(event.items[i]);
    if (fresh) hash.bytes += event.items[i].size();
    hash.bytes += event.items[i + 1].size();
    hash.bytes -= value->size();
    value->assign(event.items[i + 1]);
  }
}

void hash_erase(Hash& hash, const Event& event) {
  for (const ByteView field : event.items) {
    const std::string* value = hash.fields.find(field);
    if (value == nullptr) continue;
    hash.bytes -= field.size() + value->size();
    hash.fields.erase(field);
  }
}

void set_add(Set& set, const Event& event) {
  for (const ByteView member : event.items) {
    if (set.members.insert(member).second) set.bytes += member.size();
  }
}

void set_erase(Set& set, const Event& event) {
  for (const ByteView member : event.items) {
    const size_t size = member.size();  // the view may be of the member that goes
    if (set.members.erase(member)) set.bytes -= size;
  }
}

void sorted_set(SortedSet& sorted, const Event& event) {
  for (size_t i = 0; i < event.items.size() && i < event.scores.size(); ++i) {
    sorted.set(event.items[i], event.scores[i]);
  }
}

void sorted_erase(SortedSet& sorted, const Event& event) {
  for (const ByteView member : event.items) sorted.erase(member);
}

}  // namespace

Keyspace::Keyspace() = default;
Keyspace::~Keyspace() = default;

BucketId Keyspace::bucket_of(uint32_t database, ByteView key) {
  return {database, static_cast<uint32_t>(hash_of(key) >> 56)};
}

const KeyState* Keyspace::find_any(uint32_t database, ByteView key) const {
  const uint64_t hash = hash_of(key);
  const Bucket* bucket = databases_[database].buckets[hash >> 56].get();
  return bucket == nullptr ? nullptr : bucket->find(key, hash);
}

const KeyState* Keyspace::find(uint32_t database, ByteView key, Timestamp now) const {
  const KeyState* state = find_any(database, key);
  return state != nullptr && state->alive(now) ? state : nullptr;
}

size_t Keyspace::bucket_size(BucketId id) const {
  const Bucket* bucket = databases_[id.database].buckets[id.bucket].get();
  return bucket == nullptr ? 0 : bucket->size();
}

Timestamp Keyspace::next_deadline() const {
  return deadlines_.empty() ? Timestamp::never() : deadlines_.begin()->at;
}

std::pair<ByteView, const KeyState*> Keyspace::any(uint32_t database,
                                                   uint64_t draw,
                                                   Timestamp now) const {
  for (uint32_t i = 0; i < kBucketsPerDatabase; ++i) {
    const Bucket* bucket =
        databases_[database].buckets[(draw + i) % kBucketsPerDatabase].get();
    if (bucket == nullptr || bucket->empty()) continue;
    const auto* slot = bucket->any(draw / kBucketsPerDatabase);
    if (slot->value.alive(now)) return {slot->key, &slot->value};
    const OrderedMap<KeyState>::Slot* alive = nullptr;
    bucket->for_each([&](const auto& other) {
      if (other.value.alive(now)) alive = &other;
    });
    if (alive != nullptr) return {alive->key, &alive->value};
  }
  return {};
}

Keyspace::Bucket& Keyspace::bucket(BucketId id) {
  auto& bucket = databases_[id.database].buckets[id.bucket];
  if (!bucket) bucket = std::make_unique<Bucket>();
  return *bucket;
}

KeyState* Keyspace::find_state(BucketId id, ByteView key) {
  return bucket(id).find(key, hash_of(key));
}

// The state of the key, made with an empty value of this type when there is none.
KeyState& Keyspace::make_state(BucketId id, ByteView key, ValueType type) {
  if (KeyState* state = find_state(id, key)) return *state;
  put(id, key, make_value(type), Timestamp::never());
  return *find_state(id, key);
}

void Keyspace::erase(BucketId id, ByteView key) {
  KeyState* state = find_state(id, key);
  if (state == nullptr) return;
  set_deadline(id, key, *state, Timestamp::never());
  used_bytes_ -= memory_of(state->value) + key.size() + kKeyOverhead;
  --databases_[id.database].keys;
  // The key may be a view of the slot that goes.
  bucket(id).erase(key, hash_of(key));
}

void Keyspace::clear(BucketId id) {
  Bucket& keys = bucket(id);
  keys.for_each([&](const auto& slot) {
    used_bytes_ -= memory_of(slot.value.value) + slot.key.size() + kKeyOverhead;
    if (slot.value.deadline == Timestamp::never()) return;
    deadlines_.erase(Deadline{slot.value.deadline, id.database, slot.key});
    --databases_[id.database].with_deadline;
  });
  databases_[id.database].keys -= keys.size();
  keys.clear();
}

void Keyspace::put(BucketId id, ByteView key, Value value, Timestamp deadline) {
  const auto [state, fresh] = bucket(id).insert(key, hash_of(key));
  if (fresh) {
    ++databases_[id.database].keys;
    used_bytes_ += key.size() + kKeyOverhead;
  } else {
    used_bytes_ -= memory_of(state->value);
  }
  state->value = std::move(value);
  used_bytes_ += memory_of(state->value);
  set_deadline(id, key, *state, deadline);
}

void Keyspace::set_deadline(BucketId id, ByteView key, KeyState& state, Timestamp deadline) {
  if (state.deadline == deadline) return;
  Database& database = databases_[id.database];
  if (state.deadline != Timestamp::never()) {
    deadlines_.erase(Deadline{state.deadline, id.database, std::string(key)});
    --database.with_deadline;
  }
  state.deadline = deadline;
  if (deadline == Timestamp::never()) return;
  deadlines_.insert(Deadline{deadline, id.database, std::string(key)});
  ++database.with_deadline;
}

template <typename T>
void Keyspace::apply_to(BucketId id,
                        const Event& event,
                        void (*how)(T&, const Event&),
                        std::optional<ValueType> made) {
  KeyState* state = made ? &make_state(id, event.key, *made) : find_state(id, event.key);
  change<T>(id, event.key, state, [&](T& value) { how(value, event); });
}

template <typename T, typename F>
void Keyspace::change(BucketId id, ByteView key, KeyState* state, F&& how) {
  T* value = state == nullptr ? nullptr : held<T>(state->value);
  if (value == nullptr) return;
  const size_t before = memory_of(state->value);
  how(*value);
  used_bytes_ += memory_of(state->value) - before;
  if (size_of(*value) == 0) erase(id, key);
}

void Keyspace::apply(BucketId id, const Event& event) {
  switch (event.kind) {
    case EventKind::kClear: return clear(id);
    case EventKind::kDelete: return erase(id, event.key);
    case EventKind::kExpireAt:
      if (KeyState* state = find_state(id, event.key)) {
        set_deadline(id, event.key, *state, event.deadline);
      }
      return;
    case EventKind::kSetString: return put(id, event.key, std::string(event.value), event.deadline);
    case EventKind::kAppend:
      return change<std::string>(id, event.key, &make_state(id, event.key, ValueType::kString),
                                 [&](std::string& text) { text.append(event.value); });
    case EventKind::kPutValue: {
      Reader reader(event.value);
      auto value = decode_value(reader);
      if (value && reader.done()) put(id, event.key, std::move(*value), event.deadline);
      return;
    }
    case EventKind::kListPush: return apply_to<List>(id, event, list_push, ValueType::kList);
    case EventKind::kListPop: return apply_to<List>(id, event, list_pop);
    case EventKind::kListTrim: return apply_to<List>(id, event, list_trim);
    case EventKind::kListSet: return apply_to<List>(id, event, list_set);
    case EventKind::kListInsert: return apply_to<List>(id, event, list_insert);
    case EventKind::kListErase: return apply_to<List>(id, event, list_erase);
    case EventKind::kHashSet: return apply_to<Hash>(id, event, hash_set, ValueType::kHash);
    case EventKind::kHashErase: return apply_to<Hash>(id, event, hash_erase);
    case EventKind::kSetAdd: return apply_to<Set>(id, event, set_add, ValueType::kSet);
    case EventKind::kSetErase: return apply_to<Set>(id, event, set_erase);
    case EventKind::kSortedSet:
      return apply_to<SortedSet>(id, event, sorted_set, ValueType::kSortedSet);
    case EventKind::kSortedErase: return apply_to<SortedSet>(id, event, sorted_erase);
  }
}

Result<void> Keyspace::replay(BucketId id, ByteView bytes) {
  EventStorage storage;
  const auto event = decode(bytes, storage);
  if (!event) return std::unexpected(event.error());
  apply(id, *event);
  return {};
}

}  // namespace weir::keyspace
