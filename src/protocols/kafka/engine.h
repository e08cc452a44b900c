#pragma once
// Engine: what the Kafka port has on the state shard. Thread: that shard's.

#include "broker/broker.h"
#include "protocols/kafka/coordinator.h"
#include "protocols/kafka/delegation.h"
#include "protocols/kafka/fetch_sessions.h"
#include "protocols/kafka/quota/quotas.h"

namespace weir::kafka {

class Engine {
 public:
  Engine(broker::Broker& the_broker, runtime::Clock& clock, const Config& config)
      : broker(the_broker),
        groups(the_broker, clock, config),
        fetch_sessions(config.fetch_sessions),
        quotas(the_broker.catalog().access()),
        delegation(the_broker, clock, config),
        clock_(clock) {}

  Timestamp now() { return clock_.now(); }

  broker::Broker& broker;
  Coordinator groups;
  FetchSessions fetch_sessions;
  Quotas quotas;
  Delegation delegation;

 private:
  runtime::Clock& clock_;
};

}  // namespace weir::kafka
