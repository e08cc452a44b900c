#pragma once
// The Kafka port: what the server assembles. Must outlive all of its sessions.

#include <atomic>
#include <memory>
#include <mutex>

#include "base/metrics.h"
#include "broker/broker.h"
#include "net/connection.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/request_memory.h"
#include "runtime/clock.h"
#include "runtime/owned.h"

namespace weir::kafka {

class Engine;
class TokenKeys;

// Counted for every connection; any thread.
struct ServiceMetrics {
  Counter requests;
  Counter refused;  // frames that ended their connection
  Counter logins;
  Counter login_failures;
  Counter memory_waits;  // large requests that had to wait for room
  Counter pauses;        // connections that were not read for a while, by a quota
  Counter unwelcome;     // connections that were held up and closed, by a quota

  void register_in(MetricRegistry& registry) const;
};

class Service {
 public:
  // `broker` and `clock` must outlive the service. Waits for the broker's shard, which must be
  // running.
  Service(runtime::Owned<broker::Broker>& broker, runtime::Clock& clock, Config config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // For a listener; there may be several, which answer with addresses of their own.
  net::SessionFactory sessions() { return sessions(config_.listener); }
  net::SessionFactory sessions(ListenerConfig listener);
  net::ConnectionLimits connection_limits() const;

  const Config& config() const { return config_; }
  runtime::Owned<Engine>& engine() { return *engine_; }
  runtime::Clock& clock() { return clock_; }
  RequestMemory& request_memory() { return request_memory_; }
  // Of this process; see base/credentials/scram_server.h.
  const std::string& decoy_secret() const { return decoy_secret_; }
  ServiceMetrics& metrics() { return metrics_; }
  // Whether the time that requests take is charged against quotas. Any thread.
  bool meters_handling() const { return meters_handling_->load(std::memory_order_relaxed); }

  // Whether new connections have to ask a quota first. Any thread.
  bool meters_connections() const { return meters_connections_->load(std::memory_order_relaxed); }

  // Whose tokens let clients in (OAUTHBEARER); null: nobody's. Any thread; logins that begin later
  // use the new ones.
  void set_token_keys(std::shared_ptr<const TokenKeys> keys);
  std::shared_ptr<const TokenKeys> token_keys() const;

 private:
  const Config config_;
  runtime::Clock& clock_;
  const std::string decoy_secret_;
  std::unique_ptr<runtime::Owned<Engine>> engine_;
  std::shared_ptr<const std::atomic<bool>> meters_handling_;
  std::shared_ptr<const std::atomic<bool>> meters_connections_;
  ServiceMetrics metrics_;
  RequestMemory request_memory_;
  mutable std::mutex token_mutex_;
  std::shared_ptr<const TokenKeys> token_keys_;
};

}  // namespace weir::kafka
