#include "protocols/redis/front_end.h"

#include <utility>

#include "protocols/redis/session.h"

namespace weir::redis {

FrontEnd::FrontEnd(runtime::Owned<broker::Broker>& broker,
                   runtime::Clock& clock,
                   ServiceOptions options)
    : shard_(broker.shard()) {
  shard_.run_and_wait([&] {
    auto service = std::make_unique<Service>(
        broker.here(), [&clock] { return clock.now(); }, std::move(options));
    service->start();
    service_ = std::make_unique<runtime::Owned<Service>>(shard_, std::move(service));
  });
}

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
