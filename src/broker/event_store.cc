#include "broker/event_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker.h"

namespace weir::broker {
namespace {

// A log that cannot be read is tried again after the first, and then after twice the time before.
constexpr Milliseconds kRetryFirst{1000};
constexpr Milliseconds kRetryMax{60'000};

std::string text_of(const std::optional<events::Version>& version) {
  return version ? fmt::format("version {}", *version) : "no events";
}

}  // namespace

bool has_versions(const Thing& thing) {
  const auto found = thing.properties.find(std::string(kEventsProperty));
  return found != thing.properties.end() && found->second == "true";
}

struct EventStore::Tracked {
  std::string name;
  bool versions = false;  // else snapshots: no version of them matters, only which is the last
  events::VersionIndex index;
  bool busy = false;         // a step is being read
  std::string problem = {};  // of the newest attempt to read
  Milliseconds retry{0};
  Timestamp retry_at = {};

  std::unexpected<Error> not_ready() const {
    if (!problem.empty()) return fail(ErrorCode::kStorageUnavailable, problem);
    return fail(ErrorCode::kOverloaded,
                fmt::format("the versions of {} are being rebuilt from its log; try again", name));
  }
};

EventStore::EventStore(Broker& broker)
    : broker_(broker), secret_{broker.random().next(), broker.random().next()} {}

EventStore::~EventStore() = default;

Result<void> EventStore::check_policies(const Thing& thing) {
  if (!has_versions(thing)) return {};
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} cannot have versions of keys: {}", thing.name.name, why));
  };
  if (thing.kind != catalog::Kind::kTopic) return refuse("it is a queue");
  if (thing.logs.size() != 1) return refuse("it needs one partition, whose order is the total one");
  if (thing.log_policy.compaction) return refuse("compaction would take events away");
  if (thing.log_policy.retention_ms >= 0 || thing.log_policy.retention_bytes >= 0) {
    return refuse("retention would take events away; set it to unlimited (retention.ms=-1)");
  }
  return {};
}

Result<void> EventStore::may_delete(const Thing& thing) const {
  if (!has_versions(thing)) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("topic {} keeps its events: versions of keys count all of them",
                          thing.name.name));
}

EventStore::Tracked* EventStore::find(CellId log) const {
  if (logs_.empty()) return nullptr;
  const auto found = logs_.find(log);
  return found == logs_.end() ? nullptr : found->second.get();
}

void EventStore::consider(const Thing& thing) {
  const bool versions = has_versions(thing);
  const bool snapshots = thing.properties.contains(std::string(kSnapshotsOfProperty));
  const CellId log = thing.logs.front();
  if (!versions && !snapshots) {
    logs_.erase(log);
    return;
  }
  if (Tracked* known = find(log)) {
    known->name = thing.name.name;
    return;
  }
  const auto* state = broker_.find_log(log);
  const Offset start = state == nullptr ? Offset(0) : state->start();
  logs_.emplace(log,
                std::unique_ptr<Tracked>(new Tracked{thing.name.name, versions, {start, secret_}}));
  if (state == nullptr || state->end() == start) return;
  incomplete_.push_back(log);
  due(broker_.now());
}

void EventStore::forget(const Thing& thing) {
  for (const CellId log : thing.logs) logs_.erase(log);
}

// ---- appends

Result<std::optional<Offset>> EventStore::check(CellId log,
                                                const log::BatchHeader& header,
                                                ByteView batch) {
  conflict_.reset();
  checked_log_ = {};
  Tracked* tracked = find(log);
  if (tracked == nullptr) return std::nullopt;
  auto incoming = events::incoming_of(tracked->index, header, batch);
  if (!incoming) return std::unexpected(incoming.error());
  const bool conditional = std::ranges::any_of(*incoming, &events::Incoming::conditional);
  if (tracked->index.next() != broker_.find_log(log)->end()) {
    if (conditional && tracked->versions) return tracked->not_ready();
    return std::nullopt;  // the index meets it on its way
  }
  if (tracked->versions) {
    const events::Decision decision = tracked->index.decide(*incoming);
    using Kind = events::Decision::Kind;
    switch (decision.kind) {
      case Kind::kAppend: break;
      case Kind::kRepeated: return decision.first;
      case Kind::kPartRepeated:
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("the event id of record {} was used before in another append; an "
                                "append is repeated whole or not at all",
                                decision.index));
      case Kind::kConflict: {
        const auto& expected = (*incoming)[decision.index].expected;
        conflict_ = VersionConflict{events::key_of(header, batch, decision.index), expected,
                                    decision.current};
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("key {} of {}: expected version {}, but it has {}", conflict_->key,
                                tracked->name, expected.text(), text_of(decision.current)));
      }
      case Kind::kFull:
        return fail(ErrorCode::kLimitReached, fmt::format("{} holds {} events, the limit",
                                                          tracked->name, events::kEventsMax));
    }
  }
  checked_ = std::move(*incoming);
  checked_log_ = log;
  return std::nullopt;
}

