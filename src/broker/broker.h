#pragma once
// Broker: the one API that every front end uses. It owns the cells of one state shard, decides and
// applies at once, and journals what it applied. Synchronous: a call returns a value with the LSN
// that it depends on, registers a waiter, or answers a callback (within the call when the bytes are
// in memory, later when they must be read).
//
// A turn is what becomes durable together: everything that happens while a Turn object lives is one
// commit. Every call below opens its own turn; a caller that holds one (MULTI, a batch) makes them
// one. Waiters are tried when the outermost turn has ended, so nobody sees half of it.
//
// Time is an argument and never runs backwards. Pointers to things are valid until the catalog
// changes.
//
// Errors that every changing call may give: kStorageUnavailable, kOverloaded, kShuttingDown
// (nothing was changed).
//
// Thread: the state shard's, for everything but prepare_batch().

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "broker/cells.h"
#include "broker/commit.h"
#include "broker/compactor.h"
#include "broker/ports/journal.h"
#include "broker/types.h"
#include "broker/waiters.h"
#include "core/catalog/catalog.h"

namespace weir::broker {

class BridgeStep;
class EventStore;
class ReadCache;
class RowReads;

class Broker final : public JournalOwner {
 public:
  Broker(Journal& journal, Random random, Limits limits = {});
  ~Broker() override;

  // Called when the journal is recovered: ends leases of connections that are gone, and starts
  // bridges.
  Result<void> start(Timestamp now);

  // ---- turns

  class Turn {
   public:
    // `bytes`: about how much it will write. Check status() before anything else.
    Turn(Broker& broker, Timestamp now, Admission admission = Admission::kData, size_t bytes = 0);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    const Result<void>& status() const { return status_; }
    bool ok() const { return status_.has_value(); }
    // Of the commit that this turn will be, if it changes anything.
    Lsn lsn() const;
    // What an answer that tells of the changes so far depends on; nothing if there are none.
    Depends depends() const;

   private:
    Broker& broker_;
    Result<void> status_;
  };

  // ---- names and configuration (catalog.cc)

  const catalog::Catalog& catalog() const { return catalog_; }

  struct Changed {
    const Thing* thing = nullptr;
    Depends depends;
  };
  // kAlreadyExists, kWrongKind, kInvalidArgument, kTooLarge, kLimitReached.
  Result<Changed> create_topic(const TopicSpec& spec, Timestamp now);
  Result<Changed> create_queue(const QueueSpec& spec, Timestamp now);
  // Policies and properties as in `thing` (name, identity and cells must be those of a known one).
  // kNotFound; kRefused as check_unlocked.
  Result<Changed> alter(const Thing& thing, Timestamp now);
  // A property that is a front end's own note: the thing does not count as modified by it, and an
  // empty value takes it away. kNotFound, kTooLarge.
  Result<Depends> annotate(const Name& name,
                           const std::string& property,
                           const std::string& value,
                           Timestamp now);
  // Only more. kInvalidArgument, kNotFound.
  Result<Changed> add_partitions(const Name& name, uint32_t partitions, Timestamp now);
  Result<Changed> rename(const Name& from, const Name& to, Timestamp now);
  // With its records, its delivery state and its groups. kNotFound; kRefused as check_unlocked.
  Result<Depends> remove(const Name& name, Timestamp now);
  // kRefused while retention.lock holds: whatever deletes of it or shortens what it promises asks
  // here.
  Result<void> check_unlocked(const Thing& thing, Timestamp now) const;
  // What a listing depends on.
  Depends catalog_depends() const { return {catalog_lsn_, Durability::kFsync}; }

  // ---- logs (logs.cc)

  // Any thread: checks one batch at the door. Errors as log::validate_batch.
  static Result<PreparedBatch> prepare_batch(Bytes bytes, const log::DoorRules& rules);

  // kNotFound; errors as log::Log::decide_append.
  Result<Appended> append(CellId log,
                          const PreparedBatch& batch,
                          Timestamp now,
                          const log::IdRequest& id = {});
  // One record as a batch of its own.
  Result<Appended> append_record(CellId log,
                                 const log::RecordInput& record,
                                 Timestamp now,
                                 const log::IdRequest& id = {});

  // Null when there is no such log. For its offsets, IDs, rows and producers.
  const log::Log* find_log(CellId log) const;
  Depends log_depends(CellId log) const;
  Durability durability_of(CellId log) const;
  // The end that a reader with this visibility sees.
  Offset visible_end(CellId log, Visibility visibility) const;

