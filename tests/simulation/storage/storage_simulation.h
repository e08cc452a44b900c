#pragma once
// Seeded lives of storage/local over the faulty disk: random commits, releases, reads, checkpoints,
// faults, kills and power cuts, compared with a model that is a list of commits. One seed is one
// run; a run is repeated exactly by its seed.

#include <cstdint>
#include <optional>
#include <string>

namespace weir::storage {

struct SimulationReport {
  std::optional<std::string> violation;  // with the life and step in which it was seen
  uint64_t lives = 0;
  uint64_t commits = 0;
  uint64_t checkpoints = 0;
  uint64_t reads = 0;
  uint64_t moves = 0;
  uint64_t faults = 0;  // write errors that the journal met
};

SimulationReport simulate_storage(uint64_t seed);

}  // namespace weir::storage
