#include "core/keyspace/transaction.h"

#include "base/assert.h"
#include "base/wire.h"

namespace weir::keyspace {

Transaction::Change Transaction::change(size_t index) const {
  const auto& recorded = buffers_.changes_[index];
  const ByteView event =
      ByteView(buffers_.bytes_).substr(recorded.begin, recorded.end - recorded.begin);
  Reader reader(event);
  reader.u8();
  return {recorded.bucket, recorded.kind, reader.bytes(), event};
}

Transaction::Buffers Transaction::buffers() && {
  constexpr size_t kBytesKept = 16384;
  constexpr size_t kChangesKept = 256;
  if (buffers_.bytes_.capacity() > kBytesKept || buffers_.changes_.capacity() > kChangesKept) {
    return {};
  }
  buffers_.bytes_.clear();
  buffers_.changes_.clear();
  return std::move(buffers_);
}

void Transaction::emit_to(BucketId bucket, const Event& event) {
  const size_t begin = buffers_.bytes_.size();
  Writer writer(buffers_.bytes_);
  encode(event, writer);
  buffers_.changes_.push_back({bucket, event.kind, begin, buffers_.bytes_.size()});
  keyspace_.apply(bucket, event, uses_ ? Keyspace::access_at(now_) : 0);
}

void Transaction::emit(uint32_t database, const Event& event) {
  emit_to(Keyspace::bucket_of(database, event.key), event);
}

void Transaction::make_way(uint32_t database, ByteView key) {
  const KeyState* state = keyspace_.find_any(database, key);
  if (state != nullptr && !state->alive(now_))
    emit(database, {.kind = EventKind::kDelete, .key = key});
}

bool Transaction::touch(uint32_t database, ByteView key) const {
  const auto* slot = keyspace_.find_slot(database, key, now_);
  if (slot != nullptr) slot->mark = Keyspace::access_at(now_);
  return slot != nullptr;
}

bool Transaction::erase(uint32_t database, ByteView key) {
  const KeyState* state = keyspace_.find_any(database, key);
  if (state == nullptr) return false;
  const bool alive = state->alive(now_);
  emit(database, {.kind = EventKind::kDelete, .key = key});
  return alive;
}

bool Transaction::expire_at(uint32_t database, ByteView key, Timestamp deadline) {
  const KeyState* state = find(database, key);
  if (state == nullptr) return false;
  if (deadline <= now_) return erase(database, key);
  if (state->deadline != deadline) {
    emit(database, {.kind = EventKind::kExpireAt, .key = key, .deadline = deadline});
  }
  return true;
}

void Transaction::copy(uint32_t from_database, ByteView from, uint32_t to_database, ByteView to) {
  const KeyState* state = find(from_database, from);
  WEIR_ASSERT(state != nullptr);
  std::string value;
  Writer writer(value);
  encode(state->value, writer);
  emit(to_database,
       {.kind = EventKind::kPutValue, .key = to, .deadline = state->deadline, .value = value});
}

void Transaction::clear(uint32_t database) {
  for (uint32_t bucket = 0; bucket < kBucketsPerDatabase; ++bucket) {
    const BucketId id{database, bucket};
    const Bucket* keys = keyspace_.bucket(id);
    if (keys != nullptr && keys->size() > 0) emit_to(id, {.kind = EventKind::kClear});
  }
}

size_t Transaction::remove_expired(size_t count) {
  size_t removed = 0;
  while (removed < count && keyspace_.next_deadline() <= now_) {
    const BucketId id = keyspace_.next_to_expire();
    const std::string key = keyspace_.bucket(id)->deadlines().begin()->second;
    emit_to(id, {.kind = EventKind::kDelete, .key = key});
    ++removed;
  }
  return removed;
}

void Transaction::set_string(uint32_t database, ByteView key, ByteView value, Timestamp deadline) {
  emit(database, {.kind = EventKind::kSetString, .key = key, .deadline = deadline, .value = value});
}

Result<size_t> Transaction::append(uint32_t database, ByteView key, ByteView value) {
  const auto text = get<Text>(database, key);
  if (!text) return std::unexpected(text.error());
  make_way(database, key);
  const size_t before = *text == nullptr ? 0 : (*text)->size();
  emit(database, {.kind = EventKind::kAppend, .key = key, .value = value});
  return before + value.size();
}

Result<size_t> Transaction::push(uint32_t database,
                                 ByteView key,
                                 Side side,
                                 std::span<const ByteView> values) {
  const auto list = get<List>(database, key);
  if (!list) return std::unexpected(list.error());
  return push(database, key, side, values, *list);
}

size_t Transaction::push(uint32_t database,
                         ByteView key,
                         Side side,
                         std::span<const ByteView> values,
                         const List* list) {
  const size_t before = list == nullptr ? 0 : list->size();
  if (list == nullptr) make_way(database, key);
  emit(database, {.kind = EventKind::kListPush, .key = key, .side = side, .items = values});
  return before + values.size();
}

void Transaction::pop(uint32_t database, ByteView key, Side side, size_t count) {
  emit(database, {.kind = EventKind::kListPop, .key = key, .side = side, .count = count});
}

void Transaction::trim(uint32_t database, ByteView key, size_t first, size_t count) {
  emit(database, {.kind = EventKind::kListTrim, .key = key, .position = first, .count = count});
}

void Transaction::set_element(uint32_t database, ByteView key, size_t index, ByteView value) {
  emit(database, {.kind = EventKind::kListSet, .key = key, .position = index, .value = value});
}

void Transaction::insert_element(uint32_t database, ByteView key, size_t index, ByteView value) {
  emit(database, {.kind = EventKind::kListInsert, .key = key, .position = index, .value = value});
}

void Transaction::erase_elements(uint32_t database,
                                 ByteView key,
                                 std::span<const uint64_t> indexes) {
  emit(database, {.kind = EventKind::kListErase, .key = key, .positions = indexes});
}

void Transaction::set_fields(uint32_t database,
                             ByteView key,
                             std::span<const ByteView> fields_and_values) {
  make_way(database, key);
  emit(database, {.kind = EventKind::kHashSet, .key = key, .items = fields_and_values});
}

void Transaction::erase_fields(uint32_t database, ByteView key, std::span<const ByteView> fields) {
  emit(database, {.kind = EventKind::kHashErase, .key = key, .items = fields});
}

void Transaction::add_members(uint32_t database, ByteView key, std::span<const ByteView> members) {
  make_way(database, key);
  emit(database, {.kind = EventKind::kSetAdd, .key = key, .items = members});
}

void Transaction::erase_members(uint32_t database,
                                ByteView key,
                                std::span<const ByteView> members) {
  emit(database, {.kind = EventKind::kSetErase, .key = key, .items = members});
}

void Transaction::set_scores(uint32_t database,
                             ByteView key,
                             std::span<const ByteView> members,
                             std::span<const double> scores) {
  make_way(database, key);
  emit(database, {.kind = EventKind::kSortedSet, .key = key, .items = members, .scores = scores});
}

void Transaction::erase_scored(uint32_t database, ByteView key, std::span<const ByteView> members) {
  emit(database, {.kind = EventKind::kSortedErase, .key = key, .items = members});
}

}  // namespace weir::keyspace
