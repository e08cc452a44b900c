// Taking over what others have pending: XCLAIM and XAUTOCLAIM.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

void no_group(Call& call) {
  call.fail(
      fmt::format("NOGROUP No such key '{}' or consumer group '{}'", call.args[1], call.args[2]));
}

struct ClaimOptions {
  Timestamp delivered_at;
  std::optional<uint32_t> deliveries;
  bool force = false;
  bool just_ids = false;
};

// The options behind the IDs, from `index` on.
std::optional<ClaimOptions> claim_options(Call& call, size_t index) {
  ClaimOptions options{.delivered_at = call.now(), .deliveries = {}};
  for (size_t i = index; i < call.count(); ++i) {
    const bool has_value = i + 1 < call.count();
    if (call.is(i, "force")) {
      options.force = true;
    } else if (call.is(i, "justid")) {
      options.just_ids = true;
    } else if (has_value && (call.is(i, "idle") || call.is(i, "time"))) {
      const auto ms =
          call.integer(i + 1, call.is(i, "idle") ? "ERR Invalid IDLE option argument for XCLAIM"
                                                 : "ERR Invalid TIME option argument for XCLAIM");
      if (!ms) return std::nullopt;
      const int64_t now = call.now().ms();
      options.delivered_at =
          Timestamp(std::clamp<int64_t>(call.is(i, "idle") ? now - *ms : *ms, 0, now));
      ++i;
    } else if (has_value && call.is(i, "retrycount")) {
      const auto count = call.integer(++i, "ERR Invalid RETRYCOUNT option argument for XCLAIM");
      if (!count) return std::nullopt;
      if (*count < 0) {
        call.fail("ERR Invalid RETRYCOUNT option argument for XCLAIM");
        return std::nullopt;
      }
      options.deliveries = static_cast<uint32_t>(std::min<int64_t>(*count, UINT32_MAX));
    } else if (has_value && call.is(i, "lastid")) {
      if (!id_argument(call, ++i)) return std::nullopt;
    } else {
      call.fail(fmt::format("ERR Unrecognized XCLAIM option '{}'", call.args[i]));
      return std::nullopt;
    }
  }
  return options;
}

// Beyond it Redis refuses a count, since it would not fit its memory.
constexpr int64_t kCountMax = INT64_MAX / 16;

// Gives the entries to the consumer and answers with them. What is deleted leaves the pending
// entries and is not claimed.
struct Claimer {
  Service& service;
  GroupKey group;
  queue::ConsumerId consumer;
  ClaimOptions options;
  Timestamp now;
  Dependence depends;
  std::optional<Error> error;

  // The group may have gone while IDs were looked up.
  bool find_queue() {
    group.queue = service.broker().find_queue(group.cell, now);
    return group.queue != nullptr;
  }

  // Those of `found`, once each and in order, that nobody was given for so long.
  std::vector<Offset> due(const std::vector<std::optional<Offset>>& found, int64_t idle_ms) {
    std::vector<Offset> candidates;
    if (!find_queue()) return candidates;
    for (const auto& offset : found) {
      if (!offset) continue;
      const auto lease = group.queue->lease_of(*offset);
      const bool idle = lease
                            ? idle_of(*lease, now).value_or(Milliseconds::max()).count() >= idle_ms
                            : options.force;
      if (idle) candidates.push_back(*offset);
    }
    std::ranges::sort(candidates);
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    return candidates;
  }

  // What an entry's count is set to. One that is made pending by force counts as delivered once
  // before it is claimed.
  std::optional<uint32_t> deliveries_of(Offset offset) const {
    if (options.deliveries || group.queue->lease_of(offset)) return options.deliveries;
    return options.just_ids ? 1 : 2;
  }

  // Keeps those that are still there; the deleted ones go to `gone`.
  std::vector<Offset> claim(const std::vector<Offset>& candidates, std::vector<Offset>& gone) {
    const log::Log* log = service.broker().find_log(group.stream.log);
    std::vector<queue::Claim> claims;
    std::vector<Offset> claimed;
    for (const Offset offset : candidates) {
      if (log == nullptr || log->deleted(offset) || offset < log->start()) {
        gone.push_back(offset);
        continue;
      }
      claims.push_back({offset, deliveries_of(offset), options.just_ids});
      claimed.push_back(offset);
    }
    queue::Events events;
    if (!gone.empty()) events = group.queue->decide_discard(gone).events;
    apply(events);
    auto decision =
        group.queue->decide_claim(consumer, claims, options.delivered_at, options.force);
    if (!decision) {
      error = decision.error();
      return {};
    }
    apply(decision->events);
    return claimed;
  }

