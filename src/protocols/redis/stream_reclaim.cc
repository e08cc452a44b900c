#include "protocols/redis/stream_reclaim.h"

#include "base/error.h"

namespace weir::redis {
namespace {

bool has_body(const log::Log& log, Offset offset) {
  return offset >= log.start() && !log.deleted(offset);
}

}  // namespace

Result<std::vector<Reclaimed>> reclaim(Call& call,
                                       const GroupKey& group,
                                       queue::ConsumerId consumer,
                                       Milliseconds idle,
                                       size_t count) {
  std::vector<Reclaimed> taken;
  std::vector<queue::Claim> claims;
  const log::Log* log = call.service.broker().find_log(group.stream.log);
  if (log == nullptr) return taken;
  group.queue->visit_by_age([&](const queue::Lease& lease) {
    const auto waited = idle_of(lease, call.now());
    if (taken.size() == count || (waited && *waited < idle)) return false;
    if (!has_body(*log, lease.offset)) return true;
    taken.push_back({lease.offset, waited.value_or(Milliseconds(call.now().ms())).count(),
                     shown_deliveries(lease.deliveries)});
    claims.push_back({lease.offset, {}, false});
    return true;
  });
  if (claims.empty()) return taken;
  const auto decision = group.queue->decide_claim(consumer, claims, call.now(), false);
  if (!decision) return std::unexpected(decision.error());
  const auto applied = call.service.broker().apply(group.cell, decision->events, call.now());
  if (!applied) return std::unexpected(applied.error());
  return taken;
}

Timestamp next_reclaim(const Call& call, const GroupKey& group, Milliseconds idle) {
  // What is delivered from now on cannot be due earlier.
  Timestamp next = call.now() + idle;
  const log::Log* log = call.service.broker().find_log(group.stream.log);
  if (log == nullptr) return next;
  group.queue->visit_by_age([&](const queue::Lease& lease) {
    if (!has_body(*log, lease.offset)) return true;
    next = lease.consumer == queue::kNobody ? call.now() : lease.last_delivered + idle;
    return false;
  });
  return next;
}

}  // namespace weir::redis
