#pragma once
#include "protocols/kafka/gen/acls.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Access rules (KIP-11, KIP-140, KIP-290). All rules of a request that are in order are one commit.
struct DescribeAclsHandler {
  using Request = DescribeAclsRequest;
  static constexpr wire::VersionRange kVersions{1, 3};
  static void handle(Call call, Request request);
};

struct CreateAclsHandler {
  using Request = CreateAclsRequest;
  static constexpr wire::VersionRange kVersions{1, 3};
  static void handle(Call call, Request request);
};

struct DeleteAclsHandler {
  using Request = DeleteAclsRequest;
  static constexpr wire::VersionRange kVersions{1, 3};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
