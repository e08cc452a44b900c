#pragma once
#include "protocols/kafka/gen/group_admin.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// An unknown group is Dead; from version 6 on that is also an error (KIP-1043).
struct DescribeGroupsHandler {
  using Request = DescribeGroupsRequest;
  static constexpr wire::VersionRange kVersions{0, 6};
  static void handle(Call call, Request request);
};

struct ListGroupsHandler {
  using Request = ListGroupsRequest;
  static constexpr wire::VersionRange kVersions{0, 5};
  static void handle(Call call, Request request);
};

struct DeleteGroupsHandler {
  using Request = DeleteGroupsRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
