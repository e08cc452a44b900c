#pragma once
// Bytes: an immutable, reference-counted slice. Copying one costs an atomic increment; the payload
// is never copied. ByteView: a borrowed view; it is never kept across a return to the reactor.
//
// Thread safety: a Bytes value is confined to its thread, the buffer behind it may be shared
// between threads.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

using ByteView = std::string_view;

class Bytes {
 public:
  Bytes() = default;

  static Bytes copy_of(ByteView source) {
    if (source.empty()) return {};
    return Bytes(std::make_shared<const std::string>(source));
  }
  static Bytes take(std::string&& source) {
    if (source.empty()) return {};
    return Bytes(std::make_shared<const std::string>(std::move(source)));
  }
  // A slice of memory that `owner` keeps alive (a journal frame, a read buffer).
  static Bytes of_owner(std::shared_ptr<const void> owner, ByteView view) {
    Bytes bytes;
    bytes.owner_ = std::move(owner);
    bytes.view_ = view;
    return bytes;
  }

  ByteView view() const { return view_; }
  operator ByteView() const { return view_; }  // NOLINT(google-explicit-constructor)
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  const char* data() const { return view_.data(); }

  // The part [position, position + length), clipped to this slice; shares the buffer.
  Bytes slice(size_t position, size_t length = std::string_view::npos) const {
    Bytes part;
    part.owner_ = owner_;
    part.view_ = position < view_.size() ? view_.substr(position, length) : ByteView{};
    return part;
  }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }

 private:
  explicit Bytes(std::shared_ptr<const std::string> text) : view_(*text) {
    owner_ = std::move(text);
  }

  std::shared_ptr<const void> owner_;
  ByteView view_;
};

}  // namespace weir
