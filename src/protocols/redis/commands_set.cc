// Sets: https://redis.io/docs/latest/commands/?group=set

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/draw.h"
#include "protocols/redis/scan_arguments.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::Set;

bool contains(const Set* set, ByteView member) {
  return set != nullptr && set->members.find(member) != nullptr;
}

// Those of the arguments that are members (or are not), each once.
std::vector<ByteView> select(std::span<const ByteView> members, const Set* set, bool present) {
  keyspace::OrderedMap<keyspace::Nothing> seen;
  std::vector<ByteView> chosen;
  for (const ByteView member : members) {
    if (contains(set, member) == present && seen.insert(member).second) chosen.push_back(member);
  }
  return chosen;
}

void sadd(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  const auto fresh = select(call.args.subspan(2), *set, false);
  if (!fresh.empty()) call.keys.add_members(call.database(), call.args[1], fresh);
  call.reply.integer(static_cast<int64_t>(fresh.size()));
}

void srem(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  const auto present = select(call.args.subspan(2), *set, true);
  if (!present.empty()) call.keys.erase_members(call.database(), call.args[1], present);
  call.reply.integer(static_cast<int64_t>(present.size()));
}

void scard(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  call.reply.integer(*set == nullptr ? 0 : static_cast<int64_t>((*set)->members.size()));
}

void sismember(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  call.reply.integer(contains(*set, call.args[2]) ? 1 : 0);
}

void smismember(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  call.reply.array(call.count() - 2);
  for (const ByteView member : call.args.subspan(2))
    call.reply.integer(contains(*set, member) ? 1 : 0);
}

void smembers(Call& call) {
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  call.reply.set(*set == nullptr ? 0 : (*set)->members.size());
  if (*set != nullptr)
    (*set)->members.for_each([&](const auto& slot) { call.reply.bulk(slot.key); });
}

void smove(Call& call) {
  const auto from = call.get<Set>(call.args[1]);
  if (!from) return call.fail(from.error());
  if (*from == nullptr) return call.reply.integer(0);
  const auto to = call.get<Set>(call.args[2]);
  if (!to) return call.fail(to.error());
  const ByteView member[] = {call.args[3]};
  if (!contains(*from, member[0])) return call.reply.integer(0);
  if (call.args[1] != call.args[2]) {
    const bool there = contains(*to, member[0]);
    call.keys.erase_members(call.database(), call.args[1], member);
    if (!there) call.keys.add_members(call.database(), call.args[2], member);
  }
  call.reply.integer(1);
}

void draw(Call& call, bool remove) {
  const bool has_count = call.count() > 2;
  if (call.count() > 3) return call.fail(errors::kSyntax);
  std::optional<int64_t> count = 1;
  if (has_count) {
    count = remove ? call.integer_between(2, 0, INT64_MAX, errors::kNotPositive)
                   : call.integer_between(2, -INT64_MAX / 2, INT64_MAX / 2,
                                          "ERR value is out of range");
  }
  if (!count) return;
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  if (*set == nullptr) {
    if (!has_count) return call.reply.null();
    return remove ? call.reply.set(0) : call.reply.array(0);
  }
  std::vector<std::string> members;
  for (const auto* slot : draw_slots((*set)->members, *count, call.service.random()))
    members.emplace_back(slot->key);
  if (!has_count) {
    call.reply.bulk(members.front());
  } else {
    remove ? call.reply.set(members.size()) : call.reply.array(members.size());
    for (const std::string& member : members) call.reply.bulk(member);
  }
  const std::vector<ByteView> views(members.begin(), members.end());
  if (remove && !views.empty()) call.keys.erase_members(call.database(), call.args[1], views);
}

void spop(Call& call) {
  draw(call, true);
}
void srandmember(Call& call) {
  draw(call, false);
}

// ---- several sets

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };

// The members of the result; nothing when the error was the reply.
std::optional<std::vector<std::string>> combine(Call& call,
                                                std::span<const ByteView> keys,
                                                Operation operation,
                                                size_t limit = SIZE_MAX) {
  std::vector<const Set*> sets;
  for (const ByteView key : keys) {
    const auto set = call.get<Set>(key);
    if (!set) {
      call.fail(set.error());
      return std::nullopt;
    }
    sets.push_back(*set);
  }
  std::vector<std::string> result;
  if (operation == Operation::kUnion) {
    keyspace::OrderedMap<keyspace::Nothing> all;
    for (const Set* set : sets) {
      if (set != nullptr) set->members.for_each([&](const auto& slot) { all.insert(slot.key); });
    }
    all.for_each([&](const auto& slot) { result.emplace_back(slot.key); });
    return result;
  }
  if (sets.front() == nullptr) return result;
  sets.front()->members.for_each([&](const auto& slot) {
    if (result.size() >= limit) return;
    const bool kept = std::all_of(sets.begin() + 1, sets.end(), [&](const Set* other) {
      return contains(other, slot.key) == (operation == Operation::kIntersection);
    });
    if (kept) result.emplace_back(slot.key);
  });
  return result;
}

void reply_combined(Call& call, Operation operation) {
  const auto members = combine(call, call.args.subspan(1), operation);
  if (!members) return;
  call.reply.set(members->size());
  for (const std::string& member : *members) call.reply.bulk(member);
}

