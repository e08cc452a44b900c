#pragma once
#include "protocols/kafka/gen/scram.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// SCRAM credentials by Kafka's own tools (KIP-554): passwords come salted and hashed. A user whose
// last credential is taken away is gone, unless another front end has notes about him.
struct DescribeUserScramCredentialsHandler {
  using Request = DescribeUserScramCredentialsRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

struct AlterUserScramCredentialsHandler {
  using Request = AlterUserScramCredentialsRequest;
  static constexpr wire::VersionRange kVersions{0, 0};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
