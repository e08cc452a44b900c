// Keyspace notifications: what a command did to its keys, in Redis's words.
//
// Most events follow from the changes in the keyspace; streams say theirs themselves. A message
// leaves with the commit that it tells of.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "core/keyspace/event.h"
#include "protocols/redis/call.h"
#include "protocols/redis/client.h"
#include "protocols/redis/command.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

using keyspace::Event;
using keyspace::EventKind;
using keyspace::Side;

struct Told {
  uint32_t kind = 0;  // notify::k...; 0: nothing is told
  std::string_view event;
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Puts a new value under its first key, whatever was there.
bool is_store(std::string_view command) {
  return is_one_of(command, {"sdiffstore", "sinterstore", "sunionstore", "zdiffstore",
                             "zinterstore", "zrangestore", "zunionstore", "sort"});
}

// SET ... KEEPTTL.
bool keeps_deadline(const Call& call) {
  bool keeps = false;
  for (size_t i = 3; i < call.count(); ++i) keeps = keeps || call.is(i, "keepttl");
  return keeps;
}

// ZADD ... INCR: options stand before the scores.
bool adds_to_score(const Call& call) {
  const auto is_option = [&](size_t i) {
    return call.is(i, "nx") || call.is(i, "xx") || call.is(i, "gt") || call.is(i, "lt") ||
           call.is(i, "ch");
  };
  size_t i = 2;
  while (i < call.count() && is_option(i)) ++i;
  return i < call.count() && call.is(i, "incr");
}

// ZMPOP and BZMPOP: the word behind the keys.
bool takes_lowest(const Call& call) {
  const auto keys = key_indexes(*call.command, call.args);
  return !keys.empty() && keys.back() + 1 < call.count() && call.is(keys.back() + 1, "min");
}

std::string_view of_deleted(std::string_view command) {
  if (is_one_of(command, {"rename", "renamenx"})) return "rename_from";
  return command == "move" ? "move_from" : "del";
}

std::string_view of_put(std::string_view command) {
  if (is_one_of(command, {"rename", "renamenx"})) return "rename_to";
  return command == "move" ? "move_to" : "copy_to";
}

std::string_view of_string(std::string_view command) {
  if (is_one_of(command, {"incr", "decr", "incrby", "decrby"})) return "incrby";
  return is_one_of(command, {"incrbyfloat", "setrange"}) ? command : "set";
}

std::string_view of_hash(std::string_view command) {
  return is_one_of(command, {"hincrby", "hincrbyfloat"}) ? command : "hset";
}

std::string_view of_sorted(const Call& call) {
  const std::string_view command = call.command->name;
  if (is_store(command)) return command;
  const bool adds = command == "zincrby" || (command == "zadd" && adds_to_score(call));
  return adds ? "zincr" : "zadd";
}

std::string_view of_sorted_erased(const Call& call) {
  const std::string_view command = call.command->name;
  if (is_one_of(command, {"zpopmin", "bzpopmin"})) return "zpopmin";
  if (is_one_of(command, {"zpopmax", "bzpopmax"})) return "zpopmax";
  if (command.ends_with("mpop")) return takes_lowest(call) ? "zpopmin" : "zpopmax";
  return command.starts_with("zremrange") ? command : "zrem";
}

Told told_of(const Call& call, const Event& event) {
  const std::string_view command = call.command->name;
  const bool left = event.side == Side::kLeft;
  switch (event.kind) {
    case EventKind::kClear: return {};
    case EventKind::kDelete: return {notify::kGeneric, of_deleted(command)};
    case EventKind::kExpireAt:
      return {notify::kGeneric, event.deadline == Timestamp::never() ? "persist" : "expire"};
    case EventKind::kSetString: return {notify::kString, of_string(command)};
    case EventKind::kAppend: return {notify::kString, "append"};
    case EventKind::kPutValue: return {notify::kGeneric, of_put(command)};
    case EventKind::kListPush:
      return {notify::kList, command == "sort" ? "sortstore" : left ? "lpush" : "rpush"};
    case EventKind::kListPop: return {notify::kList, left ? "lpop" : "rpop"};
    case EventKind::kListTrim: return {notify::kList, "ltrim"};
    case EventKind::kListSet: return {notify::kList, "lset"};
    case EventKind::kListInsert: return {notify::kList, "linsert"};
    case EventKind::kListErase: return {notify::kList, "lrem"};
    case EventKind::kHashSet: return {notify::kHash, of_hash(command)};
    case EventKind::kHashErase: return {notify::kHash, "hdel"};
    case EventKind::kSetAdd: return {notify::kSet, is_store(command) ? command : "sadd"};
    case EventKind::kSetErase: return {notify::kSet, command == "spop" ? "spop" : "srem"};
    case EventKind::kSortedSet: return {notify::kSortedSet, of_sorted(call)};
    case EventKind::kSortedErase: return {notify::kSortedSet, of_sorted_erased(call)};
  }
  return {};
}

bool may_empty(EventKind kind) {
  constexpr std::array kKinds = {EventKind::kListPop,   EventKind::kListTrim,
                                 EventKind::kListErase, EventKind::kHashErase,
                                 EventKind::kSetErase,  EventKind::kSortedErase};
  return std::ranges::find(kKinds, kind) != kKinds.end();
}

// LMOVE of a list onto the same end of itself is kept as one event, but told as two.
bool turns_in_place(std::string_view command) {
  return is_one_of(command, {"lmove", "blmove", "rpoplpush", "brpoplpush"});
}

struct Happened {
  uint32_t database = 0;
  Told told;
  std::string key;
};

// What one change of the command is told as.
class Teller {
 public:
  Teller(Call& call, std::span<const std::string> absent) : call_(call), absent_(absent) {}

