#pragma once
// Delegation: tokens that log in for their owner (KIP-48; for somebody else: KIP-373), made,
// renewed and ended by the catalog's entries. Thread: the state shard's.
//
// Those that have ended are removed at the next check, and before a limit refuses a new one; they
// are no good from the moment on that they end.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "broker/broker.h"
#include "protocols/kafka/config.h"
#include "protocols/kafka/errors.h"
#include "runtime/clock.h"

namespace weir::kafka {

class Delegation {
 public:
  // All three must outlive it.
  Delegation(broker::Broker& broker, runtime::Clock& clock, const Config& config);

  struct Wish {
    std::string owner;  // principals: "User:alice"
    std::string requester;
    std::vector<std::string> renewers;
    int64_t max_lifetime_ms = -1;  // 0 and below: as long as the broker allows
  };
  std::expected<std::shared_ptr<const catalog::Token>, KafkaError> create(const Wish& wish);

  // By its secret, for its owner and its renewers; until when it lives then.
  using Expiry = std::expected<Timestamp, KafkaError>;
  Expiry renew(ByteView secret, std::string_view principal, int64_t period_ms);
  // Below 0: it is removed at once.
  Expiry expire(ByteView secret, std::string_view principal, int64_t period_ms);

 private:
  Timestamp now() { return clock_.now(); }
  Expiry set_expiry(const catalog::Token& token, Timestamp expires);
  void remove_expired();
  void check_later();

  broker::Broker& broker_;
  runtime::Clock& clock_;
  const Config& config_;
  bool checking_ = false;
};

}  // namespace weir::kafka
