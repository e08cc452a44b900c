#include "protocols/redis/stream_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocols/redis/client.h"

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

std::optional<StreamKey> stream_argument(Call& call, size_t index) {
  const ByteView key = call.args[index];
  if (call.keys.find(call.database(), key) != nullptr) {
    call.fail(errors::kWrongType);
    return std::nullopt;
  }
  const StreamKey stream = call.service.stream_of(call.database(), key);
  if (stream) call.buffer.depends_on(call.service.broker().log_depends(stream.log).lsn);
  return stream;
}

std::optional<GroupKey> group_of(Call& call, const StreamKey& stream, ByteView group) {
  if (!stream || stream.partition != 0) return std::nullopt;
  const auto found = stream.thing->stream_groups.find(std::string(group));
  if (found == stream.thing->stream_groups.end()) return std::nullopt;
  const queue::Queue* queue = call.service.broker().find_queue(found->second, call.now());
  if (queue == nullptr) return std::nullopt;
  call.buffer.depends_on(call.service.broker().queue_depends(found->second).lsn);
  return GroupKey{stream, found->second, queue};
}

bool take_trim_option(Call& call, size_t& index, TrimOptions& options, bool& failed) {
  const auto refuse = [&](ByteView text) {
    call.fail(text);
    failed = true;
    return true;
  };
  const bool length = call.is(index, "maxlen");
  if (call.is(index, "limit") && index + 1 < call.count()) {
    const auto limit = call.integer(index + 1);
    if (!limit) return failed = true;
    if (*limit < 0) return refuse("ERR The LIMIT argument must be >= 0.");
    options.limit = *limit;
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

// What is trimmed is not pending any more either.
void forget_pending_below(Service& service,
                          const catalog::Name& name,
                          Offset start,
                          Timestamp now) {
  const catalog::Thing* thing = service.broker().catalog().find(name);
  if (thing == nullptr) return;
  std::vector<CellId> cells;
  for (const auto& [group, cell] : thing->stream_groups) cells.push_back(cell);
  for (const CellId cell : cells) {
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    if (queue == nullptr) continue;
    if (const auto event = queue->decide_expire_below(start))
      (void)service.broker().apply(cell, {*event}, now);
  }
}

}  // namespace

void trim_stream(Service& service,
                 const StreamKey& stream,
                 const TrimOptions& options,
                 Timestamp now,
                 TrimDone done) {
  constexpr int64_t kDefaultLimitNodes = 100;
  const int64_t default_limit = kDefaultLimitNodes * log::kStreamNodeEntries;
  const int64_t limit = !options.approximate  ? INT64_MAX
                        : !options.limit      ? default_limit
                        : *options.limit == 0 ? INT64_MAX
                                              : *options.limit;
  const auto finish = [&service, name = stream.thing->name, now](
                          const Result<broker::Broker::Trimmed>& trimmed, TrimDone& answer) {
    if (!trimmed) return answer(std::unexpected(trimmed.error()), {});
    if (trimmed->removed > 0) forget_pending_below(service, name, trimmed->start, now);
    answer(trimmed->removed, trimmed->depends.lsn);
  };
  broker::Broker& broker = service.broker();
  if (options.strategy == TrimOptions::Strategy::kLength) {
    return finish(
        broker.trim_to_length(stream.log, options.length, options.approximate, limit, now), done);
  }
  if (options.id == StreamId{}) return done(0, {});
  const StreamId before = options.id.seq == 0 ? StreamId{options.id.ms - 1, UINT64_MAX}
                                              : StreamId{options.id.ms, options.id.seq - 1};
  service.streams().offset_after(
      stream.log, before,
      [&service, finish, log = stream.log, options, limit, now,
       done = std::move(done)](Result<Offset> start) mutable {
        if (!start) return done(std::unexpected(start.error()), {});
        finish(service.broker().trim_to_offset(log, *start, options.approximate, limit, now), done);
      });
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
  return *group.queue->find_consumer(name);
}

}  // namespace weir::redis
