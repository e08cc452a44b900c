#include "core/queue/policy.h"

namespace weir::queue {
namespace {

// The longest duration that is not kNoDeadline: a hundred years, so that sums of times cannot
// overflow.
constexpr Milliseconds kLongest{3'155'760'000'000};
// The largest limit on messages or ids held in memory.
constexpr uint32_t kHeldMax = 100'000'000;
constexpr unsigned kPrioritiesShift = 4;

bool in_range(Milliseconds value) {
  return value >= Milliseconds(0) && value <= kLongest;
}

int64_t encoded(Milliseconds value) {
  return value == kNoDeadline ? -1 : value.count();
}

Milliseconds decoded(int64_t value) {
  return value == -1 ? kNoDeadline : Milliseconds(value);
}

}  // namespace

bool is_valid(const Policy& policy) {
  if (policy.tracking > Tracking::kCursor || policy.order > Order::kGroups) return false;
  if (policy.lease_duration != kNoDeadline && !in_range(policy.lease_duration)) return false;
  if (!in_range(policy.default_delay) || !in_range(policy.dedup_window)) return false;
  if (policy.delivery_limit >= (1U << 24)) return false;
  if (policy.delayed_max > kHeldMax || policy.dedup_ids_max > kHeldMax) return false;
  if (policy.group_window_max == 0 || policy.group_window_max > kHeldMax) return false;
  if (policy.priorities == 0 || policy.priorities > kPrioritiesMax) return false;
  if (policy.priorities > 1 && policy.order != Order::kNone) return false;
  if (policy.tracking == Tracking::kCursor) {
    // A pending entry stays with its owner until it is acknowledged or claimed: there is nothing to
    // return to.
    return policy.order == Order::kNone && policy.lease_duration == kNoDeadline &&
           policy.default_delay == Milliseconds(0) && policy.delivery_limit == 0 &&
           policy.priorities == 1;
  }
  return true;
}

// tracking 1 | order 1, and priorities - 1 in its upper four bits | lease_duration s |
// default_delay s | dedup_window s | delivery_limit v | in_flight_max v | delayed_max v |
// dedup_ids_max v | group_window_max v; durations in milliseconds, -1 for none
void encode(const Policy& policy, Writer& out) {
  out.u8(static_cast<uint8_t>(policy.tracking));
  out.u8(static_cast<uint8_t>(static_cast<unsigned>(policy.order) | (policy.priorities - 1U)
                                                                        << kPrioritiesShift));
  out.svarint(encoded(policy.lease_duration));
  out.svarint(encoded(policy.default_delay));
  out.svarint(encoded(policy.dedup_window));
  out.varint(policy.delivery_limit);
  out.varint(policy.in_flight_max);
  out.varint(policy.delayed_max);
  out.varint(policy.dedup_ids_max);
  out.varint(policy.group_window_max);
}

Policy decode_policy(Reader& in) {
  const auto number = [&in] {
    const uint64_t value = in.varint();
    if (value > UINT32_MAX) in.fail();
    return static_cast<uint32_t>(value);
  };
  Policy policy;
  policy.tracking = static_cast<Tracking>(in.u8());
  const uint8_t order = in.u8();
  policy.order = static_cast<Order>(order & ((1U << kPrioritiesShift) - 1));
  policy.priorities = static_cast<uint8_t>((order >> kPrioritiesShift) + 1);
  policy.lease_duration = decoded(in.svarint());
  policy.default_delay = decoded(in.svarint());
  policy.dedup_window = decoded(in.svarint());
  policy.delivery_limit = number();
  policy.in_flight_max = number();
  policy.delayed_max = number();
  policy.dedup_ids_max = number();
  policy.group_window_max = number();
  if (in.failed() || !is_valid(policy)) {
    in.fail();
    return {};
  }
  return policy;
}

}  // namespace weir::queue
