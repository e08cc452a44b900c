#pragma once
// The command line of weir-load.

#include <cstdint>
#include <string>

namespace weir::load {

struct Options {
  std::string workload;
  std::string connect;  // host:port
  int connections = 1;
  int depth = 1;    // requests under way on a connection
  double rate = 0;  // requests a second over all connections, at fixed moments; 0: closed loop
  double warmup_s = 1;
  double seconds = 10;
  uint64_t requests = 0;  // end after so many, 0: by time alone
  uint64_t expect = 0;    // receiving ends after so many messages, and each must come once
  uint64_t first = 0;     // number of the first message sent
  uint32_t bytes = 100;   // payload of one message
  uint32_t batch = 1;     // messages to a request
  uint32_t partitions = 1;
  uint32_t groups = 1;        // message groups of a FIFO queue
  std::string name = "load";  // of the queue, topic, stream or list
  std::string group = "bench";
  int server_pid = 0;
  std::string device;  // as in /proc/diskstats
  std::string json;    // file for the result
};

// Ends the program with a message when the command line makes no sense.
Options parse_options(int count, char** arguments);

}  // namespace weir::load
