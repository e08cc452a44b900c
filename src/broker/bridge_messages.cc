// Bridges that empty a queue: its messages are sent on, and end where they were in the same commit.
// A dead-letter queue goes back to its source so.

#include "broker/bridge_step.h"
#include "broker/broker.h"

namespace weir::broker {
namespace {

// A step that is lost in a crash gives its messages back after this time.
constexpr Milliseconds kLease{30'000};
// After a refusal, before the same messages are tried again.
constexpr Milliseconds kPause{1000};

}  // namespace

void Broker::receive_for_bridge(const catalog::Bridge& bridge,
                                BridgeCell& position,
                                const Thing& from) {
  auto* queue = find<QueueCell>(from.queue);
  if (queue == nullptr) return;
  queue->queue.advance_time(now_);
  if (!queue->queue.may_deliver()) return;
  position.running = true;
  ReceiveOptions options;
  options.count = limits_.bridge_batch;
  options.lease = kLease;
  receive(from.queue, options, now_,
          [this, name = bridge.name, cell = bridge.cell,
           source = from.queue](Result<Received> received) {
            auto* state = find<BridgeCell>(cell);
            if (state == nullptr) return;  // the leases end by themselves
            state->running = false;
            if (find<QueueCell>(source) == nullptr) {
              bridges_due_.insert(name);  // a queue of that name is another one
              return;
            }
            if (!received) {
              state->problem = received.error().message;
              ++state->counts.failures;
              return;
            }
            if (!received->deliveries.empty()) bridge_messages(name, *received, now_);
          });
}

void Broker::bridge_messages(const std::string& name, const Received& received, Timestamp now) {
  const Turn turn(*this, now);
  const catalog::Bridge bridge = *catalog_.find_bridge(name);
  auto& position = cell<BridgeCell>(bridge.cell);
  const Thing* from = catalog_.find(bridge.from);
  const Thing* to = catalog_.find(bridge.to);
  if (from == nullptr || to == nullptr) return;
  if (!turn.ok()) {
    position.problem = turn.status().error().message;
    ++position.counts.failures;
    return;
  }
  const queue::Queue* source = find_queue(from->queue, now_);
  if (source == nullptr) return;
  BridgeStep step(bridge, *to, 0);
  std::vector<queue::Handle> done;
  std::vector<queue::Handle> kept;
  Result<void> moved;
  for (const Delivery& delivery : received.deliveries) {
    const queue::Handle handle{delivery.lease.offset, delivery.lease.generation};
    const auto lease = source->lease_of(handle.offset);
    if (!lease || lease->generation != handle.generation) continue;  // settled or ended meanwhile
    step.passes(delivery.record);
    if (moved) moved = bridge_record(step, delivery.record);
    (moved ? done : kept).push_back(handle);
  }
  if (!done.empty()) {
    const auto settled = settle(from->queue, done, queue::Check::kThisLease, now_, name);
    WEIR_ASSERT(settled && settled->done == done.size(),
                "bridge {} does not hold what it has just moved", name);
    position.counts.moved += done.size();
    position.counts.last_moved = now_;
    position.problem.clear();
    bridges_due_.insert(name);
  }
  if (kept.empty()) return;
  position.problem = moved.error().message;
  ++position.counts.failures;
  (void)release(from->queue, kept, queue::Check::kThisLease, kPause, now_);
}

}  // namespace weir::broker
