#pragma once
#include "protocols/kafka/gen/quotas.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Quotas of clients (KIP-546). Which one holds, and what comes of it: quota/quotas.h. Quotas that
// this broker does not enforce are refused by name.
struct DescribeClientQuotasHandler {
  using Request = DescribeClientQuotasRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

// All changes of a request that are in order are one commit.
struct AlterClientQuotasHandler {
  using Request = AlterClientQuotasRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
