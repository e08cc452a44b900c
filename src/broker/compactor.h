#pragma once
// Compaction by key of topics' logs: which log is due, and one pass after the other over it, a step
// at a time. A step reads a few rows; off the reactor their batches are opened, judged and written
// anew; one commit puts what is left in their place. So a crash finds each stretch of a log as it
// was before or as it is after, and a reader goes on in either. Steps are paced by the bytes that
// they read. See core/log/compaction.h for what stays, and decision 0019 for the why.
//
// Invariants: a pass goes from the start of the log upwards, so that whatever a tombstone deletes
// is gone before the tombstone's time begins; a pass that meets rows which changed under it is
// given up, with everything it has committed so far being right in itself; only records that are as
// safe as their topic asks delete others.
//
// Thread: the state shard's.

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <deque>
#include <memory>

#include "base/ids.h"
#include "base/time.h"
#include "broker/types.h"
#include "core/catalog/model.h"

namespace weir::broker {

class Broker;

struct CompactionCounts {
  uint64_t passes = 0;
  uint64_t given_up = 0;  // passes that met changed rows, bytes that cannot be read, a removed log
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
};

class Compactor {
 public:
  explicit Compactor(Broker& broker);
  ~Compactor();
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  // A log of a compacted topic: it gets a pass, in its turn, if there is enough to do.
  void consider(CellId log, const catalog::CompactionPolicy& policy);
  // The next step, if it is due.
  void run();
  Timestamp next_deadline() const { return due_; }
  const CompactionCounts& counts() const { return counts_; }

 private:
  struct Pass;
  struct Step;

  bool is_due(CellId log, const catalog::CompactionPolicy& policy) const;
  void begin(CellId log, const catalog::CompactionPolicy& policy);
  bool still_wanted() const;
  void step();
  void read(const std::shared_ptr<Step>& step);
  void work(const std::shared_ptr<Step>& step);
  void take(Step& step);
  void take_keys(const Step& step);
  bool commit(Step& step);
  bool commit_end();
  void pause_log(CellId log, Milliseconds pause);
  void give_up(Milliseconds pause);
  void next_after(Milliseconds pause);

  Broker& broker_;
  std::shared_ptr<Pass> pass_;
  std::deque<CellId> waiting_;
  absl::flat_hash_set<CellId> in_waiting_;
  // Logs that are not looked at again before: large ones, and those whose last pass was given up.
  absl::flat_hash_map<CellId, Timestamp> not_before_;
  Lsn last_commit_;
  Timestamp due_ = Timestamp::never();
  CompactionCounts counts_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::broker
