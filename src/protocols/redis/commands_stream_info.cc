// XINFO: https://redis.io/docs/latest/commands/?group=stream

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/stream_arguments.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

// A reply whose pieces become known in any order.
class Pieces : public std::enable_shared_from_this<Pieces> {
 public:
  explicit Pieces(ReplyBuffer::Hole hole) : hole_(std::move(hole)) {}

  // A piece that is written at once.
  std::string& text() {
    if (parts_.empty() || last_is_open_) parts_.push_back(std::make_unique<std::string>());
    last_is_open_ = false;
    return *parts_.back();
  }
  // A piece that `fill` completes later.
  std::function<void(std::string, Dependence)> later() {
    parts_.push_back(std::make_unique<std::string>());
    last_is_open_ = true;
    ++missing_;
    return [self = shared_from_this(), part = parts_.back().get()](std::string text,
                                                                   const Dependence& depends) {
      *part = std::move(text);
      self->depends_.add(depends);
      self->finish();
    };
  }
  // Once, when no piece is added any more.
  void finish() {
    if (--missing_ > 0) return;
    std::string whole;
    for (const auto& part : parts_) whole += *part;
    hole_.fill(std::move(whole), depends_);
  }

 private:
  ReplyBuffer::Hole hole_;
  std::vector<std::unique_ptr<std::string>> parts_;
  bool last_is_open_ = false;
  size_t missing_ = 1;
  Dependence depends_;
};

std::string text_of(int protocol, const std::function<void(ReplyWriter&)>& write) {
  std::string text;
  ReplyWriter writer(text, protocol);
  write(writer);
  return text;
}

// The ID of the record before the group's cursor.
void last_delivered(Service& service, CellId log_id, const queue::Queue& queue, Pieces& pieces) {
  auto fill = pieces.later();
  const auto answer = [fill](StreamId id) {
    fill(text_of(2, [&](ReplyWriter& w) { w.bulk(to_text(id)); }), {});
  };
  const log::Log* log = service.broker().find_log(log_id);
  if (queue.next() >= log->end()) return answer(log->last_id());
  if (queue.next() <= Offset(0)) return answer({});
  service.streams().entries_at(log_id, {Offset(queue.next().value() - 1)},
                               [answer](Result<std::vector<EntryAt>> found) {
                                 answer(found && !found->empty() ? found->front().id : StreamId{});
                               });
}

int64_t lag_of(const log::Log& log, const queue::Queue& queue) {
  const Offset next = std::max(queue.next(), log.start());
  return std::max<int64_t>(0, log.length() - log.live_below(next));
}

void bulk_pair(ReplyWriter& writer, ByteView name, ByteView value) {
  writer.bulk(name);
  writer.bulk(value);
}

void integer_pair(ReplyWriter& writer, ByteView name, int64_t value) {
  writer.bulk(name);
  writer.integer(value);
}

void stream_header(ReplyWriter& writer, const log::Log& log) {
  const auto nodes =
      static_cast<int64_t>((log.length() + log::kStreamNodeEntries - 1) / log::kStreamNodeEntries);
  integer_pair(writer, "length", log.length());
  integer_pair(writer, "radix-tree-keys", nodes);
  integer_pair(writer, "radix-tree-nodes", nodes + 1);
  bulk_pair(writer, "last-generated-id", to_text(log.last_id()));
  bulk_pair(writer, "max-deleted-entry-id", to_text(log.max_deleted_id()));
  integer_pair(writer, "entries-added", log.entries_added());
}

// "1-2" out of the text of an entry.
std::string id_of(const Entries& entries) {
  if (entries.count == 0) return "0-0";
  const size_t begin = entries.text.find("\r\n", entries.text.find('$')) + 2;
  return entries.text.substr(begin, entries.text.find('\r', begin) - begin);
}

void first_entry_id(Call& call, CellId log, Pieces& pieces) {
  call.service.streams().range(
      {log, {}, StreamId::max(), 1, false}, [fill = pieces.later()](Result<Entries> found) {
        fill(text_of(2,
                     [&](ReplyWriter& w) {
                       bulk_pair(w, "recorded-first-entry-id", found ? id_of(*found) : "0-0");
                     }),
             {});
      });
}

// What is remembered of idempotent producers: the fields of Redis 8, once a stream has had to do
// with them. Clients of 7.2 count the fields.
class IdempotencePart {
 public:
  static constexpr size_t kFields = 6;