  // `next` is the kind of the change behind it if that is of the same key, else this one's own.
  void take(const keyspace::Transaction::Change& change, EventKind next) {
    keyspace::EventStorage storage;
    const auto event = keyspace::decode(change.event, storage);
    WEIR_ASSERT(event.has_value(), "a change that was just made cannot be read");
    const std::string_view command = call_.command->name;
    const uint32_t database = change.bucket.database;
    const std::string key(change.key);
    if (change.kind == EventKind::kDelete && next != EventKind::kDelete) {
      // What is written over was there too long, or is no news.
      if (!is_store(command)) add(database, {notify::kExpired, "expired"}, key);
      return;
    }
    if (is_new(change)) add(database, {notify::kNew, "new"}, key);
    if (change.kind == EventKind::kListSet && turns_in_place(command)) {
      const bool left = call_.count() > 3 && call_.is(3, "left");
      add(database, {notify::kList, left ? "lpush" : "rpush"}, key);
      return add(database, {notify::kList, left ? "lpop" : "rpop"}, key);
    }
    add(database, told_of(call_, *event), key);
    const bool sets =
        is_one_of(command, {"setex", "psetex"}) || (command == "set" && !keeps_deadline(call_));
    if (change.kind == EventKind::kSetString && sets && event->deadline != Timestamp::never()) {
      add(database, {notify::kGeneric, "expire"}, key);
    }
    if (may_empty(change.kind) && call_.keys.find(database, key) == nullptr)
      add(database, {notify::kGeneric, "del"}, key);
  }

  // In Redis's order: where a key comes from is told before where it went.
  std::vector<Happened> all() && {
    std::vector<Happened> ordered;
    for (const int rank : {0, 1, 2}) {
      for (Happened& one : happened_) {
        const std::string_view event = one.told.event;
        const int own = event.ends_with("_to") ? 2 : event.ends_with("_from") ? 1 : 0;
        if (own == rank) ordered.push_back(std::move(one));
      }
    }
    return ordered;
  }

 private:
  void add(uint32_t database, Told told, std::string key) {
    if (told.kind != 0) happened_.push_back({database, told, std::move(key)});
  }

  bool is_new(const keyspace::Transaction::Change& change) {
    if (change.kind == EventKind::kPutValue) return true;
    const bool makes = change.kind == EventKind::kSetString || change.kind == EventKind::kAppend ||
                       change.kind == EventKind::kListPush || change.kind == EventKind::kHashSet ||
                       change.kind == EventKind::kSetAdd || change.kind == EventKind::kSortedSet;
    if (!makes || std::ranges::find(told_new_, change.key) != told_new_.end()) return false;
    const bool is_new =
        is_store(call_.command->name) || std::ranges::find(absent_, change.key) != absent_.end();
    if (is_new) told_new_.emplace_back(change.key);
    return is_new;
  }

  Call& call_;
  std::span<const std::string> absent_;
  std::vector<std::string> told_new_;
  std::vector<Happened> happened_;
};

}  // namespace

void Service::notify(uint32_t database, uint32_t kind, ByteView event, ByteView key, Lsn lsn) {
  const uint32_t wanted = config_.notified();
  if ((wanted & kind) == 0) return;
  const uint32_t number = number_of(database);
  if ((wanted & notify::kKeyspace) != 0)
    pubsub_.publish(fmt::format("__keyspace@{}__:{}", number, key), event, lsn);
  if ((wanted & notify::kKeyevent) != 0)
    pubsub_.publish(fmt::format("__keyevent@{}__:{}", number, event), key, lsn);
}

std::vector<std::string> Service::absent_keys(const Call& call, const Command& command) const {
  std::vector<std::string> absent;
  if ((config_.notified() & notify::kNew) == 0) return absent;
  for (const size_t index : key_indexes(command, call.args)) {
    if (call.keys.find(call.database(), call.args[index]) == nullptr)
      absent.emplace_back(call.args[index]);
  }
  return absent;
}

void Service::notify_changes(Call& call, size_t first, std::span<const std::string> absent) {
  Teller teller(call, absent);
  const size_t count = call.keys.change_count();
  for (size_t i = first; i < count; ++i) {
    const auto change = call.keys.change(i);
    if (change.bucket.database >= keyspace::kDatabases) continue;
    EventKind next = change.kind;
    if (i + 1 < count) {
      const auto behind = call.keys.change(i + 1);
      if (behind.bucket.index() == change.bucket.index() && behind.key == change.key)
        next = behind.kind;
    }
    teller.take(change, next);
  }
  const Lsn lsn = broker_.next_lsn();
  for (const Happened& happened : std::move(teller).all())
    notify(happened.database, happened.told.kind, happened.told.event, happened.key, lsn);
}

}  // namespace weir::redis
