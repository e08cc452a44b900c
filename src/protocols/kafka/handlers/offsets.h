#pragma once
// ListOffsets, OffsetForLeaderEpoch and DeleteRecords: where a log begins, ends, and what is where
// in time.

#include "protocols/kafka/gen/offsets.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// By time: the first record at or after it; -1 and -1 when there is none. -1 the end, -2 and -4 the
// start, -3 the record with the highest time, -5 nothing (there is no tiered storage).
struct ListOffsetsHandler {
  using Request = ListOffsetsRequest;
  static constexpr wire::VersionRange kVersions{1, 11};
  static void handle(Call call, Request request);
};

struct OffsetForLeaderEpochHandler {
  using Request = OffsetForLeaderEpochRequest;
  static constexpr wire::VersionRange kVersions{2, 4};
  static void handle(Call call, Request request);
};

// Topics only: what a queue has not handed out yet is not deleted behind its back.
struct DeleteRecordsHandler {
  using Request = DeleteRecordsRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
