#pragma once
// Storms of members, of both protocols, over the real coordinator, broker and journal: hundreds
// join, leave, freeze, crash and come again, lose answers and commit, while the disk has faults and
// the broker dies. Then everything heals, and everybody has to get its share in bounded time.

#include <cstdint>
#include <optional>
#include <string>

namespace weir::simulation {

struct StormReport {
  std::optional<std::string> violation;
  uint64_t lives = 0;
  uint64_t members = 0;
  uint64_t requests = 0;
  uint64_t rebalances = 0;
  uint64_t calms = 0;  // times that everybody came to rest
};

StormReport simulate_groups(uint64_t seed, bool fences = true);

}  // namespace weir::simulation
