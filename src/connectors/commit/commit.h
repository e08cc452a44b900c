#pragma once
// The last step of a capture: outputs and the position behind them become one commit of the broker.
//
// Everything that could be refused is checked before the first record is written, so that a refusal
// leaves nothing behind. Thread: the state shard's.

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

// One turn: the records, and the progress as the connector's note. Topics that do not exist are
// made, with one partition. kNotFound (the connector is gone, a queue does not exist), kWrongKind,
// kTooLarge, kInvalidArgument, and what a turn refuses.
Result<broker::Depends> commit(broker::Broker& broker,
                               const std::string& connector,
                               const std::vector<Output>& outputs,
                               const Progress& progress,
                               const std::vector<NoteChange>& notes,
                               Timestamp now);

// Notes that a table is to be read once more. kNotFound, kAlreadyExists (it is being read).
Result<broker::Depends> ask_for_table(broker::Broker& broker,
                                      const std::string& connector,
                                      const TableProgress& table,
                                      Timestamp now);

}  // namespace weir::cdc
