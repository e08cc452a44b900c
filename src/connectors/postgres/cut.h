#pragma once
// A cut through the database's history: a point of its log, and the tables as they are exactly
// there. What committed before the point is in the snapshot, what commits from there on is not,
// because both come from the same decoding of the log (a temporary replication slot; the database's
// own subscriptions copy their tables so). No transaction is seen by one and missed by the other,
// which cannot be said of a snapshot and a position that are asked for one after the other.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "connectors/postgres/connection.h"

namespace weir::postgres {

struct Cut {
  uint64_t point = 0;
  std::string snapshot;                // its name; as long as the holder does nothing else
  std::unique_ptr<Connection> holder;  // none: somebody else's
};

// Finds a cut on a thread of its own: the database waits for the transactions that run now.
// Thread: its owner's; destruction ends the thread. It outlives the cut's holder.
class CutOpening {
 public:
  explicit CutOpening(std::shared_ptr<const cdc::Config> config);
  ~CutOpening();
  CutOpening(const CutOpening&) = delete;
  CutOpening& operator=(const CutOpening&) = delete;

  // Nothing while it is being sought. Once.
  std::optional<Result<Cut>> poll(Milliseconds wait);

 private:
  Result<Cut> open();

  const std::shared_ptr<const cdc::Config> config_;
  Stop stop_;  // before the connections that wait for it
  std::mutex mutex_;
  std::condition_variable found_;
  std::optional<Result<Cut>> answer_;
  std::thread thread_;  // last
};

// What CREATE_REPLICATION_SLOT answered.
Result<Cut> read_cut(const std::vector<Cells>& answer);

}  // namespace weir::postgres
