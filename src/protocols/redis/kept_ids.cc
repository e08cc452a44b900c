// The hash of a log: the byte 'p' and eight bytes of the cell's number; a field is an offset, its
// value milliseconds and sequence of the ID, all as eight bytes, little-endian.

#include "protocols/redis/kept_ids.h"

#include <string>

#include "base/wire.h"

namespace weir::redis {
namespace {

using keyspace::Hash;
using keyspace::kSideDatabase;
using keyspace::Transaction;

constexpr char kPending = 'p';

std::string key_of(CellId log) {
  std::string key(1, kPending);
  Writer writer(key);
  writer.fixed(log.value());
  return key;
}

std::string field_of(Offset offset) {
  Writer writer;
  writer.fixed(static_cast<uint64_t>(offset.value()));
  return std::move(writer.out());
}

}  // namespace

std::vector<Offset> KeptIds::keep(Transaction& keys, CellId log, std::span<const Offset> offsets) {
  const std::string key = key_of(log);
  const auto known = keys.get<Hash>(kSideDatabase, key);
  std::vector<Offset> lost;
  std::vector<std::string> fresh;  // field, value, field, value ...
  for (const Offset offset : offsets) {
    const auto id = cache_.id_of(log, offset);
    if (!id || !cache_.keep(log, offset, *id)) {
      lost.push_back(offset);
      continue;
    }
    std::string field = field_of(offset);
    if (known && *known != nullptr && (*known)->fields.find(field) != nullptr) continue;
    fresh.push_back(std::move(field));
    Writer value;
    value.fixed(id->ms);
    value.fixed(id->seq);
    fresh.push_back(std::move(value.out()));
  }
  const std::vector<ByteView> views(fresh.begin(), fresh.end());
  if (!views.empty()) keys.set_fields(kSideDatabase, key, views);
  return lost;
}

void KeptIds::let_go(Transaction& keys, CellId log, std::span<const Offset> offsets) {
  std::vector<std::string> fields;
  for (const Offset offset : offsets) {
    cache_.let_go(log, offset);
    fields.push_back(field_of(offset));
  }
  const std::vector<ByteView> views(fields.begin(), fields.end());
  if (!views.empty()) keys.erase_fields(kSideDatabase, key_of(log), views);
}

void KeptIds::forget(Transaction& keys, CellId log) {
  cache_.forget(log);
  keys.erase(kSideDatabase, key_of(log));
}

std::vector<std::pair<CellId, Offset>> KeptIds::recover() {
  std::vector<std::pair<CellId, Offset>> found;
  const auto take = [&](ByteView key, const keyspace::KeyState& state) {
    const auto* hash = keyspace::held<Hash>(state.value);
    if (key.size() != 1 + sizeof(uint64_t) || key.front() != kPending || hash == nullptr) return;
    const CellId log(load_le<uint64_t>(key.data() + 1));
    hash->fields.for_each([&](const auto& slot) {
      Reader field(slot.key);
      Reader value(slot.value);
      const Offset offset(static_cast<int64_t>(field.fixed<uint64_t>()));
      StreamId id;
      id.ms = value.fixed<uint64_t>();
      id.seq = value.fixed<uint64_t>();
      if (!field.done() || !value.done() || !cache_.keep(log, offset, id)) return;
      found.emplace_back(log, offset);
    });
  };
  keyspace_.for_each(kSideDatabase, Timestamp(0), take);
  return found;
}

}  // namespace weir::redis
