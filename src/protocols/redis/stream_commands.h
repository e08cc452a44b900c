#pragma once
// What XREAD and XREADGROUP share.

#include <optional>

#include "base/bytes.h"
#include "base/time.h"

namespace weir::redis {

class Call;

struct ReadArguments {
  std::optional<Timestamp> deadline;  // BLOCK
  size_t count = SIZE_MAX;
  ByteView group;
  ByteView consumer;
  bool no_ack = false;
  std::optional<Milliseconds> claim_idle;  // CLAIM
  size_t keys = 0;                         // index of the first key, and of its ID
  size_t ids = 0;
  size_t count_of_keys = 0;
};

// Nothing when the error was the reply.
std::optional<ReadArguments> read_arguments(Call& call, bool group);

}  // namespace weir::redis
