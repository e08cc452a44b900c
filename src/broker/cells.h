#pragma once
// The cells whose machines the broker drives itself: logs, queues, bridges. (The catalog is a
// member of the broker; groups and keyspaces are in group_cell.h and keyspace_cell.h.)

#include <absl/container/flat_hash_map.h>

#include "broker/cell.h"
#include "core/catalog/model.h"
#include "core/log/log.h"
#include "core/queue/queue.h"

namespace weir::broker {

class LogCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kLog;
  LogCell() : Cell(kKind) {}

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& released,
                      std::vector<Extent>& held) override;
  Result<void> load(ByteView image, std::vector<Extent>& held) override;
  void save(CellImage& image) const override;
  void held(std::vector<Extent>& held) const override { log.held(held); }

  log::Log log;
  FileId newest_file;  // where its newest batch lies; kept by the broker, see logs_in_
};

// Acknowledgements since the start of the broker: of messages, and those of them (or refused) that
// came after their lease had ended.
struct SettleCounts {
  uint64_t done = 0;
  uint64_t late = 0;
};

class QueueCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kQueue;
  QueueCell() : Cell(kKind) {}

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& released,
                      std::vector<Extent>& held) override;
  Result<void> load(ByteView image, std::vector<Extent>& held) override;
  void save(CellImage& image) const override;
  Timestamp next_deadline() const override { return queue.next_deadline(); }
  void expire(Timestamp now) override { queue.advance_time(now); }
  bool worth_a_try() const override { return queue.may_deliver(); }
  // Drops what `carried` holds of messages that this event took away.
  void forget_identities(const queue::Event& event);

  queue::Queue queue;
  CellId log;  // set from the catalog
  SettleCounts settles;
  bool trim_due = false;  // settled something since the log was last trimmed
  bool loading = false;   // group hashes are being read (FIFO look-ahead)
  bool expiring = false;  // records that retention will drop are being read for a bridge
  // The first identities of messages that were moved here and are or were delivered, kept while a
  // bridge records what becomes of them. `known`: nobody holds a message that was not looked at.
  absl::flat_hash_map<Offset, catalog::Uuid> carried;
  bool carried_known = false;
};

// What a bridge did since the start of the broker.
struct BridgeCounts {
  uint64_t moved = 0;
  uint64_t passed_over = 0;  // by the filter
  uint64_t failures = 0;     // steps that ended with a problem
  double per_second = 0;     // moved, over the last seconds
  Timestamp last_moved;
};

// Where a bridge stands: the next offset to read of each partition of its source, and which topic
// that was, since names pass on; for what leaves a queue, how many acknowledgements or dead letters
// were not recorded.
class BridgeCell final : public Cell {
 public:
  static constexpr CellKind kKind = CellKind::kBridge;
  BridgeCell() : Cell(kKind) {}

  // Event: varint partition, varint next offset.
  static std::string advanced(uint32_t partition, Offset next);
  // Event: varint 65536, varint number of events missed so far.
  static std::string missed_so_far(uint64_t missed);
  // Event: varint 65537, varint cell: the source's first log; the places in another are forgotten.
  static std::string began(CellId source);

  Result<void> replay(const Replayed& entry,
                      std::vector<Extent>& released,
                      std::vector<Extent>& held) override;
  Result<void> load(ByteView image, std::vector<Extent>& held) override;
  void save(CellImage& image) const override;

  void apply(uint32_t partition, Offset next);
  void begin(CellId source);
  // Whether the places are some in this topic.
  bool knows(const catalog::Thing& from) const { return source == from.logs.front(); }
  // 0 in a topic that it does not know.
  Offset position(const catalog::Thing& from, uint32_t partition) const;

  std::vector<Offset> positions;
  CellId source;
  uint64_t missed = 0;
  BridgeCounts counts;
  uint64_t moved_before = 0;  // at the last measure of the rate
  bool running = false;
  uint64_t seeks = 0;   // a step that began before a seek counts for nothing
  std::string problem;  // why it stands still; empty while it runs
};

}  // namespace weir::broker
