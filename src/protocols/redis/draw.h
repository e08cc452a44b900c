#pragma once
// Random members, as SRANDMEMBER, SPOP, HRANDFIELD and ZRANDMEMBER draw them.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "core/keyspace/ordered_map.h"

namespace weir::redis {

// How many members are drawn with repetition at most: the reply is written at once.
inline constexpr int64_t kDrawnMax = 10'000'000;

// `count` different slots (all when there are fewer), or, when it is negative, -count slots that
// may repeat.
template <typename V>
std::vector<const typename keyspace::OrderedMap<V>::Slot*> draw_slots(
    const keyspace::OrderedMap<V>& map, int64_t count, Random& random) {
  std::vector<const typename keyspace::OrderedMap<V>::Slot*> drawn;
  if (count < 0) {
    const int64_t wanted = std::min(-count, kDrawnMax);
    for (int64_t i = 0; i < wanted; ++i) drawn.push_back(map.any(random.next() >> 1));
    return drawn;
  }
  map.for_each([&](const auto& slot) { drawn.push_back(&slot); });
  const size_t wanted = std::min<size_t>(static_cast<size_t>(count), drawn.size());
  for (size_t i = 0; i < wanted; ++i)
    std::swap(drawn[i], drawn[i + random.below(drawn.size() - i)]);
  drawn.resize(wanted);
  return drawn;
}

}  // namespace weir::redis
