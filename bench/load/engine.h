#pragma once
// Drives the dialogues of a workload over epoll, one thread.
//
// Closed loop: each connection keeps `depth` requests under way. Open loop: requests become due at
// fixed moments, whatever the server does; latency counts from that moment, so that a stall is seen
// by every request that should have been sent in it.

#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "bench/load/workload.h"

namespace weir::load {

struct Outcome {
  double seconds = 0;     // measured part
  uint64_t requests = 0;  // answered in it
  uint64_t messages = 0;
  uint64_t failed = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  Histogram latency;
};

// `measured`: called when the warm-up is over and again when the measurement ends.
Outcome drive(Workload& workload,
              const Options& options,
              void (*measured)(void* context, bool begins),
              void* context);

}  // namespace weir::load
