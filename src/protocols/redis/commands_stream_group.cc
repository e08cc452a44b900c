// Stream groups: https://redis.io/docs/latest/commands/?group=stream
//
// A group is a delivery state of the broker over the stream's log (a cursor and pending entries).
// Offsets are its words, IDs those of Redis; what is deleted from the log may stay pending until it
// is acknowledged.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/group_options.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/stream_arguments.h"
#include "protocols/redis/stream_commands.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

void no_group(Call& call, size_t key, ByteView group) {
  call.fail(fmt::format("NOGROUP No such key '{}' or consumer group '{}'", call.args[key], group));
}

// ---- XGROUP

constexpr ByteView kKeyMustExist =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use "
    "the MKSTREAM option to "
    "create an empty stream automatically.";

struct CreateOptions {
  bool make = false;  // MKSTREAM
};

// Nothing when the call has failed.
std::optional<CreateOptions> create_options(Call& call) {
  CreateOptions options;
  for (size_t i = 5; i < call.count(); ++i) {
    if (call.is(i, "mkstream")) {
      options.make = true;
    } else if (call.is(i, "entriesread") && i + 1 < call.count()) {
      const auto read = call.integer(++i);
      if (!read) return std::nullopt;
      if (*read < -1) {
        call.fail("ERR value for ENTRIESREAD must be positive or -1");
        return std::nullopt;
      }
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

void xgroup_create(Call& call) {
  const auto options = create_options(call);
  if (!options) return;
  auto stream = stream_argument(call, 2);
  if (!stream) return;
  std::optional<StreamId> after;
  if (call.args[4] != "$") {
    after = id_argument(call, 4);
    if (!after) return;
  }
  if (!*stream) {
    if (!options->make) return call.fail(kKeyMustExist);
    const auto made = call.service.make_stream(call, call.args[2]);
    if (!made) return call.fail(made.error());
    stream = *made;
  }
  if (stream->partition != 0)
    return call.fail("ERR groups read the first partition of a topic only");
  const std::string group(call.args[3]);
  if (stream->thing->stream_groups.contains(group)) {
    return call.fail("BUSYGROUP Consumer Group name already exists");
  }
  const log::Log* log = call.service.broker().find_log(stream->log);
  auto create = [&service = call.service, name = stream->thing->name, group, now = call.now(),
                 database = call.database(), key = std::string(call.args[2]),
                 hole = call.buffer.leave_hole()](Result<Offset> start) mutable {
    std::string text;
    ReplyWriter writer(text, 2);
    const auto made =
        start ? service.broker().create_stream_group(name, group, *start, group_policy(), now)
              : Result<broker::Broker::Changed>(std::unexpected(start.error()));
    if (made) {
      service.notify(database, notify::kStream, "xgroup-create", key, made->depends.lsn);
      writer.ok();
    } else {
      writer.error(errors::wire_text(made.error()));
    }
    hole.fill(std::move(text), made ? Dependence(made->depends) : Dependence{});
  };
  if (!after) return create(log->end());
  call.service.streams().offset_after(stream->log, *after, std::move(create));
}

void xgroup_setid(Call& call, const GroupKey& group) {
  if (call.count() > 5 && (call.count() != 7 || !call.is(5, "entriesread")))
    return call.fail(errors::kSyntax);
  if (call.count() == 7) {
    const auto read = call.integer(6);
    if (!read) return;
    if (*read < -1) return call.fail("ERR value for ENTRIESREAD must be positive or -1");
  }
  const bool at_end = call.args[4] == "$";
  const auto id = at_end ? std::optional(StreamId{}) : id_argument(call, 4);
  if (!id) return;
  auto set = [&service = call.service, cell = group.cell, now = call.now(),
              database = call.database(), key = std::string(call.args[2]),
              hole = call.buffer.leave_hole()](Result<Offset> next) mutable {
    std::string text;
    ReplyWriter writer(text, 2);
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    Dependence depends;
    if (!next || queue == nullptr) {
      writer.error(next ? errors::kNoSuchKey : errors::wire_text(next.error()));
    } else if (const auto event = queue->decide_set_next(*next); !event) {
      writer.error(errors::wire_text(event.error()));
    } else {
      const auto applied = service.broker().apply(cell, {*event}, now);
      if (applied) {
        depends = *applied;
        service.notify(database, notify::kStream, "xgroup-setid", key, applied->lsn);
      }
      applied ? writer.ok() : writer.error(errors::wire_text(applied.error()));
      service.group_changed(database, key);
    }
    hole.fill(std::move(text), depends);
  };
  if (at_end) return set(group.queue->end());
  call.service.streams().offset_after(group.stream.log, *id, std::move(set));
}

void xgroup_destroy(Call& call, const StreamKey& stream) {
  const std::string group(call.args[3]);
  if (stream.partition != 0 || !stream.thing->stream_groups.contains(group))
    return call.reply.integer(0);
  const catalog::Name name = stream.thing->name;
  const auto removed = call.service.broker().remove_stream_group(name, group, call.now());
  if (!removed) return call.fail(removed.error());
  forget_group_options(call, name, group);
  call.service.notify(call.database(), notify::kStream, "xgroup-destroy", call.args[2]);
  call.service.group_changed(call.database(), call.args[2]);
  call.reply.integer(1);
}

void xgroup_createconsumer(Call& call, const GroupKey& group) {
  bool created = false;
  const auto consumer = consumer_of(call, group, call.args[4], &created);
  if (!consumer) return call.fail(consumer.error());
  call.reply.integer(created ? 1 : 0);
}

void xgroup_delconsumer(Call& call, const GroupKey& group) {
  const auto consumer = group.queue->find_consumer(call.args[4]);
  if (!consumer) return call.reply.integer(0);
  const auto pending = static_cast<int64_t>(group.queue->pending_count(*consumer));
  const auto event = group.queue->decide_delete_consumer(*consumer);
  if (!event) return call.fail(event.error());
  const auto applied = call.service.broker().apply(group.cell, {*event}, call.now());
  if (!applied) return call.fail(applied.error());
  call.service.group_changed(call.database(), call.args[2]);
  call.service.notify(call.database(), notify::kStream, "xgroup-delconsumer", call.args[2]);
  call.reply.integer(pending);
}

void xgroup_help(Call& call) {
  constexpr ByteView kLines[] = {
      "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD entries_read]",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "DELCONSUMER <key> <groupname> <consumer>",
      "DESTROY <key> <groupname>",
      "POLICY <key> <groupname> [<option> <value> ...]",
      "    Options: REDELIVER <ms>, MAXDELIVERIES <count>, DEADLETTER <stream>, DELAY <ms>.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]"};
  call.reply.array(std::size(kLines));
  for (const ByteView text : kLines) call.reply.simple(text);
}

template <void (*Act)(Call&, const StreamKey&)>
void of_stream(Call& call) {
  const auto stream = stream_argument(call, 2);
  if (!stream) return;
  if (!*stream) return call.fail(kKeyMustExist);
  Act(call, *stream);
}

template <void (*Act)(Call&, const GroupKey&)>
void of_group(Call& call) {
  const auto stream = stream_argument(call, 2);
  if (!stream) return;
  if (!*stream) return call.fail(kKeyMustExist);
  const auto group = group_of(call, *stream, call.args[3]);
  if (!group) {
    return call.fail(fmt::format("NOGROUP No such consumer group '{}' for key name '{}'",
                                 call.args[3], call.args[2]));
  }
  Act(call, *group);
}

constexpr Subcommand kGroupForms[] = {
    {"xgroup|create", -5, flag::kWrite | flag::kDenyOom, xgroup_create},
    {"xgroup|createconsumer", 5, flag::kWrite | flag::kDenyOom, of_group<xgroup_createconsumer>},
    {"xgroup|delconsumer", 5, flag::kWrite, of_group<xgroup_delconsumer>},
    {"xgroup|destroy", 4, flag::kWrite, of_stream<xgroup_destroy>},
    {"xgroup|help", 2, 0, xgroup_help},
    {"xgroup|policy", -4, flag::kWrite, of_group<xgroup_policy>},
    {"xgroup|setid", -5, flag::kWrite, of_group<xgroup_setid>},
};

// ---- XACK

struct Acknowledged {
  size_t count = 0;
  broker::Depends depends;
};

// Those that are still pending of the entries that were found.
Result<Acknowledged> acknowledge(Service& service,
                                 CellId cell,
                                 CellId log,
                                 std::span<const std::optional<Offset>> found,
                                 Timestamp now) {
  std::vector<Offset> offsets;
  offsets.reserve(found.size());
  for (const auto& offset : found) {
    if (offset) offsets.push_back(*offset);
  }
  const queue::Queue* queue = service.broker().find_queue(cell, now);
  if (queue == nullptr || offsets.empty()) return Acknowledged{};
  const auto decision = queue->decide_discard(offsets);
  const auto applied = service.broker().apply(cell, decision.events, now);
  if (!applied) return std::unexpected(applied.error());
  let_ids_go(service, log, offsets, now);
  return Acknowledged{decision.done, *applied};
}

void xack(Call& call) {
  std::vector<StreamId> ids;
  ids.reserve(call.count() - 3);
  for (size_t i = 3; i < call.count(); ++i) {
    const auto id = id_argument(call, i);
    if (!id) return;
    ids.push_back(*id);
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) return call.reply.integer(0);
  // What was read lately, as is usual, needs no look into the log.
  if (const auto known = call.service.streams().known_offsets(stream->log, ids)) {
    const auto done = acknowledge(call.service, group->cell, stream->log, *known, call.now());
    if (!done) return call.fail(done.error());
    call.depends_on(done->depends);
    return call.reply.integer(static_cast<int64_t>(done->count));
  }
  auto settle =
      [&service = call.service, cell = group->cell, log = stream->log, now = call.now(),
       hole = call.buffer.leave_hole()](const std::vector<std::optional<Offset>>& found) mutable {
        std::string text;
        ReplyWriter writer(text, 2);
        const auto done = acknowledge(service, cell, log, found, now);
        if (!done) {
          writer.error(errors::wire_text(done.error()));
          return hole.fill(std::move(text), {});
        }
        writer.integer(static_cast<int64_t>(done->count));
        hole.fill(std::move(text), done->depends);
      };
  call.service.streams().offsets_of(stream->log, std::move(ids), std::move(settle));
}

// ---- XPENDING

std::string consumer_name(const queue::Queue& queue, queue::ConsumerId id) {
  const queue::Consumer* consumer = queue.consumers().find(id);
  return consumer == nullptr ? std::string() : consumer->name;
}

void pending_summary(Call& call, const GroupKey& group) {
  const auto oldest = group.queue->oldest_pending();
  if (!oldest) {
    call.reply.array(4);
    call.reply.integer(0);
    call.reply.null();
    call.reply.null();
    return call.reply.null_array();
  }
  std::vector<std::pair<std::string, uint64_t>> consumers;
  const uint64_t total = group.queue->counts().leased;
  for (const auto& [id, consumer] : group.queue->consumers().all()) {
    if (consumer.held.empty()) continue;
    consumers.emplace_back(consumer.name, consumer.held.count());
  }
  std::ranges::sort(consumers);
  const Offset newest = *group.queue->newest_pending();
  std::vector<Offset> ends{*oldest};
  if (newest != *oldest) ends.push_back(newest);
  call.service.streams().entries_at(
      group.stream.log, ends,
      [consumers, total, protocol = call.client.protocol,
       hole = call.buffer.leave_hole()](Result<std::vector<EntryAt>> found) mutable {
        std::string text;
        ReplyWriter writer(text, protocol);
        writer.array(4);
        writer.integer(static_cast<int64_t>(total));
        const bool known = found && !found->empty();
        writer.bulk(known ? to_text(found->front().id) : "0-0");
        writer.bulk(known ? to_text(found->back().id) : "0-0");
        writer.array(consumers.size());
        for (const auto& [name, count] : consumers) {
          writer.array(2);
          writer.bulk(name);
          writer.bulk_integer(static_cast<int64_t>(count));
        }
        hole.fill(std::move(text), {});
      });
}

// The long form: XPENDING key group [IDLE ms] start end count [consumer].
struct PendingQuestion {
  Milliseconds idle_min{0};
  StreamId first;
  StreamId last;
  int64_t count = 0;
  size_t consumer_at = 0;  // 0: of every consumer
};

// Nothing when the call has failed.
std::optional<PendingQuestion> pending_question(Call& call) {
  PendingQuestion question;
  size_t start = 3;
  if (call.is(3, "idle")) {
    if (call.count() < 8) {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
    const auto idle = call.integer(4);
    if (!idle) return std::nullopt;
    question.idle_min = Milliseconds(*idle);
    start = 5;
  }
  if (call.count() != start + 3 && call.count() != start + 4) {
    call.fail(errors::kSyntax);
    return std::nullopt;
  }
  const auto wanted = call.integer(start + 2);
  if (!wanted) return std::nullopt;
  question.count = std::max<int64_t>(0, *wanted);
  const auto low = bound_argument(call, start, true);
  if (!low) return std::nullopt;
  const auto high = bound_argument(call, start + 1, false);
  if (!high) return std::nullopt;
  question.first = *low;
  question.last = *high;
  if (call.count() == start + 4) question.consumer_at = start + 3;
  return question;
}

struct PendingEntry {
  queue::Lease lease;
  std::string consumer;
};

void write_pending(ReplyWriter& writer, StreamId id, const PendingEntry& entry, Timestamp now) {
  writer.array(4);
  writer.bulk(to_text(id));
  writer.bulk(entry.consumer);
  writer.integer(idle_of(entry.lease, now).value_or(Milliseconds(-1)).count());
  writer.integer(shown_deliveries(entry.lease.deliveries));
}

void pending_entries(Call& call, const GroupKey& group, const PendingQuestion& question) {
  queue::PendingQuery query;
  query.idle_min = question.idle_min;
  // Bounds in IDs are applied when the IDs are known; without any, as many as asked for are enough.
  const bool whole = question.first == StreamId{} && question.last == StreamId::max();
  query.count = whole ? static_cast<size_t>(question.count) : SIZE_MAX;
  if (question.consumer_at != 0) {
    query.consumer = group.queue->find_consumer(call.args[question.consumer_at]);
    if (!query.consumer) return call.reply.array(0);
  }
  std::vector<PendingEntry> pending;
  std::vector<Offset> offsets;
  if (question.count > 0) {
    for (const queue::Lease& lease : group.queue->pending(query).leases) {
      pending.push_back({lease, consumer_name(*group.queue, lease.consumer)});
      offsets.push_back(lease.offset);
    }
  }
  call.service.streams().entries_at(
      group.stream.log, offsets,
      [pending = std::move(pending), question, now = call.now(),
       hole = call.buffer.leave_hole()](const Result<std::vector<EntryAt>>& found) mutable {
        std::string body;
        ReplyWriter writer(body, 2);
        int64_t shown = 0;
        size_t next = 0;
        for (const EntryAt& entry : found ? *found : std::vector<EntryAt>()) {
          while (pending[next].lease.offset < entry.offset) ++next;
          const bool inside = question.first <= entry.id && entry.id <= question.last;
          if (!inside || shown == question.count) continue;
          write_pending(writer, entry.id, pending[next], now);
          ++shown;
        }
        std::string text;
        ReplyWriter(text, 2).array(static_cast<size_t>(shown));
        hole.fill(text + body, {});
      });
}

void xpending(Call& call) {
  std::optional<PendingQuestion> question;
  if (call.count() > 3) {
    question = pending_question(call);
    if (!question) return;
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) return no_group(call, 1, call.args[2]);
  if (question) return pending_entries(call, *group, *question);
  pending_summary(call, *group);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kSecond{2, 2, 1};
constexpr Command kCommands[] = {
    {"xack", -4, kWrite | kFast, kOne, "stream", "@stream", "5.0.0", "Acknowledges entries.", xack},
    {"xgroup", -2, kWrite, kSecond, "stream", "@stream", "5.0.0",
     "Creates, moves and deletes groups.", run_subcommand, kGroupForms},
    {"xpending", -3, kReadonly, kOne, "stream", "@stream", "5.0.0",
     "Lists what is delivered and not acknowledged.", xpending},
};

}  // namespace

std::span<const Command> stream_group_commands() {
  return kCommands;
}

}  // namespace weir::redis