void EventStore::appended(CellId log, Offset base, const log::BatchHeader& header) {
  if (checked_log_ != log) {
    // What came before the index was complete is met on its way; it must know that there is more.
    Tracked* tracked = find(log);
    if (tracked == nullptr || std::ranges::find(incomplete_, log) != incomplete_.end()) return;
    incomplete_.push_back(log);
    return due(broker_.now());
  }
  checked_log_ = {};
  Tracked* tracked = find(log);
  if (tracked == nullptr || tracked->index.next() != base) return;
  for (const events::Incoming& record : checked_) {
    tracked->index.add(tracked->index.next(), record);
  }
  tracked->index.skip_to(base + (header.last_offset_delta + 1));
}

// ---- making an index

void EventStore::due(Timestamp at) {
  due_ = std::min(due_, at);
  broker_.announce_deadline();
}

void EventStore::run() {
  if (due_ > broker_.now()) return;
  due_ = Timestamp::never();
  // One log after the other; one that cannot be read holds up none.
  for (size_t left = incomplete_.size(); left > 0; --left) {
    const CellId log = incomplete_.front();
    Tracked* tracked = find(log);
    const auto* state = broker_.find_log(log);
    if (tracked == nullptr || state == nullptr || tracked->index.next() == state->end()) {
      incomplete_.pop_front();
      continue;
    }
    if (tracked->busy) return;
    if (tracked->retry_at <= broker_.now()) return index_step(log, *tracked);
    due_ = std::min(due_, tracked->retry_at);
    incomplete_.pop_front();
    incomplete_.push_back(log);
  }
}

void EventStore::index_step(CellId log, Tracked& tracked) {
  tracked.busy = true;
  tracked.index.skip_to(broker_.find_log(log)->start());
  broker_.read({.log = log,
                .from = tracked.index.next(),
                .bytes_max = broker_.limits_.events_step_bytes,
                .end = {},
                .visibility = Visibility::kApplied},
               [this, log, from = tracked.index.next(),
                alive = std::weak_ptr(alive_)](Result<ReadAnswer> answer) {
                 if (!alive.expired()) take(log, from, answer);
               });
}

void EventStore::take(CellId log, Offset from, const Result<ReadAnswer>& answer) {
  Tracked* tracked = find(log);
  // Versions may have been given up and asked for anew meanwhile: that index is elsewhere.
  if (tracked == nullptr || tracked->index.next() != from) return due(broker_.now());
  tracked->busy = false;
  const Result<void> learned =
      answer ? learn(*tracked, log, *answer) : Result<void>(std::unexpected(answer.error()));
  if (!learned) return failed(*tracked, learned.error());
  if (!tracked->problem.empty()) {
    tracked->problem.clear();
    tracked->retry = {};
    tracked->retry_at = {};
    if (report_) report_(tracked->name, {});
  }
  due(broker_.now());
}

Result<void> EventStore::learn(Tracked& tracked, CellId id, const ReadAnswer& answer) {
  const auto* state = broker_.find_log(id);
  events::VersionIndex& index = tracked.index;
  for (const StoredEntry& entry : answer.batches) {
    log::BatchReader reader;
    auto opened = reader.open({entry.event, entry.payload}, index.next());
    if (!opened) return opened;
    log::ReadRecord record;
    while (reader.next(record)) {
      // What was deleted singly, before the topic had versions, counts no more than what retention
      // had dropped by then: readers of a key would not find it.
      if (record.offset < index.next() || state->deleted(record.offset)) continue;
      auto incoming = events::incoming_of(index, record.key, record.headers);
      if (!incoming) {
        // From before the topic had versions: a header that says nothing.
        incoming = events::incoming_of(index, record.key, {});
      }
      index.add(record.offset, *incoming);
    }
    index.skip_to(reader.header().end_offset());
  }
  if (!answer.batches.empty()) return {};
  // Nothing is left there before the next row, in this one, or at all.
  const auto row = state->row_at(index.next());
  if (!row) {
    index.skip_to(answer.end);
  } else {
    index.skip_to(row->first() > index.next() ? row->first() : row->end());
  }
  return {};
}

