#include "protocols/redis/glob.h"

#include <utility>

namespace weir::redis {
namespace {

// Matches one character against the pattern's element at `p`, and moves `p` behind that element.
bool element_matches(ByteView pattern, size_t& p, char c) {
  if (pattern[p] == '?') {
    ++p;
    return true;
  }
  if (pattern[p] == '\\' && p + 1 < pattern.size())
    ++p;
  else if (pattern[p] == '[') {
    ++p;
    const bool negated = p < pattern.size() && pattern[p] == '^';
    if (negated) ++p;
    bool found = false;
    while (p < pattern.size() && pattern[p] != ']') {
      if (pattern[p] == '\\' && p + 1 < pattern.size()) {
        ++p;
        found |= pattern[p] == c;
      } else if (p + 2 < pattern.size() && pattern[p + 1] == '-') {
        unsigned char low = static_cast<unsigned char>(pattern[p]);
        unsigned char high = static_cast<unsigned char>(pattern[p + 2]);
        if (low > high) std::swap(low, high);
        p += 2;
        found |= static_cast<unsigned char>(c) >= low && static_cast<unsigned char>(c) <= high;
      } else {
        found |= pattern[p] == c;
      }
      ++p;
    }
    if (p < pattern.size()) ++p;  // an unclosed set ends with the pattern
    return found != negated;
  }
  return pattern[p++] == c;
}

}  // namespace

bool glob_matches(ByteView pattern, ByteView text) {
  size_t p = 0;
  size_t t = 0;
  size_t star =
      ByteView::npos;  // behind the last star, and where its match of the text ends so far
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    size_t next = p;
    if (p < pattern.size() && element_matches(pattern, next, text[t])) {
      p = next;
      ++t;
      continue;
    }
    if (star == ByteView::npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace weir::redis
