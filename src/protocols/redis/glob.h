#pragma once
// Redis's glob patterns: * ? [abc] [^a] [a-z] and \ to take the next character literally.

#include "base/bytes.h"

namespace weir::redis {

// Linear in text for each star but the last decides: cost is bounded by pattern times text, never
// exponential.
bool glob_matches(ByteView pattern, ByteView text);

}  // namespace weir::redis
