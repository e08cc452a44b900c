// XREADGROUP: https://redis.io/docs/latest/commands/xreadgroup/

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/stream_arguments.h"
#include "protocols/redis/stream_commands.h"
#include "protocols/redis/stream_reclaim.h"

namespace weir::redis {
namespace {

struct GroupRead {
  std::string key;
  GroupKey group;
  bool fresh = false;  // ">"
  StreamId after;
  size_t count = SIZE_MAX;  // of a history at most so many are shown
  std::vector<Offset> offsets;
  std::optional<ReclaimRule> rule;   // CLAIM, or what the group does by itself
  Milliseconds delay{0};             // what was added later than so long ago is not yet given out
  bool with_history = false;         // CLAIM: idle time and deliveries are told
  std::vector<Reclaimed> reclaimed;  // shown before `offsets`

  bool nothing() const { return fresh && offsets.empty() && reclaimed.empty(); }

  // What is to be read, ascending.
  std::vector<Offset> wanted() const {
    std::vector<Offset> all = offsets;
    for (const Reclaimed& taken : reclaimed) all.push_back(taken.offset);
    if (!reclaimed.empty()) {
      std::ranges::sort(all);
      all.erase(std::unique(all.begin(), all.end()), all.end());
    }
    return all;
  }

  void keep_shown(std::vector<EntryAt>& entries) const {
    if (fresh) return;
    std::erase_if(entries, [&](const EntryAt& entry) { return entry.id <= after; });
    if (entries.size() > count) entries.resize(count);
  }
};

struct GroupReadJob {
  static constexpr size_t kFrameBytes = 64;  // about what stands around the entries

  std::vector<GroupRead> reads;
  std::vector<std::vector<EntryAt>> found;
  size_t missing = 1;
  int protocol = 2;
  Dependence depends;
  std::optional<Error> error;

  // Those taken over, then the new ones. With history an entry has four elements: how it was
  // before, and zeros for new ones.
  static void write_taken(ReplyWriter& writer,
                          const GroupRead& read,
                          const std::vector<EntryAt>& found) {
    const size_t mark = writer.begin_array();
    size_t count = 0;
    const auto write = [&](Offset offset, int64_t idle_ms, int64_t deliveries) {
      const auto entry = std::ranges::lower_bound(found, offset, {}, &EntryAt::offset);
      if (entry == found.end() || entry->offset != offset || entry->gone) return;
      ++count;
      constexpr size_t kPairHeader = std::string_view("*2\r\n").size();
      if (!read.with_history) {
        writer.out() += entry->text;
        return;
      }
      writer.array(4);
      writer.out() += std::string_view(entry->text).substr(kPairHeader);
      writer.integer(idle_ms);
      writer.integer(deliveries);
    };
    for (const Reclaimed& taken : read.reclaimed)
      write(taken.offset, taken.idle_ms, taken.deliveries);
    for (const Offset offset : read.offsets) write(offset, 0, 0);
    writer.end_array(mark, count);
  }