  IdempotencePart(const Call& call, const StreamKey& stream)
      : settings_(call.service.idempotence_settings(*stream.thing)),
        counts_(call.service.idempotence().counts(call.keys, stream.log, settings_)),
        shown_(stream.thing->properties.contains(Idempotence::kDurationProperty) ||
               stream.thing->properties.contains(Idempotence::kSizeProperty) ||
               counts_.producers > 0 || counts_.added > 0) {}

  size_t fields() const { return shown_ ? kFields : 0; }

  void write(ReplyWriter& writer) const {
    if (!shown_) return;
    integer_pair(writer, "idmp-duration", settings_.duration.count() / 1000);
    integer_pair(writer, "idmp-maxsize", static_cast<int64_t>(settings_.size_max));
    integer_pair(writer, "pids-tracked", counts_.producers);
    integer_pair(writer, "iids-tracked", counts_.ids);
    integer_pair(writer, "iids-added", counts_.added);
    integer_pair(writer, "iids-duplicates", counts_.duplicates);
  }

 private:
  const Idempotence::Settings settings_;
  const Idempotence::Counts counts_;
  const bool shown_;
};

// What is kept, once there is a limit: a field that Redis does not have.
class RetentionPart {
 public:
  static constexpr size_t kFields = 2;

  explicit RetentionPart(const StreamKey& stream) : policy_(stream.thing->log_policy) {}

  size_t fields() const { return policy_.retains() ? kFields : 0; }
  void write(ReplyWriter& writer) const {
    if (!policy_.retains()) return;
    integer_pair(writer, "retention-ms", policy_.retention_ms);
    integer_pair(writer, "retention-bytes", policy_.retention_bytes);
  }

 private:
  const catalog::LogPolicy& policy_;
};

void end_entry(Call& call, CellId log, bool last, Pieces& pieces) {
  call.service.streams().range(
      {log, {}, StreamId::max(), 1, last},
      [fill = pieces.later(), last, protocol = call.client.protocol](Result<Entries> found) {
        std::string text = text_of(protocol, [&](ReplyWriter& w) {
          w.bulk(last ? "last-entry" : "first-entry");
          if (!found || found->count == 0) w.null();
        });
        fill(found ? text + found->text : text, found ? found->depends : Dependence{});
      });
}

void info_stream(Call& call, const StreamKey& stream, const log::Log& log) {
  const auto pieces = std::make_shared<Pieces>(call.buffer.leave_hole());
  const IdempotencePart idempotence(call, stream);
  const RetentionPart retention(stream);
  ReplyWriter head(pieces->text(), call.client.protocol);
  head.map(10 + idempotence.fields() + retention.fields());
  stream_header(head, log);
  first_entry_id(call, stream.log, *pieces);
  ReplyWriter groups(pieces->text(), call.client.protocol);
  idempotence.write(groups);
  retention.write(groups);
  integer_pair(
      groups, "groups",
      stream.partition == 0 ? static_cast<int64_t>(stream.thing->stream_groups.size()) : 0);
  end_entry(call, stream.log, false, *pieces);
  end_entry(call, stream.log, true, *pieces);
  pieces->finish();
}

// ---- XINFO STREAM key FULL

std::vector<queue::Lease> pending_of(const queue::Queue& queue,
                                     std::optional<queue::ConsumerId> consumer,
                                     size_t count) {
  queue::PendingQuery query;
  query.consumer = consumer;
  query.count = count;
  return queue.pending(query).leases;
}

// [[id, (consumer,) delivery time, deliveries] ...]
void full_pending(Call& call,
                  CellId log,
                  const queue::Queue& queue,
                  std::optional<queue::ConsumerId> consumer,
                  size_t count,
                  Pieces& pieces) {
  struct Row {
    queue::Lease lease;
    std::string owner;
  };
  std::vector<Row> rows;
  std::vector<Offset> offsets;
  for (const queue::Lease& lease : pending_of(queue, consumer, count)) {
    const queue::Consumer* owner = queue.consumers().find(lease.consumer);
    rows.push_back({lease, owner == nullptr ? std::string() : owner->name});
    offsets.push_back(lease.offset);
  }
  const bool with_owner = !consumer;
  call.service.streams().entries_at(
      log, offsets, [rows, with_owner, fill = pieces.later()](Result<std::vector<EntryAt>> found) {
        const auto entries = found ? std::move(*found) : std::vector<EntryAt>();
        fill(text_of(2,
                     [&](ReplyWriter& w) {
                       w.array(entries.size());
                       size_t next = 0;
                       for (const EntryAt& entry : entries) {
                         while (rows[next].lease.offset < entry.offset) ++next;
                         w.array(with_owner ? 4 : 3);
                         w.bulk(to_text(entry.id));
                         if (with_owner) w.bulk(rows[next].owner);
                         const bool held = rows[next].lease.consumer != queue::kNobody;
                         w.integer(held ? rows[next].lease.last_delivered.ms() : 0);
                         w.integer(shown_deliveries(rows[next].lease.deliveries));
                       }
                     }),
             {});
      });
}

