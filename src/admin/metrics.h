#pragma once
// GET /metrics: what the registry knows, and what the broker holds. Totals always; a line for each
// topic and queue with ?detail=1, for the first kDetailMax of them.
//
// Source of the format: Prometheus exposition format, version 0.0.4.

#include <cstdint>
#include <functional>
#include <string>

#include "admin/router.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "runtime/clock.h"
#include "runtime/owned.h"

namespace weir::admin {

// Sums over all topics and queues. One step looks at about kLogsPerStep logs; while there
// are more, the sums are those of the last complete round, which later steps go on with.
//
// Thread: the state shard's.
class Census {
 public:
  static constexpr size_t kLogsPerStep = 20'000;

  struct Totals {
    int64_t topics = 0;
    int64_t queues = 0;
    int64_t partitions = 0;  // of topics
    int64_t records = 0;     // in topics
    int64_t log_bytes = 0;
    int64_t ready = 0;
    int64_t leased = 0;
    int64_t delayed = 0;

    bool operator==(const Totals&) const = default;
  };

  void step(broker::Broker& broker, Timestamp now, size_t logs_max = kLogsPerStep);
  const Totals& totals() const { return complete_; }

 private:
  Totals complete_;
  Totals running_;
  catalog::Name from_;
};

inline constexpr size_t kDetailMax = 1000;

// The broker's part of the text.
std::string broker_metrics(broker::Broker& broker, const Census& census);
std::string broker_details(broker::Broker& broker, Timestamp now);

// A label's value, as the format wants it.
std::string metric_label(const std::string& value);

// All of them must outlive the router. `more`: further text, on the state shard. The numbers wait
// for no commit: they acknowledge nothing, and they are wanted most when the disk fails.
void add_metrics_endpoint(Router& router,
                          const MetricRegistry& registry,
                          runtime::Owned<broker::Broker>& broker,
                          runtime::Clock& clock,
                          std::function<std::string(broker::Broker&)> more = {});

}  // namespace weir::admin
