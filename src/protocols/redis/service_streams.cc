// Streams as keys: names, listings, removal.

#include <algorithm>
#include <utility>

#include "protocols/redis/call.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/notifications.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

constexpr const char* kDeadlineProperty = "redis.expires";
constexpr size_t kExpiredStreamsMax = 128;  // in one turn

// Cursors of SCAN over streams carry this bit; those of the keyspace stay below it.
constexpr uint64_t kStreamCursor = uint64_t{1} << 52;

std::string space_of(uint32_t database) {
  return database == 0 ? std::string() : "redis:" + std::to_string(database);
}

// A topic with several partitions shows each as a stream of its own.
std::string name_of_log(const catalog::Thing& thing, size_t index) {
  if (thing.logs.size() == 1) return thing.name.name;
  return thing.name.name + ":{" + std::to_string(index) + "}";
}

}  // namespace

catalog::Name Service::name_of(uint32_t database, ByteView key) {
  return {space_of(database), std::string(key)};
}

const catalog::Thing* Service::find_stream(uint32_t database, ByteView key) const {
  if (broker_.catalog().things() == 0) return nullptr;
  const Lsn changed = broker_.catalog_depends().lsn;
  KnownStream& known = known_streams_[keyspace::hash_of(key) % kKnownStreams];
  if (known.thing != nullptr && known.catalog == changed && known.database == database &&
      known.thing->name.name == key) {
    return known.thing;
  }
  const catalog::Thing* thing = broker_.catalog().find(name_of(database, key));
  // In the turn of a change another one may follow that has the same LSN.
  if (thing != nullptr && changed < broker_.next_lsn()) known = {changed, database, thing};
  return thing;
}

StreamKey Service::stream_of(uint32_t database, ByteView key) const {
  const catalog::Thing* thing = find_stream(database, key);
  if (thing != nullptr) return {thing, thing->logs.front(), 0};
  // One partition of a topic: "NAME:{n}".
  const size_t brace = key.rfind(":{");
  if (brace == ByteView::npos || !key.ends_with('}')) return {};
  const auto number = parse_integer(key.substr(brace + 2, key.size() - brace - 3));
  thing = number ? find_stream(database, key.substr(0, brace)) : nullptr;
  if (thing == nullptr || *number < 0 || *number >= static_cast<int64_t>(thing->logs.size()))
    return {};
  const auto partition = static_cast<size_t>(*number);
  return {thing, thing->logs[partition], partition};
}

Result<StreamKey> Service::make_stream(Call& call, ByteView key) {
  return make_stream(call.database(), key, call.now());
}

Result<StreamKey> Service::make_stream(uint32_t database, ByteView key, Timestamp now) {
  broker::TopicSpec spec;
  spec.name = name_of(database, key);
  spec.origin = catalog::Origin::kRedis;
  spec.log.batch_bytes_max = kBulkBytesMax;
  const auto created = broker_.create_topic(spec, now);
  if (!created) return std::unexpected(created.error());
  stream_changed(database, key);
  notify(database, notify::kNew, "new", key);
  return StreamKey{created->thing, created->thing->logs.front(), 0};
}

std::vector<std::string> Service::stream_names(uint32_t database) const {
  std::vector<std::string> names;
  broker_.catalog().each_thing(space_of(database), "", [&](const catalog::Thing& thing) {
    for (size_t i = 0; i < thing.logs.size(); ++i) names.push_back(name_of_log(thing, i));
    return true;
  });
  return names;
}

size_t Service::key_count(uint32_t database) const {
  return keyspace_.size(database) + broker_.catalog().logs_in(space_of(database));
}

bool Service::owned(const catalog::Thing& thing) const {
  return options_.owns_all || thing.origin == catalog::Origin::kRedis;
}

Result<bool> Service::remove_stream(Call& call, ByteView key) {
  return remove_stream(call.keys, call.database(), key);
}

Result<bool> Service::remove_stream(keyspace::Transaction& keys, uint32_t database, ByteView key) {
  const catalog::Thing* thing = find_stream(database, key);
  if (thing == nullptr) return false;
  if (!owned(*thing)) {
    return fail(
        ErrorCode::kRefused,
        "'" + std::string(key) +
            "' was made through another protocol; delete it there, or start with redis.owns_all");
  }
  if (auto free = broker_.check_unlocked(*thing, keys.now()); !free) {
    return std::unexpected(free.error());
  }
  const std::vector<CellId> logs = thing->logs;
  forget_deadline(database, *thing);
  const auto removed = broker_.remove(thing->name, keys.now());
  if (!removed) return std::unexpected(removed.error());
  for (const CellId log : logs) forget_log(keys, log);
  stream_changed(database, key);
  return true;
}

