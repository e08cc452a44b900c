#include "protocols/redis/stream_reclaim.h"

#include <utility>

#include "base/error.h"

namespace weir::redis {
namespace {

bool has_body(const log::Log& log, Offset offset) {
  return offset >= log.start() && !log.deleted(offset);
}

bool is_dead(const queue::Lease& lease, const ReclaimRule& rule) {
  const uint32_t limit = rule.options.deliveries_max;
  return limit != 0 && lease.deliveries >= limit;
}

constexpr size_t kDeadMax = 1000;  // that one reader moves at a time

}  // namespace

Result<std::vector<Reclaimed>> reclaim(Call& call,
                                       const GroupKey& group,
                                       ByteView key,
                                       ByteView name,
                                       queue::ConsumerId consumer,
                                       const ReclaimRule& rule,
                                       size_t count) {
  std::vector<Reclaimed> taken;
  std::vector<Offset> dead;
  std::vector<queue::Claim> claims;
  const log::Log* log = call.service.broker().find_log(group.stream.log);
  if (log == nullptr) return taken;
  group.queue->visit_by_age([&](const queue::Lease& lease) {
    const auto waited = idle_of(lease, call.now());
    if (taken.size() == count || (waited && *waited < rule.idle)) return false;
    if (!has_body(*log, lease.offset)) return true;
    if (is_dead(lease, rule)) {
      dead.push_back(lease.offset);
      return dead.size() < kDeadMax;
    }
    taken.push_back({lease.offset, waited.value_or(Milliseconds(call.now().ms())).count(),
                     shown_deliveries(lease.deliveries)});
    claims.push_back({lease.offset, {}, false});
    return true;
  });
  if (!dead.empty()) move_dead(call, group, key, name, std::move(dead));
  if (claims.empty()) return taken;
  const auto decision = group.queue->decide_claim(consumer, claims, call.now(), false);
  if (!decision) return std::unexpected(decision.error());
  const auto applied = call.service.broker().apply(group.cell, decision->events, call.now());
  if (!applied) return std::unexpected(applied.error());
  return taken;
}

Timestamp next_reclaim(const Call& call, const GroupKey& group, const ReclaimRule& rule) {
  // What is delivered from now on cannot be due earlier.
  Timestamp next = call.now() + rule.idle;
  const log::Log* log = call.service.broker().find_log(group.stream.log);
  if (log == nullptr) return next;
  group.queue->visit_by_age([&](const queue::Lease& lease) {
    const bool moves = is_dead(lease, rule) && lease.last_delivered + rule.idle <= call.now();
    if (!has_body(*log, lease.offset) || moves) return true;
    next = lease.consumer == queue::kNobody ? call.now() : lease.last_delivered + rule.idle;
    return false;
  });
  return next;
}

}  // namespace weir::redis
