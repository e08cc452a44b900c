#pragma once
// The partition of a record's key, as Kafka's own clients choose it, so that one key has one
// partition whoever produces. Source: Apache Kafka, Utils.murmur2 and the default partitioner.

#include <cstdint>

#include "base/bytes.h"

namespace weir {

uint32_t murmur2(ByteView key);
uint32_t partition_of(ByteView key, uint32_t partitions);

}  // namespace weir
