#pragma once
// Making, deleting and growing topics.

#include "protocols/kafka/gen/topics.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct CreateTopicsHandler {
  using Request = CreateTopicsRequest;
  static constexpr wire::VersionRange kVersions{2, 7};
  static void handle(Call call, Request request);
};

// With the offsets that groups have committed for it. Topics only: a queue belongs to the protocol
// that made it.
struct DeleteTopicsHandler {
  using Request = DeleteTopicsRequest;
  static constexpr wire::VersionRange kVersions{1, 6};
  static void handle(Call call, Request request);
};

struct CreatePartitionsHandler {
  using Request = CreatePartitionsRequest;
  static constexpr wire::VersionRange kVersions{0, 3};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
