#pragma once
// What front ends say to the broker and hear from it: plain values, no protocol's words.
//
// Every answer carries the LSN that it depends on: it may leave the process when the watermark of
// its durability has reached it (LSN 0: at once).

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "broker/ports/journal.h"
#include "core/catalog/model.h"
#include "core/log/log.h"
#include "core/log/reader.h"
#include "core/queue/queue.h"

namespace weir::broker {

using catalog::Name;
using catalog::Thing;

// What a reply depends on.
struct Depends {
  Lsn lsn;
  Durability durability = Durability::kFsync;
};

struct TopicSpec {
  Name name;
  catalog::Origin origin = catalog::Origin::kNone;
  uint32_t partitions = 1;
  catalog::LogPolicy log;
  catalog::Properties properties;
};

struct QueueSpec {
  Name name;
  catalog::Origin origin = catalog::Origin::kNone;
  catalog::LogPolicy log;
  catalog::QueuePolicy queue;
  catalog::Properties properties;
};

// A batch that was checked at the door, on whatever shard its connection lives.
struct PreparedBatch {
  log::BatchHeader header;
  Bytes bytes;
};

struct Appended {
  Offset base_offset;
  log::StreamId base_id;
  Timestamp appended;
  bool duplicate = false;  // an idempotent producer's repetition: the offset is the first one's
  Offset log_start;
  Depends depends;
};

// Which end a reader sees: what is safe by the topic's policy (Kafka, browse), or all that was
// applied, so that a connection reads its own writes; its answer then waits for what it saw
// (Redis).
enum class Visibility : uint8_t { kSafe, kApplied };

struct ReadRequest {
  CellId log;
  Offset from;
  size_t bytes_max = size_t{1} << 20;  // soft: at least one whole batch, if there is any
  std::optional<Offset> end;           // exclusive; none: the visible end
  Visibility visibility = Visibility::kSafe;
};

struct ReadAnswer {
  Offset start;  // of the log
  Offset end;    // that the reader may see: the high watermark
  // Whole batches in order; the first may begin before `from`, the last may end beyond `end`.
  std::vector<StoredEntry> batches;
  Depends depends;
};
using ReadDone = std::move_only_function<void(Result<ReadAnswer>)>;

struct FoundOffset {
  std::optional<log::FoundRecord> record;
  Depends depends;
};
using FindDone = std::move_only_function<void(Result<FoundOffset>)>;

struct SendOptions {
  std::optional<Milliseconds> delay;  // none: the queue's
  std::optional<ByteView> dedup_id;   // already scoped by the caller
};

struct Sent {
  Offset offset;
  bool duplicate = false;  // remembered from an earlier send; `offset` is that one's
  Timestamp sent;
  Depends depends;
};

// One message handed out. Views live as long as `holder`.
struct Delivery {
  queue::Lease lease;
  log::ReadRecord record;
  Bytes holder;
};

struct Received {
  std::vector<Delivery> deliveries;
  bool at_in_flight_limit = false;
  Depends depends;
};
using ReceiveDone = std::move_only_function<void(Result<Received>)>;

struct ReceiveOptions {
  uint32_t count = 1;
  std::optional<Milliseconds> lease;  // none: the queue's
  queue::ConsumerId consumer = queue::kNobody;
  bool bound = false;    // the lease ends with the consumer
  bool no_ack = false;   // delivery settles
  Timestamp wait_until;  // how long to wait for a first message
};
using ReceiveId = Id<struct ReceiveIdTag>;

struct Settled {
  std::vector<queue::Outcome> outcomes;  // one for each handle, in order
  size_t done = 0;
  Depends depends;
};

// The identity of a message, the same under every protocol: made of its log's identity and its
// offset, or carried along in a header when a message is moved (kHeaderMessageId).
catalog::Uuid message_id(const catalog::Uuid& log, Offset offset);
std::string to_string(const catalog::Uuid& uuid);  // 8-4-4-4-12 lower-case hex
std::optional<catalog::Uuid> parse_uuid(ByteView text);

// Headers that the broker itself writes when it moves a record.
inline constexpr ByteView kHeaderMessageId = "weir.message-id";
inline constexpr ByteView kHeaderSent = "weir.sent";  // ms since 1970, decimal
inline constexpr ByteView kHeaderDeadLetterSource = "weir.dead-letter.source";  // name of the queue
inline constexpr ByteView kHeaderDeliveries = "weir.dead-letter.deliveries";
// Written by whoever sends: the message's priority, decimal; see priority_of.
inline constexpr ByteView kHeaderPriority = "weir.priority";
inline constexpr ByteView kHeaderBridge = "weir.bridge";  // name of the bridge
inline constexpr ByteView kHeaderSource = "weir.source";  // TOPIC/PARTITION/OFFSET

// About what a bridge writes for one acknowledgement or dead letter, for admission.
inline constexpr size_t kBridgeEventBytes = 1024;

// The hash by which a message group or key is told from others.
queue::GroupHash group_hash(ByteView group);

// A whole number, or nothing; beyond the highest that any queue has it is that one.
std::optional<uint8_t> parse_priority(ByteView text);
// What the first header kHeaderPriority says; 0, the lowest, when it is none or says nothing.
uint8_t priority_of(std::span<const log::RecordHeader> headers);

// The identity that a stored record of a queue has.
catalog::Uuid message_id_of(const catalog::Uuid& log, const log::ReadRecord& record);

struct Limits {
  uint32_t receive_count_max = 1000;
  size_t read_bytes_max = size_t{64} << 20;
  uint32_t bridge_batch = 256;
  Milliseconds maintenance_every{1000};
  uint32_t maintenance_things = 5'000;
  uint32_t maintenance_logs = 1000;  // looked at in one step
  uint32_t groups_max = 100'000;     // consumer groups
  // Compaction: one log at a time, so many keys a pass (some 30 to 60 bytes each), so many bytes a
  // step and, of what is read, a second.
  size_t compaction_keys = 1'000'000;
  size_t compaction_step_bytes = size_t{256} << 10;
  uint64_t compaction_bytes_per_second = uint64_t{32} << 20;
  size_t events_step_bytes = size_t{256} << 10;  // read at a time to rebuild versions of keys
};

}  // namespace weir::broker