  void apply(const queue::Events& events) {
    if (events.empty()) return;
    const auto applied = service.broker().apply(group.cell, events, now);
    if (applied) {
      depends.add(*applied);
    } else {
      error = applied.error();
    }
  }

  // Otherwise the error is written.
  bool succeeded(const Result<std::vector<EntryAt>>& entries, ReplyWriter& writer) const {
    if (!error && entries) return true;
    writer.error(errors::wire_text(error ? *error : entries.error()));
    return false;
  }
};

void write_claimed(ReplyWriter& writer, const std::vector<EntryAt>& entries, bool just_ids) {
  writer.array(entries.size());
  for (const EntryAt& entry : entries) {
    if (just_ids) {
      put_id(writer, entry.id);
    } else {
      writer.out() += entry.text;
    }
  }
}

// Nothing when the call has failed.
std::shared_ptr<Claimer> claimer_of(Call& call,
                                    const GroupKey& group,
                                    const ClaimOptions& options) {
  const auto consumer = consumer_of(call, group, call.args[3]);
  if (!consumer) {
    call.fail(consumer.error());
    return nullptr;
  }
  const_cast<queue::Queue*>(group.queue)->touch_consumer(*consumer);
  return std::make_shared<Claimer>(
      Claimer{call.service, group, *consumer, options, call.now(), {}, {}});
}

void xclaim(Call& call) {
  const auto min_idle = call.integer(4, "ERR Invalid min-idle-time argument for XCLAIM");
  if (!min_idle) return;
  size_t options_at = 5;
  std::vector<StreamId> ids;
  for (; options_at < call.count(); ++options_at) {
    const auto id = parse_id(call.args[options_at], 0);
    if (!id) break;
    ids.push_back(*id);
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) return no_group(call);
  if (ids.empty()) return call.fail(kInvalidId);
  const auto options = claim_options(call, options_at);
  if (!options) return;
  const auto claimer = claimer_of(call, *group, *options);
  if (!claimer) return;
  auto go_on = [claimer, idle = std::max<int64_t>(0, *min_idle), hole = call.buffer.leave_hole()](
                   const std::vector<std::optional<Offset>>& found) mutable {
    const auto candidates = claimer->due(found, idle);
    std::vector<Offset> gone;
    const auto claimed = candidates.empty() ? candidates : claimer->claim(candidates, gone);
    claimer->service.streams().entries_at(
        claimer->group.stream.log, claimed,
        [claimer, hole = std::move(hole)](const Result<std::vector<EntryAt>>& entries) mutable {
          std::string text;
          ReplyWriter writer(text, 2);
          if (claimer->succeeded(entries, writer)) {
            write_claimed(writer, *entries, claimer->options.just_ids);
          }
          hole.fill(std::move(text), claimer->depends);
        });
  };
  call.service.streams().offsets_of(stream->log, std::move(ids), std::move(go_on));
}

struct AutoClaimArguments {
  Milliseconds idle{0};
  StreamId start;
  size_t count = 100;
  ClaimOptions options;
};

