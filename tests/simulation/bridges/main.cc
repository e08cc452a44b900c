// simulation_bridges --seeds N --seed FIRST: runs N seeds, prints the first that breaks a rule and
// how to repeat it.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "simulation/bridges/bridge_simulation.h"

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t seeds = 200;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) {
      first = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--seeds") == 0) {
      seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      fmt::print(stderr, "usage: simulation_bridges [--seeds N] [--seed FIRST]\n");
      return 2;
    }
  }
  weir::simulation::BridgeReport sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto report = weir::simulation::simulate_bridges(seed);
    if (report.violation) {
      fmt::print("{}\nrepeat with: simulation_bridges --seeds 1 --seed {}\n", *report.violation,
                 seed);
      return 1;
    }
    sum.lives += report.lives;
    sum.records += report.records;
    sum.messages += report.messages;
    sum.turns += report.turns;
    sum.missed += report.missed;
  }
  fmt::print(
      "{} seeds: {} lives, {} records, {} messages, {} turns, {} acknowledgements missed; no "
      "violation\n",
      seeds, sum.lives, sum.records, sum.messages, sum.turns, sum.missed);
  return 0;
}