void full_group(Call& call,
                const StreamKey& stream,
                const log::Log& log,
                const std::string& name,
                const queue::Queue& queue,
                size_t count,
                Pieces& pieces) {
  const int protocol = call.client.protocol;
  const auto writer = [&] { return ReplyWriter(pieces.text(), protocol); };
  const uint64_t pending = queue.counts().leased;
  uint64_t given_back = pending;
  for (const auto& [id, consumer] : queue.consumers().all()) given_back -= consumer.held.count();
  ReplyWriter head = writer();
  head.map(8);
  bulk_pair(head, "name", name);
  head.bulk("last-delivered-id");
  last_delivered(call.service, stream.log, queue, pieces);
  ReplyWriter middle = writer();
  const int64_t lag = lag_of(log, queue);
  integer_pair(middle, "entries-read", std::max<int64_t>(0, log.entries_added() - lag));
  integer_pair(middle, "lag", lag);
  integer_pair(middle, "pel-count", static_cast<int64_t>(pending));
  integer_pair(middle, "nacked-count", static_cast<int64_t>(given_back));
  middle.bulk("pending");
  full_pending(call, stream.log, queue, std::nullopt, count, pieces);
  ReplyWriter tail = writer();
  tail.bulk("consumers");
  tail.array(queue.consumers().size());
  for (const auto& [id, consumer] : queue.consumers().all()) {
    ReplyWriter one = writer();
    one.map(5);
    bulk_pair(one, "name", consumer.name);
    integer_pair(one, "seen-time", consumer.seen.ms());
    integer_pair(one, "active-time", consumer.active.ms() == 0 ? -1 : consumer.active.ms());
    integer_pair(one, "pel-count", static_cast<int64_t>(consumer.held.count()));
    one.bulk("pending");
    full_pending(call, stream.log, queue, id, count, pieces);
  }
}

void info_stream_full(Call& call, const StreamKey& stream, const log::Log& log, size_t count) {
  const auto pieces = std::make_shared<Pieces>(call.buffer.leave_hole());
  const int protocol = call.client.protocol;
  const IdempotencePart idempotence(call, stream);
  const RetentionPart retention(stream);
  ReplyWriter head(pieces->text(), protocol);
  head.map(9 + idempotence.fields() + retention.fields());
  stream_header(head, log);
  first_entry_id(call, stream.log, *pieces);
  ReplyWriter entries(pieces->text(), protocol);
  idempotence.write(entries);
  retention.write(entries);
  entries.bulk("entries");
  call.service.streams().range(
      {stream.log, {}, StreamId::max(), count, false},
      [fill = pieces->later()](Result<Entries> found) {
        fill(text_of(2, [&](ReplyWriter& w) { w.array(found ? found->count : 0); }) +
                 (found ? found->text : ""),
             found ? found->depends : Dependence{});
      });
  ReplyWriter groups(pieces->text(), protocol);
  groups.bulk("groups");
  groups.array(stream.partition == 0 ? stream.thing->stream_groups.size() : 0);
  if (stream.partition == 0) {
    for (const auto& [name, cell] : stream.thing->stream_groups) {
      const queue::Queue* queue = call.service.broker().find_queue(cell, call.now());
      call.depends_on(call.service.broker().queue_depends(cell));
      full_group(call, stream, log, name, *queue, count, *pieces);
    }
  }
  pieces->finish();
}

// ---- XINFO GROUPS, XINFO CONSUMERS

