#pragma once
// What a key can hold, and how a value is stored (in an image, and in the event that moves it under
// another key).

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "base/wire.h"
#include "core/keyspace/list.h"
#include "core/keyspace/ordered_map.h"
#include "core/keyspace/sorted_set.h"

namespace weir::keyspace {

// Numbers are stored; the order is that of Value's alternatives.
enum class ValueType : uint8_t { kString = 0, kList = 1, kHash = 2, kSet = 3, kSortedSet = 4 };

struct Nothing {};

// The sum of the lengths inside travels with hash and set, for the estimate of memory.
struct Hash {
  OrderedMap<Text> fields;
  size_t bytes = 0;
};
struct Set {
  OrderedMap<Nothing> members;
  size_t bytes = 0;
};

using Value = std::variant<Text,
                           std::unique_ptr<List>,
                           std::unique_ptr<Hash>,
                           std::unique_ptr<Set>,
                           std::unique_ptr<SortedSet>>;

inline ValueType type_of(const Value& value) {
  return static_cast<ValueType>(value.index());
}

// The held value of this type; null when it is of another type.
template <typename T>
T* held(Value& value) {
  if constexpr (std::is_same_v<T, Text>) {
    return std::get_if<Text>(&value);
  } else {
    auto* pointer = std::get_if<std::unique_ptr<T>>(&value);
    return pointer == nullptr ? nullptr : pointer->get();
  }
}
template <typename T>
const T* held(const Value& value) {
  return held<T>(const_cast<Value&>(value));
}

// An empty value of a type.
Value make_value(ValueType type);

// An estimate of the memory that a value takes, in bytes; constant time.
size_t memory_of(const Value& value);

// Type byte, then the body.
void encode(const Value& value, Writer& writer);
// The same for the value as it is now, whenever and on whatever thread the parts are called, in
// their order: its bytes and chunks are shared, which costs a step a chunk.
using DeferredPart = std::move_only_function<void(std::string& out)>;
void encode_later(const Value& value, std::vector<DeferredPart>& parts);
// kStorageCorrupt for what no live value encodes to.
Result<Value> decode_value(Reader& reader);

}  // namespace weir::keyspace
