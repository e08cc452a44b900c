#pragma once
// What a load consists of. A workload prepares the server and makes one dialogue for each
// connection; the engine asks the dialogue for requests and gives it the bytes that come back. One
// thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/load/histogram.h"
#include "bench/load/options.h"

namespace weir::load {

struct Request {
  bool sent = false;  // false: nothing to ask now; the engine asks again after the next reply
};

struct Reply {
  size_t bytes = 0;       // of the whole reply; 0: not all of it is here
  uint64_t messages = 0;  // operations that it completes
  bool failed = false;
  bool counted = true;  // false: not part of what is measured
};

class Dialogue {
 public:
  virtual ~Dialogue() = default;

  // Appends the next request to `out`. `due_ns`: when it should have left, on the engine's clock.
  virtual Request next(std::string& out, uint64_t due_ns) = 0;
  // Looks at the front of what came in. Replies come in the order of the requests.
  virtual Reply take(std::string_view in) = 0;
  // False: it always has `depth` requests under way, also in an open loop.
  virtual bool paced() const { return true; }
  // Nothing more will be asked for: the stock is used up.
  virtual bool exhausted() const { return false; }
};

class Workload {
 public:
  explicit Workload(const Options& options) : options_(options) {}
  virtual ~Workload() = default;

  virtual void prepare() {}
  virtual std::unique_ptr<Dialogue> dialogue(int connection) = 0;
  // Checks after the run; empty when nothing was lost or doubled.
  virtual std::string verify() { return {}; }
  // Latencies from a message's due moment to its delivery, for workloads that follow a message
  // through.
  virtual const Histogram* end_to_end() const { return nullptr; }

 protected:
  Options options_;
};

// Ends the program when there is no workload of that name.
std::unique_ptr<Workload> make_workload(const Options& options);

std::unique_ptr<Workload> make_echo(const Options& options);
std::unique_ptr<Workload> make_redis(const Options& options);
std::unique_ptr<Workload> make_sqs(const Options& options);
std::unique_ptr<Workload> make_kafka(const Options& options);

uint64_t now_ns();

// Letters that do not compress to nothing and need no escaping, the same on every run.
std::string filler(size_t bytes);

[[noreturn]] void fail_run(std::string_view what);

}  // namespace weir::load
