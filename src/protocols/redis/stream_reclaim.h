#pragma once
// Pending entries that are handed on because nobody has acknowledged them for long enough, or
// because they were given back (XNACK).

#include <vector>

#include "protocols/redis/group_options.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {

struct Reclaimed {
  Offset offset;
  int64_t idle_ms = 0;     // before
  int64_t deliveries = 0;  // before
};

// What is asked of a group's pending entries.
struct ReclaimRule {
  Milliseconds idle{0};
  GroupOptions options;
};

// Gives the consumer at most `count` entries that have waited for `idle` or longer, those that
// waited longest first; what was given back waits for ever. Entries whose body is gone are passed
// over, and those that were delivered too often go to the group's dead-letter stream. In the
// caller's turn; errors of the journal.
Result<std::vector<Reclaimed>> reclaim(Call& call,
                                       const GroupKey& group,
                                       ByteView key,
                                       ByteView name,
                                       queue::ConsumerId consumer,
                                       const ReclaimRule& rule,
                                       size_t count);

// When the next entry will have waited so long, as far as is known now.
Timestamp next_reclaim(const Call& call, const GroupKey& group, const ReclaimRule& rule);

}  // namespace weir::redis
