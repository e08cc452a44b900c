#pragma once
// Looking at messages without knowing their types: a text for logs and tests, and random values for
// property tests.

#include <string>

#include "base/random.h"
#include "protocols/wire/schema.h"

namespace weir::wire {

// One line, as JSON would show it but with bare names: {topics: [{name: "a", partitions: [0, 1]}]}.
// Blobs appear as their size and first bytes; only the fields of `version` appear. At most about
// `length_max` characters.
std::string dump(const Message& message,
                 int16_t version,
                 const void* value,
                 size_t length_max = 2000);

// Fills `value` (default-constructed) with anything that `version` can carry.
void fill_with_anything(const Message& message, int16_t version, Random& random, void* value);

}  // namespace weir::wire
