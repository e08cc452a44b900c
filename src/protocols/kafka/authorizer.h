#pragma once
// Who may do what: the catalog's access rules, asked for the client of a call (KIP-11; prefixes:
// KIP-290). Every handler asks before it touches or tells of anything but ApiVersions, the login
// and DescribeCluster. Thread: the state shard's.
//
// Super users may do everything. Where no rule is about a resource, Config::access decides.

#include <cstdint>
#include <string_view>

#include "core/catalog/access.h"
#include "protocols/kafka/call.h"
#include "protocols/kafka/topics.h"

namespace weir::kafka {

using catalog::Operation;
using catalog::ResourceType;

// The one name that a cluster has in rules.
inline constexpr std::string_view kClusterName = "kafka-cluster";

class Authorizer {
 public:
  Authorizer(const broker::Broker& broker, const Call& call);
  // For somebody who asks nothing just now; all three must outlive it.
  Authorizer(const broker::Broker& broker, const Config& config, const Peer& peer);

  bool allows(Operation operation, ResourceType type, std::string_view name) const;
  bool topic(Operation operation, std::string_view name) const {
    return allows(operation, ResourceType::kTopic, name);
  }
  bool group(Operation operation, std::string_view name) const {
    return allows(operation, ResourceType::kGroup, name);
  }
  bool cluster(Operation operation) const {
    return allows(operation, ResourceType::kCluster, kClusterName);
  }
  // What resolve() found for a topic, if it may be used so, else TOPIC_AUTHORIZATION_FAILED.
  // `name`: as the request has it; whether such a topic exists is told to nobody who may not use
  // it.
  TopicRef topic(Operation operation, const TopicRef& ref, std::string_view name) const;
  // Whether there is a name of that type that may be used so.
  bool allows_any(Operation operation, ResourceType type) const;
  // What may be done with the cluster; nothing is told to who may not describe it.
  int32_t cluster_operations() const;
  // Those of `possible`, a bit field of operations (KIP-430), that are allowed.
  int32_t operations(int32_t possible, ResourceType type, std::string_view name) const;

 private:
  bool allows_unruled() const;

  const catalog::Access& access_;
  const Config& config_;
  const Peer& peer_;
  bool everything_ = false;  // no need to look
};

}  // namespace weir::kafka
