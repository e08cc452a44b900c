#include "protocols/redis/stream_copy.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/log/reader.h"
#include "protocols/redis/client.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

constexpr size_t kCopiedBytesMax = size_t{40} << 20;
constexpr size_t kEntryOverhead = 128;  // of a record that becomes a batch of its own
constexpr size_t kReadBytes = size_t{4} << 20;

struct Copy {
  Service& service;
  uint32_t from_database;
  std::string from;
  uint32_t to_database;
  std::string to;
  ReplyBuffer::Hole hole;

  CellId log;
  Offset end;  // of the source when reading began
  Offset at;
  size_t bytes = 0;
  std::vector<broker::StoredEntry> batches;
  Dependence depends;

  void answer(const Result<int64_t>& result) {
    std::string text;
    ReplyWriter writer(text, 2);
    result ? writer.integer(*result) : writer.error(errors::wire_text(result.error()));
    hole.fill(std::move(text), depends);
  }
};

using Job = std::shared_ptr<Copy>;

Result<void> too_large() {
  return fail(ErrorCode::kTooLarge, "the stream does not fit into one commit");
}

// Gives each live record of the source to `visit`, which says false to stop.
template <typename Visit>
void each_record(const Copy& job, const log::Log& source, Visit&& visit) {
  std::vector<log::StoredBatch> batches;
  batches.reserve(job.batches.size());
  for (const auto& stored : job.batches) batches.push_back({stored.event, stored.payload});
  log::RecordReader reader(batches, source.start(), job.end, source.deletions());
  log::ReadRecord record;
  while (reader.next(record) && visit(record)) {
  }
}

Result<void> copy_entries(const Copy& job, const log::Log& source, CellId target, Timestamp now) {
  Result<void> done;
  size_t bytes = 0;
  each_record(job, source, [&](const log::ReadRecord& record) {
    std::vector<log::RecordHeader> headers;
    for (const auto& header : record.headers) headers.push_back(header);
    bytes += kEntryOverhead + record.key.value_or("").size() + record.value.value_or("").size();
    for (const auto& header : headers)
      bytes += header.key.size() + header.value.value_or("").size() + 8;
    if (bytes > kCopiedBytesMax) {
      done = too_large();
      return false;
    }
    const log::RecordInput input{.key = record.key,
                                 .value = record.value,
                                 .headers = headers,
                                 .timestamp = record.timestamp};
    const auto added = job.service.broker().append_record(
        target, input, now, {log::IdRequest::Kind::kExplicit, record.id});
    if (!added) done = std::unexpected(added.error());
    return done.has_value();
  });
  if (!done) return done;
  const auto set = job.service.broker().set_ids(target, source.last_id(), source.entries_added(),
                                                source.max_deleted_id(), now);
  return set ? Result<void>() : std::unexpected(set.error());
}

// The entries of one consumer, those of the same time together; offsets are counted from the start
// of the live records. An entry without a body has no place in the copy.
Result<void> copy_pending(Service& service,
                          const log::Log& source,
                          const queue::Queue& queue,
                          queue::ConsumerId from,
                          CellId target,
                          queue::ConsumerId to,
                          Timestamp now) {
  std::map<Timestamp, std::vector<queue::Claim>> by_time;
  queue::PendingQuery query;
  query.consumer = from;
  query.count = SIZE_MAX;
  for (const queue::Lease& lease : queue.pending(query).leases) {
    if (lease.offset < source.start() || source.deleted(lease.offset)) continue;
    by_time[lease.last_delivered].push_back(
        {Offset(source.live_below(lease.offset)), lease.deliveries, false});
  }
  for (const auto& [delivered, claims] : by_time) {
    const queue::Queue* made = service.broker().find_queue(target, now);
    const auto decision = made->decide_claim(to, claims, delivered, true);
    if (!decision) return std::unexpected(decision.error());
    const auto applied = service.broker().apply(target, decision->events, now);
    if (!applied) return std::unexpected(applied.error());
  }
  return {};
}

