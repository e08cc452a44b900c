#pragma once
// Offsets: how far a group has read, per partition of a topic. This is the durable part of a group:
// a cell of its own. decide_* compute an event, apply() is total, encode/decode turn events into
// bytes (base/wire.h):
//   1 committed   count, then per entry: topic (2 x u64), partition, offset (signed), epoch
//   (signed), metadata, time 2 removed     count, then per entry: topic, partition
// Image: count, then entries as in event 1.
//
// Topics are named by identity, so offsets never survive into a topic that was made anew under the
// same name. An offset is stored as it was given, negative ones too: clients write -1 and -2 and
// mean "from the end", "from the beginning".
//
// Thread: the state shard's. Pure.

#include <absl/container/btree_map.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/wire.h"

namespace weir::group {

struct TopicId {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const TopicId&) const = default;
};

struct TopicPartition {
  TopicId topic;
  uint32_t partition = 0;

  auto operator<=>(const TopicPartition&) const = default;
};

struct CommittedOffset {
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string metadata;
  Timestamp committed;

  bool operator==(const CommittedOffset&) const = default;
};

struct OffsetsCommitted {
  std::vector<std::pair<TopicPartition, CommittedOffset>> offsets;
};
struct OffsetsRemoved {
  std::vector<TopicPartition> partitions;
};
using OffsetsEvent = std::variant<OffsetsCommitted, OffsetsRemoved>;

struct OffsetsLimits {
  size_t metadata_bytes_max = 4096;
  size_t partitions_max = 1'000'000;  // in one group
};

class Offsets {
 public:
  // What the limits refuse is left out and reported: the caller asks refuses() for each first.
  std::optional<ErrorCode> refuses(const TopicPartition& partition,
                                   const CommittedOffset& offset,
                                   const OffsetsLimits& limits = {}) const;

  // All of a topic (it was deleted), or single partitions; entries that are not there are left out.
  // An event without entries means that nothing is to be done.
  OffsetsRemoved decide_remove(TopicId topic) const;
  OffsetsRemoved decide_remove(const std::vector<TopicPartition>& partitions) const;
  // What was committed at `before` or earlier.
  OffsetsRemoved decide_expire(Timestamp before) const;

  void apply(const OffsetsEvent& event);

  const CommittedOffset* find(const TopicPartition& partition) const;
  const absl::btree_map<TopicPartition, CommittedOffset>& all() const { return offsets_; }
  bool empty() const { return offsets_.empty(); }
  bool knows(TopicId topic) const;

  void save(Writer& writer) const;
  static Result<Offsets> load(Reader& reader);

 private:
  absl::btree_map<TopicPartition, CommittedOffset> offsets_;
};

void encode(const OffsetsEvent& event, std::string& out);
// kStorageCorrupt for an unknown kind, a cut-off event or bytes that are left over.
Result<OffsetsEvent> decode_offsets_event(ByteView bytes);

}  // namespace weir::group