  // kNotFound, kOffsetOutOfRange (below the start or beyond the visible end), kStorageCorrupt,
  // kStorageUnavailable.
  void read(const ReadRequest& request, ReadDone done);
  // The first live record with a timestamp >= t, or an ID >= id, that the reader may see.
  void find_by_time(CellId log, Timestamp t, Visibility visibility, FindDone done);
  void find_by_id(CellId log, log::StreamId id, Visibility visibility, FindDone done);

  // Removes everything below `start` (DeleteRecords; kOffsetOutOfRange beyond the end). Answers the
  // new start.
  struct Trimmed {
    Offset start;
    int64_t removed = 0;  // live records
    Depends depends;
  };
  Result<Trimmed> trim(CellId log, Offset start, Timestamp now);
  Result<Trimmed> trim_to_length(
      CellId log, int64_t length, bool approximate, int64_t removed_max, Timestamp now);
  Result<Trimmed> trim_to_offset(
      CellId log, Offset start, bool approximate, int64_t removed_max, Timestamp now);
  // Single records (XDEL), with the IDs that find_by_id gave. `removed` counts those that were
  // live.
  Result<Trimmed> delete_records(CellId log,
                                 std::vector<std::pair<Offset, log::StreamId>> records,
                                 Timestamp now);
  Result<Depends> set_ids(CellId log,
                          log::StreamId last_id,
                          std::optional<int64_t> entries_added,
                          std::optional<log::StreamId> max_deleted_id,
                          Timestamp now);

  // ---- queues (queues.cc)

  // kNotFound, kWrongKind, kTooLarge, kLimitReached, kInvalidArgument. FIFO queues take the
  // record's key as the group.
  Result<Sent> send(CellId queue,
                    const log::RecordInput& record,
                    const SendOptions& options,
                    Timestamp now);
  // Leases messages; dead letters found on the way are moved in the same commit. When there is
  // nothing and options.wait_until is later than now, it waits (first come, first served); an empty
  // answer is no error. The id is 0 when the answer was given within the call.
  ReceiveId receive(CellId queue, const ReceiveOptions& options, Timestamp now, ReceiveDone done);
  // The receiver went away: its callback is dropped, unless messages are on their way to it
  // already.
  void cancel_receive(ReceiveId id);
  // `by`: who acknowledges, for those who record it; empty when nobody knows.
  Result<Settled> settle(CellId queue,
                         std::span<const queue::Handle> handles,
                         queue::Check check,
                         Timestamp now,
                         ByteView by = {});
  Result<Settled> release(CellId queue,
                          std::span<const queue::Handle> handles,
                          queue::Check check,
                          Milliseconds delay,
                          Timestamp now);
  Result<Settled> extend(CellId queue,
                         std::span<const queue::Handle> handles,
                         queue::Check check,
                         Milliseconds duration,
                         Timestamp now);
  // Settles without handles what is not settled yet, whatever its state (a redrive).
  struct Discarded {
    size_t done = 0;
    Depends depends;
  };
  Result<Discarded> discard(CellId queue, std::span<const Offset> offsets, Timestamp now);
  Result<Depends> purge(CellId queue, Timestamp now);
  Result<Depends> close_consumer(CellId queue, queue::ConsumerId consumer, Timestamp now);

  // Null when there is none. Its time is brought to `now` first.
  const queue::Queue* find_queue(CellId queue, Timestamp now);
  Depends queue_depends(CellId queue) const;
  SettleCounts settles_of(CellId queue) const;
  // Applies and journals what a front end decided on the queue that find_queue gave, in this turn.
  Result<Depends> apply(CellId queue,
                        const queue::Events& events,
                        Timestamp now,
                        Durability durability = Durability::kFsync);

  // Where a queue's dead letters go; null when there is no such queue (any more): its messages are
  // then delivered on, beyond the limit.
  const Thing* dead_letter_queue(const Thing& from) const;

  // Reads records of a log by offset (ascending); those that are gone are left out.
  using RecordsDone = std::move_only_function<void(Result<std::vector<Delivery>>)>;
  void read_records(CellId log, std::vector<Offset> offsets, RecordsDone done);

  // Delivery states over a topic's first log (Redis stream groups).
  Result<Changed> create_stream_group(const Name& topic,
                                      const std::string& group,
                                      Offset start,
                                      const queue::Policy& policy,
                                      Timestamp now);
  Result<Depends> remove_stream_group(const Name& topic, const std::string& group, Timestamp now);

