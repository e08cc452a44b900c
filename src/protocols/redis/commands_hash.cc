// Hashes: https://redis.io/docs/latest/commands/?group=hash

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/draw.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/scan_arguments.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::Hash;

void set(Call& call, bool status_reply) {
  if (call.count() % 2 != 0) {
    return call.fail(
        fmt::format("ERR wrong number of arguments for '{}' command", call.command->name));
  }
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  const size_t before = *hash == nullptr ? 0 : (*hash)->fields.size();
  call.keys.set_fields(call.database(), call.args[1], call.args.subspan(2));
  const auto after = call.get<Hash>(call.args[1]);
  if (status_reply) return call.reply.ok();
  call.reply.integer(static_cast<int64_t>((*after)->fields.size() - before));
}

void hset(Call& call) {
  set(call, false);
}
void hmset(Call& call) {
  set(call, true);
}

void hsetnx(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  if (*hash != nullptr && (*hash)->fields.find(call.args[2]) != nullptr)
    return call.reply.integer(0);
  call.keys.set_fields(call.database(), call.args[1], call.args.subspan(2));
  call.reply.integer(1);
}

void reply_field(Call& call, const Hash* hash, ByteView field) {
  const Text* value = hash == nullptr ? nullptr : hash->fields.find(field);
  if (value == nullptr) {
    call.reply.null();
  } else {
    call.reply.bulk(*value);
  }
}

void hget(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  reply_field(call, *hash, call.args[2]);
}

void hmget(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  call.reply.array(call.count() - 2);
  for (const ByteView field : call.args.subspan(2)) reply_field(call, *hash, field);
}

void hdel(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  std::vector<ByteView> present;
  absl::flat_hash_set<ByteView> seen;
  for (const ByteView field : call.args.subspan(2)) {
    if (*hash == nullptr || (*hash)->fields.find(field) == nullptr) continue;
    if (seen.insert(field).second) present.push_back(field);
  }
  if (!present.empty()) call.keys.erase_fields(call.database(), call.args[1], present);
  call.reply.integer(static_cast<int64_t>(present.size()));
}

void hlen(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  call.reply.integer(*hash == nullptr ? 0 : static_cast<int64_t>((*hash)->fields.size()));
}

void hstrlen(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  const Text* value = *hash == nullptr ? nullptr : (*hash)->fields.find(call.args[2]);
  call.reply.integer(value == nullptr ? 0 : static_cast<int64_t>(value->size()));
}

void hexists(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  call.reply.integer(*hash != nullptr && (*hash)->fields.find(call.args[2]) != nullptr ? 1 : 0);
}

void hgetall(Call& call) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  call.reply.map(*hash == nullptr ? 0 : (*hash)->fields.size());
  if (*hash == nullptr) return;
  (*hash)->fields.for_each([&](const auto& slot) {
    call.reply.bulk(slot.key);
    call.reply.bulk(slot.value);
  });
}

void list(Call& call, bool fields) {
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  call.reply.array(*hash == nullptr ? 0 : (*hash)->fields.size());
  if (*hash == nullptr) return;
  (*hash)->fields.for_each(
      [&](const auto& slot) { call.reply.bulk(fields ? slot.key : slot.value); });
}

void hkeys(Call& call) {
  list(call, true);
}
void hvals(Call& call) {
  list(call, false);
}

void hincrby(Call& call) {
  const auto amount = call.integer(3);
  if (!amount) return;
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  const Text* value = *hash == nullptr ? nullptr : (*hash)->fields.find(call.args[2]);
  const auto before = value == nullptr ? std::optional<int64_t>(0) : parse_integer(*value);
  if (!before) return call.fail("ERR hash value is not an integer");
  int64_t after = 0;
  if (__builtin_add_overflow(*before, *amount, &after)) {
    return call.fail("ERR increment or decrement would overflow");
  }
  const std::string text = std::to_string(after);
  const ByteView pair[] = {call.args[2], text};
  call.keys.set_fields(call.database(), call.args[1], pair);
  call.reply.integer(after);
}

void hincrbyfloat(Call& call) {
  const auto amount = call.real(3);
  if (!amount) return;
  if (std::isinf(*amount)) return call.fail("ERR value is NaN or Infinity");
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  const Text* value = *hash == nullptr ? nullptr : (*hash)->fields.find(call.args[2]);
  const auto before = value == nullptr ? std::optional<double>(0) : parse_double(*value);
  if (!before) return call.fail("ERR hash value is not a float");
  const double after = *before + *amount;
  if (std::isnan(after) || std::isinf(after))
    return call.fail("ERR increment would produce NaN or Infinity");
  const std::string text = format_double(after);
  const ByteView pair[] = {call.args[2], text};
  call.keys.set_fields(call.database(), call.args[1], pair);
  call.reply.bulk(text);
}