// What is kept beside a log goes with it.
void Service::forget_log(keyspace::Transaction& keys, CellId log) {
  idempotence_.forget(keys, log);
  kept_ids_.forget(keys, log);
}

Idempotence::Settings Service::idempotence_settings(const catalog::Thing& stream) const {
  const auto number = [&](const char* property, const char* parameter) {
    const auto own = stream.properties.find(property);
    const std::string& text =
        own != stream.properties.end() ? own->second : config_.values().at(parameter);
    return parse_integer(text).value_or(Idempotence::kDefault);
  };
  return {Milliseconds(1000 * number(Idempotence::kDurationProperty, "stream-idmp-duration")),
          static_cast<size_t>(number(Idempotence::kSizeProperty, "stream-idmp-maxsize"))};
}

Result<void> Service::rename_stream(Call& call, ByteView from, uint32_t to_database, ByteView to) {
  const catalog::Thing* thing = find_stream(call.database(), from);
  if (thing == nullptr) return fail(ErrorCode::kNotFound);
  if (!owned(*thing)) {
    return fail(ErrorCode::kRefused,
                "'" + std::string(from) + "' was made through another protocol");
  }
  if (auto free = broker_.check_unlocked(*thing, call.now()); !free) return free;
  const Timestamp deadline = stream_deadline(*thing);
  forget_deadline(call.database(), *thing);
  const auto renamed = broker_.rename(thing->name, name_of(to_database, to), call.now());
  if (!renamed) return std::unexpected(renamed.error());
  if (deadline != Timestamp::never())
    stream_deadlines_.emplace(deadline, DatabaseKey{to_database, std::string(to)});
  stream_changed(call.database(), from);
  stream_changed(to_database, to);
  const bool moved = call.database() != to_database;
  notify(call.database(), notify::kGeneric, moved ? "move_from" : "rename_from", from);
  notify(to_database, notify::kGeneric, moved ? "move_to" : "rename_to", to);
  return {};
}

Timestamp Service::stream_deadline(const catalog::Thing& stream) const {
  const auto noted = stream.properties.find(kDeadlineProperty);
  if (noted == stream.properties.end()) return Timestamp::never();
  const auto ms = parse_integer(noted->second);
  return ms ? Timestamp(*ms) : Timestamp::never();
}

void Service::forget_deadline(uint32_t database, const catalog::Thing& stream) {
  const Timestamp deadline = stream_deadline(stream);
  if (deadline != Timestamp::never())
    stream_deadlines_.erase({deadline, DatabaseKey{database, stream.name.name}});
}

Result<void> Service::expire_stream(uint32_t database,
                                    ByteView key,
                                    Timestamp deadline,
                                    Timestamp now) {
  const catalog::Thing* thing = find_stream(database, key);
  if (thing == nullptr) return fail(ErrorCode::kNotFound);
  if (!owned(*thing)) {
    return fail(ErrorCode::kRefused,
                "'" + std::string(key) + "' was made through another protocol");
  }
  const bool never = deadline == Timestamp::never();
  if (deadline < thing->log_policy.locked_until) {
    if (auto free = broker_.check_unlocked(*thing, now); !free) return free;
  }
  const Timestamp before = stream_deadline(*thing);
  const auto noted = broker_.annotate(catalog::Name(thing->name), kDeadlineProperty,
                                      never ? "" : std::to_string(deadline.ms()), now);
  if (!noted) return std::unexpected(noted.error());
  DatabaseKey name{database, std::string(key)};
  stream_deadlines_.erase({before, name});
  if (!never) stream_deadlines_.emplace(deadline, std::move(name));
  key_changed(database, key);
  notify(database, notify::kGeneric, never ? "persist" : "expire", key);
  arm_expiry();
  return {};
}

void Service::recover_deadlines() {
  for (uint32_t database = 0; database < keyspace::kDatabases; ++database) {
    broker_.catalog().each_thing(space_of(database), "", [&](const catalog::Thing& thing) {
      const Timestamp deadline = stream_deadline(thing);
      if (deadline != Timestamp::never())
        stream_deadlines_.emplace(deadline, DatabaseKey{database, thing.name.name});
      return true;
    });
  }
}

