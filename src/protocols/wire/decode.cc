#include <fmt/format.h>

#include <bit>

#include "base/assert.h"
#include "base/wire.h"
#include "protocols/wire/codec.h"

namespace weir::wire {
namespace {

class Decoder {
 public:
  Decoder(const Message& message, int16_t version, const Bytes& input, const DecodeLimits& limits)
      : message_(message),
        version_(version),
        flexible_(message.flexible.contains(version)),
        input_(input),
        reader_(input.view()),
        limits_(limits) {}

  Result<> run(void* out) {
    const bool whole = structure(*message_.structure, out);
    if (whole && reader_.remaining() != 0 && !limits_.left_over_allowed) {
      refuse(fmt::format("{} bytes are left over", reader_.remaining()));
    }
    if (reason_.empty()) return {};
    return fail(code_, fmt::format("{} {} v{}, byte {}, field {}: {}", message_.name,
                                   message_.is_request ? "request" : "response", version_,
                                   failed_at_, field_ ? field_->name : "-", reason_));
  }

 private:
  bool structure(const Struct& structure, void* out) {
    for (const Field& one : structure.fields) {
      if (one.tag >= 0 || !one.versions.contains(version_)) continue;
      if (!field(one, slot(one, out))) return false;
    }
    return !flexible_ || tagged_fields(structure, out);
  }

  static void* slot(const Field& field, void* structure) {
    return static_cast<char*>(structure) + field.offset;
  }

  bool tagged_fields(const Struct& structure, void* out) {
    const uint64_t count = reader_.varint();
    int64_t previous = -1;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t tag = reader_.varint();
      const uint64_t size = reader_.varint();
      if (reader_.failed() || size > reader_.remaining())
        return refuse("tagged fields are cut off");
      if (tag > INT32_MAX || static_cast<int64_t>(tag) <= previous)
        return refuse("tags must ascend");
      previous = static_cast<int64_t>(tag);
      if (!tagged_field(structure, out, tag, size)) return false;
    }
    return reader_.failed() ? refuse("tagged fields are cut off") : true;
  }

  bool tagged_field(const Struct& structure, void* out, uint64_t tag, uint64_t size) {
    for (const Field& one : structure.fields) {
      if (one.tag < 0 || static_cast<uint64_t>(one.tag) != tag || !one.versions.contains(version_))
        continue;
      const size_t end = reader_.position() + size;
      if (!field(one, slot(one, out))) return false;
      return reader_.position() == end ? true
                                       : refuse("a tagged field has another size than it says");
    }
    if (++unknown_tags_ > limits_.unknown_tags_max) return refuse("too many unknown tagged fields");
    reader_.raw(size);
    return true;
  }

  bool field(const Field& field, void* slot) {
    field_ = &field;
    return field.array ? array(field, slot) : value(field, slot, field.optional);
  }

  // One value: a field, or an element of an array (which is never optional).
  bool value(const Field& field, void* slot, const OptionalOperations* optional) {
    switch (field.kind) {
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kRecords: return blob(field, slot, optional);
      case Kind::kStruct:
        return optional ? optional_structure(field, slot) : structure(*field.structure, slot);
      case Kind::kBool:
      case Kind::kInt8:
      case Kind::kInt16:
      case Kind::kInt32:
      case Kind::kInt64:
      case Kind::kFloat64:
      case Kind::kUuid: return number(field.kind, slot);
    }
    return false;
  }

  bool number(Kind kind, void* slot) {
    switch (kind) {
      case Kind::kBool: *static_cast<bool*>(slot) = reader_.boolean(); break;
      case Kind::kInt8: *static_cast<int8_t*>(slot) = reader_.fixed<int8_t>(); break;
      case Kind::kInt16: *static_cast<int16_t*>(slot) = reader_.fixed_be<int16_t>(); break;
      case Kind::kInt32: *static_cast<int32_t*>(slot) = reader_.fixed_be<int32_t>(); break;
      case Kind::kInt64: *static_cast<int64_t*>(slot) = reader_.fixed_be<int64_t>(); break;
      case Kind::kFloat64:
        *static_cast<double*>(slot) = std::bit_cast<double>(reader_.fixed_be<uint64_t>());
        break;
      case Kind::kUuid: {
        const ByteView raw = reader_.raw(sizeof(Uuid::bytes));
        if (!raw.empty())
          std::memcpy(static_cast<Uuid*>(slot)->bytes.data(), raw.data(), raw.size());
        break;
      }
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kRecords:
      case Kind::kStruct: return refuse("not a number");
    }
    return reader_.failed() ? refuse("the input ends here") : true;
  }

