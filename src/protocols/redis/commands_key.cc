// Keys of any type: https://redis.io/docs/latest/commands/?group=generic

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::KeyState;
using keyspace::ValueType;

// A value that moves is written whole into one commit.
constexpr size_t kMovedBytesMax = size_t{48} << 20;

ByteView type_name(const KeyState& state) {
  switch (keyspace::type_of(state.value)) {
    case ValueType::kString: return "string";
    case ValueType::kList: return "list";
    case ValueType::kHash: return "hash";
    case ValueType::kSet: return "set";
    case ValueType::kSortedSet: return "zset";
  }
  return "none";
}

void del(Call& call) {
  int64_t removed = 0;
  for (const ByteView key : call.args.subspan(1)) {
    if (call.keys.erase(call.database(), key)) {
      ++removed;
      continue;
    }
    const auto stream = call.service.remove_stream(call, key);
    if (!stream) return call.fail(stream.error());
    removed += *stream ? 1 : 0;
  }
  call.reply.integer(removed);
}

void exists(Call& call) {
  int64_t found = 0;
  for (const ByteView key : call.args.subspan(1)) found += call.exists(key) ? 1 : 0;
  call.reply.integer(found);
}

void type(Call& call) {
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  if (state != nullptr) return call.reply.simple(type_name(*state));
  call.reply.simple(call.is_stream(call.args[1]) ? "stream" : "none");
}

// ---- expiration

struct ExpireOptions {
  bool absent = false;
  bool present = false;
  bool greater = false;
  bool less = false;
};