  std::string text() const {
    std::string out;
    size_t bytes = 0;
    for (const auto& entries : found) {
      for (const EntryAt& entry : entries) bytes += entry.text.size();
    }
    out.reserve(bytes + kFrameBytes);
    ReplyWriter writer(out, protocol);
    if (error) {
      writer.error(errors::wire_text(*error));
      return out;
    }
    const auto shown = [](const GroupRead& read) { return !read.nothing(); };
    const auto with = static_cast<size_t>(std::ranges::count_if(reads, shown));
    writer.resp3() ? writer.map(with) : writer.array(with);
    for (size_t i = 0; i < reads.size(); ++i) {
      if (!shown(reads[i])) continue;
      if (!writer.resp3()) writer.array(2);
      writer.bulk(reads[i].key);
      if (reads[i].rule) {
        write_taken(writer, reads[i], found[i]);
        continue;
      }
      writer.array(found[i].size());
      for (const EntryAt& entry : found[i]) {
        if (!entry.gone) {
          out += entry.text;
          continue;
        }
        writer.array(2);
        put_id(writer, entry.id);
        writer.null_array();
      }
    }
    return out;
  }
};

// The first entry from `from` on that was added later than `by`, or the end. Rows are in the order
// in which they were added, and where none is there is no entry.
Offset added_after(const log::Log& log, Offset from, Timestamp by) {
  std::vector<log::Row> row;
  Offset low = from;
  for (Offset high = std::max(from, log.end()); low < high;) {
    const Offset middle = low + (high - low) / 2;
    row.clear();
    log.rows_from(middle, log.end(), SIZE_MAX, 1, row);
    if (row.empty() || row.front().appended_ms > by.ms()) {
      high = middle;
    } else {
      low = middle.next();
    }
  }
  return low;
}

// When the next entry may be given out; never() when there is none.
Timestamp next_due(const Call& call, const GroupRead& read) {
  const log::Log* log = call.service.broker().find_log(read.group.stream.log);
  std::vector<log::Row> row;
  if (log != nullptr) log->rows_from(read.group.queue->next(), log->end(), SIZE_MAX, 1, row);
  if (row.empty()) return Timestamp::never();
  return std::max(Timestamp(row.front().appended_ms) + read.delay, call.now() + Milliseconds(1));
}

// The same with fewer messages as long as some lie at `end` or behind it.
queue::LeaseDecision decide_lease_below(const queue::Queue& queue,
                                        queue::LeaseCommand command,
                                        Offset end) {
  while (true) {
    queue::LeaseDecision decision = queue.decide_lease(command);
    const auto behind = static_cast<size_t>(std::ranges::count_if(
        decision.leases, [&](const queue::Lease& given) { return given.offset >= end; }));
    if (behind == 0) return decision;
    if (behind == decision.leases.size()) return {};
    command.count = static_cast<uint32_t>(decision.leases.size() - behind);
  }
}

// Takes at most `count` new messages for the consumer. False when the error was the reply.
bool lease(Call& call, GroupRead& read, queue::ConsumerId consumer, bool no_ack, size_t count) {
  const log::Log* log = call.service.broker().find_log(read.group.stream.log);
  const queue::IsGone gone = [log](Offset offset) {
    return offset < log->start() || log->deleted(offset);
  };
  const bool delays = read.delay.count() > 0;
  const Offset due_end =
      delays ? added_after(*log, read.group.queue->next(), call.now() - read.delay) : log->end();
  if (delays && due_end <= read.group.queue->next()) return true;
  for (bool more = count > 0; more;) {
    queue::LeaseCommand command;
    command.consumer = consumer;
    command.count =
        static_cast<uint32_t>(std::min<size_t>(count - read.offsets.size(), queue::kLeaseMax));
    command.duration = queue::kNoDeadline;
    command.no_ack = no_ack;
    command.is_gone = &gone;
    const auto decision = delays ? decide_lease_below(*read.group.queue, command, due_end)
                                 : read.group.queue->decide_lease(command);
    if (!decision.events.empty()) {
      const auto applied =
          call.service.broker().apply(read.group.cell, decision.events, call.now());
      if (!applied) {
        call.fail(applied.error());
        return false;
      }
    }
    for (const queue::Lease& given : decision.leases) read.offsets.push_back(given.offset);
    more = (decision.more || decision.leases.size() == queue::kLeaseMax) &&
           read.offsets.size() < count;
  }
  return true;
}

// What the consumer has pending after an ID, from `lower` on; reading it again counts as a
// delivery.
bool history(Call& call, GroupRead& read, queue::ConsumerId consumer, Offset lower, size_t count) {
  queue::PendingQuery query;
  query.first = lower;
  query.consumer = consumer;
  query.count = count;
  std::vector<queue::Claim> claims;
  for (const queue::Lease& pending : read.group.queue->pending(query).leases) {
    read.offsets.push_back(pending.offset);
    claims.push_back({pending.offset, std::nullopt, false});
  }
  if (claims.empty()) return true;
  const auto decision = read.group.queue->decide_claim(consumer, claims, call.now(), false);
  if (!decision) {
    call.fail(decision.error());
    return false;
  }
  const auto applied = call.service.broker().apply(read.group.cell, decision->events, call.now());
  if (!applied) call.fail(applied.error());
  return applied.has_value();
}

// What is handed out leaves when it is safe itself.
void depend_on_records(Call& call, const GroupRead& read) {
  if (read.offsets.empty()) return;
  const broker::Broker& broker = call.service.broker();
  const CellId log = read.group.stream.log;
  const Offset safe = broker.visible_end(log, broker::Visibility::kSafe);
  if (*std::ranges::max_element(read.offsets) >= safe) call.depends_on(broker.log_depends(log));
}

void read_bodies(Call& call, const std::shared_ptr<GroupReadJob>& job) {
  job->found.resize(job->reads.size());
  const auto hole = std::make_shared<ReplyBuffer::Hole>(call.buffer.leave_hole());
  const auto finished = [job, hole] {
    if (--job->missing == 0) hole->fill(job->text(), job->depends);
  };
  for (size_t i = 0; i < job->reads.size(); ++i) {
    GroupRead& read = job->reads[i];
    if (read.offsets.empty() && read.reclaimed.empty()) continue;
    ++job->missing;
    call.service.streams().entries_at(read.group.stream.log, read.wanted(),
                                      [job, i, finished](Result<std::vector<EntryAt>> found) {
                                        if (found) {
                                          job->found[i] = std::move(*found);
                                          job->reads[i].keep_shown(job->found[i]);
                                        } else {
                                          job->error = found.error();
                                        }
                                        finished();
                                      });
  }
  finished();
}

// The streams and groups that the arguments name. False when the error was the reply.
bool name_reads(Call& call, const ReadArguments& arguments, std::vector<GroupRead>& reads) {
  bool claims = true;
  for (size_t i = 0; i < arguments.count_of_keys; ++i) {
    const size_t key = arguments.keys + i;
    const auto stream = named_stream(call, key);
    if (!stream) return false;
    const auto group = named_group(call, *stream, arguments.group);
    if (!group) {
      call.fail(fmt::format(
          "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
          call.args[key], arguments.group));
      return false;
    }
    const bool fresh = call.args[arguments.ids + i] == ">";
    GroupRead read{.key = std::string(call.args[key]),
                   .group = *group,
                   .fresh = fresh,
                   .after = {},
                   .count = arguments.count,
                   .offsets = {},
                   .rule = {},
                   .reclaimed = {}};
    if (fresh) {
      GroupOptions options = group_options(*stream->thing, arguments.group);
      read.delay = options.delay;
      read.with_history = arguments.claim_idle && claims;
      if (read.with_history || options.redeliver.count() > 0) {
        const Milliseconds idle = read.with_history ? *arguments.claim_idle : options.redeliver;
        read.rule = ReclaimRule{idle, std::move(options)};
      }
    }
    claims = claims && fresh;  // a history ends the claiming, as in Redis
    if (!fresh) {
      const auto id = id_argument(call, arguments.ids + i);
      if (!id) return false;
      read.after = *id;
    }
    reads.push_back(std::move(read));
  }
  return true;
}

// What one stream gives the consumer. False when the error was the reply.
bool take(Call& call, GroupRead& read, queue::ConsumerId consumer, const ReadArguments& arguments) {
  if (read.fresh) {
    if (read.rule) {
      call.depends_on(call.service.broker().queue_depends(read.group.cell));
      auto taken = reclaim(call, read.group, read.key, arguments.group, consumer, *read.rule,
                           arguments.count);
      if (!taken) {
        call.fail(taken.error());
        return false;
      }
      read.reclaimed = std::move(*taken);
    }
    const size_t count = arguments.count - read.reclaimed.size();
    return lease(call, read, consumer, arguments.no_ack, count);
  }
  call.depends_on(call.service.broker().queue_depends(read.group.cell));
  const auto known = call.service.streams().cache().offset_of(read.group.stream.log, read.after);
  const Offset lower = known ? *known + 1 : Offset(0);
  // Without knowing where the ID lies, all that is pending is looked at and what is not behind it
  // left out.
  const bool exact = known || read.after == StreamId{};
  return history(call, read, consumer, lower, exact ? arguments.count : SIZE_MAX);
}

void wait_for_more(Call& call, const ReadArguments& arguments, const GroupReadJob& job) {
  std::vector<ByteView> names;
  names.reserve(job.reads.size());
  for (const GroupRead& read : job.reads) names.push_back(read.key);
  if (!arguments.deadline || !call.block(names, WaitType::kStream, *arguments.deadline)) {
    return call.reply.null_array();
  }
  call.blocked->mode = broker::WaitMode::kAll;
  for (const GroupRead& read : job.reads) {
    call.blocked->wait_keys.push_back(broker::Broker::applied_key(read.group.stream.log));
    if (read.delay.count() > 0)
      call.blocked->retry = std::min(call.blocked->retry, next_due(call, read));
    if (!read.rule) continue;
    call.blocked->retry = std::min(call.blocked->retry, next_reclaim(call, read.group, *read.rule));
  }
}

void xreadgroup(Call& call) {
  const auto arguments = read_arguments(call, true);
  if (!arguments) return;
  auto job = std::make_shared<GroupReadJob>();
  job->protocol = call.client.protocol;
  if (!name_reads(call, *arguments, job->reads)) return;
  // A delivery may be repeated after a crash, so the answer does not wait for it, unless it is all
  // that there will ever be.
  call.waits_for_own_commit = arguments->no_ack;
  bool any = false;
  for (GroupRead& read : job->reads) {
    const auto consumer = consumer_of(call, read.group, arguments->consumer);
    if (!consumer) return call.fail(consumer.error());
    const_cast<queue::Queue*>(read.group.queue)->touch_consumer(*consumer);
    if (!take(call, read, *consumer, *arguments)) return;
    depend_on_records(call, read);
    any = any || !read.nothing();
  }
  if (any) return read_bodies(call, job);
  wait_for_more(call, *arguments, *job);
}

using namespace flag;
constexpr Command kCommands[] = {
    {"xreadgroup",
     -7,
     kWrite | kBlocking | kMovableKeys,
     {.streams = true},
     "stream",
     "@stream",
     "5.0.0",
     "Reads for a consumer of a group, waiting for entries.",
     xreadgroup},
};

}  // namespace

std::span<const Command> stream_read_group_commands() {
  return kCommands;
}

}  // namespace weir::redis
