#pragma once
// What the endpoints of bridges share.

#include <string>

#include "admin/api.h"

namespace weir::admin {

// The bridge as it stands. kNotFound.
Result<Answer> bridge_answer(const broker::Broker& broker,
                             const std::string& name,
                             int status,
                             broker::Depends depends);

// POST /api/v1/bridges/NAME/seek
void add_bridge_seek_endpoint(const Api& api);

}  // namespace weir::admin
