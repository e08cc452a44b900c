// rooms: base core/queue
// Arbitrary bytes as the image of a queue: refused, or a queue that works: time passes, messages
// are leased, settled and purged, and its own image leads to the same state again.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "core/queue/queue.h"

namespace {

void expect_same_after_a_round(const weir::queue::Queue& queue) {
  weir::Writer out;
  queue.save(out);
  weir::Reader in(out.out());
  const auto again = weir::queue::Queue::load(in);
  WEIR_ASSERT(again.has_value() && in.done() && again->same_state(queue),
              "an image changes when it is written and read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  Reader in(ByteView(reinterpret_cast<const char*>(data), size));
  auto loaded = queue::Queue::load(in);
  if (!loaded) return 0;
  queue::Queue& queue = *loaded;
  expect_same_after_a_round(queue);
  queue.advance_time(queue.now() + Milliseconds(1'000));
  const auto before = queue.counts();
  const auto decision = queue.decide_lease({.count = 10});
  for (const auto& event : decision.events) queue.apply(event);
  const auto after = queue.counts();
  WEIR_ASSERT(
      queue.policy().tracking == queue::Tracking::kCursor ||
          after.ready + decision.leases.size() + decision.dead_letters.size() == before.ready,
      "a lease changes the number of messages");
  std::vector<queue::Handle> handles;
  for (const auto& lease : decision.leases)
    handles.push_back({lease.offset, lease.generation, lease.consumer});
  for (const auto& event : queue.decide_settle(handles, queue::Check::kThisLease).events)
    queue.apply(event);
  expect_same_after_a_round(queue);
  queue.apply(queue.decide_purge(false, true));
  expect_same_after_a_round(queue);
  return 0;
}
