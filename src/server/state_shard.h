#pragma once
// The state of the process: the data directory, its journal and the broker over it, on the state
// shard. It turns the broker's deadlines into a timer and carries the watermarks to every
// connection shard.
//
// Thread: open() and close() on the main thread, while the shard runs; problem() and metrics() from
// any.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "net/connection_shard.h"
#include "runtime/clock.h"
#include "runtime/logger.h"
#include "runtime/owned.h"
#include "runtime/shard.h"
#include "storage/local/options.h"

namespace weir::server {

class StateShard {
 public:
  struct Options {
    std::string data;
    bool salvage = false;
    uint64_t file_bytes = 0;
    uint64_t checkpoint_bytes = 0;
    Milliseconds maintenance_every{0};
    uint64_t seed = 0;  // from the operating system
  };

  // Locks the directory, loads and replays. kStorageUnavailable, kStorageCorrupt; the message names
  // the directory.
  static Result<std::unique_ptr<StateShard>> open(const Options& options,
                                                  runtime::Shard& shard,
                                                  std::vector<net::ConnectionShard*> connections,
                                                  runtime::WallClock& clock,
                                                  runtime::Logger& logger);
  ~StateShard();

  // Ends the waiting of clients, so that their connections can close.
  void stop_waiting();
  // Everything submitted is durable when it returns (or `patience` is over: the disk fails). No
  // call reaches the broker afterwards.
  void close(Milliseconds patience);

  runtime::Owned<broker::Broker>& broker();
  // Why the journal cannot write; empty when it can.
  std::string problem() const;
  // At most a second old.
  storage::JournalMetrics metrics() const;

 private:
  struct State;
  explicit StateShard(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// `state` must outlive the registry's last render.
void register_state_metrics(MetricRegistry& registry, const StateShard& state);

}  // namespace weir::server
