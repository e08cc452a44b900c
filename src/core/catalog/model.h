#pragma once
// What the catalog knows: things (topics and queues), consumer groups, keyspaces, bridges and
// connectors. Plain values.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace weir::catalog {

// A name lives in a namespace and is one thing there. "" is the default namespace; others are an
// SQS account and region, a Redis database above 0, an AMQP virtual host.
struct Name {
  std::string space;
  std::string name;

  auto operator<=>(const Name&) const = default;
};

// A random 128-bit identity; never reused, also when a name is.
struct Uuid {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const Uuid&) const = default;
};

enum class Kind : uint8_t { kTopic = 1, kQueue = 2 };

// Which front end made a thing; Redis may delete or rename only what Redis made.
enum class Origin : uint8_t { kNone = 0, kKafka = 1, kSqs = 2, kRedis = 3, kAmqp = 4, kAdmin = 5 };

inline constexpr int64_t kUnlimited = -1;

// Compaction by key: of each key the newest record stays. Kafka's topic settings of these names.
struct CompactionPolicy {
  bool with_retention = false;  // cleanup.policy=compact,delete: retention holds as well
  int64_t delete_retention_ms = 86'400'000;  // how long a tombstone stays behind what it deleted
  int64_t lag_min_ms = 0;                    // a record stays at least so long after its append
  int64_t lag_max_ms = INT64_MAX;            // and is compacted at least so often
  uint32_t dirty_permille = 500;             // min.cleanable.dirty.ratio, in thousandths

  bool operator==(const CompactionPolicy&) const = default;
};

struct LogPolicy {
  int64_t retention_ms = kUnlimited;  // by the newest record of a span; kUnlimited keeps for ever
  int64_t retention_bytes = kUnlimited;  // per partition
  uint32_t batch_bytes_max = 1048588;    // Kafka's max.message.bytes default
  bool log_append_time = false;          // timestamps are the broker's, not the producer's
  Durability durability = Durability::kFsync;
  std::optional<CompactionPolicy> compaction;  // topics only
  // retention.lock: before this time nothing is deleted and no promise shortened; 0: no lock.
  Timestamp locked_until;  // topics only

  // Whether records are removed by age and size.
  bool retains() const {
    const bool limited = retention_ms >= 0 || retention_bytes >= 0;
    return limited && (!compaction || compaction->with_retention);
  }
  bool operator==(const LogPolicy&) const = default;
};

enum class Order : uint8_t { kNone = 0, kPerGroup = 1 };

inline constexpr uint8_t kPrioritiesMax = 10;

struct QueuePolicy {
  int64_t lease_ms = 30'000;
  int64_t delay_ms = 0;
  uint32_t receives_max = 0;  // 0: no limit; above it a message goes to dead_letter
  std::string dead_letter;    // name of a queue in the same namespace; empty: none
  Order order = Order::kNone;
  bool deduplicate = false;  // only sends that carry a deduplication id
  int64_t history_ms = 0;    // how long what was acknowledged stays readable; 0: not at all
  uint32_t message_bytes_max = 1 << 20;
  uint8_t priorities = 1;  // up to kPrioritiesMax; above 1 the highest goes first, without an order

  bool operator==(const QueuePolicy&) const = default;
};

// Attributes that only one front end understands, by their own names ("sqs.Policy",
// "kafka.cleanup.policy").
using Properties = std::map<std::string, std::string>;

struct Thing {
  Kind kind = Kind::kTopic;
  Origin origin = Origin::kNone;
  Name name;
  Uuid uuid;
  Timestamp created;
  Timestamp modified;
  std::vector<CellId> logs;  // one per partition; a queue has one
  CellId queue;              // the delivery state of a queue; 0 for a topic
  LogPolicy log_policy;
  QueuePolicy queue_policy;
  Properties properties;
  std::map<std::string, CellId>
      stream_groups;  // delivery states of groups over logs[0] (Redis stream groups)

  bool operator==(const Thing&) const = default;
};

// A bridge moves records inside the broker, one commit a step; its position lies in a cell of its
// own.
enum class BridgeTrigger : uint8_t {
  kRecord = 0,      // a record of a topic
  kAck = 1,         // a message of a queue was acknowledged
  kDeadLetter = 2,  // became a dead letter
  kExpiry = 3,      // was deleted by retention before anybody acknowledged it
  kMessage = 4,     // is ready: it is moved (from a dead-letter queue back to its source)
};

struct Bridge {
  std::string name;
  Name from;
  Name to;
  BridgeTrigger trigger = BridgeTrigger::kRecord;
  std::string filter;         // of records: conditions as core/bridge/filter.h reads them
  std::string group;          // a field (core/bridge/field.h) that becomes the message group
  std::string deduplication;  // a field that becomes the deduplication id
  std::string delay;          // milliseconds, or a field that holds them; empty: the queue's own
  std::string priority;       // a number, or a field that holds it; empty: the record's own
  bool paused = false;
  CellId cell;
  Timestamp created;

  bool operator==(const Bridge&) const = default;
};

// Brings data in from outside (change data capture), from a position that lies in a cell of its
// own. What its properties mean is the connector's business; a password is never among them.
struct Connector {
  std::string name;
  std::string kind;  // "postgres"
  Properties properties;
  bool paused = false;
  CellId cell;
  Timestamp created;

  bool operator==(const Connector&) const = default;
};

// A numbered database of keys: `cells` consecutive cells from `first`, chosen by key hash.
struct Keyspace {
  uint32_t database = 0;
  CellId first;
  uint32_t cells = 0;

  bool operator==(const Keyspace&) const = default;
};

}  // namespace weir::catalog
