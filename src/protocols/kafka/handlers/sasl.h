#pragma once
#include "protocols/kafka/gen/sasl.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

// Both belong to their connection: its Authenticator answers them.
struct SaslHandshakeHandler {
  using Request = SaslHandshakeRequest;
  static constexpr wire::VersionRange kVersions{0, 1};
  static void handle(Call call, Request request);
};

struct SaslAuthenticateHandler {
  using Request = SaslAuthenticateRequest;
  static constexpr wire::VersionRange kVersions{0, 2};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
