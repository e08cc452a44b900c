#include "protocols/redis/stream_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "protocols/redis/client.h"
#include "protocols/redis/notifications.h"

namespace weir::redis {

std::optional<StreamId> id_argument(Call& call, size_t index, uint64_t missing_sequence) {
  const ByteView text = call.args[index];
  if (text == "-") return StreamId{};
  if (text == "+") return StreamId::max();
  const auto id = parse_id(text, missing_sequence);
  if (!id) call.fail(kInvalidId);
  return id;
}

std::optional<StreamId> bound_argument(Call& call, size_t index, bool start) {
  const ByteView text = call.args[index];
  const uint64_t missing = start ? 0 : UINT64_MAX;
  if (text.empty() || text.front() != '(') return id_argument(call, index, missing);
  const auto id = parse_id(text.substr(1), missing);
  if (!id) {
    call.fail(kInvalidId);
    return std::nullopt;
  }
  if (start) {
    if (*id == StreamId::max()) {
      call.fail("ERR invalid start ID for the interval");
      return std::nullopt;
    }
    return id->next();
  }
  if (*id == StreamId{}) {
    call.fail("ERR invalid end ID for the interval");
    return std::nullopt;
  }
  return id->seq == 0 ? StreamId{id->ms - 1, UINT64_MAX} : StreamId{id->ms, id->seq - 1};
}

std::optional<StreamKey> named_stream(Call& call, size_t index) {
  const ByteView key = call.args[index];
  call.depends_on_key(key);
  if (call.keys.find(call.database(), key) != nullptr) {
    call.fail(errors::kWrongType);
    return std::nullopt;
  }
  return call.service.stream_of(call.database(), key);
}

std::optional<StreamKey> stream_argument(Call& call, size_t index) {
  const auto stream = named_stream(call, index);
  if (stream && *stream) call.depends_on(call.service.broker().log_depends(stream->log));
  return stream;
}

std::optional<GroupKey> group_of(Call& call, const StreamKey& stream, ByteView group) {
  const auto found = named_group(call, stream, group);
  if (found) call.depends_on(call.service.broker().queue_depends(found->cell));
  return found;
}

std::optional<GroupKey> named_group(Call& call, const StreamKey& stream, ByteView group) {
  if (!stream || stream.partition != 0) return std::nullopt;
  const auto found = stream.thing->stream_groups.find(std::string(group));
  if (found == stream.thing->stream_groups.end()) return std::nullopt;
  const queue::Queue* queue = call.service.broker().find_queue(found->second, call.now());
  if (queue == nullptr) return std::nullopt;
  // What retention removed has no ID that is kept; without one, an entry cannot be pending.
  const auto oldest = queue->oldest_pending();
  const log::Log* log = call.service.broker().find_log(stream.log);
  if (oldest && log != nullptr && *oldest < log->start() &&
      !call.service.streams().cache().kept(stream.log, *oldest)) {
    tend_references(call.service, stream, Offset(0), call.now());
  }
  return GroupKey{stream, found->second, queue};
}

bool take_trim_option(Call& call, size_t& index, TrimOptions& options, bool& failed) {
  const auto refuse = [&](ByteView text) {
    call.fail(text);
    failed = true;
    return true;
  };
  if (const auto references = references_option(call, index)) {
    options.references = *references;
    ++index;
    return true;
  }
  const bool length = call.is(index, "maxlen");
  if (call.is(index, "limit") && index + 1 < call.count()) {
    const auto limit = call.integer(index + 1);
    if (!limit) return failed = true;
    if (*limit < 0) return refuse("ERR The LIMIT argument must be >= 0.");
    options.limit = limit;
    index += 2;
    return true;
  }
  if ((!length && !call.is(index, "minid")) || index + 1 >= call.count()) return false;
  if (options.strategy != TrimOptions::Strategy::kNone) {
    return refuse("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  }
  ++index;
  options.approximate = call.args[index] == "~";
  if (options.approximate || call.args[index] == "=") ++index;
  if (index >= call.count()) return refuse(errors::kSyntax);
  if (length) {
    const auto value = call.integer(index);
    if (!value) return failed = true;
    if (*value < 0) return refuse("ERR The MAXLEN argument must be >= 0.");
    options.length = *value;
  } else {
    const auto id = id_argument(call, index);
    if (!id) return failed = true;
    options.id = *id;
  }
  options.strategy = length ? TrimOptions::Strategy::kLength : TrimOptions::Strategy::kId;
  ++index;
  return true;
}

bool check_trim_options(Call& call, const TrimOptions& options) {
  if (!options.limit) return true;
  if (options.strategy == TrimOptions::Strategy::kNone) {
    call.fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    return false;
  }
  if (!options.approximate) {
    call.fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
    return false;
  }
  return true;
}

namespace {

// Where the first entry lies that a group has still to read; the end when there is no group.
Offset first_unread(Service& service, const StreamKey& stream, Timestamp now) {
  Offset first = service.broker().find_log(stream.log)->end();
  for (const CellId group : groups_of(service, stream.thing->name)) {
    const queue::Queue* queue = service.broker().find_queue(group, now);
    if (queue != nullptr) first = std::min(first, queue->next());
  }
  return first;
}

// The new start that the options ask for, when `exact` is what they name to the entry, without
// regard to the groups.
Offset trim_target(Service& service,
                   const StreamKey& stream,
                   const TrimOptions& options,
                   Offset exact) {
  const log::Log* log = service.broker().find_log(stream.log);
  if (!options.approximate) return std::max(exact, log->start());
  constexpr int64_t kDefaultLimitNodes = 100;
  const auto configured = static_cast<int64_t>(service.config().stream_node_entries());
  const int64_t node = configured == 0 ? log::kStreamNodeEntries : configured;
  const int64_t limit = options.limit.value_or(kDefaultLimitNodes * node);
  if (limit > 0 && log->live_below(exact) > limit) {
    exact = log->decide_trim_to_length(log->length() - limit).start;
  } else if (exact == log->end()) {
    return exact;
  }
  return std::max(Offset(exact.value() / node * node), log->start());
}

// The entries that ACKED removes: live ones that every group has read and acknowledged, the oldest
// first. Those below `target`; for an exact length as many as are too many, wherever they are.
constexpr size_t kAcknowledgedTrimMax = 20'000;
constexpr int64_t kAcknowledgedLookMax = int64_t{1} << 20;

std::vector<Offset> acknowledged(Service& service,
                                 const StreamKey& stream,
                                 const TrimOptions& options,
                                 Offset target,
                                 Timestamp now) {
  const log::Log* log = service.broker().find_log(stream.log);
  const bool by_length = options.strategy == TrimOptions::Strategy::kLength && !options.approximate;
  const int64_t excess = by_length ? log->length() - options.length : INT64_MAX;
  const Offset unread = first_unread(service, stream, now);
  const Offset looked = log->start() + kAcknowledgedLookMax;
  const Offset end = std::min({by_length ? unread : std::min(target, unread), looked});
  const auto groups = groups_of(service, stream.thing->name);
  std::vector<Offset> found;
  for (Offset at = log->start(); at < end && found.size() < kAcknowledgedTrimMax; at = at.next()) {
    if (static_cast<int64_t>(found.size()) >= excess) break;
    if (log->deleted(at)) continue;
    const bool needed = std::ranges::any_of(
        groups, [&](CellId group) { return references(service, group, at, now); });
    if (!needed) found.push_back(at);
  }
  return found;
}

// Removes the acknowledged ones; their IDs are read first.
void trim_acknowledged(Service& service,
                       const StreamKey& stream,
                       std::vector<Offset> offsets,
                       Timestamp now,
                       TrimDone done) {
  service.streams().entries_at(
      stream.log, std::move(offsets),
      [&service, stream = stream, name = stream.thing->name, now,
       done = std::move(done)](const Result<std::vector<EntryAt>>& entries) mutable {
        if (!entries) return done(std::unexpected(entries.error()), {});
        const log::Log* log = service.broker().find_log(stream.log);
        stream.thing = service.broker().catalog().find(name);
        if (log == nullptr || stream.thing == nullptr) return done(0, {});
        std::vector<std::pair<Offset, StreamId>> records;
        for (const EntryAt& entry : *entries) records.emplace_back(entry.offset, entry.id);
        const Offset before = log->start();
        const auto deleted = service.broker().delete_records(stream.log, std::move(records), now);
        if (!deleted) return done(std::unexpected(deleted.error()), {});
        if (deleted->removed > 0) tend_references(service, stream, before, now);
        done(deleted->removed, deleted->depends);
      });
}

// What is pending of removed records is forgotten.
void drop_references(Service& service, const StreamKey& stream, Timestamp now) {
  const log::Log* log = service.broker().find_log(stream.log);
  if (log == nullptr) return;
  for (const CellId cell : groups_of(service, stream.thing->name)) {
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    if (queue == nullptr) continue;
    if (const auto event = queue->decide_expire_below(log->start()))
      (void)service.broker().apply(cell, {*event}, now);
  }
}

// Keeps the IDs of pending entries below an offset that are known, and returns the others: looking
// for those would push these out of the cache.
std::vector<Offset> unknown_ids(Service& service,
                                const StreamKey& stream,
                                Offset end,
                                Timestamp now) {
  IdCache& cache = service.streams().cache();
  std::vector<Offset> unknown;
  const log::Log* log = service.broker().find_log(stream.log);
  if (end <= log->start()) return unknown;
  queue::PendingQuery query;
  query.first = log->start();
  query.last = Offset(end.value() - 1);
  query.count = IdCache::kKeptMax;
  for (const CellId cell : groups_of(service, stream.thing->name)) {
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    if (queue == nullptr) continue;
    for (const queue::Lease& lease : queue->pending(query).leases) {
      if (const auto id = cache.id_of(stream.log, lease.offset)) {
        cache.keep(stream.log, lease.offset, *id);
      } else {
        unknown.push_back(lease.offset);
      }
    }
  }
  std::ranges::sort(unknown);
  unknown.erase(std::ranges::unique(unknown).begin(), unknown.end());
  return unknown;
}

// Records are read for their IDs while they are there.
struct Learning {
  Service& service;
  CellId log;
  std::vector<Offset> offsets;
  size_t next = 0;
  std::move_only_function<void()> then;
};

void learn_ids(const std::shared_ptr<Learning>& job) {
  constexpr size_t kAtOnce = 256;
  if (job->next == job->offsets.size()) return job->then();
  const auto first = job->offsets.begin() + static_cast<ptrdiff_t>(job->next);
  const size_t count = std::min(kAtOnce, job->offsets.size() - job->next);
  job->next += count;
  job->service.streams().entries_at(
      job->log, {first, first + static_cast<ptrdiff_t>(count)},
      [job](const Result<std::vector<EntryAt>>& entries) {
        if (!entries) return job->then();  // what cannot be read is pending no longer
        for (const EntryAt& entry : *entries)
          job->service.streams().cache().keep(job->log, entry.offset, entry.id);
        learn_ids(job);
      });
}

void remove_below(Service& service,
                  StreamKey stream,
                  References references,
                  Offset target,
                  Timestamp now,
                  TrimDone done) {
  const log::Log* log = service.broker().find_log(stream.log);
  stream.thing = service.broker().catalog().owner_of(stream.log);
  if (log == nullptr || stream.thing == nullptr) return done(0, {});
  const Offset before = log->start();
  Result<broker::Broker::Trimmed> trimmed = fail(ErrorCode::kStorageUnavailable);
  {
    // One commit with the IDs that are kept of what goes.
    const broker::Broker::Turn turn(service.broker(), now, broker::Admission::kRelease);
    if (!turn.ok()) return done(std::unexpected(turn.status().error()), {});
    trimmed = service.broker().trim_to_offset(stream.log, target, false, INT64_MAX, now);
    if (trimmed && references == References::kDrop) drop_references(service, stream, now);
    if (trimmed && trimmed->removed > 0) tend_references(service, stream, before, now);
  }
  if (!trimmed) return done(std::unexpected(trimmed.error()), {});
  done(trimmed->removed, trimmed->depends);
}

}  // namespace

void trim_stream(Service& service,
                 const StreamKey& stream,
                 const TrimOptions& options,
                 Timestamp now,
                 TrimDone done) {
  const log::Log* log = service.broker().find_log(stream.log);
  if (log == nullptr) return done(0, {});
  auto trim = [&service, stream = stream, name = stream.thing->name, options, now,
               done = std::move(done)](Result<Offset> exact) mutable {
    const log::Log* still = service.broker().find_log(stream.log);
    stream.thing = service.broker().catalog().find(name);
    if (!exact) return done(std::unexpected(exact.error()), {});
    if (still == nullptr || stream.thing == nullptr) return done(0, {});
    const Offset target = trim_target(service, stream, options, *exact);
    if (options.references == References::kOnlyAcknowledged) {
      auto offsets = acknowledged(service, stream, options, target, now);
      return trim_acknowledged(service, stream, std::move(offsets), now, std::move(done));
    }
    std::vector<Offset> unknown;
    if (options.references == References::kKeep)
      unknown = unknown_ids(service, stream, target, now);
    auto remove = [&service, stream, references = options.references, target, now,
                   done = std::move(done)]() mutable {
      remove_below(service, stream, references, target, now, std::move(done));
    };
    learn_ids(std::make_shared<Learning>(
        Learning{service, stream.log, std::move(unknown), 0, std::move(remove)}));
  };
  if (options.strategy == TrimOptions::Strategy::kLength) {
    return trim(log->decide_trim_to_length(options.length).start);
  }
  if (options.id == StreamId{}) return trim(log->start());
  const StreamId before = options.id.seq == 0 ? StreamId{options.id.ms - 1, UINT64_MAX}
                                              : StreamId{options.id.ms, options.id.seq - 1};
  service.streams().offset_after(stream.log, before, std::move(trim));
}

void tend_references(Service& service, const StreamKey& stream, Offset from, Timestamp now) {
  const log::Log* log = service.broker().find_log(stream.log);
  if (log == nullptr || log->start() <= from) return;
  // A disk that refuses leaves the entries pending; they are looked at again with the group.
  const broker::Broker::Turn turn(service.broker(), now, broker::Admission::kRelease);
  if (!turn.ok()) return;
  queue::PendingQuery query;
  query.first = from;
  query.last = Offset(log->start().value() - 1);
  query.count = SIZE_MAX;
  for (const CellId cell : groups_of(service, stream.thing->name)) {
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    if (queue == nullptr) continue;
    std::vector<Offset> pending;
    for (const queue::Lease& lease : queue->pending(query).leases) pending.push_back(lease.offset);
    std::vector<Offset> lost;
    const auto keep = [&](keyspace::Transaction& keys) -> Result<void> {
      lost = service.kept_ids().keep(keys, stream.log, pending);
      return {};
    };
    if (!pending.empty() && !service.in_turn(0, keep, broker::Admission::kRelease)) continue;
    bool kept = lost.size() < pending.size();
    queue::Events events;
    if (!lost.empty()) events = queue->decide_discard(lost).events;
    kept = kept || queue->oldest_pending().value_or(from) < from;
    if (!kept && lost.empty()) {
      if (auto event = queue->decide_expire_below(log->start())) events.push_back(*event);
    } else if (queue->next() < log->start()) {
      if (auto event = queue->decide_set_next(log->start())) events.push_back(*event);
    }
    if (!events.empty()) (void)service.broker().apply(cell, events, now);
  }
}

void let_ids_go(Service& service, CellId log, std::span<const Offset> offsets, Timestamp now) {
  std::vector<Offset> kept;
  std::ranges::copy_if(offsets, std::back_inserter(kept),
                       [&](Offset offset) { return service.streams().cache().kept(log, offset); });
  const catalog::Thing* stream = service.broker().catalog().owner_of(log);
  if (kept.empty() || stream == nullptr) return;
  const auto groups = groups_of(service, stream->name);
  std::erase_if(kept, [&](Offset offset) {
    return std::ranges::any_of(groups, [&](CellId cell) {
      const queue::Queue* queue = service.broker().find_queue(cell, now);
      return queue != nullptr && queue->lease_of(offset);
    });
  });
  const auto let_go = [&](keyspace::Transaction& keys) -> Result<void> {
    service.kept_ids().let_go(keys, log, kept);
    return {};
  };
  // A disk that refuses leaves them for the next start.
  if (!kept.empty()) (void)service.in_turn(0, let_go, broker::Admission::kRelease);
}

int64_t shown_deliveries(uint32_t deliveries) {
  return deliveries == queue::kDeliveriesMax ? INT64_MAX : deliveries;
}

std::optional<Milliseconds> idle_of(const queue::Lease& lease, Timestamp now) {
  if (lease.consumer == queue::kNobody) return std::nullopt;
  return std::max(Milliseconds(0), now - lease.last_delivered);
}

queue::Policy group_policy() {
  queue::Policy policy;
  policy.tracking = queue::Tracking::kCursor;
  policy.lease_duration = queue::kNoDeadline;
  return policy;
}

Result<queue::ConsumerId> consumer_of(Call& call,
                                      const GroupKey& group,
                                      ByteView name,
                                      bool* created) {
  if (created != nullptr) *created = false;
  if (const auto known = group.queue->find_consumer(name)) return *known;
  auto event = group.queue->decide_create_consumer(name);
  if (!event) return std::unexpected(event.error());
  const auto applied = call.service.broker().apply(group.cell, {*event}, call.now());
  if (!applied) return std::unexpected(applied.error());
  if (created != nullptr) *created = true;
  call.service.notify(call.database(), notify::kStream, "xgroup-createconsumer",
                      group.stream.thing->name.name);
  return *group.queue->find_consumer(name);
}

}  // namespace weir::redis
