#include <bit>

#include "base/assert.h"
#include "base/wire.h"
#include "protocols/wire/codec.h"
#include "protocols/wire/walk.h"

namespace weir::wire {
namespace {

constexpr size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

class CountingSink {
 public:
  template <typename T>
  void fixed(T) {
    size_ += sizeof(T);
  }
  void varint(uint64_t value) { size_ += varint_size(value); }
  void copy(ByteView value) { size_ += value.size(); }
  void reference(const Bytes& value) { size_ += value.size(); }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// Collects numbers and short blobs in a buffer and closes it whenever a long slice is referenced.
class PieceSink {
 public:
  PieceSink(std::string prefix, Pieces& pieces) : buffer_(std::move(prefix)), pieces_(pieces) {}

  template <typename T>
  void fixed(T value) {
    writer_.fixed_be(value);
  }
  void varint(uint64_t value) { writer_.varint(value); }
  void copy(ByteView value) { writer_.raw(value); }
  void reference(const Bytes& value) {
    if (value.size() < kReferenceMin) return copy(value.view());
    close();
    pieces_.push_back(value);
  }
  void close() {
    if (!buffer_.empty()) pieces_.push_back(Bytes::take(std::move(buffer_)));
    buffer_.clear();
  }

 private:
  std::string buffer_;
  Writer writer_{buffer_};
  Pieces& pieces_;
};

template <typename Sink>
class Encoder {
 public:
  Encoder(int16_t version, bool flexible, Sink& sink)
      : version_(version), flexible_(flexible), sink_(sink) {}

  void structure(const Struct& structure, const void* value) {
    for (const Field& one : structure.fields) {
      if (one.tag < 0 && one.versions.contains(version_)) field(one, slot_of(one, value));
    }
    if (flexible_) tagged_fields(structure, value);
  }

 private:
  bool is_sent(const Field& field, const void* structure) const {
    return field.tag >= 0 && field.versions.contains(version_) &&
           !is_default(field, slot_of(field, structure));
  }

  void tagged_fields(const Struct& structure, const void* value) {
    uint64_t count = 0;
    for (const Field& one : structure.fields) count += is_sent(one, value) ? 1 : 0;
    sink_.varint(count);
    if (count == 0) return;
    for (const Field& one : structure.fields) {
      if (!is_sent(one, value)) continue;
      CountingSink counter;
      Encoder<CountingSink>(version_, flexible_, counter).field(one, slot_of(one, value));
      sink_.varint(static_cast<uint64_t>(one.tag));
      sink_.varint(counter.size());
      field(one, slot_of(one, value));
    }
  }

  void field(const Field& field, const void* slot) {
    const void* content = value_of(field, slot);
    if (field.array) return array(field, content);
    if (field.kind == Kind::kStruct && field.optional) {
      // A struct has no empty form, so its null is written in any version.
      sink_.template fixed<int8_t>(content ? 1 : -1);
      if (content) structure(*field.structure, content);
      return;
    }
    value(field, content);
  }

  void array(const Field& field, const void* content) {
    if (!content) return null(field);
    const size_t count = field.array->size(content);
    length(false, count);
    const char* element = static_cast<const char*>(field.array->data(content));
    for (size_t i = 0; i < count; ++i, element += field.array->element_size) {
      if (field.kind == Kind::kStruct) {
        structure(*field.structure, element);
      } else {
        value(field, element);
      }
    }
  }

  void value(const Field& field, const void* content) {
    switch (field.kind) {
      case Kind::kBool: return sink_.fixed(static_cast<uint8_t>(read_as<bool>(content) ? 1 : 0));
      case Kind::kInt8: return sink_.fixed(read_as<int8_t>(content));
      case Kind::kInt16: return sink_.fixed(read_as<int16_t>(content));
      case Kind::kInt32: return sink_.fixed(read_as<int32_t>(content));
      case Kind::kInt64: return sink_.fixed(read_as<int64_t>(content));
      case Kind::kFloat64: return sink_.fixed(std::bit_cast<uint64_t>(read_as<double>(content)));
      case Kind::kUuid: return uuid(read_as<Uuid>(content));
      case Kind::kString:
      case Kind::kBytes: return blob(field, content ? &read_as<Bytes>(content) : nullptr);
      case Kind::kRecords: return records(field, content ? &read_as<Records>(content) : nullptr);
      case Kind::kStruct: return structure(*field.structure, content);
    }
  }

  void uuid(const Uuid& uuid) {
    sink_.copy(ByteView(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()));
  }

  void blob(const Field& field, const Bytes* bytes) {
    if (!bytes) return null(field);
    length(field.kind == Kind::kString, bytes->size());
    sink_.reference(*bytes);
  }

  void records(const Field& field, const Records* records) {
    if (!records) return null(field);
    length(false, records->size());
    for (const Bytes& piece : records->pieces) sink_.reference(piece);
  }

  void null(const Field& field) {
    const bool allowed = field.nullable.contains(version_);
    if (flexible_) return sink_.varint(allowed ? 0 : 1);
    const bool short_length = field.kind == Kind::kString && !field.array;
    if (short_length) return sink_.template fixed<int16_t>(allowed ? -1 : 0);
    sink_.template fixed<int32_t>(allowed ? -1 : 0);
  }

  void length(bool short_length, size_t length) {
    WEIR_ASSERT(length <= (short_length ? INT16_MAX : INT32_MAX), "length {} does not fit", length);
    if (flexible_) return sink_.varint(length + 1);
    if (short_length) return sink_.fixed(static_cast<int16_t>(length));
    sink_.fixed(static_cast<int32_t>(length));
  }

  template <typename>
  friend class Encoder;

  const int16_t version_;
  const bool flexible_;
  Sink& sink_;
};

}  // namespace

size_t size_of(const Pieces& pieces) {
  size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

size_t encoded_size(const Message& message, int16_t version, const void* value) {
  CountingSink sink;
  Encoder(version, message.flexible.contains(version), sink).structure(*message.structure, value);
  return sink.size();
}

void encode(const Message& message,
            int16_t version,
            const void* value,
            std::string prefix,
            Pieces& pieces) {
  WEIR_ASSERT(message.versions.contains(version), "{} v{}", message.name, version);
  PieceSink sink(std::move(prefix), pieces);
  Encoder(version, message.flexible.contains(version), sink).structure(*message.structure, value);
  sink.close();
}

}  // namespace weir::wire
