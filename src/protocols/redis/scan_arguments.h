#pragma once
// HSCAN, SSCAN, ZSCAN: a cursor, MATCH and COUNT over one OrderedMap.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "core/keyspace/ordered_map.h"
#include "protocols/redis/call.h"
#include "protocols/redis/glob.h"

namespace weir::redis {

// A value with at most so many members is returned whole, whatever COUNT says.
inline constexpr size_t kScannedWholeMax = 128;

struct ScanArguments {
  uint64_t cursor = 0;
  size_t count = 10;
  std::optional<ByteView> pattern;
};

// From `index` on: cursor, then options. Nothing when the error was the reply.
std::optional<ScanArguments> scan_arguments(Call& call, size_t index);
void reply_scan(Call& call, uint64_t next, const std::vector<ByteView>& found);

template <typename V, typename F>
uint64_t scan_slots(const keyspace::OrderedMap<V>& map, const ScanArguments& arguments, F&& found) {
  size_t left = map.size() <= kScannedWholeMax ? SIZE_MAX : arguments.count;
  return map.scan(arguments.cursor, [&](const auto& slot) {
    if (!arguments.pattern || glob_matches(*arguments.pattern, slot.key)) found(slot);
    return --left > 0;
  });
}

}  // namespace weir::redis
