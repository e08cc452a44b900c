#pragma once
// Seeded lives of a broker with two chains of bridges, whose ends, places and pauses change while
// the disk fails, the process dies and the power goes:
//
//   orders -> (paid; group, deduplication id) -> ship.fifo -> (acknowledged) -> audit
//   alarms -> (urgent; delay, priority) -> alerts
//
// One seed is one run, repeated exactly by its seed.

#include <cstdint>
#include <optional>
#include <string>

namespace weir::simulation {

struct BridgeReport {
  std::optional<std::string> violation;
  uint64_t lives = 0;
  uint64_t records = 0;   // in the sources at the end
  uint64_t messages = 0;  // in the targets
  uint64_t turns = 0;     // seeks, bridges made anew, ends that went and came back
  uint64_t missed = 0;    // acknowledgements that were not recorded, and counted
};

BridgeReport simulate_bridges(uint64_t seed);

}  // namespace weir::simulation