void store_combined(Call& call, Operation operation) {
  const auto members = combine(call, call.args.subspan(2), operation);
  if (!members) return;
  if (const auto removed = call.service.remove_stream(call, call.args[1]); !removed)
    return call.fail(removed.error());
  call.keys.erase(call.database(), call.args[1]);
  const std::vector<ByteView> views(members->begin(), members->end());
  if (!views.empty()) call.keys.add_members(call.database(), call.args[1], views);
  call.reply.integer(static_cast<int64_t>(views.size()));
}

void sunion(Call& call) {
  reply_combined(call, Operation::kUnion);
}
void sinter(Call& call) {
  reply_combined(call, Operation::kIntersection);
}
void sdiff(Call& call) {
  reply_combined(call, Operation::kDifference);
}
void sunionstore(Call& call) {
  store_combined(call, Operation::kUnion);
}
void sinterstore(Call& call) {
  store_combined(call, Operation::kIntersection);
}
void sdiffstore(Call& call) {
  store_combined(call, Operation::kDifference);
}

void sintercard(Call& call) {
  const auto numkeys =
      call.integer_between(1, 1, INT64_MAX, "ERR numkeys should be greater than 0");
  if (!numkeys) return;
  if (*numkeys > static_cast<int64_t>(call.count()) - 2) {
    return call.fail("ERR Number of keys can't be greater than number of args");
  }
  const size_t options = 2 + static_cast<size_t>(*numkeys);
  size_t limit = SIZE_MAX;
  if (call.count() > options) {
    if (call.count() != options + 2 || !call.is(options, "limit"))
      return call.fail(errors::kSyntax);
    const auto wanted =
        call.integer_between(options + 1, 0, INT64_MAX, "ERR LIMIT can't be negative");
    if (!wanted) return;
    if (*wanted > 0) limit = static_cast<size_t>(*wanted);
  }
  const auto members =
      combine(call, call.args.subspan(2, options - 2), Operation::kIntersection, limit);
  if (members) call.reply.integer(static_cast<int64_t>(members->size()));
}

void sscan(Call& call) {
  const auto arguments = scan_arguments(call, 2);
  if (!arguments) return;
  const auto set = call.get<Set>(call.args[1]);
  if (!set) return call.fail(set.error());
  std::vector<ByteView> found;
  uint64_t next = 0;
  if (*set != nullptr) {
    next = scan_slots((*set)->members, *arguments,
                      [&](const auto& slot) { found.emplace_back(slot.key); });
  }
  reply_scan(call, next, found);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr KeyPositions kEach{1, -1, 1};
constexpr Command kCommands[] = {
    {"sadd", -3, kWrite | kDenyOom | kFast, kOne, "set", "@set", "1.0.0", "Adds members.", sadd},
    {"scard", 2, kReadonly | kFast, kOne, "set", "@set", "1.0.0", "Counts the members.", scard},
    {"sdiff", -2, kReadonly, kEach, "set", "@set", "1.0.0", "The difference of sets.", sdiff},
    {"sdiffstore", -3, kWrite | kDenyOom, kEach, "set", "@set", "1.0.0",
     "Stores the difference of sets.", sdiffstore},
    {"sinter", -2, kReadonly, kEach, "set", "@set", "1.0.0", "The intersection of sets.", sinter},
    {"sintercard",
     -3,
     kReadonly | kMovableKeys,
     {.numkeys = 1},
     "set",
     "@set",
     "7.0.0",
     "Counts the intersection of sets.",
     sintercard},
    {"sinterstore", -3, kWrite | kDenyOom, kEach, "set", "@set", "1.0.0",
     "Stores the intersection of sets.", sinterstore},
    {"sismember", 3, kReadonly | kFast, kOne, "set", "@set", "1.0.0",
     "Tells whether a member is there.", sismember},
    {"smembers", 2, kReadonly, kOne, "set", "@set", "1.0.0", "Lists the members.", smembers},
    {"smismember", -3, kReadonly | kFast, kOne, "set", "@set", "6.2.0",
     "Tells which members are there.", smismember},
    {"smove",
     4,
     kWrite | kFast,
     {1, 2, 1},
     "set",
     "@set",
     "1.0.0",
     "Moves a member to another set.",
     smove},
    {"spop", -2, kWrite | kFast, kOne, "set", "@set", "1.0.0", "Draws and removes members.", spop},
    {"srandmember", -2, kReadonly, kOne, "set", "@set", "1.0.0", "Draws members.", srandmember},
    {"srem", -3, kWrite | kFast, kOne, "set", "@set", "1.0.0", "Removes members.", srem},
    {"sscan", -3, kReadonly, kOne, "set", "@set", "2.8.0", "Iterates over the members.", sscan},
    {"sunion", -2, kReadonly, kEach, "set", "@set", "1.0.0", "The union of sets.", sunion},
    {"sunionstore", -3, kWrite | kDenyOom, kEach, "set", "@set", "1.0.0",
     "Stores the union of sets.", sunionstore},
};

}  // namespace

std::span<const Command> set_commands() {
  return kCommands;
}

}  // namespace weir::redis
