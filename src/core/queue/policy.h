#pragma once
// What makes one delivery engine an SQS queue, an AMQP queue, a Kafka share group or a Redis stream
// group: values, never code paths of their own. A policy is state of its queue: it changes by an
// event and replays with it.

#include <cstdint>

#include "base/time.h"
#include "base/wire.h"

namespace weir::queue {

// A lease duration that means: no deadline.
constexpr Milliseconds kNoDeadline = Milliseconds::max();

enum class Order : uint8_t {
  kNone = 0,    // lowest ready offset first; any number in flight
  kStrict = 1,  // the whole queue is one message group
  kGroups = 2,  // per message group: the first not yet settled message of a group that is in flight
                // closes what follows it
};

// What is remembered of a message after its settle.
enum class Tracking : uint8_t {
  kEveryMessage =
      0,        // each message is settled once and never delivered again (SQS, AMQP, share groups)
  kCursor = 1,  // only the cursor and the pending entries: below the cursor a message without a
                // pending entry is done, the cursor may go back, a done message may be claimed
                // again (Redis stream groups)
};

// The most priorities that a queue can have: a message's own is from 0, the lowest, to 9.
constexpr uint8_t kPrioritiesMax = 10;

struct Policy {
  Tracking tracking = Tracking::kEveryMessage;
  Order order = Order::kNone;           // kCursor demands kNone
  Milliseconds lease_duration{30'000};  // when a lease command names none; kNoDeadline is allowed
  Milliseconds default_delay{0};        // for messages that name no delay of their own
  Milliseconds dedup_window{300'000};   // how long a deduplication id is remembered
  uint32_t delivery_limit = 0;          // deliveries before a message is a dead letter; 0: no limit
  uint32_t in_flight_max = 0;           // leases at a time; 0: no limit
  uint32_t delayed_max =
      1'000'000;  // messages that wait for their time in memory (about 60 bytes each)
  uint32_t dedup_ids_max = 1'000'000;  // remembered deduplication ids (about 32 bytes each)
  uint32_t group_window_max =
      1'000'000;           // messages whose group is known ahead of delivery (16 bytes each)
  uint8_t priorities = 1;  // above 1: the highest goes first; demands kEveryMessage and kNone

  bool operator==(const Policy&) const = default;
};

// False when a value is out of its range; such a policy is never applied.
bool is_valid(const Policy& policy);

void encode(const Policy& policy, Writer& out);
// Fails the reader when the bytes hold no valid policy.
Policy decode_policy(Reader& in);

}  // namespace weir::queue
