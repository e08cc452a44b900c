#pragma once
// Writing and reading our own binary formats (events, images, frames): little-endian fixed widths,
// LEB128 varints, and the big-endian widths that Kafka's record batch needs. A Reader never reads
// beyond its end: after the first failure it stays failed and yields zeros, so a decoder checks
// once at its end.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/bytes.h"

namespace weir {

template <typename T>
T load_le(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void store_le(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <typename T>
T byte_swapped(T value) {
  using U = std::make_unsigned_t<T>;
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<U>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<U>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<U>(value)));
}

template <typename T>
T load_be(const char* from) {
  return byte_swapped(load_le<T>(from));
}

template <typename T>
void store_be(char* to, T value) {
  store_le(to, byte_swapped(value));
}

static_assert(std::endian::native == std::endian::little, "stored formats are little-endian");

constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

class Writer {
 public:
  Writer() = default;
  explicit Writer(std::string& out) : out_(&out) {}

  template <typename T>
  void fixed(T value) {
    char buffer[sizeof(T)];
    store_le(buffer, value);
    out_->append(buffer, sizeof buffer);
  }
  template <typename T>
  void fixed_be(T value) {
    fixed(byte_swapped(value));
  }
  void u8(uint8_t value) { out_->push_back(static_cast<char>(value)); }
  void boolean(bool value) { u8(value ? 1 : 0); }
  void varint(uint64_t value);                            // LEB128
  void svarint(int64_t value) { varint(zigzag(value)); }  // zigzag LEB128
  void bytes(ByteView value) {                            // varint length, then the bytes
    varint(value.size());
    out_->append(value);
  }
  void raw(ByteView value) { out_->append(value); }

  const std::string& out() const { return *out_; }
  std::string& out() { return *out_; }
  size_t size() const { return out_->size(); }

 private:
  std::string own_;
  std::string* out_ = &own_;

 public:
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

class Reader {
 public:
  explicit Reader(ByteView input) : input_(input) {}

  template <typename T>
  T fixed() {
    if (!need(sizeof(T))) return T{};
    const T value = load_le<T>(input_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  template <typename T>
  T fixed_be() {
    return byte_swapped(fixed<T>());
  }
  uint8_t u8() { return fixed<uint8_t>(); }
  bool boolean() { return u8() != 0; }
  uint64_t varint();
  int64_t svarint() { return unzigzag(varint()); }
  ByteView bytes() { return raw(varint()); }
  ByteView raw(uint64_t length) {
    if (!need(length)) return {};
    const ByteView value = input_.substr(position_, length);
    position_ += length;
    return value;
  }
  // A count of elements of at least `element_size_min` bytes each: fails when the rest cannot hold
  // that many, so that a caller may reserve memory for it.
  uint64_t count(size_t element_size_min = 1);

  size_t remaining() const { return failed_ ? 0 : input_.size() - position_; }
  size_t position() const { return position_; }
  bool failed() const { return failed_; }
  bool done() const { return !failed_ && position_ == input_.size(); }
  void fail() { failed_ = true; }

 private:
  bool need(uint64_t length) {
    if (failed_ || length > input_.size() - position_) failed_ = true;
    return !failed_;
  }

  ByteView input_;
  size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace weir
