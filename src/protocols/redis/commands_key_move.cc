// Keys that move or are copied: https://redis.io/docs/latest/commands/?group=generic

#include <optional>
#include <string>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/service.h"
#include "protocols/redis/stream_copy.h"

namespace weir::redis {
namespace {

using keyspace::KeyState;

// A value that moves is written whole into one commit.
constexpr size_t kMovedBytesMax = size_t{48} << 20;

bool too_large(Call& call, const KeyState& state) {
  if (keyspace::memory_of(state.value) <= kMovedBytesMax) return false;
  call.fail("ERR the value is too large to be moved in one commit");
  return true;
}

// False when an error was the reply.
bool move_key(Call& call, bool only_if_absent, bool& moved) {
  const ByteView from = call.args[1];
  const ByteView to = call.args[2];
  const KeyState* state = call.keys.find(call.database(), from);
  const bool stream = state == nullptr && call.is_stream(from);
  if (state == nullptr && !stream) {
    call.fail(errors::kNoSuchKey);
    return false;
  }
  moved = !(only_if_absent && call.exists(to));
  if (!moved || from == to) return true;
  if (state != nullptr && too_large(call, *state)) return false;
  if (const auto removed = call.service.remove_stream(call, to); !removed) {
    call.fail(removed.error());
    return false;
  }
  if (stream) {
    call.keys.erase(call.database(), to);
    if (const auto renamed = call.service.rename_stream(call, from, call.database(), to);
        !renamed) {
      call.fail(renamed.error());
      return false;
    }
    return true;
  }
  call.keys.copy(call.database(), from, call.database(), to);
  call.keys.erase(call.database(), from);
  return true;
}

void rename(Call& call) {
  bool moved = false;
  if (move_key(call, false, moved)) call.reply.ok();
}

void renamenx(Call& call) {
  bool moved = false;
  if (move_key(call, true, moved))
    call.reply.integer(moved && call.args[1] != call.args[2] ? 1 : 0);
}

std::optional<uint32_t> database_argument(Call& call, size_t index) {
  const auto number = call.integer(index);
  if (!number) return std::nullopt;
  if (*number < 0 || *number >= keyspace::kDatabases) {
    call.fail(errors::kDatabaseOutOfRange);
    return std::nullopt;
  }
  return call.service.stored_database(static_cast<uint32_t>(*number));
}

void copy(Call& call) {
  uint32_t target = call.database();
  bool replace = false;
  for (size_t i = 3; i < call.count(); ++i) {
    if (call.is(i, "replace")) {
      replace = true;
    } else if (call.is(i, "db") && i + 1 < call.count()) {
      const auto number = database_argument(call, ++i);
      if (!number) return;
      target = *number;
    } else {
      return call.fail(errors::kSyntax);
    }
  }
  const ByteView from = call.args[1];
  const ByteView to = call.args[2];
  if (from == to && target == call.database()) return call.fail(errors::kSameObject);
  const KeyState* state = call.keys.find(call.database(), from);
  if (state == nullptr && !call.is_stream(from)) return call.reply.integer(0);
  if (state != nullptr && too_large(call, *state)) return;
  const bool over_stream = call.service.is_stream(target, to);
  if (!replace && (over_stream || call.keys.find(target, to) != nullptr))
    return call.reply.integer(0);
  if (state == nullptr) return copy_stream(call, from, target, to);
  if (const auto removed = call.service.remove_stream(call.keys, target, to); !removed)
    return call.fail(removed.error());
  call.keys.copy(call.database(), from, target, to);
  call.reply.integer(1);
}

void move(Call& call) {
  const auto target = database_argument(call, 2);
  if (!target) return;
  if (*target == call.database()) return call.fail(errors::kSameObject);
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  const bool stream = state == nullptr && call.is_stream(call.args[1]);
  if ((state == nullptr && !stream) || call.keys.find(*target, call.args[1]) != nullptr ||
      call.service.is_stream(*target, call.args[1])) {
    return call.reply.integer(0);
  }
  if (stream) {
    const auto moved = call.service.rename_stream(call, call.args[1], *target, call.args[1]);
    return moved ? call.reply.integer(1) : call.fail(moved.error());
  }
  if (too_large(call, *state)) return;
  call.keys.copy(call.database(), call.args[1], *target, call.args[1]);
  call.keys.erase(call.database(), call.args[1]);
  call.reply.integer(1);
}

void swapdb(Call& call) {
  const auto first = call.integer(1, "ERR invalid first DB index");
  if (!first) return;
  const auto second = call.integer(2, "ERR invalid second DB index");
  if (!second) return;
  for (const int64_t number : {*first, *second}) {
    if (number < 0 || number >= keyspace::kDatabases) return call.fail(errors::kDatabaseOutOfRange);
  }
  call.service.swap_databases(call, static_cast<uint32_t>(*first), static_cast<uint32_t>(*second));
  call.reply.ok();
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kTwo{1, 2, 1};
constexpr Command kCommands[] = {
    {"copy", -3, kWrite | kDenyOom, kTwo, "generic", "@keyspace", "6.2.0", "Copies a key.", copy},
    {"move", 3, kWrite | kFast, kOne, "generic", "@keyspace", "1.0.0",
     "Moves a key to another database.", move},
    {"rename", 3, kWrite, kTwo, "generic", "@keyspace", "1.0.0", "Renames a key.", rename},
    {"renamenx", 3, kWrite | kFast, kTwo, "generic", "@keyspace", "1.0.0",
     "Renames a key unless the name is taken.", renamenx},
    {"swapdb",
     3,
     kWrite | kFast,
     {},
     "server",
     "@keyspace @dangerous",
     "4.0.0",
     "Exchanges two databases.",
     swapdb},
};

}  // namespace

std::span<const Command> key_move_commands() {
  return kCommands;
}

}  // namespace weir::redis
