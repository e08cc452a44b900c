// simulation_groups --seeds N --seed FIRST: storms of group members; prints the first that breaks a
// rule and how to repeat it. --without-fences takes commits from anybody, which has to be noticed.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "simulation/groups/group_storm.h"

int main(int argc, char** argv) {
  uint64_t first = 1;
  uint64_t seeds = 50;
  bool fences = true;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--without-fences") == 0) {
      fences = false;
    } else if (has_value && std::strcmp(argv[i], "--seed") == 0) {
      first = std::strtoull(argv[++i], nullptr, 10);
    } else if (has_value && std::strcmp(argv[i], "--seeds") == 0) {
      seeds = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::fprintf(stderr,
                   "usage: simulation_groups [--seeds N] [--seed FIRST] "
                   "[--without-fences]\n");
      return 2;
    }
  }
  weir::simulation::StormReport sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto report = weir::simulation::simulate_groups(seed, fences);
    if (report.violation) {
      std::printf("%s\nrepeat with: simulation_groups --seeds 1 --seed %lu\n",
                  report.violation->c_str(), static_cast<unsigned long>(seed));
      return 1;
    }
    sum.lives += report.lives;
    sum.members += report.members;
    sum.requests += report.requests;
    sum.rebalances += report.rebalances;
    sum.calms += report.calms;
  }
  std::printf(
      "%lu seeds: %lu lives, %lu members, %lu requests, %lu rebalances, %lu times at rest; "
      "no violation\n",
      static_cast<unsigned long>(seeds), static_cast<unsigned long>(sum.lives),
      static_cast<unsigned long>(sum.members), static_cast<unsigned long>(sum.requests),
      static_cast<unsigned long>(sum.rebalances), static_cast<unsigned long>(sum.calms));
  return 0;
}
