#pragma once
// What weir doctor finds: anti-patterns in how topics, queues and groups are used, each with its
// evidence and the way out. Pure: rules over what was seen of a broker at two moments.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::cli {

// ---- what was seen

// A partition as it stands, and its newest records.
struct SeenPartition {
  int64_t start = 0;
  int64_t end = 0;
};
struct SeenTopic {
  std::string name;
  std::string origin;  // as the admin API says it: kafka, redis, admin, ...
  int64_t retention_ms = -1;
  int64_t retention_bytes = -1;
  int64_t bytes = 0;
  bool compacted = false;
  bool events = false;           // its keys have versions
  std::string versions_problem;  // why they cannot be rebuilt
  std::vector<SeenPartition> partitions;
  // Of its newest records: the keys of those that have one.
  size_t sampled = 0;
  std::vector<std::string> keys;
};
struct SeenQueue {
  std::string name;
  int64_t lease_ms = 0;
  int64_t ready = 0;
  std::string dead_letter;
  int64_t acknowledged = 0;
  int64_t acknowledged_late = 0;
  // The oldest message that is ready.
  std::optional<int64_t> oldest_sent_ms;
  int64_t oldest_receives = 0;
  std::vector<std::string> newest;  // hashes of the newest values
};
struct SeenConsumer {
  std::string name;
  int64_t pending = 0;
  int64_t active_ms = 0;
};
struct SeenGroup {
  std::string name;
  std::vector<std::string> topics;
  int64_t lag = 0;
  std::vector<SeenConsumer> consumers;  // of a stream's group
};
struct SeenBridge {
  std::string name;
  std::string from;  // "topic:orders"
  std::string to;
};

struct SeenCapture {
  std::string name;
  std::string state;
  std::string problem;
  int64_t retained_bytes = 0;
  bool alarm = false;
};

struct Seen {
  int64_t now_ms = 0;
  int64_t disk_free_bytes = 0;
  std::vector<SeenTopic> topics;
  std::vector<SeenQueue> queues;
  std::vector<SeenGroup> groups;
  std::vector<SeenBridge> bridges;
  std::vector<SeenCapture> captures;
};

// ---- what is found

struct Thresholds {
  int64_t age_ms = 3'600'000;  // a dead letter that old, or a pending entry, was forgotten
  int64_t short_retention_ms = 86'400'000;
  int64_t lag_min = 100;
};

struct Finding {
  std::string rule;  // "stream-as-queue"
  std::string subject;
  std::string evidence;
  std::string advice;
};

// `looks`: the same broker at one moment or several, the last one newest; none is fine.
std::vector<Finding> examine(const std::vector<Seen>& looks, const Thresholds& thresholds);

}  // namespace weir::cli
