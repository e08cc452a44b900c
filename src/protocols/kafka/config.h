#pragma once
// What the operator may set for the Kafka port; the defaults are Kafka's, except where a reason
// stands.

#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir::kafka {

struct Config {
  int32_t node_id = 1;
  std::string cluster_id = "weir";
  // What clients are told to connect to. Empty: the address that each of them reached.
  std::string advertised_host;
  uint16_t advertised_port = 0;

  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  int64_t default_retention_ms = int64_t{7} * 24 * 60 * 60 * 1000;

  size_t frame_bytes_max = size_t{100} << 20;  // socket.request.max.bytes
  size_t fetch_bytes_max = size_t{55}
                           << 20;  // fetch.max.bytes of the broker: what one answer holds at most
  // A partition's share of a produce request larger than this is refused before the log sees it.
  size_t batch_bytes_max = size_t{64} << 20;

  // Kafka waits 3 s for more members before the first rebalance; here a lone consumer starts at
  // once.
  Milliseconds group_initial_rebalance_delay{0};
  Milliseconds group_session_timeout_min{6'000};
  Milliseconds group_session_timeout_max{1'800'000};
  size_t group_members_max = 10'000;
  size_t group_member_bytes_max =
      size_t{1} << 20;  // what a member brings to a group, or gets from its leader
  size_t offset_metadata_bytes_max = 4096;
  Milliseconds offsets_retention{int64_t{7} * 24 * 60 * 60 * 1000};
  Milliseconds offsets_retention_check{10 * 60 * 1000};
};

}  // namespace weir::kafka
