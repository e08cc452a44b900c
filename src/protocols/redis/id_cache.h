#pragma once
// IdCache: remembers which stream ID has which offset: they never change while the log lives, and
// cells are never reused. Those that were used lately, so that acknowledging does not look into the
// log; and, until they are let go, those of pending entries whose records the log has removed.
//
// Memory: taken as it fills, at most 2 MiB for what was used lately; kKeptMax entries are kept.
//
// Thread: the state shard's.

#include <absl/container/btree_map.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "core/log/stream_id.h"

namespace weir::redis {

using log::StreamId;

class IdCache {
 public:
  void put(CellId log, StreamId id, Offset offset);
  std::optional<Offset> offset_of(CellId log, StreamId id) const;
  std::optional<StreamId> id_of(CellId log, Offset offset) const;

  static constexpr size_t kKeptMax = 100'000;
  // Keeps an ID until it is let go; false at the limit.
  bool keep(CellId log, Offset offset, StreamId id);
  bool kept(CellId log, Offset offset) const { return kept_by_offset_.contains({log, offset}); }
  void let_go(CellId log, Offset offset);
  // Lets everything go that is kept of a log.
  void forget(CellId log);

 private:
  struct Slot {
    CellId log;
    StreamId id;
    Offset offset{-1};

    bool used() const { return offset.value() >= 0; }
  };
  // What falls into a full set pushes out what has been there longest.
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = size_t{1} << 13;
  struct alignas(64) Set : std::array<Slot, kWays> {};  // the newest first
  using Table = std::vector<Set>;                       // empty until something is put there

  static size_t set_of(CellId log, StreamId id);
  static size_t set_of(CellId log, Offset offset);
  static void push(Set& set, const Slot& slot);

  Table by_id_;
  Table by_offset_;
  absl::btree_map<std::pair<CellId, Offset>, StreamId> kept_by_offset_;
  absl::btree_map<std::pair<CellId, StreamId>, Offset> kept_by_id_;
};

}  // namespace weir::redis