std::optional<ExpireOptions> expire_options(Call& call) {
  ExpireOptions options;
  for (size_t i = 3; i < call.count(); ++i) {
    bool* option = call.is(i, "nx")   ? &options.absent
                   : call.is(i, "xx") ? &options.present
                   : call.is(i, "gt") ? &options.greater
                   : call.is(i, "lt") ? &options.less
                                      : nullptr;
    if (option == nullptr) {
      call.fail(fmt::format("ERR Unsupported option {}", call.args[i]));
      return std::nullopt;
    }
    *option = true;
  }
  if (options.absent && (options.present || options.greater || options.less)) {
    call.fail("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (options.greater && options.less) {
    call.fail("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return options;
}

void expire_in(Call& call, int64_t unit_ms, bool relative) {
  const auto options = expire_options(call);
  if (!options) return;
  const auto amount = call.integer(2);
  if (!amount) return;
  const int64_t base = relative ? call.now().ms() : 0;
  if (*amount > (INT64_MAX - base) / unit_ms || *amount < INT64_MIN / unit_ms) {
    return call.fail(fmt::format("ERR invalid expire time in '{}' command", call.command->name));
  }
  const Timestamp deadline(base + *amount * unit_ms);
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  if (state == nullptr) {
    if (call.is_stream(call.args[1]))
      return call.fail("ERR streams do not expire here; trim them by MINID instead");
    return call.reply.integer(0);
  }
  const bool has = state->deadline != Timestamp::never();
  const bool refused = (options->absent && has) || (options->present && !has) ||
                       (options->greater && (!has || deadline <= state->deadline)) ||
                       (options->less && has && deadline >= state->deadline);
  if (refused) return call.reply.integer(0);
  call.keys.expire_at(call.database(), call.args[1], deadline);
  call.reply.integer(1);
}

void expire(Call& call) {
  expire_in(call, 1000, true);
}
void pexpire(Call& call) {
  expire_in(call, 1, true);
}
void expireat(Call& call) {
  expire_in(call, 1000, false);
}
void pexpireat(Call& call) {
  expire_in(call, 1, false);
}

// -2: no such key; -1: it does not expire.
std::optional<int64_t> deadline_ms(Call& call) {
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  if (state == nullptr) {
    call.reply.integer(call.is_stream(call.args[1]) ? -1 : -2);
    return std::nullopt;
  }
  if (state->deadline == Timestamp::never()) {
    call.reply.integer(-1);
    return std::nullopt;
  }
  return state->deadline.ms();
}

void ttl(Call& call) {
  if (const auto at = deadline_ms(call)) call.reply.integer((*at - call.now().ms() + 500) / 1000);
}
void pttl(Call& call) {
  if (const auto at = deadline_ms(call)) call.reply.integer(*at - call.now().ms());
}
void expiretime(Call& call) {
  if (const auto at = deadline_ms(call)) call.reply.integer((*at + 500) / 1000);
}
void pexpiretime(Call& call) {
  if (const auto at = deadline_ms(call)) call.reply.integer(*at);
}

void persist(Call& call) {
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  if (state == nullptr || state->deadline == Timestamp::never()) return call.reply.integer(0);
  call.keys.expire_at(call.database(), call.args[1], Timestamp::never());
  call.reply.integer(1);
}

// ---- moving and copying

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
    if (const auto renamed = call.service.rename_stream(call, from, to); !renamed) {
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
  return static_cast<uint32_t>(*number);
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
  if (state == nullptr) {
    return call.is_stream(from) ? call.fail("ERR COPY of a stream is not supported")
                                : call.reply.integer(0);
  }
  if (too_large(call, *state)) return;
  if (call.service.is_stream(target, to)) {
    return replace ? call.fail("ERR COPY over a stream is not supported") : call.reply.integer(0);
  }
  if (!replace && call.keys.find(target, to) != nullptr) return call.reply.integer(0);
  call.keys.copy(call.database(), from, target, to);
  call.reply.integer(1);
}

void move(Call& call) {
  const auto target = database_argument(call, 2);
  if (!target) return;
  if (*target == call.database()) return call.fail(errors::kSameObject);
  const KeyState* state = call.keys.find(call.database(), call.args[1]);
  if (state == nullptr && call.is_stream(call.args[1]))
    return call.fail("ERR MOVE of a stream is not supported");
  if (state == nullptr || call.keys.find(*target, call.args[1]) != nullptr ||
      call.service.is_stream(*target, call.args[1])) {
    return call.reply.integer(0);
  }
  if (too_large(call, *state)) return;
  call.keys.copy(call.database(), call.args[1], *target, call.args[1]);
  call.keys.erase(call.database(), call.args[1]);
  call.reply.integer(1);
}

// ---- listings

void keys(Call& call) {
  const ByteView pattern = call.args[1];
  const size_t mark = call.reply.begin_array();
  size_t count = 0;
  call.service.keyspace().for_each(call.database(), call.now(), [&](ByteView key, const KeyState&) {
    if (!glob_matches(pattern, key)) return;
    call.reply.bulk(key);
    ++count;
  });
  for (const ByteView stream : call.service.stream_names(call.database())) {
    if (!glob_matches(pattern, stream)) continue;
    call.reply.bulk(stream);
    ++count;
  }
  call.reply.end_array(mark, count);
}

void scan(Call& call) {
  const auto cursor = parse_integer(call.args[1]);
  if (!cursor || *cursor < 0) return call.fail("ERR invalid cursor");
  int64_t count = 10;
  std::optional<ByteView> pattern;
  std::optional<std::string> wanted_type;
  for (size_t i = 2; i < call.count(); i += 2) {
    if (i + 1 >= call.count()) return call.fail(errors::kSyntax);
    if (call.is(i, "count")) {
      const auto value = call.integer(i + 1);
      if (!value) return;
      if (*value < 1) return call.fail(errors::kSyntax);
      count = *value;
    } else if (call.is(i, "match")) {
      pattern = call.args[i + 1];
    } else if (call.is(i, "type")) {
      wanted_type = std::string(call.args[i + 1]);
      for (char& c : *wanted_type)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      return call.fail(errors::kSyntax);
    }
  }
  std::vector<std::string> found;
  const auto visit = [&](ByteView key, ByteView key_type) {
    if (pattern && !glob_matches(*pattern, key)) return;
    if (!wanted_type || *wanted_type == key_type) found.emplace_back(key);
  };
  const uint64_t next = call.service.scan(call.database(), static_cast<uint64_t>(*cursor),
                                          static_cast<size_t>(count), visit, type_name);
  call.reply.array(2);
  call.reply.bulk(std::to_string(next));
  call.reply.array(found.size());
  for (const std::string& key : found) call.reply.bulk(key);
}

void randomkey(Call& call) {
  const auto [key, state] =
      call.service.keyspace().any(call.database(), call.service.random().next() >> 8, call.now());
  if (state != nullptr) return call.reply.bulk(key);
  const auto streams = call.service.stream_names(call.database());
  if (streams.empty()) return call.reply.null();
  call.reply.bulk(streams[call.service.random().below(streams.size())]);
}

void dbsize(Call& call) {
  call.reply.integer(static_cast<int64_t>(call.service.key_count(call.database())));
}

// ---- flushing

bool flush_arguments(Call& call) {
  if (call.count() == 1) return true;
  if (call.count() == 2 && (call.is(1, "async") || call.is(1, "sync"))) return true;
  call.fail(errors::kSyntax);
  return false;
}

void flush(Call& call, uint32_t database) {
  call.service.flushing(database);
  call.keys.clear(database);
  call.service.remove_all_streams(call, database);
}

void flushdb(Call& call) {
  if (!flush_arguments(call)) return;
  flush(call, call.database());
  call.reply.ok();
}

void flushall(Call& call) {
  if (!flush_arguments(call)) return;
  for (uint32_t database = 0; database < keyspace::kDatabases; ++database) flush(call, database);
  call.reply.ok();
}

// ---- OBJECT

bool is_number(ByteView text) {
  return text.size() <= 20 && parse_integer(text).has_value();
}

ByteView encoding(const KeyState& state) {
  constexpr size_t kShortText = 44;
  constexpr size_t kListpackBytes = 8192;
  constexpr size_t kListpackEntries = 128;
  constexpr size_t kListpackValue = 64;
  switch (keyspace::type_of(state.value)) {
    case ValueType::kString: {
      const auto& text = *keyspace::held<std::string>(state.value);
      return is_number(text) ? "int" : text.size() <= kShortText ? "embstr" : "raw";
    }
    case ValueType::kList: {
      const auto& list = *keyspace::held<keyspace::List>(state.value);
      return list.bytes() + list.size() * 2 <= kListpackBytes ? "listpack" : "quicklist";
    }
    case ValueType::kHash: {
      const auto& hash = *keyspace::held<keyspace::Hash>(state.value);
      bool small = hash.fields.size() <= kListpackEntries;
      if (small) {
        hash.fields.for_each([&](const auto& slot) {
          small = small && slot.key.size() <= kListpackValue && slot.value.size() <= kListpackValue;
        });
      }
      return small ? "listpack" : "hashtable";
    }
    case ValueType::kSet: {
      const auto& set = *keyspace::held<keyspace::Set>(state.value);
      bool numbers = set.members.size() <= 512;
      bool small = set.members.size() <= kListpackEntries;
      if (numbers || small) {
        set.members.for_each([&](const auto& slot) {
          numbers = numbers && is_number(slot.key);
          small = small && slot.key.size() <= kListpackValue;
        });
      }
      return numbers ? "intset" : small ? "listpack" : "hashtable";
    }
    case ValueType::kSortedSet: {
      const auto& sorted = *keyspace::held<keyspace::SortedSet>(state.value);
      bool small = sorted.size() <= kListpackEntries;
      if (small) {
        sorted.members().for_each(
            [&](const auto& slot) { small = small && slot.key.size() <= kListpackValue; });
      }
      return small ? "listpack" : "skiplist";
    }
  }
  return "raw";
}

void object(Call& call) {
  if (call.count() != 3) {
    return call.fail(fmt::format(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try OBJECT HELP.",
        call.args[1].substr(0, 128)));
  }
  const KeyState* state = call.keys.find(call.database(), call.args[2]);
  const bool stream = state == nullptr && call.is_stream(call.args[2]);
  if (state == nullptr && !stream) return call.reply.null();
  if (call.is(1, "encoding")) return call.reply.bulk(stream ? "stream" : encoding(*state));
  if (call.is(1, "refcount")) return call.reply.integer(1);
  if (call.is(1, "idletime")) return call.reply.integer(0);
  if (call.is(1, "freq")) {
    return call.fail(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
        "that when switching "
        "between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  call.fail(
      fmt::format("ERR unknown subcommand '{}'. Try OBJECT HELP.", call.args[1].substr(0, 128)));
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kTwo{1, 2, 1};
constexpr KeyPositions kEach{1, -1, 1};
constexpr Command kCommands[] = {
    {"copy", -3, kWrite | kDenyOom, kTwo, "generic", "@keyspace", "6.2.0", "Copies a key.", copy},
    {"dbsize",
     1,
     kReadonly | kFast,
     {},
     "server",
     "@keyspace",
     "1.0.0",
     "Counts the keys of the database.",
     dbsize},
    {"del", -2, kWrite, kEach, "generic", "@keyspace", "1.0.0", "Deletes keys.", del},
    {"exists", -2, kReadonly | kFast, kEach, "generic", "@keyspace", "1.0.0",
     "Counts which keys exist.", exists},
    {"expire", -3, kWrite | kFast, kOne, "generic", "@keyspace", "1.0.0",
     "Lets a key expire in seconds.", expire},
    {"expireat", -3, kWrite | kFast, kOne, "generic", "@keyspace", "1.2.0",
     "Lets a key expire at a second.", expireat},
    {"expiretime", 2, kReadonly | kFast, kOne, "generic", "@keyspace", "7.0.0",
     "The second at which a key expires.", expiretime},
    {"flushall",
     -1,
     kWrite,
     {},
     "server",
     "@keyspace",
     "1.0.0",
     "Deletes all keys of all databases.",
     flushall},
    {"flushdb",
     -1,
     kWrite,
     {},
     "server",
     "@keyspace",
     "1.0.0",
     "Deletes all keys of the database.",
     flushdb},
    {"keys", 2, kReadonly, {}, "generic", "@keyspace", "1.0.0", "Lists keys by pattern.", keys},
    {"move", 3, kWrite | kFast, kOne, "generic", "@keyspace", "1.0.0",
     "Moves a key to another database.", move},
    {"object",
     -2,
     kReadonly,
     {2, 2, 1},
     "generic",
     "@keyspace",
     "2.2.3",
     "Asks how a key is kept.",
     object},
    {"persist", 2, kWrite | kFast, kOne, "generic", "@keyspace", "2.2.0",
     "Lets a key live for ever.", persist},
    {"pexpire", -3, kWrite | kFast, kOne, "generic", "@keyspace", "2.6.0",
     "Lets a key expire in milliseconds.", pexpire},
    {"pexpireat", -3, kWrite | kFast, kOne, "generic", "@keyspace", "2.6.0",
     "Lets a key expire at a millisecond.", pexpireat},
    {"pexpiretime", 2, kReadonly | kFast, kOne, "generic", "@keyspace", "7.0.0",
     "The millisecond at which a key expires.", pexpiretime},
    {"pttl", 2, kReadonly | kFast, kOne, "generic", "@keyspace", "2.6.0",
     "The milliseconds that a key has left.", pttl},
    {"randomkey",
     1,
     kReadonly,
     {},
     "generic",
     "@keyspace",
     "1.0.0",
     "Some key of the database.",
     randomkey},
    {"rename", 3, kWrite, kTwo, "generic", "@keyspace", "1.0.0", "Renames a key.", rename},
    {"renamenx", 3, kWrite | kFast, kTwo, "generic", "@keyspace", "1.0.0",
     "Renames a key unless the name is taken.", renamenx},
    {"scan", -2, kReadonly, {}, "generic", "@keyspace", "2.8.0", "Iterates over the keys.", scan},
    {"touch", -2, kReadonly | kFast, kEach, "generic", "@keyspace", "3.2.1",
     "Counts which keys exist.", exists},
    {"ttl", 2, kReadonly | kFast, kOne, "generic", "@keyspace", "1.0.0",
     "The seconds that a key has left.", ttl},
    {"type", 2, kReadonly | kFast, kOne, "generic", "@keyspace", "1.0.0", "The type of a key.",
     type},
    {"unlink", -2, kWrite | kFast, kEach, "generic", "@keyspace", "4.0.0", "Deletes keys.", del},
};

}  // namespace

std::span<const Command> key_commands() {
  return kCommands;
}

}  // namespace weir::redis
