#pragma once
// What the operator may set for the Kafka port; the defaults are Kafka's, except where a reason
// stands.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace weir::kafka {

// Who may use what no access rule is about.
enum class Unruled : uint8_t {
  kAllowIfNoRules,  // everybody, while there is no rule at all
  kAllow,           // everybody (Kafka's allow.everyone.if.no.acl.found)
  kDeny,            // nobody
};

enum class Sasl : uint8_t {
  kOff,       // nobody can log in
  kOptional,  // who does not is anonymous
  kRequired,  // who does not is not answered
};

// What is remembered of clients that fetch; see fetch_sessions.h.
struct FetchSessionLimits {
  size_t sessions_max = 1'000;
  size_t partitions_max = 200'000;  // in all sessions together
  Milliseconds idle_before_eviction{120'000};
};

// What large requests may take while they arrive; see request_memory.h.
struct RequestMemoryLimits {
  size_t bytes_max = size_t{1} << 30;
  size_t address_bytes_max = size_t{256} << 20;
  size_t uncounted_bytes = size_t{1} << 20;
};

// What holds for the clients of one listener.
struct ListenerConfig {
  // What clients are told to connect to. Empty, 0: the address and the port that each of them
  // reached.
  std::string advertised_host;
  uint16_t advertised_port = 0;
  Sasl sasl = Sasl::kOptional;
};

struct Config {
  int32_t node_id = 1;
  std::string cluster_id = "weir";
  ListenerConfig listener;  // of Service::sessions() without another one

  std::vector<std::string> sasl_mechanisms{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
  // Clients have to log in again within that time (KIP-368); 0: never.
  Milliseconds session_lifetime{0};
  // Before a failed login is answered.
  Milliseconds failed_login_pause{1000};

  // Delegation tokens: how long they can be renewed, how long they live unless they are, and how
  // often those that have ended are removed.
  Milliseconds delegation_token_max_lifetime{int64_t{7} * 24 * 60 * 60 * 1000};
  Milliseconds delegation_token_expiry{int64_t{24} * 60 * 60 * 1000};
  Milliseconds delegation_token_check{int64_t{60} * 60 * 1000};

  Unruled access = Unruled::kAllowIfNoRules;
  std::vector<std::string> super_users;  // names; no rule binds them

  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  int64_t default_retention_ms = int64_t{7} * 24 * 60 * 60 * 1000;

  size_t frame_bytes_max = size_t{100} << 20;  // socket.request.max.bytes
  size_t fetch_bytes_max = size_t{55}
                           << 20;  // fetch.max.bytes of the broker: what one answer holds at most
  FetchSessionLimits fetch_sessions{};
  RequestMemoryLimits request_memory{};
  // A partition's share of a produce request larger than this is refused before the log sees it.
  size_t batch_bytes_max = size_t{64} << 20;

  // Kafka waits 3 s for more members before the first rebalance; here a lone consumer starts at
  // once.
  Milliseconds group_initial_rebalance_delay{0};
  Milliseconds group_session_timeout_min{6'000};
  Milliseconds group_session_timeout_max{1'800'000};
  // Of consumer groups that the broker shares out, unless a group has a setting of its own.
  Milliseconds consumer_session_timeout{45'000};
  Milliseconds consumer_heartbeat_interval{5'000};
  // Of streams groups, likewise.
  Milliseconds streams_session_timeout{45'000};
  Milliseconds streams_heartbeat_interval{5'000};
  Milliseconds streams_assignment_interval{1'000};
  int32_t streams_standbys = 0;
  size_t group_members_max = 10'000;
  size_t group_member_bytes_max =
      size_t{1} << 20;  // what a member brings to a group, or gets from its leader
  size_t offset_metadata_bytes_max = 4096;
  Milliseconds offsets_retention{int64_t{7} * 24 * 60 * 60 * 1000};
  Milliseconds offsets_retention_check{10 * 60 * 1000};
};

}  // namespace weir::kafka