  // ---- other cells (groups, keyspaces): the front end decides on the machine, the broker journals

  // The cell of that id, made empty by `make` when it does not exist yet.
  template <typename CellType>
  CellType& cell(CellId id) {
    std::unique_ptr<Cell>& slot = cells_[id];
    if (slot == nullptr) slot = std::make_unique<CellType>();
    WEIR_ASSERT(slot->kind() == CellType::kKind, "cell {} is of another kind", id.value());
    return static_cast<CellType&>(*slot);
  }
  // Journals an event that the caller has applied to the cell, in the turn that is open. `event`
  // begins with the kind.
  void journal_event(CellId cell, ByteView event, Durability durability = Durability::kFsync);
  // The same for a cell that has no deadlines and that the caller holds already; `event` without
  // the kind.
  void journal_event(CellId id, Cell& cell, ByteView event);
  Depends cell_depends(CellId cell) const;
  // A consumer group's cell, by name; made when `create`.
  Result<std::optional<CellId>> group_cell(const Name& name, bool create, Timestamp now);
  Result<Depends> remove_group(const Name& name, Timestamp now);
  // The cells of a numbered keyspace; made when `create`.
  Result<std::optional<catalog::Keyspace>> keyspace_cells(uint32_t database,
                                                          bool create,
                                                          Timestamp now);

  // ---- users, access rules, quotas (access.cc); read them in catalog().access()

  // Makes it or takes its place. Errors as catalog::Access::decide_put_user.
  Result<Depends> put_user(const catalog::User& user, Timestamp now);
  // With the tokens that he owns. kNotFound.
  Result<Depends> remove_user(std::string_view name, Timestamp now);
  Result<Depends> add_rules(std::span<const catalog::AccessRule> rules, Timestamp now);
  Result<Depends> remove_rules(std::span<const catalog::AccessRule> rules, Timestamp now);
  // Without values it is removed.
  Result<Depends> put_quota(const catalog::Quota& quota, Timestamp now);
  // Delegation tokens; read them in catalog().tokens(). The key once, before the first token.
  Result<Depends> make_token_key(ByteView key, Timestamp now);
  Result<Depends> put_token(const catalog::Token& token, Timestamp now);
  Result<Depends> remove_token(std::string_view id, Timestamp now);  // kNotFound

  // ---- bridges (bridges.cc)

  Result<Depends> create_bridge(const catalog::Bridge& bridge, Timestamp now);
  Result<Depends> pause_bridge(const std::string& name, bool paused, Timestamp now);
  Result<Depends> remove_bridge(const std::string& name, Timestamp now);
  // The next record of each partition to move; those that are not named stay where they are. A
  // record may be moved again so. kNotFound, kWrongKind (it reads no topic), kOffsetOutOfRange.
  Result<Depends> seek_bridge(const std::string& name,
                              std::span<const std::pair<uint32_t, Offset>> positions,
                              Timestamp now);
  struct BridgeStatus {
    const catalog::Bridge* bridge = nullptr;
    BridgeCounts counts;
    int64_t lag = 0;  // records or messages of the source not yet moved
    // What left a queue while the bridge was paused or its target gone.
    uint64_t missed = 0;
    std::string problem;
  };
  std::vector<BridgeStatus> bridges() const;

  // ---- connectors (connectors.cc): their catalog entries; who runs them is above the broker

  Result<Depends> create_connector(const catalog::Connector& connector, Timestamp now);
  // Properties and whether it is paused; kind, cell and creation stay. kNotFound.
  Result<Depends> alter_connector(const catalog::Connector& connector, Timestamp now);
  // With its notes. kNotFound.
  Result<Depends> remove_connector(const std::string& name, Timestamp now);

  // ---- versions of keys (event_store.h)

  EventStore& events() { return *events_; }
  const EventStore& events() const { return *events_; }

  // ---- waiting

  // A cell's key wakes when something was applied to it (a message became ready, a record was
  // appended); a log's safe key when its safe end moved.
  static WaitKey applied_key(CellId cell) { return WaitKey::of_cell(cell); }
  static WaitKey safe_key(CellId log) { return WaitKey::of_hash(log.value()); }
  WaiterId wait(std::span<const WaitKey> keys, Timestamp deadline, WaitMode mode, Wake wake);
  void cancel_wait(WaiterId id) { waiters_.cancel(id); }
  // Tried when the outermost turn has ended.
  void signal(WaitKey key) { signals_.push_back(key); }
  const Waiters& waiters() const { return waiters_; }

