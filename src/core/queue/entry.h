#pragma once
// What the engine remembers of one message that is leased, delayed, or was delivered before: 32
// bytes. Times are milliseconds of 48 bits (until the year 10889), an all-ones due time is "never".
// Delivery counts stop at 16,777,215.

#include <cstdint>

#include "base/time.h"
#include "core/queue/events.h"

namespace weir::queue {

enum class EntryState : uint8_t { kReady = 0, kLeased = 1, kDelayed = 2 };

constexpr uint32_t kDeliveriesMax = (1U << 24) - 1;

class Entry {
 public:
  EntryState state() const { return static_cast<EntryState>(state_); }
  bool bound() const { return bound_ != 0; }
  uint8_t priority() const { return static_cast<uint8_t>(priority_); }
  bool has_due() const { return due_ != kNever; }
  Timestamp due() const { return expand(due_); }  // end of the lease, or of the delay
  Timestamp first_delivered() const { return expand(first_); }
  Timestamp last_delivered() const { return expand(last_); }
  uint32_t deliveries() const {
    return static_cast<uint32_t>(deliveries_low_) | static_cast<uint32_t>(deliveries_high_) << 16;
  }
  Generation generation() const { return Generation(generation_); }
  ConsumerId consumer() const {
    return ConsumerId(static_cast<uint32_t>(consumer_low_) | static_cast<uint32_t>(consumer_high_)
                                                                 << 16);
  }

  void set_state(EntryState state) { state_ = static_cast<uint8_t>(state) & 3U; }
  void set_bound(bool bound) { bound_ = bound ? 1 : 0; }
  void set_priority(uint8_t priority) { priority_ = priority & 15U; }
  void set_due(Timestamp due) { due_ = pack(due); }
  void set_first_delivered(Timestamp time) { first_ = pack(time); }
  void set_last_delivered(Timestamp time) { last_ = pack(time); }
  void set_deliveries(uint32_t count) {
    count = count < kDeliveriesMax ? count : kDeliveriesMax;
    deliveries_low_ = count & 0xffffU;
    deliveries_high_ = (count >> 16) & 0xffU;
  }
  void set_generation(Generation generation) { generation_ = generation.value() & kNever; }
  void set_consumer(ConsumerId consumer) {
    consumer_low_ = consumer.value() & 0xffffU;
    consumer_high_ = consumer.value() >> 16;
  }

  // The time that an entry holds when it is told `time`.
  static Timestamp rounded(Timestamp time) { return expand(pack(time)); }

 private:
  static constexpr uint64_t kNever = (1ULL << 48) - 1;
  static uint64_t pack(Timestamp time) {
    if (time.ms() <= 0) return 0;
    const auto ms = static_cast<uint64_t>(time.ms());
    return ms < kNever ? ms : kNever;
  }
  static Timestamp expand(uint64_t ms) {
    return ms == kNever ? Timestamp::never() : Timestamp(static_cast<int64_t>(ms));
  }

  uint64_t due_ : 48 = kNever;
  uint64_t consumer_low_ : 16 = 0;
  uint64_t first_ : 48 = 0;
  uint64_t consumer_high_ : 16 = 0;
  uint64_t last_ : 48 = 0;
  uint64_t deliveries_low_ : 16 = 0;
  uint64_t generation_ : 48 = 0;
  uint64_t deliveries_high_ : 8 = 0;
  uint64_t state_ : 2 = 0;
  uint64_t bound_ : 1 = 0;
  uint64_t priority_ : 4 = 0;
};
static_assert(sizeof(Entry) == 32);

}  // namespace weir::queue
