#pragma once
// The properties that Weir honours, each with what it sets.

#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/cdc/config.h"

namespace weir::cdc {

inline constexpr std::string_view kJsonConverter = "org.apache.kafka.connect.json.JsonConverter";

// Sets what the property says; `known` becomes false when there is none of that name.
Result<> set_property(Config& config,
                      const std::string& name,
                      const std::string& value,
                      bool& known);

// The error of a name that nobody knows, with the nearest one that Weir does.
Error unknown_property(std::string_view name);

}  // namespace weir::cdc
