#pragma once
// Geometric values, PostGIS and pgvector as JSON; and the UUID of a name.

#include <string>
#include <string_view>

#include "connectors/cdc/change.h"

namespace weir::cdc {

bool append_shape(std::string& out, TypeKind kind, std::string_view text);

// Version 3: of the MD5 of the name.
std::string name_uuid(std::string_view name);

}  // namespace weir::cdc
