#pragma once
// Pattern: a regular expression over topic names, by RE2, whose syntax KIP-848 takes for
// subscriptions. Time is linear in the name, and memory bounded, whatever a client writes.
//
// Values; any thread.

#include <memory>
#include <string_view>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace weir::group {

class Pattern {
 public:
  static constexpr size_t kBytesMax = 4096;
  // Of the program and of what is remembered while it runs.
  static constexpr size_t kMemoryMax = size_t{1} << 20;

  // kInvalidArgument, with what is wrong.
  static Result<Pattern> compile(std::string_view text);

  // The whole name, not a part of it.
  bool matches(std::string_view name) const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> expression)
      : expression_(std::move(expression)) {}

  std::shared_ptr<const re2::RE2> expression_;
};

}  // namespace weir::group