  // ---- time

  // Everything that is due: deadlines of leases, delays, waiters, retention, bridges. Call at
  // next_deadline().
  void tick(Timestamp now);
  Timestamp next_deadline() const;
  // Told when next_deadline() became earlier than what was told before (tick() forgets that).
  void on_deadline(std::function<void(Timestamp due)> listener) {
    deadline_listener_ = std::move(listener);
    announced_ = Timestamp::never();
    announce_deadline();
  }
  // The highest time seen, also by replay.
  Timestamp now() const { return now_; }
  // Ends all waiters; further calls are refused with kShuttingDown.
  void stop();

  // ---- state of the whole

  const std::optional<Error>& storage_problem() const { return problem_; }
  Lsn next_lsn() const { return journal_.next_lsn(); }
  Lsn durable_lsn() const { return journal_.durable(); }
  // True when what depends on this may leave now.
  bool is_safe(const Depends& depends) const;
  // Told whenever the watermarks move.
  void on_progress(std::function<void(Lsn written, Lsn durable)> listener) {
    listener_ = std::move(listener);
  }
  // Told when the journal is pressed, and when it is not any more (see JournalOwner::pressed).
  void on_pressure(std::function<void(bool on)> listener) {
    pressure_listener_ = std::move(listener);
  }
  Random& random() { return random_; }
  catalog::Uuid new_uuid();
  size_t cell_count() const { return cells_.size(); }
  // How often a batch of several records was opened (decompressed, its records found) to read
  // single ones out of it.
  uint64_t batches_opened() const;
  const CompactionCounts& compaction() const { return compactor_.counts(); }

  // ---- JournalOwner

  Result<void> load_image(CellId cell, ByteView image) override;
  Result<void> replay(Lsn lsn,
                      Timestamp now,
                      CellId cell,
                      ByteView event,
                      ByteView payload,
                      const Extent& extent) override;
  void replayed() override;  // drops cells that nothing refers to
  std::optional<CellImage> image(CellId cell) override;
  void progressed(Lsn written, Lsn durable) override;
  void storage_health(std::optional<Error> problem) override;
  void pressed(bool on) override;
  LiveSpans live_spans(FileId file, size_t left) override;
  Lsn moved(std::span<const MovedSpan> spans) override;

 private:
  friend class Turn;
  friend class Compactor;
  friend class EventStore;
  struct ReadJob;
  struct ReceiveJob;
  struct FindJob;
  using Records = absl::flat_hash_map<Offset, Delivery>;

  // An append that was applied and whose place the journal tells when the turn ends.
  struct Unplaced {
    CellId log;
    size_t entry;
    log::AppendEvent event;
    log::BatchHeader header;
  };
  // What compaction left of a batch, and of a stretch of a log; it takes effect when the turn ends.
  struct RewrittenBatch {
    log::RewrittenEvent event;
    log::BatchHeader header;
    Bytes bytes;
    size_t entry = 0;
  };
  struct Compacted {
    CellId log;
    log::CompactedEvent event;
    std::vector<RewrittenBatch> batches;
  };
  // A log whose safe end moves when the watermark of its policy reaches `lsn`.
  struct Undurable {
    Lsn lsn;
    CellId log;
  };

  // turns (turns.cc)
  Result<void> begin(Timestamp now, Admission admission, size_t bytes);
  void end();
  void submit();
  void wake_all();
  void announce_deadline();
  void touch(CellId id, Cell& cell);
  void arm(CellId id, Cell& cell);
  void give_up(std::vector<Extent>& released);
  void place_compacted(Lsn lsn);

  Cell* find_cell(CellId id) const {
    if (last_found_ != nullptr && last_found_id_ == id) return last_found_;
    const auto found = cells_.find(id);
    if (found == cells_.end()) return nullptr;
    last_found_id_ = id;
    return last_found_ = found->second.get();
  }
  template <typename CellType>
  CellType* find(CellId id) const {
    Cell* cell = find_cell(id);
    if (cell == nullptr || cell->kind() != CellType::kKind) return nullptr;
    return static_cast<CellType*>(cell);
  }
  std::unique_ptr<Cell> make_cell(CellKind kind) const;

