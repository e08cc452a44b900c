#include "core/keyspace/bucket.h"

#include <algorithm>
#include <utility>

#include "base/wire.h"

namespace weir::keyspace {
namespace {

// What a key costs beside its bytes and its value: slot, index, the allocator's share.
constexpr size_t kKeyOverhead = 120;

size_t size_of(const List& list) {
  return list.size();
}
size_t size_of(const Hash& hash) {
  return hash.fields.size();
}
size_t size_of(const Set& set) {
  return set.members.size();
}
size_t size_of(const SortedSet& sorted) {
  return sorted.size();
}
// An empty string is a value, so a key with one stays.
size_t size_of(const Text&) {
  return 1;
}

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
    *value = Text(event.items[i + 1]);
  }
}

void hash_erase(Hash& hash, const Event& event) {
  for (const ByteView field : event.items) {
    const Text* value = hash.fields.find(field);
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

// The state of the key, made with an empty value of this type when there is none.
KeyState& Bucket::make_state(ByteView key, ValueType type) {
  if (KeyState* state = find_state(key)) return *state;
  put(key, make_value(type), Timestamp::never());
  return *find_state(key);
}

void Bucket::erase(ByteView key) {
  KeyState* state = find_state(key);
  if (state == nullptr) return;
  set_deadline(key, *state, Timestamp::never());
  used_bytes_ -= memory_of(state->value) + key.size() + kKeyOverhead;
  keys_.erase(key);
}

void Bucket::clear() {
  keys_.clear();
  deadlines_.clear();
  used_bytes_ = 0;
}

void Bucket::put(ByteView key, Value value, Timestamp deadline) {
  const auto [state, fresh] = keys_.insert(key);
  if (fresh) {
    used_bytes_ += key.size() + kKeyOverhead;
  } else {
    used_bytes_ -= memory_of(state->value);
  }
  state->value = std::move(value);
  used_bytes_ += memory_of(state->value);
  set_deadline(key, *state, deadline);
}

void Bucket::set_deadline(ByteView key, KeyState& state, Timestamp deadline) {
  if (state.deadline == deadline) return;
  if (state.deadline != Timestamp::never()) deadlines_.erase({state.deadline, std::string(key)});
  state.deadline = deadline;
  if (deadline != Timestamp::never()) deadlines_.emplace(deadline, key);
}

template <typename T>
void Bucket::apply_to(const Event& event,
                      uint32_t access,
                      void (*how)(T&, const Event&),
                      std::optional<ValueType> made) {
  // Nearly always the key is there: it is looked up once.
  auto* slot = keys_.find_slot(event.key);
  if (slot == nullptr && made) {
    make_state(event.key, *made);
    slot = keys_.find_slot(event.key);
  }
  if (slot == nullptr) return;
  if (access != 0) slot->mark = access;
  change<T>(event.key, &slot->value, [&](T& value) { how(value, event); });
}

template <typename T, typename F>
void Bucket::change(ByteView key, KeyState* state, F&& how) {
  T* value = state == nullptr ? nullptr : held<T>(state->value);
  if (value == nullptr) return;
  const size_t before = memory_of(state->value);
  how(*value);
  used_bytes_ += memory_of(state->value) - before;
  if (size_of(*value) == 0) erase(key);
}

void Bucket::apply(const Event& event, uint32_t access) {
  switch (event.kind) {
    case EventKind::kClear: return clear();
    case EventKind::kDelete: return erase(event.key);
    case EventKind::kExpireAt:
      if (KeyState* state = find_state(event.key)) {
        set_deadline(event.key, *state, event.deadline);
      }
      return used(event.key, access);
    case EventKind::kSetString:
      put(event.key, Text(event.value), event.deadline);
      return used(event.key, access);
    case EventKind::kAppend:
      change<Text>(event.key, &make_state(event.key, ValueType::kString),
                   [&](Text& text) { text.append(event.value); });
      return used(event.key, access);
    case EventKind::kPutValue: {
      Reader reader(event.value);
      auto value = decode_value(reader);
      if (value && reader.done()) put(event.key, std::move(*value), event.deadline);
      return used(event.key, access);
    }
    case EventKind::kListPush: return apply_to<List>(event, access, list_push, ValueType::kList);
    case EventKind::kListPop: return apply_to<List>(event, access, list_pop);
    case EventKind::kListTrim: return apply_to<List>(event, access, list_trim);
    case EventKind::kListSet: return apply_to<List>(event, access, list_set);
    case EventKind::kListInsert: return apply_to<List>(event, access, list_insert);
    case EventKind::kListErase: return apply_to<List>(event, access, list_erase);
    case EventKind::kHashSet: return apply_to<Hash>(event, access, hash_set, ValueType::kHash);
    case EventKind::kHashErase: return apply_to<Hash>(event, access, hash_erase);
    case EventKind::kSetAdd: return apply_to<Set>(event, access, set_add, ValueType::kSet);
    case EventKind::kSetErase: return apply_to<Set>(event, access, set_erase);
    case EventKind::kSortedSet:
      return apply_to<SortedSet>(event, access, sorted_set, ValueType::kSortedSet);
    case EventKind::kSortedErase: return apply_to<SortedSet>(event, access, sorted_erase);
  }
}

Result<void> Bucket::replay(ByteView bytes) {
  EventStorage storage;
  const auto event = decode(bytes, storage);
  if (!event) return std::unexpected(event.error());
  apply(*event);
  return {};
}

}  // namespace weir::keyspace
