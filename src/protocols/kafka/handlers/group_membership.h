#pragma once
// The classic group protocol: finding the coordinator (this broker), joining, assigning, staying,
// leaving.

#include "protocols/kafka/gen/group_membership.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Groups only: transactions and share groups have no coordinator here yet.
struct FindCoordinatorHandler {
  using Request = FindCoordinatorRequest;
  static constexpr wire::VersionRange kVersions{0, 6};
  static void handle(Call call, Request request);
};

struct JoinGroupHandler {
  using Request = JoinGroupRequest;
  static constexpr wire::VersionRange kVersions{0, 9};
  static void handle(Call call, Request request);
};

struct SyncGroupHandler {
  using Request = SyncGroupRequest;
  static constexpr wire::VersionRange kVersions{0, 5};
  static void handle(Call call, Request request);
};

struct HeartbeatHandler {
  using Request = HeartbeatRequest;
  static constexpr wire::VersionRange kVersions{0, 4};
  static void handle(Call call, Request request);
};

struct LeaveGroupHandler {
  using Request = LeaveGroupRequest;
  static constexpr wire::VersionRange kVersions{0, 5};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