void EventStore::failed(Tracked& tracked, const Error& error) {
  tracked.retry = std::clamp(tracked.retry * 2, kRetryFirst, kRetryMax);
  tracked.retry_at = broker_.now() + tracked.retry;
  tracked.problem = fmt::format(
      "the versions of {} cannot be rebuilt: its log cannot be read at offset {}: {}. It is tried "
      "again; restore the data directory if that does not help, or go on without versions (weir "
      "topic set {} --no-events)",
      tracked.name, tracked.index.next().value(), error.message, tracked.name);
  if (report_) report_(tracked.name, tracked.problem);
  due(broker_.now());  // the others go on
}

std::optional<EventStore::IndexState> EventStore::state(CellId log) const {
  const Tracked* tracked = find(log);
  if (tracked == nullptr) return std::nullopt;
  return IndexState{.next = tracked->index.next(),
                    .complete = tracked->index.next() == broker_.find_log(log)->end(),
                    .keys = tracked->index.keys(),
                    .bytes = tracked->index.memory_bytes(),
                    .problem = tracked->problem};
}

EventStore::Totals EventStore::totals() const {
  Totals totals;
  for (const auto& [log, tracked] : logs_) {
    const auto* state = broker_.find_log(log);
    if (state == nullptr || tracked->index.next() == state->end()) continue;
    ++totals.incomplete;
    if (!tracked->problem.empty()) ++totals.problems;
  }
  return totals;
}

Result<const events::VersionIndex*> EventStore::index(CellId log) const {
  const Tracked* tracked = find(log);
  if (tracked == nullptr || !tracked->versions) return nullptr;
  if (tracked->index.next() != broker_.find_log(log)->end()) return tracked->not_ready();
  return &tracked->index;
}

// ---- reading a key

struct KeyReadJob {
  EventStore::KeyRead request;
  CellId log;
  EventStore::KeyEvents answer;
  EventStore::KeyEventsDone done;
};

Result<const Thing*> EventStore::versioned(const Name& name) const {
  const Thing* thing = broker_.catalog().find(name);
  if (thing == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no topic {}", name.name));
  }
  if (!has_versions(*thing)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has no versions of keys; make such a topic with --events, or set "
                            "weir.events=true",
                            name.name));
  }
  return thing;
}

std::optional<Name> EventStore::snapshots_topic(const Thing& thing) const {
  const auto log = snapshots_of(thing);
  if (!log) return std::nullopt;
  return broker_.catalog().owner_of(*log)->name;
}

std::optional<CellId> EventStore::snapshots_of(const Thing& thing) const {
  const Thing* beside =
      broker_.catalog().find({thing.name.space, thing.name.name + std::string(kSnapshotsSuffix)});
  if (beside == nullptr) return std::nullopt;
  const auto of = beside->properties.find(std::string(kSnapshotsOfProperty));
  if (of == beside->properties.end() || of->second != to_string(thing.uuid)) return std::nullopt;
  return beside->logs.front();
}

void EventStore::read_key(const KeyRead& request, KeyEventsDone done) {
  const auto thing = versioned(request.topic);
  if (!thing) return done(std::unexpected(thing.error()));
  const CellId log = (*thing)->logs.front();
  const auto found = index(log);
  if (!found) return done(std::unexpected(found.error()));
  auto job = std::make_shared<KeyReadJob>(KeyReadJob{request, log, {}, std::move(done)});
  job->answer.last = (*found)->last_version((*found)->digest(request.key));
  job->answer.depends = broker_.log_depends(log);
  const auto snapshots = request.with_snapshot ? snapshots_of(**thing) : std::nullopt;
  if (snapshots) return read_snapshot(*snapshots, job);
  read_events(job);
}

void EventStore::read_snapshot(CellId log, const std::shared_ptr<KeyReadJob>& job) {
  const Tracked* tracked = find(log);
  if (tracked == nullptr) {
    return job->done(fail(ErrorCode::kNotFound, "the snapshots were removed meanwhile"));
  }
  if (tracked->index.next() != broker_.find_log(log)->end()) return job->done(tracked->not_ready());
  const auto offset = tracked->index.last_offset(tracked->index.digest(job->request.key));
  if (!offset) return read_events(job);
  const Depends snapshots = broker_.log_depends(log);
  job->answer.depends.lsn = std::max(job->answer.depends.lsn, snapshots.lsn);
  job->answer.depends.durability = std::min(job->answer.depends.durability, snapshots.durability);
  broker_.read_records(
      log, {*offset},
      [this, job, alive = std::weak_ptr(alive_)](Result<std::vector<Delivery>> records) {
        if (alive.expired()) return;
        if (!records) return job->done(std::unexpected(records.error()));
        if (!records->empty() && records->front().record.key == job->request.key) {
          Delivery& found = records->front();
          const auto text = found.record.headers.find(events::kHeaderSnapshotVersion);
          const auto version = text ? events::Expectation::parse(*text) : std::nullopt;
          // A tombstone is no snapshot.
          if (found.record.value && version) {
            job->answer.snapshot_version = version->version;
            job->answer.snapshot = std::move(found);
          }
        }
        read_events(job);
      });
}