Result<void> copy_group(Service& service,
                        const log::Log& source,
                        CellId from,
                        const catalog::Name& stream,
                        const std::string& group,
                        Timestamp now) {
  const queue::Queue* queue = service.broker().find_queue(from, now);
  const Offset next(source.live_below(std::clamp(queue->next(), source.start(), source.end())));
  const auto made = service.broker().create_stream_group(stream, group, next, group_policy(), now);
  if (!made) return std::unexpected(made.error());
  const CellId target = made->thing->stream_groups.at(group);
  auto done = copy_pending(service, source, *queue, queue::kNobody, target, queue::kNobody, now);
  for (const auto& [id, consumer] : queue->consumers().all()) {
    if (!done) return done;
    const queue::Queue* fresh = service.broker().find_queue(target, now);
    const auto event = fresh->decide_create_consumer(consumer.name);
    if (!event) return std::unexpected(event.error());
    const auto applied = service.broker().apply(target, {*event}, now);
    if (!applied) return std::unexpected(applied.error());
    done = copy_pending(service, source, *queue, id, target, *fresh->find_consumer(consumer.name),
                        now);
  }
  return done;
}

Result<void> write(const Copy& job, keyspace::Transaction& keys) {
  Service& service = job.service;
  keys.erase(job.to_database, job.to);
  const auto removed = service.remove_stream(keys, job.to_database, job.to);
  if (!removed) return std::unexpected(removed.error());
  const StreamKey from = service.stream_of(job.from_database, job.from);
  const log::Log* source = service.broker().find_log(job.log);
  const auto groups =
      from.partition == 0 ? from.thing->stream_groups : std::map<std::string, CellId>();
  const Timestamp deadline = service.stream_deadline(*from.thing);
  const auto made = service.make_stream(job.to_database, job.to, keys.now());
  if (!made) return std::unexpected(made.error());
  const catalog::Name name = made->thing->name;
  Result<void> done = copy_entries(job, *source, made->log, keys.now());
  for (const auto& [group, cell] : groups) {
    if (done) done = copy_group(service, *source, cell, name, group, keys.now());
  }
  if (done && deadline != Timestamp::never())
    done = service.expire_stream(job.to_database, job.to, deadline, keys.now());
  // Half a copy is none.
  if (!done) (void)service.remove_stream(keys, job.to_database, job.to);
  if (done) service.notify(job.to_database, notify::kGeneric, "copy_to", job.to);
  return done;
}

void read_on(const Job& job);

void begin(const Job& job) {
  const StreamKey from = job->service.stream_of(job->from_database, job->from);
  const log::Log* source = from ? job->service.broker().find_log(from.log) : nullptr;
  if (source == nullptr) return job->answer(0);
  job->log = from.log;
  job->at = source->start();
  job->end = source->end();
  job->bytes = 0;
  job->batches.clear();
  read_on(job);
}

void finish(const Job& job) {
  const StreamKey from = job->service.stream_of(job->from_database, job->from);
  if (!from || from.log != job->log) return job->answer(0);
  const log::Log* source = job->service.broker().find_log(job->log);
  // What was added while the disk was read is still to be read.
  if (source->end() > job->end) {
    job->at = job->end;
    job->end = source->end();
    return read_on(job);
  }
  const auto done = job->service.in_turn(
      job->bytes, [&](keyspace::Transaction& keys) { return write(*job, keys); });
  if (!done) return job->answer(std::unexpected(done.error()));
  job->depends.add(*done);
  job->answer(1);
}

void read_on(const Job& job) {
  if (job->at >= job->end) return finish(job);
  const broker::ReadRequest request{.log = job->log,
                                    .from = job->at,
                                    .bytes_max = kReadBytes,
                                    .end = job->end,
                                    .visibility = broker::Visibility::kApplied};
  job->service.broker().read(request, [job](Result<broker::ReadAnswer> answer) {
    if (!answer) return job->answer(std::unexpected(answer.error()));
    job->depends.add(answer->depends);
    std::optional<Offset> end;
    for (auto& stored : answer->batches) {
      const auto header = log::parse_header(stored.payload);
      if (header) end = header->end_offset();
      job->bytes += stored.payload.size();
      job->batches.push_back(std::move(stored));
    }
    if (job->bytes > kCopiedBytesMax) return job->answer(std::unexpected(too_large().error()));
    if (!end || *end <= job->at) return finish(job);
    job->at = *end;
    read_on(job);
  });
}

}  // namespace

void copy_stream(Call& call, ByteView from, uint32_t to_database, ByteView to) {
  begin(std::make_shared<Copy>(Copy{.service = call.service,
                                    .from_database = call.database(),
                                    .from = std::string(from),
                                    .to_database = to_database,
                                    .to = std::string(to),
                                    .hole = call.buffer.leave_hole(),
                                    .log = {},
                                    .end = {},
                                    .at = {},
                                    .batches = {},
                                    .depends = {}}));
}

}  // namespace weir::redis
