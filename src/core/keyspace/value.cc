#include "core/keyspace/value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace weir::keyspace {
namespace {

// What an element costs beside its bytes: slot, index and the allocator's share.
constexpr size_t kListElementOverhead = 4;
constexpr size_t kMapSlotOverhead = 72;
constexpr size_t kSortedItemOverhead = 120;

// Of a value that is written later: of about so many bytes each, so that whoever writes them needs
// memory for one.
constexpr size_t kPartBytes = 256 << 10;

constexpr auto kPutElement = [](ByteView element, Writer& writer) { writer.bytes(element); };
constexpr auto kPutField = [](const OrderedMap<Text>::Slot& slot, Writer& writer) {
  writer.bytes(slot.key);
  writer.bytes(slot.value);
};
constexpr auto kPutMember = [](const OrderedMap<Nothing>::Slot& slot, Writer& writer) {
  writer.bytes(slot.key);
};
constexpr auto kPutScore = [](const OrderedMap<double>::Slot& slot, Writer& writer) {
  writer.bytes(slot.key);
  writer.fixed(std::bit_cast<uint64_t>(slot.value));
};

void encode_list(const List& list, Writer& writer) {
  writer.varint(list.size());
  list.for_each_in(0, list.chunk_count(), [&](ByteView element) { kPutElement(element, writer); });
}

template <typename Map, typename Put>
void encode_map(const Map& map, Writer& writer, Put put) {
  writer.varint(map.size());
  map.for_each([&](const auto& slot) { put(slot, writer); });
}

// Stretches of chunks, which share what is pinned.
template <typename Pinned, typename Put>
void add_parts(
    ValueType type, Pinned pinned, size_t bytes, Put put, std::vector<DeferredPart>& parts) {
  const auto shared = std::make_shared<const Pinned>(std::move(pinned));
  const size_t chunks = shared->chunk_count();
  const size_t stretch = std::max<size_t>(1, chunks / (bytes / kPartBytes + 1));
  for (size_t first = 0; first == 0 || first < chunks; first += stretch) {
    const size_t end = std::min(chunks, first + stretch);
    parts.push_back([type, shared, first, end, put](std::string& out) {
      Writer writer(out);
      if (first == 0) {
        writer.u8(static_cast<uint8_t>(type));
        writer.varint(shared->size());
      }
      shared->for_each_in(first, end, [&](const auto& element) { put(element, writer); });
    });
  }
}

std::unique_ptr<List> decode_list(Reader& reader) {
  auto list = std::make_unique<List>();
  for (uint64_t left = reader.count(); left > 0; --left) list->push(Side::kRight, reader.bytes());
  return list;
}

std::unique_ptr<Hash> decode_hash(Reader& reader) {
  auto hash = std::make_unique<Hash>();
  for (uint64_t left = reader.count(2); left > 0; --left) {
    const ByteView field = reader.bytes();
    const ByteView value = reader.bytes();
    const auto [slot, fresh] = hash->fields.insert(field);
    if (!fresh) reader.fail();
    *slot = Text(value);
    hash->bytes += field.size() + value.size();
  }
  return hash;
}

std::unique_ptr<Set> decode_set(Reader& reader) {
  auto set = std::make_unique<Set>();
  for (uint64_t left = reader.count(); left > 0; --left) {
    const ByteView member = reader.bytes();
    if (!set->members.insert(member).second) reader.fail();
    set->bytes += member.size();
  }
  return set;
}

std::unique_ptr<SortedSet> decode_sorted_set(Reader& reader) {
  auto sorted = std::make_unique<SortedSet>();
  for (uint64_t left = reader.count(9); left > 0; --left) {
    const ByteView member = reader.bytes();
    const double score = std::bit_cast<double>(reader.fixed<uint64_t>());
    if (std::isnan(score) || sorted->score(member)) {
      reader.fail();
      break;
    }
    sorted->set(member, score);
  }
  return sorted;
}

}  // namespace

Value make_value(ValueType type) {
  switch (type) {
    case ValueType::kString: return Text();
    case ValueType::kList: return std::make_unique<List>();
    case ValueType::kHash: return std::make_unique<Hash>();
    case ValueType::kSet: return std::make_unique<Set>();
    case ValueType::kSortedSet: return std::make_unique<SortedSet>();
  }
  return Text();
}

size_t memory_of(const Value& value) {
  switch (type_of(value)) {
    case ValueType::kString: return std::get<Text>(value).size();
    case ValueType::kList: {
      const List& list = *std::get<std::unique_ptr<List>>(value);
      return sizeof(List) + list.bytes() + list.size() * kListElementOverhead;
    }
    case ValueType::kHash: {
      const Hash& hash = *std::get<std::unique_ptr<Hash>>(value);
      return sizeof(Hash) + hash.bytes + hash.fields.size() * (kMapSlotOverhead + sizeof(Text));
    }
    case ValueType::kSet: {
      const Set& set = *std::get<std::unique_ptr<Set>>(value);
      return sizeof(Set) + set.bytes + set.members.size() * kMapSlotOverhead;
    }
    case ValueType::kSortedSet: {
      const SortedSet& sorted = *std::get<std::unique_ptr<SortedSet>>(value);
      return sizeof(SortedSet) + 2 * sorted.bytes() + sorted.size() * kSortedItemOverhead;
    }
  }
  return 0;
}

void encode(const Value& value, Writer& writer) {
  writer.u8(static_cast<uint8_t>(type_of(value)));
  switch (type_of(value)) {
    case ValueType::kString: return writer.bytes(std::get<Text>(value));
    case ValueType::kList: return encode_list(*held<List>(value), writer);
    case ValueType::kHash: return encode_map(held<Hash>(value)->fields, writer, kPutField);
    case ValueType::kSet: return encode_map(held<Set>(value)->members, writer, kPutMember);
    case ValueType::kSortedSet:
      return encode_map(held<SortedSet>(value)->members(), writer, kPutScore);
  }
}

void encode_later(const Value& value, std::vector<DeferredPart>& parts) {
  const ValueType type = type_of(value);
  const size_t bytes = memory_of(value);
  switch (type) {
    case ValueType::kString:
      parts.push_back([type, text = *held<Text>(value)](std::string& out) {
        Writer writer(out);
        writer.u8(static_cast<uint8_t>(type));
        writer.bytes(text);
      });
      return;
    case ValueType::kList: return add_parts(type, *held<List>(value), bytes, kPutElement, parts);
    case ValueType::kHash:
      return add_parts(type, held<Hash>(value)->fields.pin(), bytes, kPutField, parts);
    case ValueType::kSet:
      return add_parts(type, held<Set>(value)->members.pin(), bytes, kPutMember, parts);
    case ValueType::kSortedSet:
      return add_parts(type, held<SortedSet>(value)->members().pin(), bytes, kPutScore, parts);
  }
}

Result<Value> decode_value(Reader& reader) {
  const uint8_t type = reader.u8();
  Value value;
  switch (static_cast<ValueType>(type)) {
    case ValueType::kString: value = Text(reader.bytes()); break;
    case ValueType::kList: value = decode_list(reader); break;
    case ValueType::kHash: value = decode_hash(reader); break;
    case ValueType::kSet: value = decode_set(reader); break;
    case ValueType::kSortedSet: value = decode_sorted_set(reader); break;
    default: reader.fail();
  }
  if (reader.failed()) return fail(ErrorCode::kStorageCorrupt, "a stored value that is cut short");
  return value;
}

}  // namespace weir::keyspace
