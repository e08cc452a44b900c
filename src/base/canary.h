#pragma once
// Canary bugs: mistakes that the tests must find, switched on by name (environment WEIR_CANARY in a
// process, set_canary in a test). They exist only in builds with WEIR_CANARIES; in release the
// check is a constant false.

#include <string_view>

namespace weir {

enum class Canary {
  kAckBeforeWrite,             // announce a frame as durable before it was handed to the file
  kReplyBeforeWatermark,       // let replies leave without waiting for their LSN
  kInstallUnsyncedCheckpoint,  // switch to a checkpoint before its bytes are durable
  kFreeFileEarly,              // free a journal file that replay still needs
  kSkipCellLsnTest,            // apply a replayed entry that the cell's image already holds
  kCompactNewest,              // compaction drops the newest record of a key
  kAckBeforeFlush,             // write frames without the sync flag and announce them durable
  kDeliverPastHeld,            // deliver what follows a held message of its group
  kEndLeaseEarly,              // end leases after half of their time
  kBridgeForgetsPlace,         // move records without journaling how far
  kBridgeIgnoresSeek,          // finish a step that began before a seek
};

#ifdef WEIR_CANARIES
bool canary(Canary which);
void set_canary(std::string_view name);  // "" switches all off; an unknown name aborts
#else
constexpr bool canary(Canary) {
  return false;
}
#endif

}  // namespace weir
