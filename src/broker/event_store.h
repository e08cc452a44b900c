#pragma once
// EventStore: topics whose keys have versions (event sourcing). A topic is one when its property
// kEventsProperty is "true"; it has one partition, whose order is the total order, and keeps what
// it holds. Every append to it counts, whatever protocol it came through, and may carry an
// expectation and an id in its headers (core/events/batch.h).
//
// A topic's snapshots lie in a compacted topic beside it, NAME.snapshots, under the keys that they
// belong to.
//
// The index of a log is made anew from the log after a start, a step at a time; until it has
// reached the end, whatever needs it is refused with kOverloaded. Appends that ask for nothing go
// through meanwhile. A log that cannot be read is tried again, ever more rarely; what needs its
// index is refused with kStorageUnavailable and the reason.
//
// Thread: the state shard's.

#include <absl/container/flat_hash_map.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/types.h"
#include "core/events/batch.h"
#include "core/events/version_index.h"

namespace weir::broker {

class Broker;
struct KeyReadJob;

inline constexpr std::string_view kEventsProperty = "weir.events";
inline constexpr std::string_view kSnapshotsOfProperty =
    "weir.snapshots-of";  // identity of a topic
inline constexpr std::string_view kSnapshotsSuffix = ".snapshots";

bool has_versions(const Thing& thing);

// Why an append was refused.
struct VersionConflict {
  std::string key;
  events::Expectation expected;
  std::optional<events::Version> current;
};

class EventStore {
 public:
  explicit EventStore(Broker& broker);
  ~EventStore();
  EventStore(const EventStore&) = delete;
  EventStore& operator=(const EventStore&) = delete;

  // What must hold of a thing with versions. kInvalidArgument.
  static Result<void> check_policies(const Thing& thing);
  // kRefused when the log keeps what it holds.
  Result<void> may_delete(const Thing& thing) const;

  // A thing was made, changed, or found at the start; or it is gone.
  void consider(const Thing& thing);
  void forget(const Thing& thing);

  // Before an append to a log: what it asks of its keys. A value: the append repeats one that
  // begins there. kInvalidArgument with the key, what was expected and what is; kOverloaded while
  // the index is made.
  Result<std::optional<Offset>> check(CellId log, const log::BatchHeader& header, ByteView batch);
  // The append that was checked has happened.
  void appended(CellId log, Offset base, const log::BatchHeader& header);
  // Of the newest check(): the conflict that it met, if that is what it met.
  const std::optional<VersionConflict>& conflict() const { return conflict_; }

  // Null unless the log has versions. kOverloaded while it is made, kStorageUnavailable while its
  // log cannot be read.
  Result<const events::VersionIndex*> index(CellId log) const;

  struct IndexState {
    Offset next;  // what lies before it is counted
    bool complete = false;
    size_t keys = 0;
    size_t bytes = 0;
    std::string problem;  // why the log cannot be read at `next`, and the way out
  };
  // Nothing unless the log has versions, or holds their snapshots.
  std::optional<IndexState> state(CellId log) const;
  struct Totals {
    size_t incomplete = 0;  // those with a problem among them
    size_t problems = 0;
  };
  Totals totals() const;
  // Told of a topic with each attempt to read its log that failed, and with an empty problem when
  // one succeeds afterwards.
  using Report = std::function<void(const std::string& topic, const std::string& problem)>;
  void on_problem(Report report) { report_ = std::move(report); }

  // What a key's reader gets; `versions` belong to the records one by one.
  struct KeyEvents {
    std::vector<Delivery> records;
    std::vector<events::Version> versions;
    std::optional<events::Version> last;  // of the key; none: it has no events
    std::optional<Delivery> snapshot;
    std::optional<events::Version> snapshot_version;
    Depends depends;
  };
  using KeyEventsDone = std::move_only_function<void(Result<KeyEvents>)>;
  struct KeyRead {
    Name topic;
    std::string key;
    std::optional<uint64_t> from;  // a version; none: the first, or backwards the last
    bool backwards = false;
    uint32_t limit = 100;
    // Begins after the latest snapshot, and tells it.
    bool with_snapshot = false;
  };
  // kNotFound, kInvalidArgument (no versions), kOverloaded.
  void read_key(const KeyRead& request, KeyEventsDone done);

  struct Snapshot {
    std::string key;
    std::string value;
    events::Version version = 0;  // of the last event that it contains
  };
  // Makes the topic of the snapshots when it is the first. kNotFound, kInvalidArgument (beyond the
  // key's last version), kAlreadyExists (another topic has the name).
  Result<Depends> put_snapshot(const Name& topic, const Snapshot& snapshot, Timestamp now);

  // The topic of a topic's snapshots, if it has one.
  std::optional<Name> snapshots_topic(const Thing& thing) const;

  // The indexes that are not complete yet go on, a step each time.
  void run();
  Timestamp next_deadline() const { return due_; }

 private:
  struct Tracked;
  Tracked* find(CellId log) const;
  void index_step(CellId log, Tracked& tracked);
  void take(CellId log, Offset from, const Result<ReadAnswer>& answer);
  Result<void> learn(Tracked& tracked, CellId log, const ReadAnswer& answer);
  void failed(Tracked& tracked, const Error& error);
  void due(Timestamp at);
  Result<const Thing*> versioned(const Name& name) const;
  std::optional<CellId> snapshots_of(const Thing& thing) const;
  Result<CellId> make_snapshots(const Thing& thing, Timestamp now);
  void read_snapshot(CellId log, const std::shared_ptr<KeyReadJob>& job);
  void read_events(const std::shared_ptr<KeyReadJob>& job);

  Broker& broker_;
  const events::Digest secret_;
  absl::flat_hash_map<CellId, std::unique_ptr<Tracked>> logs_;
  std::deque<CellId> incomplete_;
  std::vector<events::Incoming> checked_;  // by the newest check()
  CellId checked_log_;
  std::optional<VersionConflict> conflict_;
  Report report_;
  Timestamp due_ = Timestamp::never();
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::broker
