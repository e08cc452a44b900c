#pragma once
// Reply: the bytes of one answer. `text` goes first, then the `parts`; parts share memory with the
// log (a fetched batch is never copied), text holds what was composed for this answer.

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace weir::net {

struct Reply {
  std::string text;
  std::vector<Bytes> parts;

  Reply() = default;
  Reply(std::string text_)
      : text(std::move(text_)) {}  // NOLINT(google-explicit-constructor): a text is a reply
  Reply(const char* text_) : text(text_) {}  // NOLINT(google-explicit-constructor)
  Reply(std::string text_, std::vector<Bytes> parts_)
      : text(std::move(text_)), parts(std::move(parts_)) {}

  size_t size() const {
    size_t total = text.size();
    for (const Bytes& part : parts) total += part.size();
    return total;
  }
};

}  // namespace weir::net
