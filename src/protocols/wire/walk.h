#pragma once
// Reading a field of a struct through its table entry. Inner header of this room.

#include "protocols/wire/schema.h"

namespace weir::wire {

inline const void* slot_of(const Field& field, const void* structure) {
  return static_cast<const char*>(structure) + field.offset;
}

template <typename T>
const T& read_as(const void* slot) {
  return *static_cast<const T*>(slot);
}

// The value behind an optional member, null when it has none; the slot itself when the member is
// not optional.
inline const void* value_of(const Field& field, const void* slot) {
  return field.optional ? field.optional->get(slot) : slot;
}

inline int64_t number_of(Kind kind, const void* slot) {
  switch (kind) {
    case Kind::kBool: return read_as<bool>(slot) ? 1 : 0;
    case Kind::kInt8: return read_as<int8_t>(slot);
    case Kind::kInt16: return read_as<int16_t>(slot);
    case Kind::kInt32: return read_as<int32_t>(slot);
    case Kind::kInt64: return read_as<int64_t>(slot);
    case Kind::kFloat64:
    case Kind::kUuid:
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kRecords:
    case Kind::kStruct: break;
  }
  return 0;
}

// True when a tagged field need not be sent.
bool is_default(const Field& field, const void* slot);

}  // namespace weir::wire
