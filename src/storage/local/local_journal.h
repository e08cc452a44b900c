#pragma once
// The journal on a local disk: one directory, one process, one state shard.
//
// A life:  LocalJournal journal(options, disk, executor);  Broker broker(journal);
//          journal.recover(broker);                          blocking, before anything is served
//          ... the port, on the reactor's thread ...
//          journal.close(done);                              everything submitted becomes durable,
//          then done()
// The destructor does not wait: steps under way finish on their own, their completions are dropped.
// Disk and executor outlive the journal, the executor's threads end before the disk.
//
// Layout of the directory: LOCK, CURRENT, journal/*.slot, checkpoints/*.{manifest,images}; see
// docs/formats.
//
// Thread: the reactor's.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/ports/journal.h"
#include "storage/local/disk.h"
#include "storage/local/executor.h"
#include "storage/local/options.h"

namespace weir::storage {

class LocalJournal : public broker::Journal {
 public:
  using Options = LocalJournalOptions;

  LocalJournal(Options options, Disk& disk, Executor& executor);
  ~LocalJournal() override;

  // Takes the lock, loads and replays into `owner`, and begins to serve it. Errors:
  // kStorageUnavailable (locked, or the disk refuses), kStorageCorrupt (what is stored is not what
  // was written), or what the owner returned.
  Result<void> recover(broker::JournalOwner& owner);

  // Time must not run backwards over a restart: the latest `now` that any commit carried.
  Timestamp last_now() const;

  // Admits nothing further, makes what was submitted durable (an installed checkpoint is not waited
  // for), then calls `done`. With a failing disk that is when it works again.
  void close(std::function<void()> done);

  // Begins a checkpoint now, if none is under way. Otherwise one begins by itself when it is due.
  void checkpoint();
  bool checkpoint_under_way() const;

  JournalMetrics metrics() const;

  // broker::Journal
  Lsn next_lsn() const override;
  Result<void> admit(broker::Admission admission, size_t bytes) const override;
  Lsn submit(std::span<const broker::Entry> entries,
             Durability durability,
             Timestamp now,
             std::span<broker::Extent> extents) override;
  Lsn written() const override;
  Lsn durable() const override;
  std::optional<std::vector<broker::StoredEntry>> read_cached(CellId cell,
                                                              const broker::Extent& span) override;
  void read(CellId cell, const broker::Extent& span, broker::ReadCallback callback) override;
  void background(std::move_only_function<void()> work,
                  std::move_only_function<void()> done) override;
  void release(const broker::Extent& extent, Lsn lsn) override;
  void retain(const broker::Extent& span) override;

 private:
  class Core;

  std::unique_ptr<Core> core_;
};

}  // namespace weir::storage