  // catalog.cc
  void apply_catalog(const std::string& event);
  Result<Depends> change_catalog(const Result<std::string>& event);  // in the turn that is open
  Result<Changed> changed(const Name& name);
  void remove_cell(CellId id);
  void create_log_cell(CellId id);
  Result<void> create_queue_cell(const Thing& thing, Offset start);
  void bind(const Thing& thing);
  CellId allocate_cell();

  // logs.cc
  Result<Appended> append_checked(CellId id,
                                  LogCell& cell,
                                  const log::AppendPlan& plan,
                                  const log::BatchHeader& header,
                                  ByteView batch,
                                  Bytes owner);
  Appended repeated_events(CellId id, LogCell& cell, const log::BatchHeader& header, Offset first);
  log::AppendLimits append_limits(const Thing& thing) const;
  void ends_moved(CellId log, const Thing& thing);
  Result<void> may_trim(CellId id, const log::Log& log, Offset start) const;
  void trimmed(CellId id, LogCell& cell, const log::TrimEvent& event);
  void compacted(CellId id,
                 LogCell& cell,
                 const log::CompactedEvent& event,
                 std::vector<RewrittenBatch> batches);
  void cleaned(CellId id, LogCell& cell, const log::CleanedEvent& event);
  void run_read(const std::shared_ptr<ReadJob>& job);
  void run_find(const std::shared_ptr<FindJob>& job);
  bool find_in(const std::shared_ptr<FindJob>& job,
               const log::Row& row,
               const std::vector<StoredEntry>& entries);
  std::vector<StoredEntry> select(const log::Log& log,
                                  std::vector<StoredEntry> entries,
                                  Offset from,
                                  Offset end) const;

  // queues.cc
  enum class Attempt : uint8_t { kAnswered, kEmpty, kReading };
  void apply_events(CellId id,
                    QueueCell& cell,
                    const queue::Events& events,
                    Durability durability = Durability::kFsync);
  void run_receive(const std::shared_ptr<ReceiveJob>& job);
  void run_receive_later(const std::shared_ptr<ReceiveJob>& job);
  Attempt attempt_receive(const std::shared_ptr<ReceiveJob>& job);
  bool load_groups(QueueCell& cell, const std::shared_ptr<ReceiveJob>& job);
  bool pin_dead_letters(const std::shared_ptr<ReceiveJob>& job,
                        CellId log,
                        const std::vector<queue::DeadLetter>& letters);
  void deliver(const std::shared_ptr<ReceiveJob>& job, Received received);
  bool stands(CellId queue, const queue::Lease& lease);
  Result<void> move_dead_letters(const Thing& from,
                                 const std::vector<queue::DeadLetter>& letters,
                                 const Records& records);
  void collect_cached(CellId log,
                      const std::vector<Offset>& offsets,
                      Records& records,
                      std::vector<Extent>& missing) const;
  std::optional<std::vector<StoredEntry>> cached_entries(CellId log,
                                                         const log::Row& row,
                                                         std::span<const Offset> wanted) const;
  void add_records(const std::vector<StoredEntry>& entries,
                   const std::vector<Offset>& wanted,
                   Records& records) const;
  // Something below the queue's floor may be given back.
  void settled(CellId id, QueueCell& cell);

  // bridges.cc
  void start_bridges();
  void refresh_bridges();
  void run_bridges(Timestamp now);
  void run_bridge(const std::string& name, Timestamp now);
  void begin_source(const catalog::Bridge& bridge, BridgeCell& position, const Thing& from);
  void run_expiry(const catalog::Bridge& bridge);
  int64_t bridge_lag(const catalog::Bridge& bridge) const;
  bool makes_loop(const catalog::Bridge& bridge) const;
  Result<void> check_bridge_ends(const catalog::Bridge& bridge) const;
  void tend_bridges();

  // bridge_records.cc
  void read_for_bridge(const catalog::Bridge& bridge, BridgeCell& position, const Thing& from);
  void bridge_records(const std::string& name,
                      uint32_t partition,
                      CellId log,
                      const ReadAnswer& answer,
                      Timestamp now);
  Result<void> bridge_record(BridgeStep& step, const log::ReadRecord& record);

  // bridge_messages.cc
  void receive_for_bridge(const catalog::Bridge& bridge, BridgeCell& position, const Thing& from);
  void bridge_messages(const std::string& name, const Received& received, Timestamp now);

