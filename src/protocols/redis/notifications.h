#pragma once
// Keyspace notifications: which events of keys are told on channels (notify-keyspace-events).
// https://redis.io/docs/latest/develop/use/keyspace-notifications/

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir::redis {

namespace notify {
inline constexpr uint32_t kKeyspace = 1U << 0;  // on the key's channel
inline constexpr uint32_t kKeyevent = 1U << 1;  // on the event's channel
inline constexpr uint32_t kGeneric = 1U << 2;
inline constexpr uint32_t kString = 1U << 3;
inline constexpr uint32_t kList = 1U << 4;
inline constexpr uint32_t kSet = 1U << 5;
inline constexpr uint32_t kHash = 1U << 6;
inline constexpr uint32_t kSortedSet = 1U << 7;
inline constexpr uint32_t kExpired = 1U << 8;
inline constexpr uint32_t kEvicted = 1U << 9;  // never happens here, nor does the next
inline constexpr uint32_t kModule = 1U << 10;
inline constexpr uint32_t kStream = 1U << 11;
inline constexpr uint32_t kNew = 1U << 12;
}  // namespace notify

// The letters of the parameter, in any order; nothing when one is none of them.
std::optional<uint32_t> notified_events(ByteView letters);
// In Redis's order, with "A" for all but the new keys.
std::string notified_letters(uint32_t events);

}  // namespace weir::redis