void hrandfield(Call& call) {
  const bool has_count = call.count() > 2;
  std::optional<int64_t> count = 1;
  if (has_count)
    count = call.integer_between(2, -INT64_MAX / 2, INT64_MAX / 2, "ERR value is out of range");
  if (!count) return;
  const bool with_values = call.count() == 4 && call.is(3, "withvalues");
  if (call.count() > 3 && !with_values) return call.fail(errors::kSyntax);
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  if (*hash == nullptr) return has_count ? call.reply.array(0) : call.reply.null();
  const auto drawn = draw_slots((*hash)->fields, *count, call.service.random());
  if (!has_count) return call.reply.bulk(drawn.front()->key);
  const bool pairs = with_values && call.reply.resp3();
  call.reply.array(with_values && !pairs ? drawn.size() * 2 : drawn.size());
  for (const auto* slot : drawn) {
    if (pairs) call.reply.array(2);
    call.reply.bulk(slot->key);
    if (with_values) call.reply.bulk(slot->value);
  }
}

void hscan(Call& call) {
  const bool names_only = call.count() > 3 && call.is(call.count() - 1, "novalues");
  if (names_only) call.args = call.args.first(call.count() - 1);
  const auto arguments = scan_arguments(call, 2);
  if (!arguments) return;
  const auto hash = call.get<Hash>(call.args[1]);
  if (!hash) return call.fail(hash.error());
  std::vector<ByteView> found;
  uint64_t next = 0;
  if (*hash != nullptr) {
    next = scan_slots((*hash)->fields, *arguments, [&](const auto& slot) {
      found.emplace_back(slot.key);
      if (!names_only) found.emplace_back(slot.value);
    });
  }
  reply_scan(call, next, found);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr uint32_t kChange = kWrite | kDenyOom | kFast;
constexpr Command kCommands[] = {
    {"hdel", -3, kWrite | kFast, kOne, "hash", "@hash", "2.0.0", "Deletes fields.", hdel},
    {"hexists", 3, kReadonly | kFast, kOne, "hash", "@hash", "2.0.0",
     "Tells whether a field exists.", hexists},
    {"hget", 3, kReadonly | kFast, kOne, "hash", "@hash", "2.0.0", "Reads a field.", hget},
    {"hgetall", 2, kReadonly, kOne, "hash", "@hash", "2.0.0", "Reads all fields.", hgetall},
    {"hincrby", 4, kChange, kOne, "hash", "@hash", "2.0.0", "Adds a whole number to a field.",
     hincrby},
    {"hincrbyfloat", 4, kChange, kOne, "hash", "@hash", "2.6.0", "Adds a number to a field.",
     hincrbyfloat},
    {"hkeys", 2, kReadonly, kOne, "hash", "@hash", "2.0.0", "Lists the fields.", hkeys},
    {"hlen", 2, kReadonly | kFast, kOne, "hash", "@hash", "2.0.0", "Counts the fields.", hlen},
    {"hmget", -3, kReadonly | kFast, kOne, "hash", "@hash", "2.0.0", "Reads several fields.",
     hmget},
    {"hmset", -4, kChange, kOne, "hash", "@hash", "2.0.0", "Sets several fields.", hmset},
    {"hrandfield", -2, kReadonly, kOne, "hash", "@hash", "6.2.0", "Draws fields.", hrandfield},
    {"hscan", -3, kReadonly, kOne, "hash", "@hash", "2.8.0", "Iterates over the fields.", hscan},
    {"hset", -4, kChange, kOne, "hash", "@hash", "2.0.0", "Sets fields.", hset},
    {"hsetnx", 4, kChange, kOne, "hash", "@hash", "2.0.0", "Sets a field that does not exist.",
     hsetnx},
    {"hstrlen", 3, kReadonly | kFast, kOne, "hash", "@hash", "3.2.0",
     "The length of a field's value.", hstrlen},
    {"hvals", 2, kReadonly, kOne, "hash", "@hash", "2.0.0", "Lists the values.", hvals},
};

}  // namespace

std::span<const Command> hash_commands() {
  return kCommands;
}

}  // namespace weir::redis
