#pragma once
// Between wire strings and the strings of a group.

#include <optional>
#include <string>

#include "base/bytes.h"

namespace weir::kafka {

inline std::string text_of(const Bytes& bytes) {
  return std::string(bytes.view());
}

inline std::optional<std::string> text_of(const std::optional<Bytes>& bytes) {
  if (!bytes) return std::nullopt;
  return text_of(*bytes);
}

inline std::optional<Bytes> bytes_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return Bytes::copy_of(*text);
}

}  // namespace weir::kafka