  // bridge_events.cc: what leaves a queue
  struct Departed {
    Offset offset;
    uint32_t deliveries = 0;
    catalog::Uuid id;
    Timestamp first_delivered = {};                // when there was a delivery
    std::optional<Timestamp> last_delivered = {};  // of the lease that stood
    ByteView by = {};
  };
  // Whether a bridge records it now; false also for a paused one, and one whose target is gone.
  bool is_recorded(CellId queue, catalog::BridgeTrigger trigger) const;
  void each_bridge(CellId queue,
                   catalog::BridgeTrigger trigger,
                   const std::function<void(const catalog::Bridge&)>& visit) const;
  // Whether there is such a bridge at all: what it misses is counted.
  bool has_bridge(CellId queue, catalog::BridgeTrigger trigger) const;
  void record_events(CellId queue,
                     catalog::BridgeTrigger trigger,
                     std::span<const Departed> messages);
  Result<void> record_event(const catalog::Bridge& bridge,
                            const Thing& from,
                            const Thing& to,
                            const Departed& message);
  void missed_events(const catalog::Bridge& bridge, uint64_t count);
  Departed departed(const Thing& thing, const QueueCell& cell, Offset offset, ByteView by) const;
  // Retention of a queue whose expired messages are recorded: a bounded step of it.
  void expire_recorded(const Thing& thing, QueueCell& queue, Offset start);
  void record_expired(CellId queue, Offset start, const std::vector<Delivery>& records);
  // The identities of messages that are held: of those that were moved here, the first ones.
  catalog::Uuid identity_of(const Thing& thing, const QueueCell& cell, Offset offset) const;
  void remember_identity(CellId queue, const log::ReadRecord& record);
  void learn_identities(CellId queue, Offset from);

  // recovery.cc
  void remove_unknown_cells();
  void start_queue(CellId id, QueueCell& queue);
  void note_places(CellId id, LogCell& log);

  // maintenance.cc
  void maintain(Timestamp now);
  void retain_log(const Thing& thing, CellId id, Timestamp now);
  void trim_queue(CellId id, QueueCell& cell, Timestamp now);
  void note_place(CellId id, LogCell& cell, FileId file);
  void forget_places();

  // Settle, release and extend alike: decides on the handles and applies what was decided.
  template <typename Decide>
  Result<Settled> change_leases(CellId id, Timestamp now, Decide decide);

  Journal& journal_;
  Random random_;
  const Limits limits_;
  catalog::Catalog catalog_;
  Lsn catalog_lsn_;
  absl::flat_hash_map<CellId, std::unique_ptr<Cell>> cells_;
  // One append asks for its log again and again. Null when what was found may be gone.
  mutable CellId last_found_id_;
  mutable Cell* last_found_ = nullptr;

  Commit commit_;
  int depth_ = 0;
  bool waking_ = false;
  bool stopped_ = false;
  Timestamp now_;
  std::vector<CellId> touched_;
  std::vector<Unplaced> unplaced_;
  std::vector<Compacted> compacted_;
  std::vector<Extent> released_;
  std::vector<std::move_only_function<void()>> after_turn_;

  Waiters waiters_;
  ReceiveId last_receive_;
  absl::flat_hash_map<ReceiveId, std::shared_ptr<ReceiveJob>>
      receives_;  // those that are not answered
  std::vector<WaitKey> signals_;
  absl::btree_set<std::pair<Timestamp, CellId>> deadlines_;
  std::deque<Undurable> undurable_fsync_;
  std::deque<Undurable> undurable_os_;

  // Bridges by the cell of their source: logs for records and messages, queues for what becomes of
  // the messages.
  absl::flat_hash_map<CellId, std::vector<std::string>> bridges_from_;
  absl::btree_set<std::string> bridges_due_;

  // Which logs have (or had) batches in a file, for the tidier; some more than once.
  absl::btree_map<FileId, std::vector<CellId>> logs_in_;
  FileId forget_from_;    // where forget_places() goes on
  size_t forget_at_ = 0;  // among the logs of that file
  std::unique_ptr<ReadCache> read_cache_;
  std::unique_ptr<RowReads> row_reads_;

  std::vector<CellId> trims_due_;
  Timestamp maintain_at_;
  Name maintain_from_;
  Compactor compactor_{*this};
  std::unique_ptr<EventStore> events_;

  std::optional<Error> problem_;
  std::function<void(Lsn, Lsn)> listener_;
  std::function<void(bool)> pressure_listener_;
  std::function<void(Timestamp)> deadline_listener_;
  Timestamp announced_ = Timestamp::never();
};

}  // namespace weir::broker
