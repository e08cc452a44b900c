#pragma once
// Seeded lives of the whole broker: clients send, receive, settle, append and read; bridges run;
// the disk fails, the process dies, the power goes. One seed is one run, repeated exactly by its
// seed.

#include <cstdint>
#include <optional>
#include <string>

namespace weir::simulation {

struct Report {
  std::optional<std::string> violation;
  uint64_t lives = 0;
  uint64_t acknowledged = 0;
  uint64_t deliveries = 0;
  uint64_t dead_letters = 0;
  uint64_t bridged = 0;
  uint64_t compactions = 0;  // passes
  uint64_t compacted = 0;    // bytes that they wrote
  uint64_t forgotten = 0;    // records, by retention
};

Report simulate_broker(uint64_t seed);

}  // namespace weir::simulation
