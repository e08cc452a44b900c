#include "protocols/kafka/service.h"

#include <latch>
#include <utility>

#include "base/credentials/scram.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/session.h"

namespace weir::kafka {
namespace {

constexpr size_t kDecoySecretBytes = 32;

}  // namespace

void ServiceMetrics::register_in(MetricRegistry& registry) const {
  registry.add("weir_kafka_requests_total", "Kafka requests that were handled", {}, requests);
  registry.add("weir_kafka_refused_total", "Kafka frames that ended their connection", {}, refused);
  registry.add("weir_kafka_logins_total", "SASL logins of Kafka clients", {}, logins);
  registry.add("weir_kafka_login_failures_total", "SASL logins that failed", {}, login_failures);
  registry.add("weir_kafka_request_memory_waits_total",
               "Large Kafka requests that had to wait for room", {}, memory_waits);
  registry.add("weir_kafka_quota_pauses_total",
               "Times that a Kafka connection was not read for a while, by a quota", {}, pauses);
  registry.add("weir_kafka_connections_over_quota_total",
               "Kafka connections that were closed unread, by connection_creation_rate", {},
               unwelcome);
}

Service::Service(runtime::Owned<broker::Broker>& broker, runtime::Clock& clock, Config config)
    : config_(std::move(config)),
      clock_(clock),
      decoy_secret_(random_bytes(kDecoySecretBytes)),
      request_memory_(config_.request_memory) {
  std::unique_ptr<Engine> engine;
  std::latch made(1);
  broker.call([&](broker::Broker& here) {
    engine = std::make_unique<Engine>(here, clock, config_);
    meters_handling_ = engine->quotas.handles_metered();
    meters_connections_ = engine->quotas.connections_metered();
    made.count_down();
  });
  made.wait();
  engine_ = std::make_unique<runtime::Owned<Engine>>(broker.shard(), std::move(engine));
}

Service::~Service() = default;

void Service::set_token_keys(std::shared_ptr<const TokenKeys> keys) {
  const std::scoped_lock lock(token_mutex_);
  token_keys_ = std::move(keys);
}

std::shared_ptr<const TokenKeys> Service::token_keys() const {
  const std::scoped_lock lock(token_mutex_);
  return token_keys_;
}

net::SessionFactory Service::sessions(ListenerConfig listener) {
  return [this, listener = std::move(listener)](net::Connection& connection) {
    return std::make_unique<Session>(connection, *this, listener);
  };
}

net::ConnectionLimits Service::connection_limits() const {
  net::ConnectionLimits limits;
  limits.request_bytes_max = config_.frame_bytes_max + kFrameSizeBytes;
  // One full fetch answer may stand behind another; above that the client has to read first.
  limits.output_bytes_max = 2 * config_.fetch_bytes_max;
  limits.replies_max = 1024;
  return limits;
}

}  // namespace weir::kafka
