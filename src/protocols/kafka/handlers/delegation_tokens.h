#pragma once
// Delegation tokens. Only who has logged in, or showed a certificate, is answered; who logged in
// with a token is not.

#include "protocols/kafka/gen/delegation_tokens.h"
#include "protocols/kafka/handlers/handler.h"

namespace weir::kafka {

struct CreateDelegationTokenHandler {
  using Request = CreateDelegationTokenRequest;
  static constexpr wire::VersionRange kVersions{1, 3};
  static void handle(Call call, Request request);
};

struct RenewDelegationTokenHandler {
  using Request = RenewDelegationTokenRequest;
  static constexpr wire::VersionRange kVersions{1, 2};
  static void handle(Call call, Request request);
};

struct ExpireDelegationTokenHandler {
  using Request = ExpireDelegationTokenRequest;
  static constexpr wire::VersionRange kVersions{1, 2};
  static void handle(Call call, Request request);
};

struct DescribeDelegationTokenHandler {
  using Request = DescribeDelegationTokenRequest;
  static constexpr wire::VersionRange kVersions{1, 3};
  static void handle(Call call, Request request);
};

}  // namespace weir::kafka
