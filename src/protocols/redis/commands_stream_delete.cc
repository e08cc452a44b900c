// Deleting entries with regard to the groups: XDELEX and XACKDEL.
// https://redis.io/docs/latest/commands/xdelex/

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/stream_arguments.h"

namespace weir::redis {
namespace {

constexpr int64_t kNotFound = -1;
constexpr int64_t kDeleted = 1;
constexpr int64_t kStillReferenced = 2;

struct DeleteArguments {
  References references = References::kKeep;
  std::vector<StreamId> ids;
};

// Options in any order from `index` on: a choice of references, and IDS n id ...
std::optional<DeleteArguments> delete_arguments(Call& call, size_t index) {
  DeleteArguments arguments;
  bool chosen = false;
  size_t first = 0;
  size_t count = 0;
  for (size_t i = index; i < call.count();) {
    if (const auto references = references_option(call, i); references && !chosen) {
      arguments.references = *references;
      chosen = true;
      ++i;
    } else if (call.is(i, "ids") && first == 0 && i + 2 < call.count()) {
      const auto number =
          call.integer_between(i + 1, 1, INT64_MAX, "ERR Number of IDs must be a positive integer");
      if (!number) return std::nullopt;
      if (*number > static_cast<int64_t>(call.count() - i - 2)) {
        call.fail("ERR The `numids` parameter must match the number of arguments");
        return std::nullopt;
      }
      first = i + 2;
      count = static_cast<size_t>(*number);
      i = first + count;
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  if (first == 0) {
    call.fail(errors::kSyntax);
    return std::nullopt;
  }
  for (size_t i = first; i < first + count; ++i) {
    const auto id = id_argument(call, i);
    if (!id) return std::nullopt;
    arguments.ids.push_back(*id);
  }
  return arguments;
}

void all_missing(Call& call, size_t count) {
  call.reply.array(count);
  for (size_t i = 0; i < count; ++i) call.reply.integer(kNotFound);
}

// One command at work on the offsets of its IDs.
struct Deletion {
  Service& service;
  StreamKey stream;
  DeleteArguments arguments;
  Timestamp now;
  uint32_t database = 0;
  std::string key;
  std::optional<CellId> group;  // acknowledged there first
  Lsn lsn;
  std::optional<Error> error;
  bool removed = false;

  // Ends its delivery in one group; false when it was not pending there.
  bool settle(CellId cell, Offset offset) {
    const queue::Queue* queue = service.broker().find_queue(cell, now);
    if (queue == nullptr || !queue->lease_of(offset)) return false;
    const Offset offsets[] = {offset};
    const auto applied = service.broker().apply(cell, queue->decide_discard(offsets).events, now);
    if (!applied) {
      error = applied.error();
      return false;
    }
    lsn = std::max(lsn, applied->lsn);
    return true;
  }

  void remove(Offset offset, StreamId id) {
    const Offset before = service.broker().find_log(stream.log)->start();
    const auto deleted = service.broker().delete_records(stream.log, {{offset, id}}, now);
    if (!deleted) {
      error = deleted.error();
    } else {
      lsn = std::max(lsn, deleted->depends.lsn);
      removed = true;
      tend_references(service, stream, before, now);
    }
  }

  int64_t one(Offset offset, StreamId id) {
    const log::Log* log = service.broker().find_log(stream.log);
    const bool live = log != nullptr && offset >= log->start() && !log->deleted(offset);
    const bool acknowledged = group && settle(*group, offset);
    if (group && !acknowledged) return kNotFound;
    const auto groups = groups_of(service, stream.thing->name);
    if (arguments.references == References::kDrop) {
      for (const CellId cell : groups) settle(cell, offset);
    } else if (arguments.references == References::kOnlyAcknowledged && live &&
               std::ranges::any_of(
                   groups, [&](CellId cell) { return references(service, cell, offset, now); })) {
      return kStillReferenced;
    }
    if (live) remove(offset, id);
    return live || acknowledged ? kDeleted : kNotFound;
  }

  std::string run(const std::vector<std::optional<Offset>>& offsets) {
    std::string text;
    ReplyWriter writer(text, 2);
    writer.array(offsets.size());
    for (size_t i = 0; i < offsets.size() && !error; ++i)
      writer.integer(offsets[i] ? one(*offsets[i], arguments.ids[i]) : kNotFound);
    if (error) {
      text.clear();
      writer.error(errors::wire_text(*error));
    }
    if (removed) {
      service.key_changed(database, key);
      service.notify(database, notify::kStream, "xdel", key, lsn);
    }
    return text;
  }
};

void delete_entries(Call& call,
                    const StreamKey& stream,
                    DeleteArguments arguments,
                    std::optional<CellId> group) {
  // Before anything is acknowledged: what is refused is refused whole.
  const auto free = call.service.broker().check_unlocked(*stream.thing, call.now());
  if (!free) return call.fail(free.error());
  auto ids = arguments.ids;
  auto deletion = std::make_shared<Deletion>(Deletion{call.service,
                                                      stream,
                                                      std::move(arguments),
                                                      call.now(),
                                                      call.database(),
                                                      std::string(call.args[1]),
                                                      group,
                                                      {},
                                                      {}});
  call.service.streams().offsets_of(stream.log, std::move(ids),
                                    [deletion, hole = call.buffer.leave_hole()](
                                        const std::vector<std::optional<Offset>>& offsets) mutable {
                                      auto text = deletion->run(offsets);
                                      hole.fill(std::move(text), deletion->lsn);
                                    });
}

void xdelex(Call& call) {
  auto arguments = delete_arguments(call, 2);
  if (!arguments) return;
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  if (!*stream) return all_missing(call, arguments->ids.size());
  delete_entries(call, *stream, std::move(*arguments), std::nullopt);
}

void xackdel(Call& call) {
  auto arguments = delete_arguments(call, 3);
  if (!arguments) return;
  const auto stream = stream_argument(call, 1);
  if (!stream) return;
  const auto group = group_of(call, *stream, call.args[2]);
  if (!group) return all_missing(call, arguments->ids.size());
  delete_entries(call, *stream, std::move(*arguments), group->cell);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr Command kCommands[] = {
    {"xackdel", -6, kWrite | kFast, kOne, "stream", "@stream", "8.2.0",
     "Acknowledges entries and deletes them.", xackdel},
    {"xdelex", -5, kWrite | kFast, kOne, "stream", "@stream", "8.2.0",
     "Deletes entries with regard to the groups.", xdelex},
};

}  // namespace

std::vector<CellId> groups_of(const Service& service, const catalog::Name& name) {
  std::vector<CellId> cells;
  const catalog::Thing* thing = service.broker().catalog().find(name);
  if (thing == nullptr) return cells;
  for (const auto& [group, cell] : thing->stream_groups) cells.push_back(cell);
  return cells;
}

bool references(Service& service, CellId group, Offset offset, Timestamp now) {
  const queue::Queue* queue = service.broker().find_queue(group, now);
  return queue != nullptr && (offset >= queue->next() || queue->lease_of(offset));
}

std::optional<References> references_option(const Call& call, size_t index) {
  if (call.is(index, "keepref")) return References::kKeep;
  if (call.is(index, "delref")) return References::kDrop;
  if (call.is(index, "acked")) return References::kOnlyAcknowledged;
  return std::nullopt;
}

std::span<const Command> stream_delete_commands() {
  return kCommands;
}

}  // namespace weir::redis
