// simulation_storage --seeds N --seed FIRST: runs N seeds, prints the first that breaks a rule and
// how to repeat it.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "simulation/storage/storage_simulation.h"

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t seeds = 1000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) {
      first = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--seeds") == 0) {
      seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: simulation_storage [--seeds N] [--seed FIRST]\n");
      return 2;
    }
  }
  weir::storage::SimulationReport sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto report = weir::storage::simulate_storage(seed);
    if (report.violation) {
      std::printf("%s\nrepeat with: simulation_storage --seeds 1 --seed %lu\n",
                  report.violation->c_str(), static_cast<unsigned long>(seed));
      return 1;
    }
    sum.lives += report.lives;
    sum.commits += report.commits;
    sum.checkpoints += report.checkpoints;
    sum.reads += report.reads;
    sum.moves += report.moves;
    sum.faults += report.faults;
  }
  std::printf(
      "%lu seeds: %lu lives, %lu commits, %lu checkpoints, %lu reads, %lu moves, %lu write errors; "
      "no violation\n",
      static_cast<unsigned long>(seeds), static_cast<unsigned long>(sum.lives),
      static_cast<unsigned long>(sum.commits), static_cast<unsigned long>(sum.checkpoints),
      static_cast<unsigned long>(sum.reads), static_cast<unsigned long>(sum.moves),
      static_cast<unsigned long>(sum.faults));
  return 0;
}
