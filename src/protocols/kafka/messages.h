#pragma once
// The table of all messages that the schemas describe.

#include <cstdint>
#include <span>

#include "protocols/wire/schema.h"

namespace weir::kafka {

// Requests and responses of every schema, in the order of the files.
std::span<const wire::Message* const> all_messages();

// Null for a key that no schema describes.
const wire::Message* find_message(int16_t key, bool is_request);

}  // namespace weir::kafka
