// A Redis server without a disk, for tests and for measuring the front end alone: the real session,
// service and broker over the journal in memory. Prints its port and serves until its input ends.
//
// Usage: redis_memory_server [PORT]

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "broker/broker.h"
#include "net/connection_shard.h"
#include "net/listener.h"
#include "protocols/redis/session.h"
#include "runtime/clock.h"
#include "runtime/owned.h"
#include "runtime/shard.h"
#include "runtime/timer.h"
#include "storage/memory/memory_journal.h"

namespace weir {
namespace {

// Everything is durable as soon as the reactor's turn is over: group commit with a disk of no
// latency.
class InstantJournal final : public storage::MemoryJournal {
 public:
  explicit InstantJournal(runtime::Shard& shard) : shard_(shard) {}

  Lsn submit(std::span<const broker::Entry> entries,
             Durability durability,
             Timestamp now,
             std::span<broker::Extent> extents) override {
    const Lsn lsn = MemoryJournal::submit(entries, durability, now, extents);
    schedule();
    return lsn;
  }
  void read(CellId cell, const broker::Extent& span, broker::ReadCallback callback) override {
    MemoryJournal::read(cell, span, std::move(callback));
    schedule();
  }

 private:
  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    shard_.post([this] {
      scheduled_ = false;
      sync();
      poll();
    });
  }

  runtime::Shard& shard_;
  bool scheduled_ = false;
};

struct State {
  explicit State(runtime::Shard& shard, net::ConnectionShard& connections, uint16_t port)
      : journal(shard), broker(journal, Random(1)), clock(), timer(shard, [this] { tick(); }) {
    const auto recovered = journal.recover(broker);
    WEIR_ASSERT(recovered.has_value());
    WEIR_ASSERT(broker.start(clock.now()).has_value());
    broker.on_progress([&connections](Lsn written, Lsn durable) {
      connections.watermark().advance(written, durable);
    });
    auto made = std::make_unique<redis::Service>(
        broker, [this] { return clock.now(); }, redis::ServiceOptions{.port = port});
    made->measure_by([] {
      return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    });
    service = std::make_unique<runtime::Owned<redis::Service>>(shard, std::move(made));
  }

  void tick() {
    broker.tick(clock.now());
    timer.arm(Milliseconds(1));
  }

  InstantJournal journal;
  broker::Broker broker;
  runtime::WallClock clock;
  runtime::Timer timer;
  std::unique_ptr<runtime::Owned<redis::Service>> service;
};

int serve(uint16_t port) {
  runtime::Shard shard(0, "weir-0");
  net::ConnectionShard connections(shard);
  State state(shard, connections, port);
  net::ListenerOptions options{
      .name = "redis", .option = "port", .port = port, .limits = redis::connection_limits()};
  auto listener = net::Listener::open(options, {&connections}, redis::sessions(*state.service));
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().message.c_str());
    return 1;
  }
  shard.start();
  shard.post([&state] {
    state.service->here().start();
    state.tick();
  });
  (*listener)->start();
  std::printf("%u\n", (*listener)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  return weir::serve(argc > 1 ? static_cast<uint16_t>(std::atoi(argv[1])) : 0);
}
