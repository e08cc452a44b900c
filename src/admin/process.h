#pragma once
// What the process knows about itself: the endpoints that exist without a broker, and its own
// metrics.

#include <map>
#include <set>
#include <string>

#include "admin/health.h"
#include "admin/router.h"
#include "base/metrics.h"

namespace weir::admin {

// Ports by protocol, "127.0.0.1:9092", as in the ports file.
using Ports = std::map<std::string, std::string>;

std::string ports_json(const Ports& ports);

// GET / , /livez, /readyz (?verbose), /api/v1/ports. All of them must outlive the router.
void add_process_endpoints(Router& router,
                           const Health& health,
                           const Ports& ports,
                           const std::string& version);

// GET /api/v1/listeners: the same with what else a client must know; `tls` names those that speak
// TLS.
void add_listeners_endpoint(Router& router, const Ports& ports, const std::set<std::string>& tls);

// Resident memory, processor time, uptime, open files, version.
void register_process_metrics(MetricRegistry& metrics, const std::string& version);

}  // namespace weir::admin
