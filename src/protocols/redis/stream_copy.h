#pragma once
// COPY of a stream: its entries with their IDs, its counters, its groups with what is pending in
// them, its deadline.

#include <cstdint>

#include "base/bytes.h"

namespace weir::redis {

class Call;

// Copies the stream `from` of the call's database over what `to` is there, and answers. The copy is
// one commit, hence bounded; it is made when the source has been read, as it is then.
void copy_stream(Call& call, ByteView from, uint32_t to_database, ByteView to);

}  // namespace weir::redis
