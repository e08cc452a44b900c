#pragma once
// Conditions on a record's fields (field.h), joined by " && "; all of them must hold. A condition
// is FIELD=VALUE, FIELD!=VALUE, or one of < <= > >= between numbers. After = and != a trailing *
// makes the value a prefix. A record without the field meets no condition on it, != included.

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "core/bridge/field.h"

namespace weir::bridge {

class Filter {
 public:
  // Empty passes everything. kInvalidArgument, with what is wrong.
  static Result<Filter> parse(ByteView text);

  bool passes(Values& values) const;

 private:
  enum class Operator : uint8_t { kEqual, kUnequal, kLess, kAtMost, kGreater, kAtLeast };
  struct Condition {
    Field field;
    Operator op = Operator::kEqual;
    std::string value;  // of = and !=
    bool prefix = false;
    double number = 0;  // of the others
  };
  static Result<Condition> parse_condition(ByteView text);
  static bool holds(const Condition& condition, const std::string& value);

  std::vector<Condition> conditions_;
};

}  // namespace weir::bridge
