#pragma once
// What may be asked of a message by operators who look for one: a part of it, and conditions on
// parts. docs/admin-api.md describes the language.
//
//   part       key | body | json:PATH | header:NAME        json:order.items.0.sku
//   condition  PART=TEXT | PART!=TEXT | PART~TEXT          a trailing * of = and != is a prefix
//   filter     CONDITION { " and " CONDITION }
//
// Pure; bounded: kFilterBytesMax, kConditionsMax. A body that is no JSON has no json: parts.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/log/reader.h"

namespace weir::admin {

inline constexpr size_t kFilterBytesMax = 1024;
inline constexpr size_t kConditionsMax = 8;

class MessagePart {
 public:
  // kInvalidArgument.
  static Result<MessagePart> parse(std::string_view text);

  // Absent when the message has no such part. A JSON text without its quotes, any other JSON value
  // as it is written.
  std::optional<std::string> of(const log::ReadRecord& record) const;

 private:
  enum class Kind : uint8_t { kKey, kBody, kHeader, kJson };

  Kind kind_ = Kind::kBody;
  std::string name_;               // of a header
  std::vector<std::string> path_;  // of JSON
};

class MessageFilter {
 public:
  // An empty text passes everything. kInvalidArgument, kTooLarge.
  static Result<MessageFilter> parse(std::string_view text);

  // A message without the part passes != alone.
  bool passes(const log::ReadRecord& record) const;

 private:
  enum class Test : uint8_t { kEqual, kNotEqual, kContains };
  struct Condition {
    MessagePart part;
    Test test = Test::kEqual;
    std::string wanted;
    bool prefix = false;

    bool holds(const log::ReadRecord& record) const;
  };

  static Result<Condition> parse_condition(std::string_view text);

  std::vector<Condition> conditions_;
};

}  // namespace weir::admin
