// simulation_broker --seeds N --seed FIRST: runs N seeds, prints the first that breaks a rule and
// how to repeat it.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "simulation/broker/broker_simulation.h"

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t seeds = 200;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) {
      first = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--seeds") == 0) {
      seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: simulation_broker [--seeds N] [--seed FIRST]\n");
      return 2;
    }
  }
  weir::simulation::Report sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto report = weir::simulation::simulate_broker(seed);
    if (report.violation) {
      std::printf("%s\nrepeat with: simulation_broker --seeds 1 --seed %lu\n",
                  report.violation->c_str(), static_cast<unsigned long>(seed));
      return 1;
    }
    sum.lives += report.lives;
    sum.acknowledged += report.acknowledged;
    sum.deliveries += report.deliveries;
    sum.dead_letters += report.dead_letters;
    sum.bridged += report.bridged;
    sum.compactions += report.compactions;
    sum.compacted += report.compacted;
    sum.forgotten += report.forgotten;
  }
  std::printf(
      "%lu seeds: %lu lives, %lu acknowledged, %lu deliveries, %lu dead letters, %lu bridged, %lu "
      "compactions of %lu bytes, %lu records forgotten; no violation\n",
      static_cast<unsigned long>(seeds), static_cast<unsigned long>(sum.lives),
      static_cast<unsigned long>(sum.acknowledged), static_cast<unsigned long>(sum.deliveries),
      static_cast<unsigned long>(sum.dead_letters), static_cast<unsigned long>(sum.bridged),
      static_cast<unsigned long>(sum.compactions), static_cast<unsigned long>(sum.compacted),
      static_cast<unsigned long>(sum.forgotten));
  return 0;
}
