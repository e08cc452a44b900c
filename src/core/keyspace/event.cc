#include "core/keyspace/event.h"

#include <bit>
#include <cmath>

namespace weir::keyspace {
namespace {

void put_items(Writer& writer, std::span<const ByteView> items) {
  writer.varint(items.size());
  for (const ByteView item : items) writer.bytes(item);
}

void get_items(Reader& reader, EventStorage& storage) {
  const uint64_t count = reader.count();
  storage.items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) storage.items.push_back(reader.bytes());
}

void get_positions(Reader& reader, EventStorage& storage) {
  const uint64_t count = reader.count();
  storage.positions.reserve(count);
  uint64_t next = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t position = next + reader.varint();
    storage.positions.push_back(position);
    next = position + 1;
  }
}

Side get_side(Reader& reader) {
  const uint8_t side = reader.u8();
  if (side > 1) reader.fail();
  return side == 0 ? Side::kLeft : Side::kRight;
}

// False for a kind that does not exist.
bool decode_body(Event& event, Reader& reader, EventStorage& storage) {
  switch (event.kind) {
    case EventKind::kClear:
    case EventKind::kDelete: return true;
    case EventKind::kExpireAt: event.deadline = Timestamp(reader.svarint()); return true;
    case EventKind::kSetString:
    case EventKind::kPutValue:
      event.value = reader.bytes();
      event.deadline = Timestamp(reader.svarint());
      return true;
    case EventKind::kAppend: event.value = reader.bytes(); return true;
    case EventKind::kListPush:
      event.side = get_side(reader);
      get_items(reader, storage);
      return true;
    case EventKind::kListPop:
      event.side = get_side(reader);
      event.count = reader.varint();
      return true;
    case EventKind::kListTrim:
      event.position = reader.varint();
      event.count = reader.varint();
      return true;
    case EventKind::kListSet:
    case EventKind::kListInsert:
      event.position = reader.varint();
      event.value = reader.bytes();
      return true;
    case EventKind::kListErase: get_positions(reader, storage); return true;
    case EventKind::kHashSet:
    case EventKind::kHashErase:
    case EventKind::kSetAdd:
    case EventKind::kSetErase:
    case EventKind::kSortedErase: get_items(reader, storage); return true;
    case EventKind::kSortedSet:
      get_items(reader, storage);
      for (size_t i = 0; i < storage.items.size(); ++i) {
        const double score = std::bit_cast<double>(reader.fixed<uint64_t>());
        if (std::isnan(score)) reader.fail();
        storage.scores.push_back(score);
      }
      return true;
  }
  return false;
}

}  // namespace

void encode(const Event& event, Writer& writer) {
  writer.u8(static_cast<uint8_t>(event.kind));
  writer.bytes(event.key);
  switch (event.kind) {
    case EventKind::kClear:
    case EventKind::kDelete: break;
    case EventKind::kExpireAt: writer.svarint(event.deadline.ms()); break;
    case EventKind::kSetString:
    case EventKind::kPutValue:
      writer.bytes(event.value);
      writer.svarint(event.deadline.ms());
      break;
    case EventKind::kAppend: writer.bytes(event.value); break;
    case EventKind::kListPush:
      writer.u8(static_cast<uint8_t>(event.side));
      put_items(writer, event.items);
      break;
    case EventKind::kListPop:
      writer.u8(static_cast<uint8_t>(event.side));
      writer.varint(event.count);
      break;
    case EventKind::kListTrim:
      writer.varint(event.position);
      writer.varint(event.count);
      break;
    case EventKind::kListSet:
    case EventKind::kListInsert:
      writer.varint(event.position);
      writer.bytes(event.value);
      break;
    case EventKind::kListErase: {
      writer.varint(event.positions.size());
      uint64_t next = 0;
      for (const uint64_t position : event.positions) {
        writer.varint(position - next);
        next = position + 1;
      }
      break;
    }
    case EventKind::kHashSet:
    case EventKind::kHashErase:
    case EventKind::kSetAdd:
    case EventKind::kSetErase:
    case EventKind::kSortedErase: put_items(writer, event.items); break;
    case EventKind::kSortedSet:
      put_items(writer, event.items);
      for (const double score : event.scores) writer.fixed(std::bit_cast<uint64_t>(score));
      break;
  }
}

Result<Event> decode(ByteView bytes, EventStorage& storage) {
  storage.items.clear();
  storage.scores.clear();
  storage.positions.clear();
  Reader reader(bytes);
  Event event{.kind = static_cast<EventKind>(reader.u8())};
  event.key = reader.bytes();
  if (!decode_body(event, reader, storage)) {
    return fail(ErrorCode::kStorageCorrupt, "a keyspace event of an unknown kind");
  }
  if (!reader.done() || (event.kind == EventKind::kHashSet && storage.items.size() % 2 != 0)) {
    return fail(ErrorCode::kStorageCorrupt, "a keyspace event that does not end where it should");
  }
  event.items = storage.items;
  event.scores = storage.scores;
  event.positions = storage.positions;
  return event;
}

}  // namespace weir::keyspace