void EventStore::read_events(const std::shared_ptr<KeyReadJob>& job) {
  const auto found = index(job->log);
  if (!found) return job->done(std::unexpected(found.error()));
  if (*found == nullptr) {
    return job->done(fail(ErrorCode::kNotFound, "the topic was removed while it was read"));
  }
  KeyEvents& answer = job->answer;
  if (!answer.last) return job->done(std::move(answer));
  const KeyRead& request = job->request;
  const uint64_t beyond = uint64_t{*answer.last} + 1;
  uint64_t first = request.from.value_or(request.backwards ? *answer.last : 0);
  if (answer.snapshot_version) first = std::max(first, uint64_t{*answer.snapshot_version} + 1);
  uint64_t end = std::min(first + 1, beyond);
  if (request.backwards) {
    first = end - std::min<uint64_t>(end, request.limit);
  } else {
    first = std::min(first, beyond);
    end = std::min(first + request.limit, beyond);
  }
  auto offsets =
      (*found)->offsets((*found)->digest(request.key), static_cast<events::Version>(first), end);
  if (offsets.empty()) return job->done(std::move(answer));
  broker_.read_records(job->log, std::move(offsets), [job, first](Result<std::vector<Delivery>> r) {
    if (!r) return job->done(std::unexpected(r.error()));
    KeyEvents& answer = job->answer;
    answer.records = std::move(*r);
    auto version = static_cast<events::Version>(first);
    for (const Delivery& delivery : answer.records) {
      if (delivery.record.key != job->request.key) {
        return job->done(fail(ErrorCode::kStorageCorrupt, "an event belongs to another key"));
      }
      answer.versions.push_back(version++);
    }
    if (job->request.backwards) {
      std::ranges::reverse(answer.records);
      std::ranges::reverse(answer.versions);
    }
    job->done(std::move(answer));
  });
}

// ---- snapshots

Result<CellId> EventStore::make_snapshots(const Thing& thing, Timestamp now) {
  if (const auto known = snapshots_of(thing)) return *known;
  TopicSpec spec;
  spec.name = {thing.name.space, thing.name.name + std::string(kSnapshotsSuffix)};
  spec.origin = catalog::Origin::kAdmin;
  spec.log.compaction.emplace();
  spec.log.durability = thing.log_policy.durability;
  spec.properties[std::string(kSnapshotsOfProperty)] = to_string(thing.uuid);
  // As Kafka's clients see and keep it.
  spec.properties["kafka.cleanup.policy"] = "compact";
  const auto made = broker_.create_topic(spec, now);
  if (!made) return std::unexpected(made.error());
  return made->thing->logs.front();
}

Result<Depends> EventStore::put_snapshot(const Name& topic,
                                         const Snapshot& snapshot,
                                         Timestamp now) {
  const auto thing = versioned(topic);
  if (!thing) return std::unexpected(thing.error());
  const auto found = index((*thing)->logs.front());
  if (!found) return std::unexpected(found.error());
  const auto last = (*found)->last_version((*found)->digest(snapshot.key));
  if (!last || snapshot.version > *last) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a snapshot of {} at version {}, but it has {}", snapshot.key,
                            snapshot.version, text_of(last)));
  }
  const size_t bytes = snapshot.key.size() + snapshot.value.size();
  const Broker::Turn turn(broker_, now, Admission::kData, bytes);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto log = make_snapshots(**thing, now);
  if (!log) return std::unexpected(log.error());
  const std::string version = std::to_string(snapshot.version);
  const log::RecordHeader header{events::kHeaderSnapshotVersion, ByteView(version)};
  const auto stored =
      broker_.append_record(*log, {snapshot.key, snapshot.value, {&header, 1}, now}, now);
  if (!stored) return std::unexpected(stored.error());
  return turn.depends();
}

}  // namespace weir::broker
