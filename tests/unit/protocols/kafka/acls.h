#pragma once
// A Kafka port whose access rules let nobody do anything but the super user, and two clients.

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/credentials/scram.h"
#include "protocols/kafka/errors.h"
#include "protocols/kafka/gen/acls.h"
#include "protocols/kafka/gen/fetch.h"
#include "protocols/kafka/gen/metadata.h"
#include "protocols/kafka/gen/produce.h"
#include "protocols/kafka/gen/sasl.h"
#include "tests/unit/protocols/kafka/port.h"

namespace weir::kafka {

using catalog::AccessRule;
using catalog::Operation;
using catalog::Pattern;
using catalog::Permission;
using catalog::ResourceType;

inline constexpr int16_t kTopicRefused = wire_code(KafkaError::kTopicAuthorizationFailed);
inline constexpr int16_t kGroupRefused = wire_code(KafkaError::kGroupAuthorizationFailed);
inline constexpr int16_t kClusterRefused = wire_code(KafkaError::kClusterAuthorizationFailed);

inline Bytes orders() {
  return wire::literal("orders");
}
inline Bytes crew() {
  return wire::literal("crew");
}

inline Config strict() {
  Config config;
  config.access = Unruled::kDeny;
  config.super_users = {"admin"};
  return config;
}

class Acls : public testing::Test {
 protected:
  explicit Acls(Config config = strict()) : port(std::move(config)) {
    port.on_broker([](broker::Broker& broker) {
      for (const std::string name : {"admin", "alice", "bob"}) {
        catalog::User user;
        user.name = name;
        user.credentials = credentials_of(name);
        ASSERT_TRUE(broker.put_user(user, broker.now()));
      }
      ASSERT_TRUE(
          broker.create_topic({.name = {"", "orders"}, .log = {}, .properties = {}}, broker.now()));
    });
    log_in(alice, "alice");
    log_in(admin, "admin");
  }

  static void log_in(Client& client, const std::string& name) {
    SaslHandshakeRequest handshake;
    handshake.mechanism = wire::literal("PLAIN");
    ASSERT_EQ(client.call<SaslHandshakeResponse>(1, handshake).error_code, 0);
    SaslAuthenticateRequest request;
    request.auth_bytes = Bytes::take('\0' + name + '\0' + name);
    ASSERT_EQ(client.call<SaslAuthenticateResponse>(2, request).error_code, 0);
  }

  void allow(Operation operation, ResourceType type, std::string name) {
    add({.type = type,
         .pattern = Pattern::kLiteral,
         .name = std::move(name),
         .principal = "User:alice",
         .host = "*",
         .operation = operation,
         .permission = Permission::kAllow});
  }
  void add(const AccessRule& rule) {
    port.on_broker(
        [&](broker::Broker& broker) { ASSERT_TRUE(broker.add_rules({&rule, 1}, broker.now())); });
  }
  size_t rules() {
    size_t count = 0;
    port.on_broker(
        [&](broker::Broker& broker) { count = broker.catalog().access().rules().size(); });
    return count;
  }

  static int16_t produce(Client& client) {
    ProduceRequest request;
    request.acks = -1;
    auto& topic = request.topic_data.emplace_back();
    topic.name = orders();
    topic.partition_data.emplace_back().records.emplace(batch_of({"x"}));
    return client.call<ProduceResponse>(9, request)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  }
  static int16_t fetch(Client& client) {
    FetchRequest request;
    request.max_bytes = 1 << 20;
    auto& topic = request.topics.emplace_back();
    topic.topic = orders();
    topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
    return client.call<FetchResponse>(11, request).responses.at(0).partitions.at(0).error_code;
  }
  static MetadataResponse::Topic metadata(Client& client, const std::string& name = "orders") {
    MetadataRequest request;
    request.include_topic_authorized_operations = true;
    request.topics.emplace().emplace_back().name = Bytes::copy_of(name);
    return client.call<MetadataResponse>(9, request).topics.at(0);
  }
  static DescribeAclsRequest everything() {
    DescribeAclsRequest request;
    request.resource_type_filter = request.operation = request.permission_type = 1;
    request.pattern_type_filter = 1;
    return request;
  }
  static CreateAclsRequest::Creation creation() {
    CreateAclsRequest::Creation made;
    made.resource_type = static_cast<int8_t>(ResourceType::kTopic);
    made.resource_name = orders();
    made.resource_pattern_type = static_cast<int8_t>(Pattern::kLiteral);
    made.principal = wire::literal("User:alice");
    made.host = wire::literal("*");
    made.operation = static_cast<int8_t>(Operation::kRead);
    made.permission_type = static_cast<int8_t>(Permission::kAllow);
    return made;
  }

  Port port;
  Client alice{port};
  Client admin{port};
};

// What a request answers, by its key: to somebody who may do nothing, and how to ask.
using Ask = std::function<int16_t(Client&)>;
using Questions = std::map<int16_t, std::pair<int16_t, Ask>>;

template <typename Response, typename Request>
Response one(Client& client, int16_t version, const Request& request) {
  return client.call<Response>(version, request);
}

}  // namespace weir::kafka
