#include "protocols/wire/inspect.h"

#include <fmt/format.h>

#include "protocols/wire/walk.h"

namespace weir::wire {
namespace {

constexpr size_t kShownBytes = 16;

class Dumper {
 public:
  Dumper(int16_t version, size_t length_max) : version_(version), length_max_(length_max) {}

  void structure(const Struct& structure, const void* value) {
    text_ += '{';
    bool first = true;
    for (const Field& one : structure.fields) {
      if (!one.versions.contains(version_) || full()) continue;
      text_ += first ? "" : ", ";
      first = false;
      text_ += one.name;
      text_ += ": ";
      field(one, slot_of(one, value));
    }
    text_ += '}';
  }

  std::string take() {
    if (full()) text_ += " ...";
    return std::move(text_);
  }

 private:
  bool full() const { return text_.size() >= length_max_; }

  void field(const Field& field, const void* slot) {
    const void* content = value_of(field, slot);
    if (!content) {
      text_ += "null";
    } else if (field.array) {
      array(field, content);
    } else {
      value(field, content);
    }
  }

  void array(const Field& field, const void* content) {
    text_ += '[';
    const char* element = static_cast<const char*>(field.array->data(content));
    for (size_t i = 0; i < field.array->size(content) && !full();
         ++i, element += field.array->element_size) {
      text_ += i == 0 ? "" : ", ";
      value(field, element);
    }
    text_ += ']';
  }

  void value(const Field& field, const void* content) {
    switch (field.kind) {
      case Kind::kStruct: return structure(*field.structure, content);
      case Kind::kFloat64: text_ += fmt::format("{}", read_as<double>(content)); return;
      case Kind::kUuid: text_ += to_string(read_as<Uuid>(content)); return;
      case Kind::kBool: text_ += read_as<bool>(content) ? "true" : "false"; return;
      case Kind::kString: return quoted(read_as<Bytes>(content));
      case Kind::kBytes: return hexadecimal(read_as<Bytes>(content));
      case Kind::kRecords: return hexadecimal(read_as<Records>(content).joined());
      case Kind::kInt8:
      case Kind::kInt16:
      case Kind::kInt32:
      case Kind::kInt64: text_ += std::to_string(number_of(field.kind, content)); return;
    }
  }

  void quoted(ByteView view) {
    text_ += '"';
    for (const char c : view) {
      if (full()) break;
      if (c >= ' ' && c < 127 && c != '"' && c != '\\') {
        text_ += c;
      } else {
        text_ += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
      }
    }
    text_ += '"';
  }

  void hexadecimal(ByteView view) {
    text_ += fmt::format("<{} bytes", view.size());
    for (const char c : view.substr(0, kShownBytes))
      text_ += fmt::format(" {:02x}", static_cast<uint8_t>(c));
    text_ += '>';
  }

  const int16_t version_;
  const size_t length_max_;
  std::string text_;
};

class Filler {
 public:
  Filler(int16_t version, Random& random) : version_(version), random_(random) {}

  void structure(const Struct& structure, void* value) {
    for (const Field& one : structure.fields) {
      if (!one.versions.contains(version_)) continue;
      if (one.tag >= 0 && random_.one_in(2)) continue;
      field(one, static_cast<char*>(value) + one.offset);
    }
  }

 private:
  void field(const Field& field, void* slot) {
    void* content = slot;
    if (field.optional) {
      field.optional->reset(slot);
      if (field.nullable.contains(version_) && random_.one_in(4)) return;
      content = field.optional->emplace(slot);
    }
    if (!field.array) return this->value(field, content);
    const size_t count = random_.below(4);
    char* element = static_cast<char*>(field.array->resize(content, count));
    for (size_t i = 0; i < count; ++i, element += field.array->element_size)
      this->value(field, element);
  }

  void value(const Field& field, void* content) {
    switch (field.kind) {
      case Kind::kBool: *static_cast<bool*>(content) = random_.one_in(2); return;
      case Kind::kInt8: *static_cast<int8_t*>(content) = static_cast<int8_t>(number()); return;
      case Kind::kInt16: *static_cast<int16_t*>(content) = static_cast<int16_t>(number()); return;
      case Kind::kInt32: *static_cast<int32_t*>(content) = static_cast<int32_t>(number()); return;
      case Kind::kInt64: *static_cast<int64_t*>(content) = static_cast<int64_t>(number()); return;
      case Kind::kFloat64:
        *static_cast<double*>(content) = static_cast<double>(static_cast<int64_t>(number())) / 8;
        return;
      case Kind::kUuid:
        for (uint8_t& byte : static_cast<Uuid*>(content)->bytes)
          byte = static_cast<uint8_t>(random_.next());
        return;
      case Kind::kString:
      case Kind::kBytes: *static_cast<Bytes*>(content) = blob(200); return;
      case Kind::kRecords: {
        auto& records = *static_cast<Records*>(content);
        records = Records(blob(6000));
        if (random_.one_in(2)) records.append(blob(6000));
        return;
      }
      case Kind::kStruct: return structure(*field.structure, content);
    }
  }

  uint64_t number() { return random_.one_in(2) ? random_.below(8) : random_.next(); }

  Bytes blob(size_t size_max) {
    std::string text(random_.below(size_max), '\0');
    for (char& c : text) c = static_cast<char>(random_.next());
    return Bytes::take(std::move(text));
  }

  const int16_t version_;
  Random& random_;
};

}  // namespace

std::string to_string(const Uuid& uuid) {
  std::string text;
  for (size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid.bytes[i]);
  }
  return text;
}

size_t Records::size() const {
  size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

std::string Records::joined() const {
  std::string text;
  text.reserve(size());
  for (const Bytes& piece : pieces) text.append(piece.view());
  return text;
}

bool is_default(const Field& field, const void* slot) {
  if (field.optional) return field.optional->get(slot) == nullptr;
  if (field.array) return field.array->size(slot) == 0;
  switch (field.kind) {
    case Kind::kString:
    case Kind::kBytes: return read_as<Bytes>(slot).empty();
    case Kind::kRecords: return read_as<Records>(slot).empty();
    case Kind::kFloat64: return read_as<double>(slot) == static_cast<double>(field.default_value);
    case Kind::kUuid: return read_as<Uuid>(slot).is_zero();
    case Kind::kStruct:
      for (const Field& inner : field.structure->fields) {
        if (!is_default(inner, slot_of(inner, slot))) return false;
      }
      return true;
    case Kind::kBool:
    case Kind::kInt8:
    case Kind::kInt16:
    case Kind::kInt32:
    case Kind::kInt64: break;
  }
  return number_of(field.kind, slot) == field.default_value;
}

std::string dump(const Message& message, int16_t version, const void* value, size_t length_max) {
  Dumper dumper(version, length_max);
  dumper.structure(*message.structure, value);
  return dumper.take();
}

void fill_with_anything(const Message& message, int16_t version, Random& random, void* value) {
  Filler(version, random).structure(*message.structure, value);
}

}  // namespace weir::wire
