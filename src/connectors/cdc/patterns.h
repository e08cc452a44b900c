#pragma once
// Lists of regular expressions that must match the whole of a name, as Debezium's include and
// exclude lists. Matching takes time in proportion to the name, whatever the expression (RE2).

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::cdc {

// A compiled expression; copies share it. The empty pattern matches nothing.
class Pattern {
 public:
  // `ignore_case`: names of tables match whatever their case, as in Debezium.
  static Result<Pattern> compile(std::string_view text, bool ignore_case = true);

  bool matches(std::string_view name) const;
  // The replacement with ${name} and $1 put in, or nothing when the name does not match.
  std::optional<std::string> replace(std::string_view name, std::string_view replacement) const;
  const std::string& text() const { return text_; }

 private:
  struct Compiled;
  std::string text_;
  std::shared_ptr<const Compiled> compiled_;
};

class Patterns {
 public:
  // Expressions between commas; a comma in a group, class or count belongs to its expression.
  static Result<Patterns> compile(std::string_view list, bool ignore_case = true);

  bool matches(std::string_view name) const;
  bool empty() const { return patterns_.empty(); }
  const std::vector<Pattern>& all() const { return patterns_; }

 private:
  std::vector<Pattern> patterns_;
};

}  // namespace weir::cdc
