// What the delivery engine costs for each message, without log, journal or protocol: decide and
// apply of the lease and of the settle. The number behind the slash is the batch.

#include <benchmark/benchmark.h>

#include <vector>

#include "core/queue/queue.h"

namespace {

using namespace weir;
using namespace weir::queue;

Queue make_queue(const Policy& policy, int64_t backlog) {
  Queue queue;
  queue.apply(*Queue::decide_create(Offset(0), policy, Timestamp(1)));
  queue.apply_end(Offset(backlog));
  return queue;
}

void apply_all(Queue& queue, const Events& events) {
  for (const Event& event : events) queue.apply(event);
}

void lease_and_settle(benchmark::State& state,
                      const Policy& policy,
                      int64_t in_flight,
                      bool bound) {
  const auto batch = static_cast<uint32_t>(state.range(0));
  Queue queue = make_queue(policy, INT64_MAX / 2);
  const ConsumerId consumer = bound ? queue.reserve_consumer() : kNobody;
  int64_t now = 1;
  std::vector<Handle> handles;
  std::vector<Handle> held;  // a ring of what is in flight beside the batch
  size_t at = 0;
  const auto lease = [&](uint32_t count) {
    const auto decision =
        queue.decide_lease({.consumer = consumer, .count = count, .bound = bound});
    apply_all(queue, decision.events);
    handles.clear();
    for (const Lease& one : decision.leases)
      handles.push_back({one.offset, one.generation, consumer});
  };
  while (static_cast<int64_t>(held.size()) < in_flight) {
    lease(1'000);
    held.insert(held.end(), handles.begin(), handles.end());
  }
  for (auto _ : state) {
    queue.advance_time(Timestamp(++now / 1'000 + 1));
    lease(batch);
    for (Handle& handle : handles) {
      if (held.empty()) break;
      std::swap(handle, held[at++ % held.size()]);
    }
    apply_all(queue, queue.decide_settle(handles, Check::kThisLease).events);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

void BM_Plain(benchmark::State& state) {
  lease_and_settle(state, {}, 0, false);
}
void BM_TenThousandInFlight(benchmark::State& state) {
  lease_and_settle(state, {}, 10'000, false);
}
void BM_BoundToAConnection(benchmark::State& state) {
  lease_and_settle(state, {.lease_duration = kNoDeadline}, 1'000, true);
}
BENCHMARK(BM_Plain)->Arg(1)->Arg(10);
BENCHMARK(BM_TenThousandInFlight)->Arg(1)->Arg(10);
BENCHMARK(BM_BoundToAConnection)->Arg(1)->Arg(10);

// Enqueue, lease and settle with a thousand groups.
void BM_Groups(benchmark::State& state) {
  const auto batch = static_cast<uint32_t>(state.range(0));
  Queue queue = make_queue({.order = Order::kGroups}, 0);
  std::vector<NewMessage> messages(batch);
  std::vector<Handle> handles;
  uint64_t group = 0;
  for (auto _ : state) {
    for (NewMessage& message : messages) message.group = (group++ * 7) % 1'000;
    const Event enqueued = *queue.decide_enqueue(queue.end(), messages);
    queue.apply(enqueued);
    const auto decision = queue.decide_lease({.count = batch});
    apply_all(queue, decision.events);
    handles.clear();
    for (const Lease& one : decision.leases)
      handles.push_back({one.offset, one.generation, kNobody});
    apply_all(queue, queue.decide_settle(handles, Check::kThisLease).events);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_Groups)->Arg(1)->Arg(10);

void BM_EncodeAndDecodeALease(benchmark::State& state) {
  Queue queue = make_queue({}, 1'000'000);
  const auto decision = queue.decide_lease({.count = static_cast<uint32_t>(state.range(0))});
  for (auto _ : state) {
    Writer out;
    encode(decision.events.front(), out);
    benchmark::DoNotOptimize(decode_event(out.out()));
  }
}
BENCHMARK(BM_EncodeAndDecodeALease)->Arg(1)->Arg(10);

}  // namespace

BENCHMARK_MAIN();
