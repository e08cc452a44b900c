#pragma once
// Runner: one capture under way, on a thread of its own. It connects, checks the slot against what
// is stored, makes slot and snapshot when there are none, and streams: each step is a batch of
// whole transactions (or a part of one that is too large for a commit) that becomes one commit with
// the position behind it. What fails is told, and tried again after a while that grows.
//
// The slot is told to go on only after Weir's own commit is durable. A slot that stands beyond what
// is stored was moved by somebody else: a gap, which is reported and never streamed over.
//
// Thread safety: status() from any thread; construction and destruction on the state shard's or the
// main thread. Destruction stops the thread and waits for it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "broker/broker.h"
#include "connectors/cdc/config.h"
#include "connectors/postgres/connection.h"
#include "runtime/clock.h"
#include "runtime/logger.h"
#include "runtime/owned.h"

namespace weir::postgres {

struct Status {
  std::string state = "starting";  // connecting, snapshot, streaming, stopped; or why not
  std::string problem;             // empty while it runs
  uint64_t events = 0;             // records written since the start
  uint64_t transactions = 0;
  uint64_t reconnects = 0;
  uint64_t snapshot_rows = 0;
  int64_t snapshot_rows_estimated = 0;
  uint64_t snapshot_tables_done = 0;
  uint64_t snapshot_tables = 0;
  uint64_t flushed_lsn = 0;
  int64_t retained_bytes = 0;   // of the database's log, held back by the slot
  bool retained_alarm = false;  // more of it than is well
  int64_t lag_bytes = 0;        // of the database's log, not received yet
  std::string wal_status;
  int64_t last_commit_us = 0;  // of the source
};

class Runner {
 public:
  Runner(std::string name,
         std::shared_ptr<const cdc::Config> config,
         runtime::Owned<broker::Broker>& broker,
         runtime::Clock& clock,
         runtime::Logger& logger);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Status status() const;
  // From any thread; the destructor waits for the end.
  void stop();
  // A table is asked for once more: its note is stored. The status shows it from now on.
  void wake();

 private:
  friend class Session;
  void run();
  void update(const std::function<void(Status&)>& change);

  const std::string name_;
  const std::shared_ptr<const cdc::Config> config_;
  runtime::Owned<broker::Broker>& broker_;
  runtime::Clock& clock_;
  runtime::Logger& logger_;
  Stop stop_;
  std::atomic<uint64_t> requests_{0};
  bool snapshot_begun_ = false;  // since the start, as snapshot.mode=always wants it
  mutable std::mutex mutex_;
  Status status_;
  std::thread thread_;  // last
};

// Drops the slot that the connector made, for good. A slot that is not there is no error.
Result<> drop_slot(const cdc::Config& config, const Stop& stop);

}  // namespace weir::postgres
