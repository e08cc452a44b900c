#pragma once
// A closed-loop client: `connections`, each with `depth` requests of 128 bytes under way, answered
// by 16 bytes each.

#include <cstddef>
#include <cstdint>

namespace weir::bench {

inline constexpr size_t kRequestBytes = 128;
inline constexpr size_t kReplyBytes = 16;

struct ClientResult {
  double operations_per_second = 0;
  double p50_us = 0;  // of a round of `depth` requests
  double p99_us = 0;
  double p999_us = 0;
  uint64_t operations = 0;
  double cpu_seconds = 0;  // of this thread
};

// Blocking; the first half second is not counted for the latencies.
ClientResult run_client(uint16_t port, int connections, int depth, double seconds);

}  // namespace weir::bench
