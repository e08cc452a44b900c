#pragma once
// Every bound of the Redis front end, in one place.

#include <cstddef>
#include <cstdint>

namespace weir::redis {

// One argument. Redis's own default is 512 MiB; ours keeps a command within one commit of the
// journal.
inline constexpr size_t kBulkBytesMax = size_t{60} << 20;
// A whole request, hence the read buffer of a connection; beyond it the client is told and closed.
inline constexpr size_t kRequestBytesMax = kBulkBytesMax + (size_t{2} << 20);
inline constexpr size_t kArgumentsMax = 1024 * 1024;
// The same of who has to log in first, as in Redis.
inline constexpr size_t kRestrictedBulkBytesMax = 16 * 1024;
inline constexpr size_t kRestrictedArgumentsMax = 10;
// An inline request, and a line that announces a length.
inline constexpr size_t kLineBytesMax = 64 * 1024;
// Queued commands of one MULTI, in bytes of their arguments.
inline constexpr size_t kTransactionBytesMax = size_t{60} << 20;
// The result of APPEND and SETRANGE.
inline constexpr size_t kStringBytesMax = kBulkBytesMax;
// Output that waits for a client that does not read: pub/sub beyond it closes the client, as Redis
// does (32 MiB there too).
inline constexpr size_t kPushBytesMax = size_t{32} << 20;
inline constexpr size_t kClientNameBytesMax = 4096;
inline constexpr size_t kWatchedKeysMax = 65'536;
inline constexpr size_t kSubscriptionsMax = 65'536;

}  // namespace weir::redis
