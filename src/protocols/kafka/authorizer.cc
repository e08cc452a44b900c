#include "protocols/kafka/authorizer.h"

#include <algorithm>

#include "protocols/kafka/operations.h"

namespace weir::kafka {
namespace {

bool is_super_user(const Config& config, std::string_view principal) {
  return std::ranges::any_of(config.super_users, [&](const std::string& name) {
    return principal.starts_with(kUserPrefix) && principal.substr(kUserPrefix.size()) == name;
  });
}

}  // namespace

Authorizer::Authorizer(const broker::Broker& broker, const Call& call)
    : Authorizer(broker, call.config(), call.peer()) {}

Authorizer::Authorizer(const broker::Broker& broker, const Config& config, const Peer& peer)
    : access_(broker.catalog().access()), config_(config), peer_(peer) {
  everything_ = (access_.rules().empty() && config_.access != Unruled::kDeny) ||
                is_super_user(config_, peer_.principal);
}

bool Authorizer::allows_unruled() const {
  switch (config_.access) {
    case Unruled::kAllowIfNoRules: return access_.rules().empty();
    case Unruled::kAllow: return true;
    case Unruled::kDeny: return false;
  }
  return false;
}

bool Authorizer::allows(Operation operation, ResourceType type, std::string_view name) const {
  if (everything_) return true;
  switch (access_.judge({type, name, operation, peer_.principal, peer_.host})) {
    case catalog::Verdict::kAllowed: return true;
    case catalog::Verdict::kDenied: return false;
    case catalog::Verdict::kNoRule: return allows_unruled();
  }
  return false;
}

TopicRef Authorizer::topic(Operation operation, const TopicRef& ref, std::string_view name) const {
  if (!ref.thing && name.empty()) return ref;  // asked for by an id that nothing has
  if (topic(operation, ref.thing ? std::string_view(ref.thing->name.name) : name)) return ref;
  return {nullptr, KafkaError::kTopicAuthorizationFailed};
}

bool Authorizer::allows_any(Operation operation, ResourceType type) const {
  if (everything_ || allows_unruled()) return true;
  return access_.allows_any({type, {}, operation, peer_.principal, peer_.host});
}

int32_t Authorizer::cluster_operations() const {
  if (!cluster(Operation::kDescribe)) return 0;
  return operations(kClusterOperations, ResourceType::kCluster, kClusterName);
}

int32_t Authorizer::operations(int32_t possible, ResourceType type, std::string_view name) const {
  if (everything_) return possible;
  int32_t allowed = 0;
  for (int32_t code = static_cast<int32_t>(Operation::kRead);
       code <= static_cast<int32_t>(Operation::kTwoPhaseCommit); ++code) {
    const int32_t bit = 1 << code;
    if ((possible & bit) != 0 && allows(static_cast<Operation>(code), type, name)) allowed |= bit;
  }
  return allowed;
}

}  // namespace weir::kafka
