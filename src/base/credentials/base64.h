#pragma once
// Base64 (RFC 4648). Strict: no white space, no missing padding, no bits beyond the end.

#include <optional>
#include <string>

#include "base/bytes.h"

namespace weir {

std::string to_base64(ByteView bytes);
std::optional<std::string> from_base64(ByteView text);
// The alphabet for URLs and file names, without padding, as tokens have it.
std::optional<std::string> from_base64_url(ByteView text);

}  // namespace weir