void info_groups(Call& call, const StreamKey& stream, const log::Log& log) {
  const auto pieces = std::make_shared<Pieces>(call.buffer.leave_hole());
  const int protocol = call.client.protocol;
  ReplyWriter(pieces->text(), protocol)
      .array(stream.partition == 0 ? stream.thing->stream_groups.size() : 0);
  if (stream.partition == 0) {
    for (const auto& [name, cell] : stream.thing->stream_groups) {
      const queue::Queue* queue = call.service.broker().find_queue(cell, call.now());
      call.depends_on(call.service.broker().queue_depends(cell));
      ReplyWriter head(pieces->text(), protocol);
      head.map(6);
      bulk_pair(head, "name", name);
      integer_pair(head, "consumers", static_cast<int64_t>(queue->consumers().size()));
      integer_pair(head, "pending", static_cast<int64_t>(queue->counts().leased));
      head.bulk("last-delivered-id");
      last_delivered(call.service, stream.log, *queue, *pieces);
      ReplyWriter tail(pieces->text(), protocol);
      const int64_t lag = lag_of(log, *queue);
      integer_pair(tail, "entries-read", std::max<int64_t>(0, log.entries_added() - lag));
      integer_pair(tail, "lag", lag);
    }
  }
  pieces->finish();
}

void info_consumers(Call& call, const GroupKey& group) {
  const auto& consumers = group.queue->consumers().all();
  call.reply.array(consumers.size());
  for (const auto& [id, consumer] : consumers) {
    call.reply.map(4);
    bulk_pair(call.reply, "name", consumer.name);
    integer_pair(call.reply, "pending", static_cast<int64_t>(consumer.held.count()));
    integer_pair(call.reply, "idle", std::max<int64_t>(0, (call.now() - consumer.seen).count()));
    const bool was_active = consumer.active.ms() > 0;
    integer_pair(call.reply, "inactive",
                 was_active ? std::max<int64_t>(0, (call.now() - consumer.active).count()) : -1);
  }
}

void info_help(Call& call) {
  constexpr ByteView kLines[] = {"XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                                 "CONSUMERS <key> <groupname>", "GROUPS <key>",
                                 "STREAM <key> [FULL [COUNT <count>]]"};
  call.reply.array(std::size(kLines));
  for (const ByteView text : kLines) call.reply.simple(text);
}

void xinfo_consumers(Call& call, const StreamKey& stream, const log::Log& /*log*/) {
  const auto group = group_of(call, stream, call.args[3]);
  if (!group) {
    return call.fail(fmt::format("NOGROUP No such consumer group '{}' for key name '{}'",
                                 call.args[3], call.args[2]));
  }
  info_consumers(call, *group);
}

void xinfo_stream(Call& call, const StreamKey& stream, const log::Log& log) {
  constexpr int64_t kEntriesDefault = 10;
  if (call.count() == 3) return info_stream(call, stream, log);
  const bool counted = call.count() == 6 && call.is(4, "count");
  if (!call.is(3, "full") || (call.count() != 4 && !counted)) return call.fail(errors::kSyntax);
  int64_t count = kEntriesDefault;
  if (counted) {
    const auto wanted = call.integer(5);
    if (!wanted) return;
    if (*wanted >= 0) count = *wanted;
  }
  info_stream_full(call, stream, log, count == 0 ? SIZE_MAX : static_cast<size_t>(count));
}

template <void (*Answer)(Call&, const StreamKey&, const log::Log&)>
void about_stream(Call& call) {
  const auto stream = stream_argument(call, 2);
  if (!stream) return;
  const log::Log* log = *stream ? call.service.broker().find_log(stream->log) : nullptr;
  if (log == nullptr) return call.fail(errors::kNoSuchKey);
  Answer(call, *stream, *log);
}

using namespace flag;
constexpr Subcommand kInfoForms[] = {
    {"xinfo|consumers", 4, kReadonly, about_stream<xinfo_consumers>},
    {"xinfo|groups", 3, kReadonly, about_stream<info_groups>},
    {"xinfo|help", 2, 0, info_help},
    {"xinfo|stream", -3, kReadonly, about_stream<xinfo_stream>},
};
constexpr Command kCommands[] = {
    {"xinfo",
     -2,
     kReadonly,
     {2, 2, 1},
     "stream",
     "@stream",
     "5.0.0",
     "Asks about streams, groups and consumers.",
     run_subcommand,
     kInfoForms},
};

}  // namespace

std::span<const Command> stream_info_commands() {
  return kCommands;
}

}  // namespace weir::redis