// Nothing when the call has failed.
std::optional<AutoClaimArguments> autoclaim_arguments(Call& call) {
  AutoClaimArguments arguments;
  arguments.options.delivered_at = call.now();
  const auto min_idle = call.integer(4, "ERR Invalid min-idle-time argument for XAUTOCLAIM");
  if (!min_idle) return std::nullopt;
  arguments.idle = Milliseconds(std::max<int64_t>(0, *min_idle));
  const auto start = bound_argument(call, 5, true);
  if (!start) return std::nullopt;
  arguments.start = *start;
  for (size_t i = 6; i < call.count(); ++i) {
    if (call.is(i, "count") && i + 1 < call.count()) {
      const auto wanted = call.integer(++i);
      if (!wanted) return std::nullopt;
      if (*wanted < 1 || *wanted > kCountMax) {
        call.fail("ERR COUNT must be > 0");
        return std::nullopt;
      }
      arguments.count = static_cast<size_t>(*wanted);
    } else if (call.is(i, "justid")) {
      arguments.options.just_ids = true;
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return arguments;
}

// What one XAUTOCLAIM took over, what it found deleted, and where the next one goes on.
struct Scan {
  std::vector<Offset> claimed;
  std::vector<Offset> gone;
  std::optional<Offset> next;

  std::vector<Offset> all() const {
    std::vector<Offset> offsets = claimed;
    offsets.insert(offsets.end(), gone.begin(), gone.end());
    if (next) offsets.push_back(*next);
    std::ranges::sort(offsets);
    return offsets;
  }
};

Scan scan(Claimer& claimer, Offset from, Milliseconds idle, size_t count) {
  constexpr size_t kScannedPerEntry = 10;
  Scan result;
  if (!claimer.find_queue()) return result;
  queue::PendingQuery query;
  query.first = from;
  query.idle_min = idle;
  query.count = count;
  query.scanned_max = count * kScannedPerEntry;
  const auto page = claimer.group.queue->pending(query);
  result.next = page.next;
  std::vector<Offset> candidates;
  candidates.reserve(page.leases.size());
  for (const queue::Lease& lease : page.leases) candidates.push_back(lease.offset);
  if (!candidates.empty()) result.claimed = claimer.claim(candidates, result.gone);
  return result;
}

void write_scan(ReplyWriter& writer,
                const Scan& scan,
                const std::vector<EntryAt>& entries,
                bool just_ids) {
  StreamId cursor;
  std::vector<EntryAt> kept;
  std::vector<StreamId> deleted;
  for (const EntryAt& entry : entries) {
    if (scan.next && entry.offset == *scan.next) {
      cursor = entry.id;
    } else if (std::ranges::binary_search(scan.gone, entry.offset)) {
      deleted.push_back(entry.id);
    } else {
      kept.push_back(entry);
    }
  }
  writer.array(3);
  put_id(writer, cursor);
  write_claimed(writer, kept, just_ids);
  writer.array(deleted.size());
  for (const StreamId id : deleted) put_id(writer, id);
}

void xautoclaim(Call& call) {
  const auto arguments = autoclaim_arguments(call);
  if (!arguments) return;
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) return no_group(call);
  const auto claimer = claimer_of(call, *group, arguments->options);
  if (!claimer) return;
  auto go_on = [claimer, arguments = *arguments,
                hole = call.buffer.leave_hole()](Result<Offset> lower) mutable {
    Scan found;
    if (lower) found = scan(*claimer, *lower, arguments.idle, arguments.count);
    const std::vector<Offset> wanted = found.all();
    claimer->service.streams().entries_at(
        claimer->group.stream.log, wanted,
        [claimer, found = std::move(found),
         hole = std::move(hole)](const Result<std::vector<EntryAt>>& entries) mutable {
          std::string text;
          ReplyWriter writer(text, 2);
          if (claimer->succeeded(entries, writer)) {
            write_scan(writer, found, *entries, claimer->options.just_ids);
          }
          hole.fill(std::move(text), claimer->depends);
        });
  };
  const StreamId start = arguments->start;
  if (start == StreamId{}) return go_on(Offset(0));
  if (const auto known = call.service.streams().cache().offset_of(stream->log, start))
    return go_on(*known);
  const StreamId before =
      start.seq == 0 ? StreamId{start.ms - 1, UINT64_MAX} : StreamId{start.ms, start.seq - 1};
  call.service.streams().offset_after(stream->log, before, std::move(go_on));
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"xautoclaim", -6, kWrite | kFast, kOne, "stream", "@stream", "6.2.0",
     "Takes over what is pending for long.", xautoclaim},
    {"xclaim", -6, kWrite | kFast, kOne, "stream", "@stream", "5.0.0",
     "Takes over pending entries.", xclaim},
};

}  // namespace

std::span<const Command> stream_claim_commands() {
  return kCommands;
}

}  // namespace weir::redis
