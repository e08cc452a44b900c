#pragma once
// /api/v1/cdc: captures of databases. docs/cdc.md describes them.

#include "admin/router.h"
#include "broker/broker.h"
#include "connectors/manager.h"
#include "runtime/owned.h"

namespace weir::admin {

// All of them must outlive the router.
void add_cdc_endpoints(Router& router,
                       runtime::Owned<broker::Broker>& broker,
                       connectors::Manager& manager);

// Their part of GET /metrics: totals, and lines for each capture. On the state shard.
std::string cdc_metrics(const broker::Broker& broker, const connectors::Manager& manager);

}  // namespace weir::admin
