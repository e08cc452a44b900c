#pragma once
// Users, rules and quotas as bytes of events and images. Decoders fail the reader at what they do
// not know.

#include "base/wire.h"
#include "core/catalog/access.h"

namespace weir::catalog {

inline constexpr size_t kRuleBytesMin = 7;

void encode(Writer& writer, const User& user);
User decode_user(Reader& reader);
void encode(Writer& writer, const AccessRule& rule);
AccessRule decode_rule(Reader& reader);
void encode(Writer& writer, const Quota& quota);
Quota decode_quota(Reader& reader);

}  // namespace weir::catalog
