#include "core/keyspace/value.h"

#include <bit>
#include <cmath>
#include <utility>

namespace weir::keyspace {
namespace {

// What an element costs beside its bytes: slot, index and the allocator's share.
constexpr size_t kListElementOverhead = 36;
constexpr size_t kMapSlotOverhead = 72;
constexpr size_t kSortedItemOverhead = 120;

void encode_list(const List& list, Writer& writer) {
  writer.varint(list.size());
  list.walk(0, Side::kLeft, [&](ByteView element) {
    writer.bytes(element);
    return true;
  });
}

// Of a live map or a pinned one.
template <typename Map>
void encode_hash(const Map& fields, Writer& writer) {
  writer.varint(fields.size());
  fields.for_each([&](const auto& slot) {
    writer.bytes(slot.key);
    writer.bytes(slot.value);
  });
}

template <typename Map>
void encode_set(const Map& members, Writer& writer) {
  writer.varint(members.size());
  members.for_each([&](const auto& slot) { writer.bytes(slot.key); });
}

template <typename Map>
void encode_scores(const Map& scores, Writer& writer) {
  writer.varint(scores.size());
  scores.for_each([&](const auto& slot) {
    writer.bytes(slot.key);
    writer.fixed(std::bit_cast<uint64_t>(slot.value));
  });
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
    case ValueType::kHash: return encode_hash(held<Hash>(value)->fields, writer);
    case ValueType::kSet: return encode_set(held<Set>(value)->members, writer);
    case ValueType::kSortedSet: return encode_scores(held<SortedSet>(value)->members(), writer);
  }
}

std::move_only_function<void(std::string& out)> encode_later(const Value& value) {
  const auto later = [type = type_of(value)](auto pinned, auto body) {
    return [type, pinned = std::move(pinned), body](std::string& out) {
      Writer writer(out);
      writer.u8(static_cast<uint8_t>(type));
      body(pinned, writer);
    };
  };
  switch (type_of(value)) {
    case ValueType::kString:
      return later(*held<Text>(value), [](const Text& text, Writer& w) { w.bytes(text); });
    case ValueType::kList: return later(*held<List>(value), encode_list);
    case ValueType::kHash:
      return later(held<Hash>(value)->fields.pin(), encode_hash<OrderedMap<Text>::Pinned>);
    case ValueType::kSet:
      return later(held<Set>(value)->members.pin(), encode_set<OrderedMap<Nothing>::Pinned>);
    case ValueType::kSortedSet:
      return later(held<SortedSet>(value)->members().pin(),
                   encode_scores<OrderedMap<double>::Pinned>);
  }
  return {};
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
