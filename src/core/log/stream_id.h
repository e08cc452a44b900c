#pragma once
// The ID of a record in the stream view of a log (Redis: "milliseconds-sequence"): strictly rising,
// gap-ful, settable by the client, and not an offset. Every record gets one at append, whichever
// protocol it came through.

#include <compare>
#include <cstdint>

namespace weir::log {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  constexpr auto operator<=>(const StreamId&) const = default;

  static constexpr StreamId max() { return {UINT64_MAX, UINT64_MAX}; }
  // The smallest ID above this one; this must not be max().
  constexpr StreamId next() const {
    return seq == UINT64_MAX ? StreamId{ms + 1, 0} : StreamId{ms, seq + 1};
  }
};

// What an append asks for.
struct IdRequest {
  enum class Kind : uint8_t {
    kAuto,      // "*": (max(now, last.ms), next sequence)
    kMsAuto,    // "ms-*": the next sequence of that millisecond
    kExplicit,  // "ms-seq"
  };
  Kind kind = Kind::kAuto;
  StreamId id;  // kMsAuto uses only its ms
};

}  // namespace weir::log
