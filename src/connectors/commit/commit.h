#pragma once
// The last step of a capture: outputs and the position behind them become one commit of the broker.
//
// Everything that could be refused is checked before the first record is written, so that a refusal
// leaves nothing behind. Thread: the state shard's.

#include <string>
#include <vector>

#include "base/error.h"
#include "broker/broker.h"
#include "connectors/cdc/renderer.h"

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

// One turn: the records, and the progress as the connector's note. Topics that do not exist are
// made, with one partition. kNotFound (the connector is gone, a queue does not exist), kWrongKind,
// kTooLarge, kInvalidArgument, and what a turn refuses.
Result<broker::Depends> commit(broker::Broker& broker,
                               const std::string& connector,
                               const std::vector<Output>& outputs,
                               const Progress& progress,
                               Timestamp now);

}  // namespace weir::cdc