  bool optional_structure(const Field& field, void* slot) {
    const int8_t present = reader_.fixed<int8_t>();
    if (reader_.failed()) return refuse("the input ends here");
    if (present < 0) return null(field, slot);
    return structure(*field.structure, field.optional->emplace(slot));
  }

  // The length of a string, blob or array; -1 is null. False when it cannot be read or exceeds what
  // remains.
  bool length(bool short_length, int64_t& length) {
    if (flexible_) {
      length = static_cast<int64_t>(reader_.varint() & UINT64_C(0x7fffffffffffffff)) - 1;
    } else if (short_length) {
      length = reader_.fixed_be<int16_t>();
    } else {
      length = reader_.fixed_be<int32_t>();
    }
    if (reader_.failed()) return refuse("the input ends within a length");
    if (length < -1) return refuse("a length is negative");
    if (length > static_cast<int64_t>(reader_.remaining())) {
      return refuse(fmt::format("{} bytes or elements announced, {} bytes remain", length,
                                reader_.remaining()));
    }
    return true;
  }

  bool blob(const Field& field, void* slot, const OptionalOperations* optional) {
    int64_t size = 0;
    if (!length(field.kind == Kind::kString, size)) return false;
    if (size < 0) return null(field, slot);
    const auto string_max = static_cast<int64_t>(limits_.string_bytes_max);
    if (field.kind == Kind::kString && size > string_max) {
      return refuse("a string is too long", ErrorCode::kTooLarge);
    }
    void* target = optional ? optional->emplace(slot) : slot;
    Bytes part = input_.slice(reader_.position(), static_cast<size_t>(size));
    reader_.raw(static_cast<uint64_t>(size));
    if (field.kind == Kind::kRecords) {
      *static_cast<Records*>(target) = Records(std::move(part));
    } else {
      *static_cast<Bytes*>(target) = std::move(part);
    }
    return true;
  }

  bool array(const Field& field, void* slot) {
    int64_t count = 0;
    if (!length(false, count)) return false;
    if (count < 0) return null(field, slot);
    // An element takes at least one byte on the wire, but may take a hundred in memory.
    memory_ += static_cast<size_t>(count) * field.array->element_size;
    if (memory_ > limits_.memory_bytes_max)
      return refuse("too many elements", ErrorCode::kTooLarge);
    void* target = field.optional ? field.optional->emplace(slot) : slot;
    char* element = static_cast<char*>(field.array->resize(target, static_cast<size_t>(count)));
    for (int64_t i = 0; i < count; ++i, element += field.array->element_size) {
      field_ = &field;
      if (!value(field, element, nullptr)) return false;
    }
    return true;
  }

  bool null(const Field& field, void* slot) {
    if (!field.nullable.contains(version_)) return refuse("must not be null");
    WEIR_ASSERT(field.optional, "nullable field {} is not optional", field.name);
    field.optional->reset(slot);
    return true;
  }

  bool refuse(std::string reason, ErrorCode code = ErrorCode::kInvalidArgument) {
    if (reason_.empty()) {
      reason_ = std::move(reason);
      failed_at_ = reader_.position();
      code_ = code;
    }
    return false;
  }

  const Message& message_;
  const int16_t version_;
  const bool flexible_;
  const Bytes& input_;
  Reader reader_;
  const DecodeLimits& limits_;
  size_t memory_ = 0;
  size_t unknown_tags_ = 0;
  const Field* field_ = nullptr;
  std::string reason_;
  size_t failed_at_ = 0;
  ErrorCode code_ = ErrorCode::kInvalidArgument;
};

}  // namespace

Result<> decode(const Message& message,
                int16_t version,
                const Bytes& input,
                void* out,
                const DecodeLimits& limits) {
  return Decoder(message, version, input, limits).run(out);
}

}  // namespace weir::wire
