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
#include "protocols/redis/notifications.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"
#include "protocols/redis/subcommands.h"

namespace weir::redis {
namespace {

using keyspace::KeyState;
using keyspace::ValueType;

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
    if (!*stream) continue;
    ++removed;
    call.service.notify(call.database(), notify::kGeneric, "del", key);
  }
  call.reply.integer(removed);
}

void exists(Call& call) {
  int64_t found = 0;
  for (const ByteView key : call.args.subspan(1)) found += call.exists(key) ? 1 : 0;
  call.reply.integer(found);
}

void touch(Call& call) {
  int64_t found = 0;
  for (const ByteView key : call.args.subspan(1))
    found += call.keys.touch(call.database(), key) || call.is_stream(key) ? 1 : 0;
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

// Of the key in the first argument; nothing when there is no such key.
std::optional<Timestamp> deadline_of(Call& call) {
  if (const KeyState* state = call.keys.find(call.database(), call.args[1])) return state->deadline;
  if (!call.is_stream(call.args[1])) return std::nullopt;
  const StreamKey stream = call.service.stream_of(call.database(), call.args[1]);
  return call.service.stream_deadline(*stream.thing);
}

// False when the error was the reply.
bool set_deadline(Call& call, Timestamp deadline) {
  const ByteView key = call.args[1];
  if (call.keys.expire_at(call.database(), key, deadline)) return true;
  Result<void> done;
  if (deadline <= call.now()) {
    const auto removed = call.service.remove_stream(call, key);
    if (!removed) {
      done = std::unexpected(removed.error());
    } else {
      call.service.notify(call.database(), notify::kGeneric, "del", key);
    }
  } else {
    done = call.service.expire_stream(call.database(), key, deadline, call.now());
  }
  if (!done) call.fail(done.error());
  return done.has_value();
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
  const auto before = deadline_of(call);
  if (!before) return call.reply.integer(0);
  const bool has = *before != Timestamp::never();
  const bool refused = (options->absent && has) || (options->present && !has) ||
                       (options->greater && (!has || deadline <= *before)) ||
                       (options->less && has && deadline >= *before);
  if (refused) return call.reply.integer(0);
  if (set_deadline(call, deadline)) call.reply.integer(1);
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
  const auto deadline = deadline_of(call);
  if (deadline && *deadline != Timestamp::never()) return deadline->ms();
  call.reply.integer(deadline ? -1 : -2);
  return std::nullopt;
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
  const auto deadline = deadline_of(call);
  if (!deadline || *deadline == Timestamp::never()) return call.reply.integer(0);
  if (set_deadline(call, Timestamp::never())) call.reply.integer(1);
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
  Service& service = call.service;
  const size_t keys = service.keyspace().size(call.database());
  const size_t all = service.key_count(call.database());
  const bool of_keys = all > 0 && service.random().below(all) < keys;
  const auto stream = of_keys ? std::nullopt : service.any_stream(call.database());
  if (stream) return call.reply.bulk(*stream);
  const auto [key, state] =
      service.keyspace().any(call.database(), service.random().next() >> 8, call.now());
  if (state != nullptr) return call.reply.bulk(key);
  // Every key's time was over.
  const auto instead = service.any_stream(call.database());
  instead ? call.reply.bulk(*instead) : call.reply.null();
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

bool may_flush(Call& call, uint32_t database) {
  const auto free = call.service.may_remove_all_streams(database, call.now());
  if (!free) call.fail(free.error());
  return free.has_value();
}

void flush(Call& call, uint32_t database) {
  call.service.flushing(database);
  call.keys.clear(database);
  call.service.remove_all_streams(call, database);
}

void flushdb(Call& call) {
  if (!flush_arguments(call) || !may_flush(call, call.database())) return;
  flush(call, call.database());
  call.reply.ok();
}

void flushall(Call& call) {
  if (!flush_arguments(call)) return;
  for (uint32_t database = 0; database < keyspace::kDatabases; ++database) {
    if (!may_flush(call, database)) return;
  }
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
      const auto& text = *keyspace::held<Text>(state.value);
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

// Answers for a key that is not there; a stream's state is null.
bool object_is_there(Call& call, const KeyState*& state) {
  state = call.keys.find(call.database(), call.args[2]);
  if (state != nullptr || call.is_stream(call.args[2])) return true;
  call.reply.null();
  return false;
}

void object_encoding(Call& call) {
  const KeyState* state = nullptr;
  if (object_is_there(call, state)) call.reply.bulk(state == nullptr ? "stream" : encoding(*state));
}

void object_freq(Call& call) {
  const KeyState* state = nullptr;
  if (!object_is_there(call, state)) return;
  call.fail(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

// Of a stream, 0: when it was used is not remembered. What was loaded counts from the start.
void object_idletime(Call& call) {
  const KeyState* state = nullptr;
  if (!object_is_there(call, state)) return;
  if (state == nullptr) return call.reply.integer(0);
  const auto* slot = call.service.keyspace().find_slot(call.database(), call.args[2], call.now());
  const int64_t idle = slot->mark == 0 ? (call.now() - call.service.started()).count() / 1000
                                       : keyspace::Keyspace::idle_seconds(slot->mark, call.now());
  call.reply.integer(idle);
}

// Redis shares small numbers, and tells so by the highest count.
void object_refcount(Call& call) {
  constexpr int64_t kShared = INT32_MAX;
  constexpr int64_t kSharedNumbers = 10'000;
  const KeyState* state = nullptr;
  if (!object_is_there(call, state)) return;
  const auto* text = state == nullptr ? nullptr : keyspace::held<Text>(state->value);
  const auto number =
      text == nullptr || !is_number(*text) ? std::nullopt : parse_integer(ByteView(*text));
  const bool shared = number && *number >= 0 && *number < kSharedNumbers;
  call.reply.integer(shared ? kShared : 1);
}

void object_help(Call& call) {
  constexpr ByteView kLines[] = {
      "ENCODING <key>", "    How the value is kept.",
      "FREQ <key>",     "    How often it was used; not known here.",
      "IDLETIME <key>", "    For how many seconds it was not used; of a stream always 0.",
      "REFCOUNT <key>", "    How often the value is referred to."};
  answer_help(call, kLines);
}

using namespace flag;
constexpr Subcommand kObject[] = {{"object|encoding", 3, kReadonly, object_encoding},
                                  {"object|freq", 3, kReadonly, object_freq},
                                  {"object|help", 2, 0, object_help},
                                  {"object|idletime", 3, kReadonly, object_idletime},
                                  {"object|refcount", 3, kReadonly, object_refcount}};

constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kEach{1, -1, 1};
constexpr Command kCommands[] = {
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
     "@keyspace @dangerous",
     "1.0.0",
     "Deletes all keys of all databases.",
     flushall},
    {"flushdb",
     -1,
     kWrite,
     {},
     "server",
     "@keyspace @dangerous",
     "1.0.0",
     "Deletes all keys of the database.",
     flushdb},
    {"keys",
     2,
     kReadonly,
     {},
     "generic",
     "@keyspace @dangerous",
     "1.0.0",
     "Lists keys by pattern.",
     keys},
    {"object",
     -2,
     kReadonly,
     {2, 2, 1},
     "generic",
     "@keyspace",
     "2.2.3",
     "Asks how a key is kept.",
     run_subcommand,
     kObject},
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
    {"scan", -2, kReadonly, {}, "generic", "@keyspace", "2.8.0", "Iterates over the keys.", scan},
    {"touch", -2, kReadonly | kFast, kEach, "generic", "@keyspace", "3.2.1",
     "Counts which keys exist, as used just now.", touch},
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
