#pragma once
// What the server used meanwhile, and the result as a table and as JSON.

#include <cstdint>
#include <string>

#include "bench/load/engine.h"

namespace weir::load {

struct Usage {
  double cpu_s = 0;           // user and system time of the process
  uint64_t rss_bytes = 0;     // now
  uint64_t peak_bytes = 0;    // since its start
  uint64_t device_bytes = 0;  // written to the device, by anybody
};

Usage usage_of(int pid, const std::string& device);

struct Result {
  const Options& options;
  const Outcome& outcome;
  Usage before;
  Usage after;
  const Histogram* end_to_end = nullptr;
  std::string verified;  // empty: nothing lost, nothing doubled
};

void print_table(const Result& result);
std::string to_json(const Result& result);

}  // namespace weir::load
