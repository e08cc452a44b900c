#pragma once
// The --format of weir tail: text with tokens that stand for parts of a record.
//   %t topic  %p partition  %o offset  %T timestamp in ms  %k key  %v value  %h headers  %% percent
//   \n newline  \t tab  \\ backslash

#include <string>
#include <string_view>

#include "admin/json.h"
#include "base/error.h"

namespace weir::cli {

inline constexpr std::string_view kDefaultFormat = "%v\\n";

// kInvalidArgument for an unknown token.
Result<> check_format(std::string_view format);

// `record` as the admin API gives it; `format` was checked.
std::string formatted(std::string_view format, std::string_view topic, const admin::Json& record);

// The bytes of `name` or `name_base64`; empty when there is neither.
std::string bytes_of(const admin::Json& object, std::string_view name);

}  // namespace weir::cli
