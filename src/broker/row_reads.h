#pragma once
// Whole rows for those who read single records out of them. Who works off a backlog in order asks
// for the same row once for every few records, many at a time: all that ask while it is read get
// the one answer, and the rows that were read last are kept. A row that has grown since costs what
// it grew by.
//
// What is kept pins the memory that it lies in: at most kRowsKept stretches of the journal, until
// others come or nobody has asked for a while.
//
// Thread: the state shard.

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <tuple>
#include <vector>

#include "broker/ports/journal.h"
#include "broker/read_cache.h"
#include "core/log/rows.h"

namespace weir::broker {

// All that a row stands for, in order; the events without the kind byte.
using RowEntries = std::shared_ptr<const std::vector<StoredEntry>>;

class RowReads {
 public:
  static constexpr size_t kRowsKept = 4;

  using Done = std::move_only_function<void(const Result<RowEntries>&)>;

  RowReads(Journal& journal, ReadCache& places) : journal_(journal), places_(places) {}

  // If it was read lately; null otherwise.
  RowEntries kept(CellId log, const log::Row& row);
  // From what the journal has in memory; null: read() must be asked.
  RowEntries find(CellId log, const log::Row& row);
  // Off the reactor, see Journal::read(). A live row whose file is gone is kStorageCorrupt.
  void read(CellId log, const log::Row& row, Done done);

  // Called now and then: forgets everything unless something was asked for since the last call.
  void forget_when_idle();

 private:
  using Key = std::tuple<CellId, FileId, uint32_t, uint32_t>;  // log, file, place, length

  struct Kept {
    CellId log;
    log::Row row;
    std::shared_ptr<std::vector<StoredEntry>> entries;
  };

  bool extend(Kept& kept, const log::Row& row);
  RowEntries keep(CellId log, const log::Row& row, std::vector<StoredEntry> entries);

  Journal& journal_;
  ReadCache& places_;
  std::vector<Kept> kept_;  // the last used first
  absl::flat_hash_map<Key, std::vector<Done>> under_way_;
  bool used_ = false;
};

}  // namespace weir::broker
