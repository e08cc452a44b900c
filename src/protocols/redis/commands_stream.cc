// Reading and trimming streams without groups: https://redis.io/docs/latest/commands/?group=stream

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/stream_arguments.h"
#include "protocols/redis/stream_commands.h"

namespace weir::redis {
namespace {

void xlen(Call& call) {
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const log::Log* log = *stream ? call.service.broker().find_log(stream->log) : nullptr;
  call.reply.integer(log == nullptr ? 0 : log->length());
}

void range(Call& call, bool reverse) {
  const auto first = bound_argument(call, reverse ? 3 : 2, true);
  if (!first) return;
  const auto last = bound_argument(call, reverse ? 2 : 3, false);
  if (!last) return;
  int64_t count = INT64_MAX;
  for (size_t i = 4; i < call.count(); i += 2) {
    if (!call.is(i, "count") || i + 1 >= call.count()) return call.fail(errors::kSyntax);
    const auto wanted = call.integer(i + 1);
    if (!wanted) return;
    count = std::max<int64_t>(*wanted, 0);
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return call.reply.array(0);
  if (count == 0) return call.reply.null_array();
  const RangeQuery query{stream->log, *first, *last, static_cast<size_t>(count), reverse};
  call.service.streams().range(query,
                               [hole = call.buffer.leave_hole()](Result<Entries> found) mutable {
                                 std::string text;
                                 ReplyWriter writer(text, 2);
                                 if (!found) {
                                   writer.error(errors::wire_text(found.error()));
                                   return hole.fill(std::move(text), {});
                                 }
                                 writer.array(found->count);
                                 hole.fill(text + found->text, found->depends);
                               });
}

void xrange(Call& call) {
  range(call, false);
}
void xrevrange(Call& call) {
  range(call, true);
}

void xdel(Call& call) {
  std::vector<StreamId> ids;
  for (size_t i = 2; i < call.count(); ++i) {
    const auto id = id_argument(call, i);
    if (!id) return;
    ids.push_back(*id);
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return call.reply.integer(0);
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  auto answer = [&service = call.service, stream = *stream, name = stream->thing->name, ids,
                 now = call.now(), database = call.database(), key = std::string(call.args[1]),
                 hole =
                     call.buffer.leave_hole()](std::vector<std::optional<Offset>> offsets) mutable {
    std::vector<std::pair<Offset, StreamId>> records;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (offsets[i]) records.emplace_back(*offsets[i], ids[i]);
    }
    std::string text;
    ReplyWriter writer(text, 2);
    const log::Log* log = service.broker().find_log(stream.log);
    stream.thing = service.broker().catalog().find(name);
    const bool nothing = records.empty() || log == nullptr || stream.thing == nullptr;
    const Offset before = nothing ? Offset(0) : log->start();
    const auto deleted = nothing
                             ? Result<broker::Broker::Trimmed>(broker::Broker::Trimmed{})
                             : service.broker().delete_records(stream.log, std::move(records), now);
    if (!deleted) {
      writer.error(errors::wire_text(deleted.error()));
      return hole.fill(std::move(text), {});
    }
    if (deleted->removed > 0) {
      service.key_changed(database, key);
      service.notify(database, notify::kStream, "xdel", key, deleted->depends.lsn);
      tend_references(service, stream, before, now);
    }
    writer.integer(deleted->removed);
    hole.fill(std::move(text), deleted->depends);
  };
  call.service.streams().offsets_of(stream->log, ids, std::move(answer));
}

void xtrim(Call& call) {
  TrimOptions options;
  for (size_t i = 2; i < call.count();) {
    bool failed = false;
    if (!take_trim_option(call, i, options, failed)) return call.fail(errors::kSyntax);
    if (failed) return;
  }
  if (options.strategy == TrimOptions::Strategy::kNone && !options.limit) {
    return call.fail("ERR syntax error, XTRIM must be called with a trimming strategy");
  }
  if (!check_trim_options(call, options)) return;
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return call.reply.integer(0);
  trim_stream(call.service, *stream, options, call.now(),
              [&service = call.service, database = call.database(), key = std::string(call.args[1]),
               hole = call.buffer.leave_hole()](Result<int64_t> removed,
                                                const Dependence& depends) mutable {
                std::string text;
                ReplyWriter writer(text, 2);
                if (removed.value_or(0) > 0) {
                  service.key_changed(database, key);
                  service.notify(database, notify::kStream, "xtrim", key, depends.as_one().lsn);
                }
                removed ? writer.integer(*removed)
                        : writer.error(errors::wire_text(removed.error()));
                hole.fill(std::move(text), depends);
              });
}

void xsetid(Call& call) {
  const auto id = id_argument(call, 2);
  if (!id) return;
  std::optional<int64_t> added;
  std::optional<StreamId> max_deleted;
  for (size_t i = 3; i < call.count(); i += 2) {
    const bool has_value = i + 1 < call.count();
    if (has_value && call.is(i, "entriesadded")) {
      added = call.integer(i + 1);
      if (!added) return;
      if (*added < 0) return call.fail("ERR entries_added must be positive");
    } else if (has_value && call.is(i, "maxdeletedid")) {
      max_deleted = id_argument(call, i + 1);
      if (!max_deleted) return;
      if (*id < *max_deleted)
        return call.fail(
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
    } else {
      return call.fail(errors::kSyntax);
    }
  }
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const log::Log* log = *stream ? call.service.broker().find_log(stream->log) : nullptr;
  if (log == nullptr) return call.fail(errors::kNoSuchKey);
  if (*id < log->max_deleted_id()) {
    return call.fail("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
  }
  if (added && *added < log->length()) {
    return call.fail(
        "ERR The entries_added specified in XSETID is smaller than the target stream length");
  }
  const auto set = call.service.broker().set_ids(stream->log, *id, added, max_deleted, call.now());
  if (!set) {
    if (set.error().code != ErrorCode::kInvalidArgument) return call.fail(set.error());
    return call.fail("ERR The ID specified in XSETID is smaller than the target stream top item");
  }
  call.service.notify(call.database(), notify::kStream, "xsetid", call.args[1]);
  call.reply.ok();
}

// ---- XREAD

struct ReadKey {
  std::string name;
  StreamKey stream;
  StreamId after;
  bool newest = false;  // "+": the last entry that is there
  bool ready = false;   // there may be something to read
};

// Gathers what several keys give, and answers when the last has.
struct ReadJob {
  std::vector<ReadKey> keys;
  std::vector<Entries> found;
  size_t missing = 0;
  int protocol = 2;
  std::optional<Error> error;

  bool empty() const {
    return std::ranges::all_of(found, [](const Entries& entries) { return entries.count == 0; });
  }
  std::string text() const {
    std::string out;
    ReplyWriter writer(out, protocol);
    if (error) {
      writer.error(errors::wire_text(*error));
      return out;
    }
    const auto with = static_cast<size_t>(
        std::ranges::count_if(found, [](const Entries& entries) { return entries.count > 0; }));
    if (with == 0) {
      writer.null_array();
      return out;
    }
    writer.resp3() ? writer.map(with) : writer.array(with);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (found[i].count == 0) continue;
      if (!writer.resp3()) writer.array(2);
      writer.bulk(keys[i].name);
      writer.array(found[i].count);
      out += found[i].text;
    }
    return out;
  }
  Dependence depends() const {
    Dependence all;
    for (const Entries& entries : found) all.add(entries.depends);
    return all;
  }
};

void wait_for_entries(Call& call,
                      const ReadArguments& arguments,
                      const std::vector<ReadKey>& keys) {
  std::vector<ByteView> names;
  names.reserve(keys.size());
  for (const ReadKey& key : keys) names.push_back(key.name);
  if (!call.block(names, WaitType::kStream, *arguments.deadline)) return call.reply.null_array();
  call.blocked->mode = broker::WaitMode::kAll;
  // "$" means the end as it is now, however often the command is run again.
  call.blocked->arguments.assign(call.args.begin(), call.args.end());
  for (size_t i = 0; i < keys.size(); ++i) {
    call.blocked->arguments[arguments.ids + i] = to_text(keys[i].after);
    if (keys[i].stream)
      call.blocked->wait_keys.push_back(broker::Broker::applied_key(keys[i].stream.log));
  }
}

// What the i-th key asks for; nothing when the call has failed.
std::optional<ReadKey> read_key(Call& call, const ReadArguments& arguments, size_t i) {
  const ByteView name = call.args[arguments.keys + i];
  const ByteView from = call.args[arguments.ids + i];
  // Who waits goes on waiting while a key is of another type.
  const bool other = call.resumed && call.keys.find(call.database(), name);
  const auto stream =
      other ? std::optional(StreamKey{}) : stream_argument(call, arguments.keys + i);
  if (!stream) return std::nullopt;
  const log::Log* log = *stream ? call.service.broker().find_log(stream->log) : nullptr;
  const bool filled = log != nullptr && log->length() > 0;
  const StreamId last = log == nullptr ? StreamId{} : log->last_id();
  ReadKey key{std::string(name), *stream, last};
  key.newest = from == "+" && filled;
  if (from != "$" && from != "+") {
    const auto id = id_argument(call, arguments.ids + i);
    if (!id) return std::nullopt;
    key.after = *id;
  }
  key.ready = key.newest || (filled && last > key.after);
  return key;
}

// Asks for the entries of every key; `finished` runs once for each question.
void read_ranges(Call& call,
                 const std::shared_ptr<ReadJob>& job,
                 size_t count,
                 const std::function<void()>& finished) {
  for (size_t i = 0; i < job->keys.size(); ++i) {
    const ReadKey& key = job->keys[i];
    if (!key.stream || (key.after == StreamId::max() && !key.newest)) continue;
    ++job->missing;
    const RangeQuery query =
        key.newest ? RangeQuery{key.stream.log, {}, StreamId::max(), 1, true}
                   : RangeQuery{key.stream.log, key.after.next(), StreamId::max(), count, false};
    call.service.streams().range(query, [job, i, finished](Result<Entries> found) {
      if (found) {
        job->found[i] = std::move(*found);
      } else {
        job->error = found.error();
      }
      finished();
    });
  }
}

void xread(Call& call) {
  const auto arguments = read_arguments(call, false);
  if (!arguments) return;
  auto job = std::make_shared<ReadJob>();
  job->protocol = call.client.protocol;
  for (size_t i = 0; i < arguments->count_of_keys; ++i) {
    auto key = read_key(call, *arguments, i);
    if (!key) return;
    job->keys.push_back(std::move(*key));
  }
  if (std::ranges::none_of(job->keys, &ReadKey::ready)) {
    return arguments->deadline ? wait_for_entries(call, *arguments, job->keys)
                               : call.reply.null_array();
  }
  job->found.resize(job->keys.size());
  job->missing = 1;
  const auto shared_hole = std::make_shared<std::optional<ReplyBuffer::Hole>>();
  const auto finished = [job, shared_hole] {
    if (--job->missing == 0 && *shared_hole) (*shared_hole)->fill(job->text(), job->depends());
  };
  read_ranges(call, job, arguments->count, finished);
  // All answered already: the newest entries are deleted if there is nothing, and then the command
  // waits.
  if (job->missing == 1) {
    if (!job->error && job->empty() && arguments->deadline)
      return wait_for_entries(call, *arguments, job->keys);
    call.buffer.depends_on(job->depends());
    call.reply.out() += job->text();
    return;
  }
  shared_hole->emplace(call.buffer.leave_hole());
  finished();
}

bool only_in_a_group(Call& call, bool group, ByteView option) {
  if (group) return true;
  call.fail(fmt::format(
      "ERR The {} option is only supported by XREADGROUP. You called XREAD instead.", option));
  return false;
}

// One option and its values from `i` on; moves `i` to the last of them. False: the call has failed.
bool read_option(Call& call, bool group, size_t& i, ReadArguments& arguments) {
  const size_t more = call.count() - i - 1;
  if (call.is(i, "block") && more > 0) {
    const auto ms = call.integer(++i, "ERR timeout is not an integer or out of range");
    if (!ms) return false;
    if (*ms < 0) {
      call.fail("ERR timeout is negative");
      return false;
    }
    arguments.deadline = *ms == 0 ? Timestamp::never() : call.now() + Milliseconds(*ms);
    return true;
  }
  if (call.is(i, "count") && more > 0) {
    const auto count = call.integer(++i);
    if (!count) return false;
    arguments.count = *count <= 0 ? SIZE_MAX : static_cast<size_t>(*count);
    return true;
  }
  if (call.is(i, "group") && more > 1) {
    if (!only_in_a_group(call, group, "GROUP")) return false;
    arguments.group = call.args[++i];
    arguments.consumer = call.args[++i];
    return true;
  }
  if (call.is(i, "claim") && more > 0) {
    if (!only_in_a_group(call, group, "CLAIM")) return false;
    const auto ms = call.integer(++i, "ERR min-idle-time is not an integer or out of range");
    if (!ms) return false;
    if (*ms < 0) {
      call.fail("ERR min-idle-time must be a positive integer");
      return false;
    }
    constexpr int64_t kIdleMax = int64_t{1} << 50;  // added to a time it stays one
    arguments.claim_idle = Milliseconds(std::min(*ms, kIdleMax));
    return true;
  }
  if (call.is(i, "noack")) {
    arguments.no_ack = true;
    return only_in_a_group(call, group, "NOACK");
  }
  call.fail(errors::kSyntax);
  return false;
}

// What stands before the keys. False: the call has failed.
bool read_options(Call& call, bool group, ReadArguments& arguments) {
  for (size_t i = 1; i < call.count(); ++i) {
    if (call.is(i, "streams") && i + 1 < call.count()) {
      arguments.keys = i + 1;
      return true;
    }
    if (!read_option(call, group, i, arguments)) return false;
  }
  call.fail(errors::kSyntax);
  return false;
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"xdel", -3, kWrite | kFast, kOne, "stream", "@stream", "5.0.0", "Deletes entries.", xdel},
    {"xlen", 2, kReadonly | kFast, kOne, "stream", "@stream", "5.0.0", "Counts the entries.", xlen},
    {"xrange", -4, kReadonly, kOne, "stream", "@stream", "5.0.0", "Reads a range of entries.",
     xrange},
    {"xread",
     -4,
     kReadonly | kBlocking | kMovableKeys,
     {.streams = true},
     "stream",
     "@stream",
     "5.0.0",
     "Reads new entries of streams, waiting for some.",
     xread},
    {"xrevrange", -4, kReadonly, kOne, "stream", "@stream", "5.0.0",
     "Reads a range of entries backwards.", xrevrange},
    {"xsetid", -3, kWrite | kDenyOom | kFast, kOne, "stream", "@stream", "5.0.0",
     "Sets the last ID.", xsetid},
    {"xtrim", -4, kWrite, kOne, "stream", "@stream", "5.0.0", "Removes the oldest entries.", xtrim},
};

}  // namespace

std::optional<ReadArguments> read_arguments(Call& call, bool group) {
  ReadArguments arguments;
  if (!read_options(call, group, arguments)) return std::nullopt;
  const size_t rest = call.count() - arguments.keys;
  if (rest % 2 != 0) {
    call.fail(group ? "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or "
                      "'>' must be specified."
                    : "ERR Unbalanced 'xread' list of streams: for each stream key an ID, "
                      "'+', or '$' must be specified.");
    return std::nullopt;
  }
  if (group && arguments.group.data() == nullptr) {
    call.fail("ERR Missing GROUP option for XREADGROUP");
    return std::nullopt;
  }
  arguments.count_of_keys = rest / 2;
  arguments.ids = arguments.keys + arguments.count_of_keys;
  const auto ids = call.args.subspan(arguments.ids);
  const ByteView misplaced = group ? "$" : ">";
  if (std::ranges::find(ids, misplaced) == ids.end()) return arguments;
  call.fail(
      group ? "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
              "history of this consumer by "
              "specifying a proper ID, or use the > ID to get new messages. The $ ID would just "
              "return an empty result set."
            : "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
              "<consumer> option.");
  return std::nullopt;
}

std::span<const Command> stream_commands() {
  return kCommands;
}

}  // namespace weir::redis
