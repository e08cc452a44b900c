#pragma once
// What is known of properties that change nothing here, and of those that Weir refuses.

#include <string_view>

namespace weir::cdc {

// Why a property may stand there without an effect, or nothing when it is not one of those.
std::string_view without_effect(std::string_view name);

// What to do instead of a property of Debezium that Weir does not have, or nothing.
std::string_view refused(std::string_view name);

}  // namespace weir::cdc
