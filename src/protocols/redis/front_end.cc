#include "protocols/redis/front_end.h"

#include <chrono>
#include <utility>

#include "base/assert.h"
#include "protocols/redis/session.h"

namespace weir::redis {

FrontEnd::FrontEnd(runtime::Owned<broker::Broker>& broker,
                   runtime::Clock& clock,
                   ServiceOptions options)
    : shard_(broker.shard()), comparisons_(1, Logins::kComparisonsMax) {
  shard_.run_and_wait([&] {
    auto service = std::make_unique<Service>(
        broker.here(), [&clock] { return clock.now(); }, std::move(options));
    service->logins().compare_by([this](Logins::Work work, Logins::Done done) {
      const auto begun = comparisons_.submit(shard_, std::move(work), std::move(done));
      WEIR_ASSERT(begun.has_value(), "more comparisons of passwords than there may be");
    });
    service->measure_by([] {
      return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    });
    service->start();
    service_ = std::make_unique<runtime::Owned<Service>>(shard_, std::move(service));
  });
}

// What is compared still comes back to nobody.
FrontEnd::~FrontEnd() {
  shard_.run_and_wait([this] { service_.reset(); });
}

net::ConnectionLimits FrontEnd::limits() const {
  return connection_limits();
}

net::SessionFactory FrontEnd::factory() {
  return sessions(*service_);
}

void FrontEnd::opened(uint16_t port) {
  shard_.run_and_wait([this, port] { service_->here().opened(port); });
}

}  // namespace weir::redis