// In the turn of expire_keys().
void Service::expire_streams(keyspace::Transaction& keys) {
  for (size_t count = 0; count < kExpiredStreamsMax && !stream_deadlines_.empty(); ++count) {
    const auto [deadline, name] = *stream_deadlines_.begin();
    if (deadline > keys.now()) return;
    stream_deadlines_.erase(stream_deadlines_.begin());
    // Another protocol may have removed it, and made another of its name.
    const catalog::Thing* thing = find_stream(name.database, name.key);
    if (thing == nullptr || stream_deadline(*thing) != deadline) continue;
    // It was locked after its end had been set: it lives until the lock's end.
    if (!broker_.check_unlocked(*thing, keys.now())) {
      (void)expire_stream(name.database, name.key, thing->log_policy.locked_until, keys.now());
      continue;
    }
    const std::vector<CellId> logs = thing->logs;
    if (!broker_.remove(catalog::Name(thing->name), keys.now())) continue;
    for (const CellId log : logs) forget_log(keys, log);
    ++statistics_.expired_keys;
    stream_changed(name.database, name.key);
    notify(name.database, notify::kExpired, "expired", name.key);
  }
}

Result<void> Service::may_remove_all_streams(uint32_t database, Timestamp now) const {
  Result<void> free;
  broker_.catalog().each_thing(space_of(database), "", [&](const catalog::Thing& thing) {
    if (owned(thing)) free = broker_.check_unlocked(thing, now);
    return free.has_value();
  });
  return free;
}

void Service::remove_all_streams(Call& call, uint32_t database) {
  std::vector<catalog::Name> doomed;
  broker_.catalog().each_thing(space_of(database), "", [&](const catalog::Thing& thing) {
    if (owned(thing)) doomed.push_back(thing.name);
    return true;
  });
  for (const catalog::Name& name : doomed) {
    const catalog::Thing& thing = *broker_.catalog().find(name);
    const std::vector<CellId> logs = thing.logs;
    forget_deadline(database, thing);
    for (const CellId log : logs) forget_log(call.keys, log);
    // It was there a moment ago and this is the only thread: the removal finds it.
    if (broker_.remove(name, call.now())) stream_changed(database, name.name);
  }
}

void Service::group_changed(uint32_t database, ByteView key) {
  last_lsn_ = broker_.next_lsn();
  signal(database, key, WaitType::kStream);
}

void Service::stream_changed(uint32_t database, ByteView key) {
  group_changed(database, key);
  if (!watchers_.empty()) key_changed(database, key);
}

uint64_t Service::scan(uint32_t database,
                       uint64_t cursor,
                       size_t count,
                       const std::function<void(ByteView key, ByteView type)>& visit,
                       ByteView (*type_name)(const keyspace::KeyState&)) const {
  if (cursor < kStreamCursor) {
    const uint64_t next = keyspace_.scan(
        database, cursor, count, now(),
        [&](ByteView key, const keyspace::KeyState& state) { visit(key, type_name(state)); });
    if (next != 0) return next;
    cursor = kStreamCursor;
  }
  const catalog::Catalog& catalog = broker_.catalog();
  if (catalog.logs_in(space_of(database)) == 0) return 0;
  // Streams in the order of their logs, whose ids never change. Most ids are those of logs, or of
  // buckets, which come many at once; where many others are not, a call ends without having found
  // as many as it might.
  constexpr uint64_t kLookedAtMax = 4096;
  const auto behind_buckets = [&](uint64_t id) {
    for (uint32_t other = 0; other < keyspace::kDatabasesInAll; ++other) {
      const catalog::Keyspace* keys = catalog.find_keyspace(other);
      if (keys != nullptr && id - keys->first.value() < keys->cells)
        return keys->first.value() + keys->cells;
    }
    return id + 1;
  };
  const uint64_t end = catalog.next_cell().value();
  uint64_t id = cursor - kStreamCursor;
  for (uint64_t looked_at = 0; id < end && looked_at < kLookedAtMax && count > 0; ++looked_at) {
    if (const auto name = stream_of_cell(database, CellId(id))) {
      visit(*name, "stream");
      --count;
      ++id;
    } else {
      id = catalog.owner_of(CellId(id)) == nullptr ? behind_buckets(id) : id + 1;
    }
  }
  return id >= end ? 0 : kStreamCursor + id;
}

std::optional<std::string> Service::stream_of_cell(uint32_t database, CellId cell) const {
  const catalog::Thing* thing = broker_.catalog().owner_of(cell);
  if (thing == nullptr || thing->name.space != space_of(database)) return std::nullopt;
  const auto log = std::ranges::find(thing->logs, cell);
  if (log == thing->logs.end()) return std::nullopt;
  return name_of_log(*thing, static_cast<size_t>(log - thing->logs.begin()));
}

std::optional<std::string> Service::any_stream(uint32_t database) {
  constexpr int kDraws = 100;
  const uint64_t end = broker_.catalog().next_cell().value();
  for (int i = 0; i < kDraws; ++i) {
    if (auto name = stream_of_cell(database, CellId(random().below(end)))) return name;
  }
  auto names = stream_names(database);  // few among many
  if (names.empty()) return std::nullopt;
  return std::move(names[random().below(names.size())]);
}

}  // namespace weir::redis
