#pragma once
// What happened to a queue, as absolute facts. An event is a kind byte and its fields; every event
// carries the time at which it was decided, and applying it first brings the queue to that time, so
// that transitions which time alone makes (a lease ends, a delay is over, a deduplication id is
// forgotten) need no entry of their own.
//
//   byte  event             fields after the kind (v: varint, s: zigzag varint, b: varint length
//   and bytes) 1     Created           now s, start s, policy 2     PolicySet         now s, policy
//   3     Enqueued          now s, first s, count v, dedup_expiry s, delays (count v, (index gap v,
//   due s)*),
//                           groups (count v, hash 8*), ids (count v, (index gap v, id 16)*),
//                           and if there are any: priorities (count v, (index gap v, priority 1)*)
//   4     Leased            now s, consumer v, bound 1, deadline s, generation v, frontier s,
//   offsets, deliveries 5     Settled           now s, offsets 6     Released          now s, due
//   s, uncount 1, offsets 7     Extended          now s, deadline s, offsets 8     ConsumerClosed
//   now s, consumer v 9     Assigned          now s, consumer v, delivered_at s, offsets,
//   deliveries 10    FloorMoved        now s, floor s, keep_leased 1, clear_dedup 1 11    NextSet
//   now s, next s 12    ConsumerCreated   now s, consumer v, name b 13    ConsumerDeleted   now s,
//   consumer v
//
//   offsets     count v, the first s, then the gap to the one before (s)
//   deliveries  1 byte: 1 when all are equal, then one v; 0, then a v for each
//   policy      see policy.cc
//
// A time of "never" is encoded as -1. Decoding bounds every count by the bytes that are there.

#include <absl/container/inlined_vector.h>

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "base/wire.h"
#include "core/queue/policy.h"

namespace weir::queue {

// A consumer of one queue: a connection's subscription, a share group member, a named Redis
// consumer. 0 is nobody: leases that belong to whoever holds their handle (SQS).
using ConsumerId = Id<struct ConsumerIdTag, uint32_t>;
constexpr ConsumerId kNobody{0};

// Distinguishes the leases of one message; one for each lease command, never 0, less than 2^48.
using Generation = Id<struct GenerationTag>;

// 128 bits of a digest of a deduplication id, made by the caller (scope mixed in).
using DedupId = std::array<char, 16>;

// 64 bits of a digest of a message group's name, made by the caller.
using GroupHash = uint64_t;

using OffsetList = absl::InlinedVector<Offset, 4>;

struct Created {
  Timestamp now;
  Offset start;  // the first offset that this queue will deliver
  Policy policy;
  bool operator==(const Created&) const = default;
};

struct PolicySet {
  Timestamp now;
  Policy policy;
  bool operator==(const PolicySet&) const = default;
};

// Only for messages that have a delay, a group, a deduplication id or a priority; plain ones are
// told by Queue::apply_end alone.
struct Enqueued {
  struct Delay {
    uint32_t index;  // the message is first + index; ascending
    Timestamp due;
    bool operator==(const Delay&) const = default;
  };
  struct Id {
    uint32_t index;
    DedupId id;
    bool operator==(const Id&) const = default;
  };
  struct Priority {
    uint32_t index;
    uint8_t priority;  // not 0
    bool operator==(const Priority&) const = default;
  };
  Timestamp now;
  Offset first;
  uint32_t count = 0;
  Timestamp dedup_expiry;
  std::vector<Delay> delays;
  std::vector<GroupHash> groups;  // empty, or one for each message
  std::vector<Id> ids;
  std::vector<Priority> priorities;  // of those above the lowest
  bool operator==(const Enqueued&) const = default;
};

// A number for each offset of an event, most often the same one.
using Deliveries = absl::InlinedVector<uint32_t, 4>;

struct Leased {
  Timestamp now;
  ConsumerId consumer;
  bool bound = false;  // ends with the consumer
  Timestamp deadline;  // never(): none
  Generation generation;
  Offset frontier;  // afterwards
  OffsetList offsets;
  Deliveries deliveries;  // of each message, this one included
  bool operator==(const Leased&) const = default;
};

struct Settled {
  Timestamp now;
  OffsetList offsets;
  bool operator==(const Settled&) const = default;
};

struct Released {
  Timestamp now;
  Timestamp due;         // ready at this time; not later than now: at once
  bool uncount = false;  // the delivery did not reach anybody and is not counted
  OffsetList offsets;
  bool operator==(const Released&) const = default;
};

struct Extended {
  Timestamp now;
  Timestamp deadline;
  OffsetList offsets;
  bool operator==(const Extended&) const = default;
};

// Releases what is bound to the consumer.
struct ConsumerClosed {
  Timestamp now;
  ConsumerId consumer;
  bool operator==(const ConsumerClosed&) const = default;
};

// A pending entry gets an owner, whatever it had before (a Redis claim, or a read of the own
// history); kNobody when it is given back.
struct Assigned {
  Timestamp now;
  ConsumerId consumer;
  Timestamp delivered_at;
  OffsetList offsets;
  Deliveries deliveries;
  bool operator==(const Assigned&) const = default;
};

// Everything below `floor` is done, except (keep_leased) what is in flight.
struct FloorMoved {
  Timestamp now;
  Offset floor;
  bool keep_leased = false;
  bool clear_dedup = false;
  bool operator==(const FloorMoved&) const = default;
};

// Tracking::kCursor: the next offset to deliver.
struct NextSet {
  Timestamp now;
  Offset next;
  bool operator==(const NextSet&) const = default;
};

struct ConsumerCreated {
  Timestamp now;
  ConsumerId consumer;
  std::string name;
  bool operator==(const ConsumerCreated&) const = default;
};

// Its pending entries are dropped: settled.
struct ConsumerDeleted {
  Timestamp now;
  ConsumerId consumer;
  bool operator==(const ConsumerDeleted&) const = default;
};

using Event = std::variant<Created,
                           PolicySet,
                           Enqueued,
                           Leased,
                           Settled,
                           Released,
                           Extended,
                           ConsumerClosed,
                           Assigned,
                           FloorMoved,
                           NextSet,
                           ConsumerCreated,
                           ConsumerDeleted>;

using Events = absl::InlinedVector<Event, 2>;

void encode(const Event& event, Writer& out);
// kStorageCorrupt when the bytes are no event, or more than one.
Result<Event> decode_event(ByteView bytes);

}  // namespace weir::queue
