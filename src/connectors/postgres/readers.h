#pragma once
// Reads tables under an exported snapshot over several connections, a thread each, and hands over
// what their rows become in bounded batches. A batch ends behind a row whose key it names: what was
// taken is exactly known, and reading goes on there another time, under another snapshot.
//
// Thread: its owner's; destruction ends the threads.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors/cdc/renderer.h"
#include "connectors/commit/table_progress.h"
#include "connectors/postgres/connection.h"

namespace weir::postgres {

class Readers {
 public:
  struct Work {
    std::shared_ptr<const cdc::Config> config;
    std::string connector;
    std::string snapshot;
    uint64_t point = 0;
    bool incremental = false;  // rows between changes, without a place in the log
  };
  struct Batch {
    size_t table = 0;
    size_t piece = 0;
    std::vector<cdc::Output> outputs;
    size_t bytes = 0;  // of them, about
    uint64_t rows = 0;
    std::vector<std::string> key;   // the table's key columns
    std::vector<std::string> last;  // the key of the last row; empty without rows or a key
    bool done = false;              // nothing of the piece is left
  };

  // Pieces of `tables` that are not done; batches name both by their places.
  Readers(Work work, const std::vector<cdc::TableProgress>& tables, uint32_t threads);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // Nothing when none came in this time. What a reader failed with.
  Result<std::optional<Batch>> next(Milliseconds wait);
  // Everything was handed over, or what was read until halt().
  bool finished();
  // Enough for now: pieces end behind the row that is under way; those without a key go on to their
  // end.
  void halt();

 private:
  class Reading;
  struct Piece {
    size_t table = 0;
    size_t index = 0;
    cdc::TableProgress of;  // without its pieces
    cdc::Piece piece;
  };
  struct Left {
    size_t pieces = 0;
    bool first = true;
  };

  void run();
  Result<> read_all();
  std::optional<Piece> take();
  // kTimedOut when it ends.
  Result<> wait_for_room(std::unique_lock<std::mutex>& lock);
  void hand_over(Batch batch);

  const Work work_;
  Stop stop_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::condition_variable room_;
  std::deque<Piece> pieces_;
  std::deque<Batch> batches_;
  std::vector<Left> left_;  // by table
  size_t tables_left_ = 0;
  bool first_ = true;
  bool halted_ = false;
  size_t running_ = 0;
  size_t batches_max_;
  std::optional<Error> problem_;
  std::vector<std::thread> threads_;  // last
};

}  // namespace weir::postgres
