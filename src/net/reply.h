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
  // A text is a reply. NOLINTBEGIN(google-explicit-constructor)
  Reply(std::string whole) : text(std::move(whole)) {}
  Reply(const char* whole) : text(whole) {}
  // NOLINTEND(google-explicit-constructor)
  Reply(std::string first, std::vector<Bytes> rest)
      : text(std::move(first)), parts(std::move(rest)) {}

  size_t size() const {
    size_t total = text.size();
    for (const Bytes& part : parts) total += part.size();
    return total;
  }
};

}  // namespace weir::net
