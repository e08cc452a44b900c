#pragma once
// The last step of a capture: outputs and the position behind them become one commit of the broker.
//
// What can be checked is checked before the first record is written. Thread: the state shard's.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/broker.h"
#include "connectors/cdc/renderer.h"
#include "connectors/commit/table_progress.h"

namespace weir::cdc {

// Where a capture stands. `next`: the first change that is still to be taken; what is before it was
// committed. `flushed`: up to here the source may forget its log; durable with this note, so that
// the source never hears of more than is stored.
struct Progress {
  std::string source;  // identity of the database and the slot
  Position next;
  uint64_t flushed = 0;
  bool snapshot_done = false;

  std::string encode() const;
  // kStorageCorrupt.
  static Result<Progress> decode(ByteView note);
};

inline constexpr ByteView kProgressNote = "progress";

// A further note that changes in the same commit; no value: it is erased.
struct NoteChange {
  std::string name;
  std::optional<std::string> value;
};

// What one turn writes: records, and the position behind them with the notes that belong to it.
struct Commit {
  std::vector<Output> outputs;
  Progress progress;
  std::vector<NoteChange> notes;
  bool snapshot = false;  // rows of a snapshot
};

// One turn. Topics that do not exist are made, with one partition; of several, Kafka's default
// partitioner chooses by the key. kNotFound (the connector is gone, a queue does not exist),
// kWrongKind, kTooLarge, kInvalidArgument, and what a turn refuses: then nothing was written. What
// a topic or a queue refuses in the midst of it leaves the records before, and counts them: the
// same outputs, in commits of whatever size, are not written twice.
Result<broker::Depends> commit(broker::Broker& broker,
                               const std::string& connector,
                               const Commit& work,
                               Timestamp now);

// The note of a commit that was refused in its midst, with the records that are there already.
struct Interrupted {
  std::map<CellId, uint64_t> records;  // by log or queue, from the stored position on
  bool snapshot = false;

  std::string encode() const;
  // kStorageCorrupt.
  static Result<Interrupted> decode(ByteView note);
};

inline constexpr ByteView kInterruptedNote = "interrupted";

// Notes that a table is to be read once more. kNotFound, kAlreadyExists (it is being read).
Result<broker::Depends> ask_for_table(broker::Broker& broker,
                                      const std::string& connector,
                                      const TableProgress& table,
                                      Timestamp now);

}  // namespace weir::cdc
