#pragma once
// The last step of making a batch, for those who build one and those who rewrite one.

#include <cstddef>

#include "core/log/record_batch.h"

namespace weir::log {

// The first byte that a batch's checksum covers.
inline constexpr size_t kCrcFrom = 21;

// Writes the header into the first kBatchHeaderBytes of `batch`, whose records lie behind them, and
// the checksum into both.
void seal(char* batch, size_t size, BatchHeader& header);

}  // namespace weir::log
