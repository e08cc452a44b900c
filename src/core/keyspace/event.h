#pragma once
// What can happen to a key, as absolute facts. An event is what live commands apply and what the
// journal replays; its bytes (base/wire.h, first the kind) are described in
// docs/formats/keyspace.md. An event borrows all it names, and never from the value that it
// changes.

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/keyspace/list.h"

namespace weir::keyspace {

// Numbers are stored; never renumber.
enum class EventKind : uint8_t {
  kClear = 1,         // every key of the bucket goes
  kDelete = 2,        // key
  kExpireAt = 3,      // key, deadline (never: persists)
  kSetString = 4,     // key, value, deadline: replaces whatever the key held
  kAppend = 5,        // key, value: grows a string, made if absent
  kPutValue = 6,      // key, value (an encoded value), deadline: RENAME, COPY
  kListPush = 7,      // key, side, items: pushed one after the other
  kListPop = 8,       // key, side, count
  kListTrim = 9,      // key, position, count: keeps that range
  kListSet = 10,      // key, position, value
  kListInsert = 11,   // key, position, value: before that position
  kListErase = 12,    // key, positions: ascending, as they were before the event
  kHashSet = 13,      // key, items: field, value, field, value ...
  kHashErase = 14,    // key, items
  kSetAdd = 15,       // key, items
  kSetErase = 16,     // key, items
  kSortedSet = 17,    // key, items with scores
  kSortedErase = 18,  // key, items
};

struct Event {
  EventKind kind{};
  ByteView key{};
  Side side = Side::kLeft;
  uint64_t position = 0;
  uint64_t count = 0;
  Timestamp deadline = Timestamp::never();
  ByteView value{};
  std::span<const ByteView> items{};
  std::span<const double> scores{};
  std::span<const uint64_t> positions{};
};

void encode(const Event& event, Writer& writer);

// A decoded event borrows from the bytes it came from and from this storage.
struct EventStorage {
  std::vector<ByteView> items;
  std::vector<double> scores;
  std::vector<uint64_t> positions;
};
// kStorageCorrupt for an unknown kind, truncated or trailing bytes, and values that no live command
// makes.
Result<Event> decode(ByteView bytes, EventStorage& storage);

}  // namespace weir::keyspace
