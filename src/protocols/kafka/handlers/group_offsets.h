#pragma once
// Committed offsets of groups. Stored as given, negative ones too; the answer to a commit waits for
// its durability.

#include "protocols/kafka/gen/group_offsets.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct OffsetCommitHandler {
  using Request = OffsetCommitRequest;
  static constexpr wire::VersionRange kVersions{2, 10};
  static void handle(Call call, Request request);
};

struct OffsetFetchHandler {
  using Request = OffsetFetchRequest;
  static constexpr wire::VersionRange kVersions{1, 10};
  static void handle(Call call, Request request);
};

// Not for topics that a member of the group reads at present (KIP-496).
struct OffsetDeleteHandler {
  using Request = OffsetDeleteRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
