#pragma once
// Bit fields of the operations that exist on such a thing; an Authorizer says which of them a
// client may do. Bits are Kafka's AclOperation codes (KIP-430).

#include <cstdint>

namespace weir::kafka {

// Read, write, create, delete, alter, describe, describe and alter configs.
inline constexpr int32_t kTopicOperations =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
// Read, delete, describe.
inline constexpr int32_t kGroupOperations = 1 << 3 | 1 << 6 | 1 << 8;
// Create, alter, describe, describe and alter configs, idempotent write.
inline constexpr int32_t kClusterOperations =
    1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12;

}  // namespace weir::kafka
