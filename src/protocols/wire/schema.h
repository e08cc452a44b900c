#pragma once
// The tables that the codec walks. They are generated from schema texts (scripts/generate-kafka)
// and constant: a Message names a C++ struct's fields by offset, with the versions in which each
// stands on the wire.
//
// The encoding rules are those of Kafka's protocol (KIP-482 for the flexible versions): big-endian
// integers; strings and arrays with a 16- or 32-bit length, or with an unsigned varint of length +
// 1 in flexible versions, which also end every struct with a block of tagged fields.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocols/wire/types.h"

namespace weir::wire {

struct VersionRange {
  int16_t first = 0;
  int16_t last = -1;  // below first: never

  constexpr bool contains(int16_t version) const { return version >= first && version <= last; }
};

enum class Kind : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat64,
  kUuid,
  kString,   // Bytes
  kBytes,    // Bytes
  kRecords,  // Records
  kStruct,
};

// What the codec needs to know of a std::vector<T> without knowing T.
struct ArrayOperations {
  size_t element_size;
  void* (*resize)(void* array, size_t count);  // returns the first element
  const void* (*data)(const void* array);
  size_t (*size)(const void* array);
};

// What the codec needs to know of a std::optional<T> without knowing T.
struct OptionalOperations {
  void* (*emplace)(void* optional);
  void (*reset)(void* optional);
  const void* (*get)(const void* optional);  // null when there is no value
};

template <typename T>
inline constexpr ArrayOperations kArrayOf = {
    sizeof(T),
    [](void* array, size_t count) -> void* {
      auto& vector = *static_cast<std::vector<T>*>(array);
      vector.resize(count);
      return vector.data();
    },
    [](const void* array) -> const void* {
      return static_cast<const std::vector<T>*>(array)->data();
    },
    [](const void* array) { return static_cast<const std::vector<T>*>(array)->size(); },
};

template <typename T>
inline constexpr OptionalOperations kOptionalOf = {
    [](void* optional) -> void* { return &static_cast<std::optional<T>*>(optional)->emplace(); },
    [](void* optional) { static_cast<std::optional<T>*>(optional)->reset(); },
    [](const void* optional) -> const void* {
      const auto& value = *static_cast<const std::optional<T>*>(optional);
      return value ? &*value : nullptr;
    },
};

struct Struct;

struct Field {
  std::string_view name;
  Kind kind;                  // of the element, when `array` is set
  VersionRange versions;      // where the field stands on the wire
  VersionRange nullable;      // where it may be null
  int16_t tag = -1;           // of a tagged field, otherwise -1
  size_t offset = 0;          // within its struct
  int64_t default_value = 0;  // of a number or bool; a tagged field with its default is not sent
  const ArrayOperations* array = nullptr;
  const OptionalOperations* optional = nullptr;  // the C++ member is a std::optional
  const Struct* structure = nullptr;             // of a kStruct
};

struct Struct {
  std::string_view name;
  std::span<const Field> fields;  // in wire order; tagged ones by ascending tag
};

struct Message {
  std::string_view name;
  int16_t key;
  bool is_request;
  VersionRange versions;
  VersionRange flexible;
  const Struct* structure;
  void* (*create)();
  void (*destroy)(void* message);
  bool (*equal)(const void* a, const void* b);
};

// The functions that a Message needs to be handled without its type (tests, fuzzing, dump).
template <typename T>
constexpr Message message_of(std::string_view name,
                             int16_t key,
                             bool is_request,
                             VersionRange versions,
                             VersionRange flexible,
                             const Struct* structure) {
  return {name,
          key,
          is_request,
          versions,
          flexible,
          structure,
          []() -> void* { return new T(); },
          [](void* message) { delete static_cast<T*>(message); },
          [](const void* a, const void* b) {
            return *static_cast<const T*>(a) == *static_cast<const T*>(b);
          }};
}

}  // namespace weir::wire
