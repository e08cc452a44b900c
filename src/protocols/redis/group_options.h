#pragma once
// What a group does by itself, beyond Redis (XGROUP POLICY): entries are held back for a time after
// they were added; those that nobody acknowledges in time are delivered again, and those that were
// delivered too often go to another stream.
//
// The options are a note of the stream, so they go where it goes.
//
// Thread: the state shard's.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "core/catalog/model.h"

namespace weir::redis {

class Call;
class Service;
struct GroupKey;

struct GroupOptions {
  Milliseconds redeliver{0};    // after so long without acknowledgement; 0: only who claims gets it
  uint32_t deliveries_max = 0;  // 0: no limit
  std::string dead_letter;      // the stream that gets what was delivered so often
  Milliseconds delay{0};        // an entry is given out so long after it was added
};

GroupOptions group_options(const catalog::Thing& stream, ByteView group);
// XGROUP POLICY key group [REDELIVER ms] [MAXDELIVERIES n] [DEADLETTER stream] [DELAY ms]
void xgroup_policy(Call& call, const GroupKey& group);
// When the group is destroyed.
void forget_group_options(Call& call, const catalog::Name& stream, ByteView group);

// Moves pending entries of the group to its dead-letter stream, in one commit each time their
// bodies have been read; what was acknowledged or moved meanwhile is left alone. When the stream
// cannot be written, they stay pending.
void move_dead(
    Call& call, const GroupKey& group, ByteView key, ByteView name, std::vector<Offset> offsets);

}  // namespace weir::redis
