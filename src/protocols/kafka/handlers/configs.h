#pragma once
// Settings of topics, and those of the broker to look at. See topic_config.h.

#include "protocols/kafka/gen/configs.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct DescribeConfigsHandler {
  using Request = DescribeConfigsRequest;
  static constexpr wire::VersionRange kVersions{1, 4};
  static void handle(Call call, Request request);
};

// What is not named goes back to its default.
struct AlterConfigsHandler {
  using Request = AlterConfigsRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

struct IncrementalAlterConfigsHandler {
  using Request = IncrementalAlterConfigsRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

struct ListConfigResourcesHandler {
  using Request = ListConfigResourcesRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
